#include "api/problems.h"

#include <algorithm>

namespace plugin {

namespace {

using enum ProblemType;

constexpr std::array<ProblemKind, 18> kinds{{
    {quota_exceeded, "quota-exceeded", 403, "The quota is used up",
     "The CSP's account for this media type, or the client's own part of it, is used up. Live "
     "calls "
     "of the account have been cut, and no new ones are let in before the period ends (period_end; "
     "null when it never does) or the operator raises the limit."},
    {unknown_csp, "unknown-csp", 404, "There is no such CSP",
     "The cspID names no CSP of this relay's configuration."},
    {bad_media_type, "bad-media-type", 400, "Not a media type",
     "mediaType is one of audio, video and data."},
    {no_quota, "no-quota", 404, "The CSP has no quota of this media type",
     "The CSP exists, but may not relay this media type."},
    {bad_parameter, "bad-parameter", 400, "A parameter is wrong",
     "A parameter is missing, unknown, given twice, or not what it may be. The detail says which."},
    {unauthorized, "unauthorized", 401, "A key is needed",
     "Send \"Authorization: Bearer KEY\" with an API key of the CSP (or with an admin token for "
     "admin "
     "routes), or ask from a web page whose origin the CSP allows."},
    {origin_not_allowed, "origin-not-allowed", 403, "The origin is not allowed",
     "The request came from a web page whose origin is not among the CSP's allowed_origins."},
    {too_many_requests, "too-many-requests", 429, "Too many requests",
     "Requests are limited by address and by CSP. Retry-After says in how many seconds one more "
     "will "
     "be answered."},
    {no_healthy_relay, "no-healthy-relay", 503, "No relay can take a call now",
     "No relay that this CSP's clients may use would admit anybody at this moment: all are "
     "unhealthy, "
     "full, draining or silent. Retry-After says when to ask again."},
    {client_id_invalid, "client-id-invalid", 403, "The client id is not valid",
     "The client id was altered, cut, taken out of a username, revoked, or not issued by a relay "
     "of "
     "this fleet. Ask getTurnAddr for a new one."},
    {client_id_expired, "client-id-expired", 403, "The client id has expired",
     "Ask getTurnAddr for a new one."},
    {gone, "gone", 410, "This is done in the configuration file",
     "CSPs and their quotas are set in turnbroker.toml, in [csp.ID] and [csp.ID.quota.MEDIA], and "
     "take effect as soon as the file is saved. There is no request that changes them."},
    {too_large, "too-large", 413, "The request is too large", "Requests to this server are short."},
    {refused, "refused", 422, "The broker refuses it",
     "The request was understood, and what it asks for cannot be done as things stand: there is no "
     "such CSP or quota, or the configuration file has a mistake. The detail says which."},
    {overloaded, "overloaded", 503, "The server has too much to do",
     "Retry-After says when to ask again. Relaying is not affected."},
    {not_found, "not-found", 404, "There is nothing here", "/openapi.json describes all that is."},
    {method_not_allowed, "method-not-allowed", 405, "The method is not allowed here",
     "The header Allow names the methods that are."},
    {internal, "internal", 500, "The server made an error",
     "The request may be repeated. Relaying is not affected."},
}};

}  // namespace

const std::array<ProblemKind, 18>& problem_kinds() { return kinds; }

const ProblemKind& kind_of(ProblemType type) {
  return *std::ranges::find(kinds, type, &ProblemKind::type);
}

ProblemType problem_type_of(std::string_view name) {
  const auto kind = std::ranges::find(kinds, name, &ProblemKind::name);
  return kind == kinds.end() ? not_found : kind->type;
}

http::Response problem(ProblemType type, std::string_view detail, const http::Json& members) {
  const ProblemKind& kind = kind_of(type);
  http::Json document{{"type", "/problems/" + std::string(kind.name)},
                      {"title", kind.title},
                      {"status", kind.status},
                      {"detail", detail}};
  for (const auto& [name, value] : members.items()) document[name] = value;
  http::Response response = http::json_response(document, kind.status);
  response.content_type = "application/problem+json";
  return response;
}

http::Response problem_for_now(ProblemType type, std::string_view detail, int retry_after_s) {
  http::Response response = problem(type, detail);
  response.headers.emplace_back("Retry-After", std::to_string(retry_after_s));
  return response;
}

http::Response problem_of_status(int status, std::string_view detail) {
  switch (status) {
    case 400: return problem(bad_parameter, detail);
    case 404: return problem(not_found, detail);
    case 405: return problem(method_not_allowed, detail);
    case 413: return problem(too_large, detail);
    case 422: return problem(refused, detail);
    case 429: return problem_for_now(too_many_requests, detail, 1);
    case 500: return problem(internal, detail);
    case 503: return problem_for_now(overloaded, detail, 1);
    default: return http::problem(status, detail);
  }
}

std::optional<http::Response> problem_page(std::string_view name) {
  const auto kind = std::ranges::find(kinds, name, &ProblemKind::name);
  if (kind == kinds.end()) return std::nullopt;
  http::Response response;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::string(kind->title) + " (" + std::to_string(kind->status) + ")\n\n" +
                  std::string(kind->page) + "\n";
  return response;
}

}  // namespace plugin
