#include "ctl/handlers.h"

#include <algorithm>
#include <array>

#include "broker/client_proof.h"
#include "broker/config.h"
#include "ctl/body_fields.h"
#include "ctl/status_json.h"
#include "http/query.h"

namespace plugin {

namespace {

using http::json_response;
using http::problem;
using http::Request;
using http::Response;

constexpr std::int64_t ttl_s_max = 31'536'000;

Response bad_request(const broker::Error& error) { return problem(400, error.message); }

// "1790000000:WHO" is what stands in logs and on clients; what a revocation names is WHO.
std::string without_expiry(const std::string& who) {
  const std::size_t colon = who.find(':');
  if (colon == 0 || colon == std::string::npos) return who;
  const bool digits = std::all_of(who.begin(), who.begin() + static_cast<std::ptrdiff_t>(colon),
                                  [](char c) { return c >= '0' && c <= '9'; });
  return digits ? who.substr(colon + 1) : who;
}

}  // namespace

Response get_usage(Control& control, const Request& request) {
  static constexpr std::array<std::string_view, 2> known{"csp", "clients"};
  const auto query = http::parse_query(request.query, known);
  if (!query) return bad_request(query.error());
  const std::string clients = http::parameter(query.value(), "clients").value_or("0");
  if (clients != "0" && clients != "1") return problem(400, "clients must be 0 or 1");
  const auto csp = http::parameter(query.value(), "csp");
  const auto usage = control.usage(csp, clients == "1");
  if (usage) return json_response(usage_json(usage.value()));
  return problem(csp ? 404 : 503, usage.error().message);
}

Response get_allocations(Control& control, const Request& request) {
  static constexpr std::array<std::string_view, 1> known{"csp"};
  const auto query = http::parse_query(request.query, known);
  if (!query) return bad_request(query.error());
  return json_response(
      allocations_json(control.allocations(http::parameter(query.value(), "csp"))));
}

Response post_cut(Control& control, const Request& request) {
  auto fields = BodyFields::parse(request);
  if (!fields) return bad_request(fields.error());
  const CutTarget target{.id = fields.value().text("id"),
                         .csp = fields.value().text("csp"),
                         .client = fields.value().text("client")};
  if (const auto read = fields.value().finish(); !read) return bad_request(read.error());
  if (target.id.empty() == (target.csp.empty() && target.client.empty()))
    return problem(400, "name either an id, or a csp, a client or both");
  const auto cut = control.cut(target);
  return cut ? json_response({{"cut", cut.value()}}) : problem(404, cut.error().message);
}

Response post_credentials(Control& control, const Request& request) {
  auto fields = BodyFields::parse(request);
  if (!fields) return bad_request(fields.error());
  const std::string csp = fields.value().required_text("csp");
  const std::string media_name = fields.value().required_text("media");
  const std::string client = fields.value().required_text("client");
  const auto ttl_s = fields.value().integer("ttl", 1, ttl_s_max);
  if (const auto read = fields.value().finish(); !read) return bad_request(read.error());
  const auto media = broker::parse_media_type(media_name);
  if (!media)
    return problem(400, "\"media\" is \"" + media_name + "\"; allowed: audio, video, data");
  const auto issued = control.credentials(csp, *media, client, ttl_s.value_or(0));
  if (!issued) return problem(422, issued.error().message);
  Response response = json_response(credentials_json(issued.value()));
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

Response post_revoke(Control& control, const Request& request) {
  auto fields = BodyFields::parse(request);
  if (!fields) return bad_request(fields.error());
  const std::string given = without_expiry(fields.value().text("client_id"));
  const std::string csp = fields.value().text("csp");
  if (const auto read = fields.value().finish(); !read) return bad_request(read.error());
  // A revocation that names what no credential has would be one of nothing.
  const auto named = broker::without_proof(given);
  if (!named) return bad_request(named.error());
  const std::string who(named.value());
  if (who.empty() == csp.empty()) return problem(400, "name either a client_id or a csp");
  const auto cut = control.revoke(who, csp);
  if (!cut) return problem(422, cut.error().message);
  return json_response({{"revoked", who.empty() ? csp : who}, {"cut", cut.value()}});
}

Response post_reload(Control& control, const Request& request) {
  if (!request.body.empty()) return problem(400, "a reload takes no body");
  if (!request.query.empty()) return problem(400, "a reload takes no query");
  if (const auto reloaded = control.reload(); !reloaded)
    return problem(422, reloaded.error().message);
  return json_response({{"reloaded", true}, {"restart_needed", control.status().restart_needed}});
}

Response post_drain(Control& control, const Request& request) {
  auto fields = BodyFields::parse(request);
  if (!fields) return bad_request(fields.error());
  const auto deadline_s = fields.value().integer("deadline", 1, broker::drain_time_s_max);
  const auto stay = fields.value().boolean("stay");
  const bool cancel = fields.value().boolean("cancel").value_or(false);
  if (const auto read = fields.value().finish(); !read) return bad_request(read.error());
  if (cancel && (deadline_s || stay))
    return problem(400, "what is cancelled has neither a deadline nor a stay");
  const auto drain =
      cancel ? control.undrain()
             : control.drain({.deadline_s = deadline_s.value_or(0), .stay = stay.value_or(false)});
  return drain ? json_response(drain_json(drain.value())) : problem(422, drain.error().message);
}

Response get_status(Control& control, const Request& request) {
  if (const auto query = http::parse_query(request.query, {}); !query)
    return bad_request(query.error());
  return json_response(status_json(control.status()));
}

const std::vector<AdminHandler>& admin_handlers() {
  static const std::vector<AdminHandler> list{
      {"GET", "/v1/admin/usage", get_usage},
      {"GET", "/v1/admin/allocations", get_allocations},
      {"POST", "/v1/admin/cut", post_cut},
      {"POST", "/v1/admin/credentials", post_credentials},
      {"POST", "/v1/admin/revoke", post_revoke},
      {"POST", "/v1/admin/reload", post_reload},
      {"POST", "/v1/admin/drain", post_drain},
      {"GET", "/v1/admin/status", get_status},
      {"GET", "/v1/admin/relays", get_relays},
      {"GET", "/v1/admin/domains", get_domains},
      {"GET", "/v1/admin/fleet/usage", nullptr, get_fleet_usage},
      {"GET", "/v1/admin/ledger/check", nullptr, get_ledger_check},
      {"GET", "/metrics", get_metrics, nullptr, true},
  };
  return list;
}

http::Router admin_routes(Control& control) {
  http::Router router;
  for (const AdminHandler& each : admin_handlers())
    if (each.at_once != nullptr)
      router.add(each.method, each.path,
                 [&control, handler = each.at_once](const Request& request) {
                   return handler(control, request);
                 });
    else
      router.add_deferred(
          each.method, each.path,
          [&control, handler = each.later](const Request& request, const http::Answer& answer) {
            handler(control, request, answer);
          });
  return router;
}

}  // namespace plugin
