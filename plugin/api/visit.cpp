#include "api/visit.h"

#include <algorithm>
#include <utility>

#include "api/parameters.h"
#include "api/problems.h"
#include "broker/names.h"
#include "broker/octets.h"
#include "http/query.h"

namespace plugin {

namespace {

constexpr int retry_after_s = 5;  ///< a full table does not empty at once

[[noreturn]] void refuse(ProblemType type, std::string_view detail,
                         const http::Json& members = http::Json::object()) {
  throw Refusal{type, problem(type, detail, members)};
}

[[noreturn]] void refuse_unauthorized(std::string_view detail) {
  http::Response response = problem(ProblemType::unauthorized, detail);
  response.headers.emplace_back("WWW-Authenticate", "Bearer");
  throw Refusal{ProblemType::unauthorized, std::move(response)};
}

[[noreturn]] void refuse_for_now(ProblemType type, std::string_view detail, int wait_s) {
  throw Refusal{type, problem_for_now(type, detail, wait_s)};
}

[[noreturn]] void refuse_flood(std::string_view of, int wait_s) {
  refuse_for_now(ProblemType::too_many_requests, "too many requests of " + std::string(of), wait_s);
}

http::Json period_end(const AccountStanding& account) {
  if (account.period_end_s == 0) return nullptr;
  return broker::format_utc(account.period_end_s);
}

[[noreturn]] void refuse_exhausted(const broker::Csp& csp, broker::MediaType media,
                                   const AccountStanding& account, const std::string& client) {
  const std::string media_name(broker::to_string(media));
  http::Json members{{"cspID", csp.id}, {"mediaType", media_name}};
  if (!client.empty()) members["clientName"] = client;
  members["period"] = account.period;
  members["limit_octets"] = account.limit_octets;
  const std::uint64_t used_octets = account.used_octets.get();
  members["used_octets"] = used_octets;
  members["period_end"] = period_end(account);
  const std::string whose = client.empty() ? "the " : "the client's own part of the ";
  const std::string end = account.period_end_s == 0
                              ? "its period never ends"
                              : "its period ends at " + broker::format_utc(account.period_end_s);
  refuse(ProblemType::quota_exceeded,
         whose + media_name + " quota of " + csp.id + " is used up (" +
             broker::format_octets_rounded({used_octets}) + " of " +
             broker::format_octets_rounded({account.limit_octets}) + "); " + end,
         members);
}

}  // namespace

Visit::Visit(ApiContext& context, const http::Request& request)
    : context_(context),
      request_(request),
      standing_(context.board.get()),
      caller_(caller_of(request, standing_->config->http)) {}

void Visit::read(std::span<const std::string_view> known) {
  auto parameters = read_parameters(request_, known);
  if (!parameters) refuse(ProblemType::bad_parameter, parameters.error().message);
  parameters_ = std::move(parameters).value();
}

std::string Visit::optional(std::string_view name) const {
  return http::parameter(parameters_, name).value_or("");
}

std::string Visit::required(std::string_view name) const {
  std::string value = optional(name);
  if (value.empty())
    refuse(ProblemType::bad_parameter, "the parameter \"" + std::string(name) + "\" is missing");
  return value;
}

const broker::Csp& Visit::csp(const std::string& id) {
  const auto found = config().csps.find(id);
  if (found == config().csps.end())
    refuse(ProblemType::unknown_csp,
           "there is no CSP \"" + broker::for_log(id, broker::csp_id_octets_max) + '"');
  csp_ = &found->second;
  return *csp_;
}

void Visit::admit(const broker::Csp& csp, Entry entry) {
  csp_ = &csp;
  if (caller_.bearer) {
    compare_key([&] { return fits_any(csp.api_keys, *caller_.bearer); });
    if (!key_fits_) refuse_unauthorized("the API key is not one of CSP " + csp.id);
    return draw_csp(csp, "key:");
  }
  if (caller_.origin && !allows(csp, *caller_.origin))
    refuse(ProblemType::origin_not_allowed,
           "CSP " + csp.id + " does not allow the origin " + broker::for_log(*caller_.origin));
  const bool from_own_page = caller_.own_origin && allows(csp, *caller_.own_origin);
  const bool let_in = caller_.origin || from_own_page || entry == Entry::client_id ||
                      (entry == Entry::web && !csp.allowed_origins.empty());
  if (!let_in)
    refuse_unauthorized("send an API key of CSP " + csp.id +
                        " as Bearer, or ask from a page whose origin it allows");
  draw_csp(csp, "web:");
}

const broker::Csp& Visit::csp_of_key(std::string_view key) {
  const broker::Csp* owner = owner_of(key);
  if (owner == nullptr) refuse_unauthorized("the key is not one of any CSP");
  csp_ = owner;
  draw_csp(*owner, "key:");
  return *owner;
}

broker::ClientToken Visit::admit_client(const std::string& client_id) {
  auto token = broker::read_client_id(client_id, config().secrets);
  if (!token) refuse(ProblemType::client_id_invalid, token.error().message);
  const broker::Csp& owner = csp(token.value().csp);
  admit(owner, Entry::client_id);
  if (token.value().expiry_s <= now_s())
    refuse(ProblemType::client_id_expired,
           "the client id expired at " + broker::format_utc(token.value().expiry_s));
  if (standing_->revocations != nullptr &&
      standing_->revocations->cover(owner.id, hash_of_who(broker::token_of(client_id)),
                                    token.value().issued_s))
    refuse(ProblemType::client_id_invalid, "the client id was revoked");
  return std::move(token).value();
}

void Visit::admit_admin() {
  if (caller_.bearer)
    compare_key([&] { return fits_any(config().http.admin_tokens, *caller_.bearer); });
  if (!key_fits_) refuse_unauthorized("an admin token is needed as Bearer");
}

void Visit::admit_metrics() {
  const broker::HttpConfig& http = config().http;
  if (caller_.bearer)
    compare_key([&] {
      // Both, whatever comes of the first: how long it takes tells nothing.
      const bool is_admin = fits_any(http.admin_tokens, *caller_.bearer);
      return fits_any(http.metrics_tokens, *caller_.bearer) || is_admin;
    });
  if (!key_fits_) refuse_unauthorized("a metrics or admin token is needed as Bearer");
}

void Visit::check_quota(const broker::Csp& csp, broker::MediaType media,
                        const std::string& client) const {
  const std::string media_name(broker::to_string(media));
  if (!csp.quotas.contains(media))
    refuse(ProblemType::no_quota, "CSP " + csp.id + " has no quota of media type " + media_name);
  const AccountStanding* account = standing_->account(csp.id, media);
  if (account == nullptr)
    refuse_for_now(ProblemType::no_healthy_relay, "the relay has no room for the account",
                   retry_after_s);
  if (account->exhausted) refuse_exhausted(csp, media, *account, "");
  const auto own = standing_->exhausted_clients.find(ClientOfCsp{csp.id, media, client});
  if (own != standing_->exhausted_clients.end()) refuse_exhausted(csp, media, own->second, client);
}

void Visit::draw_address() {
  const int wait_s = context_.addresses.draw(caller_.address, config().http.requests_per_address,
                                             context_.clock.steady_ms());
  if (wait_s != 0) refuse_flood("this address", wait_s);
}

void Visit::compare_key(const std::function<bool()>& fits) {
  const std::uint32_t per_s = config().http.requests_per_address;
  const std::int64_t now_ms = context_.clock.steady_ms();
  if (const int wait_s = context_.wrong_keys.wait_s(caller_.address, per_s, now_ms); wait_s != 0)
    refuse_for_now(ProblemType::too_many_requests, "too many wrong keys from this address", wait_s);
  key_fits_ = fits();
  if (!key_fits_) static_cast<void>(context_.wrong_keys.draw(caller_.address, per_s, now_ms));
}

const broker::Csp* Visit::owner_of(std::string_view key) {
  const broker::Csp* owner = nullptr;
  compare_key([&] {
    for (const auto& [id, csp] : config().csps)
      if (fits_any(csp.api_keys, key)) owner = &csp;
    return owner != nullptr;
  });
  return owner;
}

http::Response Visit::flood_or(http::Response refusal) {
  try {
    draw_address();
    return refusal;
  } catch (Refusal& flood) {
    return std::move(flood.response);
  }
}

// Web pages, which anyone can be, do not use up what the CSP's own back ends may ask.
void Visit::draw_csp(const broker::Csp& csp, std::string_view how) {
  const int wait_s = context_.csps.draw(std::string(how) + csp.id, config().http.requests_per_csp,
                                        context_.clock.steady_ms());
  if (wait_s != 0) refuse_flood("CSP " + csp.id, wait_s);
}

void Visit::add_cors(http::Response& response) const {
  response.headers.emplace_back("Vary", "Origin");
  if (!caller_.origin) return;
  const bool readable = csp_ != nullptr
                            ? allows(*csp_, *caller_.origin)
                            : std::ranges::any_of(config().csps, [&](const auto& entry) {
                                return allows(entry.second, *caller_.origin);
                              });
  if (!readable) return;
  response.headers.emplace_back("Access-Control-Allow-Origin", *caller_.origin);
  response.headers.emplace_back("Access-Control-Expose-Headers", "Retry-After");
}

void add_common_headers(http::Response& response) {
  response.headers.emplace_back("Cache-Control", "no-store");
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
}

http::Response answer_public(ApiContext& context, const http::Request& request,
                             const std::function<http::Response(Visit&)>& handler,
                             KeyPlace key_place) {
  Visit visit(context, request);
  const bool may_have_key = visit.has_bearer() || key_place == KeyPlace::parameter;
  http::Response response;
  try {
    // Whoever has a key that fits is limited by its CSP alone; a key that does not is found out below.
    if (!may_have_key) visit.draw_address();
    response = handler(visit);
  } catch (Refusal& refusal) {
    response = std::move(refusal.response);
    if (may_have_key && !visit.key_fits()) response = visit.flood_or(std::move(response));
  }
  visit.add_cors(response);
  add_common_headers(response);
  return response;
}

http::Response answer_preflight(const ApiContext& context, const http::Request& request) {
  http::Response response{.status = 204, .content_type = "", .headers = {}, .body = {}};
  response.headers.emplace_back("Vary", "Origin");
  const std::string* origin = request.header("Origin");
  const auto standing = context.board.get();
  // Which CSP it will be about stands in the request that follows.
  const bool allowed =
      origin != nullptr && std::ranges::any_of(standing->config->csps, [&](const auto& entry) {
        return allows(entry.second, *origin);
      });
  if (!allowed) return response;
  response.headers.emplace_back("Access-Control-Allow-Origin", *origin);
  response.headers.emplace_back("Access-Control-Allow-Methods", "GET, POST");
  response.headers.emplace_back("Access-Control-Allow-Headers",
                                "authorization, content-type, last-event-id");
  response.headers.emplace_back("Access-Control-Max-Age", "600");
  return response;
}

}  // namespace plugin
