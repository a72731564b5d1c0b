#include "api/relay_choice.h"

#include <optional>

#include "api/problems.h"
#include "fleet/geo_lookup.h"

namespace plugin {

namespace {

constexpr int retry_after_s = 5;  ///< what makes a relay unhealthy does not pass at once

double degrees(const Visit& visit, std::string_view name, double deg_max) {
  const auto value = broker::parse_degrees(visit.required(name), deg_max);
  if (!value) {
    const std::string most = std::to_string(static_cast<int>(deg_max));
    throw Refusal{ProblemType::bad_parameter,
                  problem(ProblemType::bad_parameter, '"' + std::string(name) +
                                                          "\" must be a number of degrees from -" +
                                                          most + " to " + most)};
  }
  return *value;
}

/// As the parameters say, else as the database says of the address. A back end asks from its own
/// address, which says nothing of its clients.
std::optional<broker::Coordinates> client_place(const Visit& visit, const broker::Csp& csp) {
  if (!visit.optional("latitude").empty() || !visit.optional("longitude").empty())
    return broker::Coordinates{degrees(visit, "latitude", broker::latitude_deg_max),
                               degrees(visit, "longitude", broker::longitude_deg_max)};
  const auto& geo = visit.standing().geo;
  if (csp.selection.strategy != broker::SelectionStrategy::nearest || geo == nullptr ||
      visit.key_fits())
    return std::nullopt;
  return geo->find(visit.caller().address);
}

}  // namespace

RelayChoice relays_for(const Visit& visit, const broker::Csp& csp, const std::string& client) {
  auto choice = visit.relays().choose(
      visit.standing(), csp,
      {.csp = csp.id, .client = client, .place = client_place(visit, csp), .preferred = {}});
  if (!choice)
    throw Refusal{
        ProblemType::no_healthy_relay,
        problem_for_now(ProblemType::no_healthy_relay, choice.error().message, retry_after_s)};
  return std::move(choice).value();
}

RelayChoice relays_again(const Visit& visit, const broker::Csp& csp,
                         const broker::ClientToken& token) {
  auto choice = visit.relays().choose(visit.standing(), csp,
                                      {.csp = csp.id,
                                       .client = token.client_name,
                                       .place = client_place(visit, csp),
                                       .preferred = token.relay_id});
  if (!choice) return visit.relays().look_up(visit.standing(), token.relay_id);
  return std::move(choice).value();
}

}  // namespace plugin
