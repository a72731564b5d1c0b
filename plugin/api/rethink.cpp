#include "api/rethink.h"

#include <algorithm>
#include <array>

#include "api/issue.h"
#include "api/problems.h"
#include "api/visit.h"

namespace plugin {

namespace {

using broker::MediaType;
using http::Json;
using http::json_response;
using http::Request;
using http::Response;

constexpr std::string_view key_prefix = "prov:";

Response not_found(std::string_view text) {
  return {.status = 404,
          .content_type = "text/plain; charset=utf-8",
          .headers = {},
          .body = std::string(text)};
}

/// "turn:192.0.2.1?transport=udp" is at "192.0.2.1:3478".
std::string host_and_port(std::string_view url) {
  const bool secure = http::equal_without_case(url.substr(0, 6), "turns:");
  url.remove_prefix(url.find(':') + 1);
  url = url.substr(0, url.find('?'));
  const std::size_t address_end = url.starts_with('[') ? url.find(']') : 0;
  const bool has_port = url.find(':', address_end) != std::string_view::npos;
  return std::string(url) + (has_port ? "" : secure ? ":5349" : ":3478");
}

/// CSP ids here have no capitals.
std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

std::string volume_of(const broker::Csp& csp, MediaType media) {
  const auto quota = csp.quotas.find(media);
  return std::to_string(quota == csp.quotas.end() ? 0 : quota->second.volume.count);
}

std::string used_of(const Standing& standing, const broker::Csp& csp, MediaType media) {
  const AccountStanding* account = standing.account(csp.id, media);
  return std::to_string(account == nullptr ? 0 : account->used_octets.get());
}

Response appropriate_turn(Visit& visit) {
  static constexpr std::array<std::string_view, 5> known{"cspId", "clientName", "mediaType",
                                                         place_parameters[0], place_parameters[1]};
  visit.read(known);
  const auto found = visit.config().csps.find(lower(visit.optional("cspId")));
  if (found == visit.config().csps.end())
    return not_found("Unable to get a turn server : CSP not found");
  const broker::Csp& csp = found->second;
  visit.admit(csp, Entry::web);
  const MediaType media = media_type_of(csp, visit.optional("mediaType"));
  const std::string client = visit.required("clientName");
  try {
    const auto issued = issue_to(visit, csp, media, client, visit.config().credential_ttl_s);
    return json_response(
        Json::array({host_and_port(issued.relays.urls.front()), issued.client_id}));
  } catch (const Refusal& refusal) {
    // Its clients know three texts; what it had no word for stays a problem document.
    if (refusal.type == ProblemType::quota_exceeded)
      return not_found("Unable to get a turn server : data consumption exceeded");
    if (refusal.type == ProblemType::no_healthy_relay) return not_found("No turn found");
    throw;
  }
}

Response credentials(Visit& visit) {
  static constexpr std::array<std::string_view, 1> known{"clientId"};
  visit.read(known);
  const std::string client_id = visit.required("clientId");
  const broker::ClientToken token = visit.admit_client(client_id);
  visit.check_quota(visit.csp(token.csp), token.media, token.client_name);
  const auto issued = credentials_of(visit, client_id, token, {});
  return json_response({{"clientId", issued.username}, {"password", issued.password.reveal()}});
}

Response all_csp_info(Visit& visit) {
  visit.admit_admin();
  visit.read({});
  Json list = Json::array();
  for (const auto& [id, csp] : visit.config().csps)
    list.push_back({{"videoQuota", volume_of(csp, MediaType::video)},
                    {"audioQuota", volume_of(csp, MediaType::audio)},
                    {"dataQuota", volume_of(csp, MediaType::data)},
                    {"csp", std::string(key_prefix) + id}});
  return json_response(list);
}

Response csp_conso(Visit& visit) {
  static constexpr std::array<std::string_view, 1> known{"cspkey"};
  visit.admit_admin();
  visit.read(known);
  const std::string key = lower(visit.required("cspkey"));
  const bool prefixed = key.starts_with(key_prefix);
  const broker::Csp& csp = visit.csp(prefixed ? key.substr(key_prefix.size()) : key);
  return json_response({{"audio", used_of(visit.standing(), csp, MediaType::audio)},
                        {"video", used_of(visit.standing(), csp, MediaType::video)},
                        {"data", used_of(visit.standing(), csp, MediaType::data)}});
}

}  // namespace

Response get_appropriate_turn(ApiContext& context, const Request& request) {
  return answer_public(context, request, appropriate_turn);
}

Response get_credentials(ApiContext& context, const Request& request) {
  return answer_public(context, request, credentials);
}

Response get_all_csp_info(ApiContext& context, const Request& request) {
  return answer_public(context, request, all_csp_info);
}

Response get_csp_conso(ApiContext& context, const Request& request) {
  return answer_public(context, request, csp_conso);
}

Response configured_in_the_file(ApiContext& context, const Request& request) {
  return answer_public(context, request, [](Visit&) {
    return problem(
        ProblemType::gone,
        "CSPs and quotas are set in the relay's configuration file (turnbroker.toml), in "
        "[csp.ID.quota.MEDIA]; it takes effect as soon as it is saved");
  });
}

}  // namespace plugin
