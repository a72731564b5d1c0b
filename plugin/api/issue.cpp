#include "api/issue.h"

#include <array>
#include <charconv>

#include "api/problems.h"
#include "broker/names.h"

namespace plugin {

namespace {

using http::Json;
using http::json_response;
using http::Request;
using http::Response;

constexpr std::array<std::string_view, 6> issue_parameters{
    "cspID", "mediaType", "clientName", "ttl", place_parameters[0], place_parameters[1]};

[[noreturn]] void refuse(ProblemType type, std::string_view detail) {
  throw Refusal{type, problem(type, detail)};
}

/// The shortest a client can ask for is a second, the longest what the operator set.
std::int64_t ttl_of(const Visit& visit) {
  const std::int64_t longest_s = visit.config().credential_ttl_s;
  const std::string text = visit.optional("ttl");
  if (text.empty()) return longest_s;
  std::int64_t ttl_s = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ttl_s);
  if (error != std::errc{} || end != text.data() + text.size() || ttl_s < 1 || ttl_s > longest_s)
    refuse(ProblemType::bad_parameter,
           "\"ttl\" must be a whole number of seconds from 1 to " + std::to_string(longest_s));
  return ttl_s;
}

Issued issue(Visit& visit) {
  visit.read(issue_parameters);
  const broker::Csp& csp = visit.csp(visit.required("cspID"));
  visit.admit(csp);
  const broker::MediaType media = media_type_of(csp, visit.required("mediaType"));
  return issue_to(visit, csp, media, visit.required("clientName"), ttl_of(visit));
}

Json ice_servers_json(const broker::IssuedCredentials& credentials) {
  return Json::array({Json{{"urls", credentials.uris},
                           {"username", credentials.username},
                           {"credential", credentials.password.reveal()}}});
}

/// The TURN REST API's members.
Json turn_rest_json(const broker::IssuedCredentials& credentials) {
  return {{"username", credentials.username},
          {"password", credentials.password.reveal()},
          {"ttl", credentials.ttl_s},
          {"uris", credentials.uris}};
}

}  // namespace

broker::MediaType media_type_of(const broker::Csp& csp, const std::string& name) {
  if (name.empty())
    return csp.quotas.size() == 1 ? csp.quotas.begin()->first : broker::MediaType::data;
  const auto media = broker::parse_media_type(name);
  if (!media)
    refuse(ProblemType::bad_media_type,
           "the media type is \"" + broker::for_log(name, 32) + "\"; allowed: audio, video, data");
  return *media;
}

Issued issue_to(const Visit& visit, const broker::Csp& csp, broker::MediaType media,
                const std::string& client, std::int64_t ttl_s) {
  if (const auto name = broker::check_client_name(client); !name)
    refuse(ProblemType::bad_parameter, name.error().message);
  visit.check_quota(csp, media, client);
  RelayChoice relays = relays_for(visit, csp, client);
  auto issued = broker::issue_client_id(visit.config(), csp.id, media, client, relays.relay_id,
                                        ttl_s, visit.now_s());
  if (!issued) refuse(ProblemType::internal, issued.error().message);
  return {std::move(issued.value().client_id), std::move(issued.value().token), std::move(relays)};
}

broker::IssuedCredentials credentials_of(const Visit& visit, const std::string& client_id,
                                         const broker::ClientToken& token, RelayChoice relays) {
  auto credentials = broker::credentials_for(visit.config(), client_id, token, visit.now_s());
  if (!credentials) refuse(ProblemType::internal, credentials.error().message);
  credentials.value().uris = std::move(relays.urls);
  return std::move(credentials).value();
}

Response get_turn_addr(ApiContext& context, const Request& request) {
  return answer_public(context, request, [](Visit& visit) {
    const auto issued = issue(visit);
    return json_response({{"clientID", issued.client_id},
                          {"urls", issued.relays.urls},
                          {"relay", issued.token.relay_id},
                          {"expiry", issued.token.expiry_s},
                          {"ttl", issued.token.expiry_s - issued.token.issued_s}});
  });
}

Response get_turn_credentials(ApiContext& context, const Request& request) {
  static constexpr std::array<std::string_view, 3> known{"clientID", place_parameters[0],
                                                         place_parameters[1]};
  return answer_public(context, request, [](Visit& visit) {
    visit.read(known);
    const std::string client_id = visit.required("clientID");
    const broker::ClientToken token = visit.admit_client(client_id);
    const broker::Csp& csp = visit.csp(token.csp);
    visit.check_quota(csp, token.media, token.client_name);
    const auto credentials =
        credentials_of(visit, client_id, token, relays_again(visit, csp, token));
    Json out = turn_rest_json(credentials);
    out["iceServers"] = ice_servers_json(credentials);
    return json_response(out);
  });
}

Response get_ice_servers(ApiContext& context, const Request& request) {
  return answer_public(context, request, [](Visit& visit) {
    Issued issued = issue(visit);
    const auto credentials =
        credentials_of(visit, issued.client_id, issued.token, std::move(issued.relays));
    Json out{{"clientID", issued.client_id}, {"expiry", issued.token.expiry_s}};
    out.update(turn_rest_json(credentials));
    out["iceServers"] = ice_servers_json(credentials);
    return json_response(out);
  });
}

Response get_turn_rest(ApiContext& context, const Request& request) {
  static constexpr std::array<std::string_view, 6> known{
      "service", "username", "key", "mediaType", place_parameters[0], place_parameters[1]};
  // The draft's user name is optional.
  constexpr std::string_view nobody = "anonymous";
  const auto handler = [&](Visit& visit) {
    visit.read(known);
    if (visit.required("service") != "turn")
      refuse(ProblemType::bad_parameter, "\"service\" must be turn");
    const broker::Csp& csp = visit.csp_of_key(visit.optional("key"));
    const std::string client = visit.optional("username");
    const auto media = media_type_of(csp, visit.optional("mediaType"));
    Issued issued = issue_to(visit, csp, media, client.empty() ? std::string(nobody) : client,
                             visit.config().credential_ttl_s);
    return json_response(turn_rest_json(
        credentials_of(visit, issued.client_id, issued.token, std::move(issued.relays))));
  };
  return answer_public(context, request, handler, KeyPlace::parameter);
}

}  // namespace plugin
