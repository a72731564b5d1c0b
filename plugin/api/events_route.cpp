#include "api/events_route.h"

#include <algorithm>
#include <array>
#include <utility>
#include <variant>

#include "http/query.h"

namespace plugin {

namespace {

using http::NamedValues;
using http::Request;
using http::Response;
using http::Streaming;

constexpr std::array<std::string_view, 1> parameters{"clientID"};
constexpr int retry_after_s = 5;

bool is_revoked(const std::string& client_id, const broker::ClientToken& token,
                const Standing& standing) {
  return standing.revocations != nullptr &&
         standing.revocations->cover(token.csp, hash_of_who(broker::token_of(client_id)),
                                     token.issued_s);
}

class EventsRoute {
 public:
  EventsRoute(EventHub& hub, const StandingBoard& board, const Clock& clock, EventsAccess access)
      : hub_(hub), board_(board), clock_(clock), access_(std::move(access)) {}

  std::variant<Response, Streaming> operator()(const Request& request) const {
    const auto query = http::parse_query(request.query, parameters, parameters[0]);
    if (!query) return access_.problem(400, "bad-parameter", query.error().message);
    if (query.value().size() > watched_clients_max)
      return access_.problem(
          400, "bad-parameter",
          "clientID can be given " + std::to_string(watched_clients_max) + " times at most");
    const auto standing = board_.get();
    if (standing == nullptr || standing->config == nullptr)
      return retry_later(503, "overloaded", "the relay is just starting");

    EventHub::Watcher watcher;
    auto let_in = query.value().empty()
                      ? let_csp_in(request, *standing->config, watcher)
                      : let_clients_in(request, query.value(), *standing, watcher);
    if (auto* refused = std::get_if<Response>(&let_in)) return std::move(*refused);

    auto seat = hub_.take_seat(access_.address_of(request));
    if (const auto* none = std::get_if<EventHub::NoSeat>(&seat)) switch (*none) {
        case EventHub::NoSeat::full:
          return retry_later(503, "overloaded", "too many watch events already");
        case EventHub::NoSeat::address_full:
          return retry_later(429, "too-many-requests",
                             "too many watch events from this address already");
      }
    watcher.seat = std::move(std::get<0>(seat));
    if (const std::string* last = request.header("Last-Event-ID")) watcher.last_event_id = *last;

    Streaming stream;
    stream.content_type = "text/event-stream";
    stream.headers = std::move(std::get<NamedValues>(let_in));
    stream.headers.emplace_back("Cache-Control", "no-store");
    // What stands between, nginx above all, must not keep events back.
    stream.headers.emplace_back("X-Accel-Buffering", "no");
    stream.opened = [hub = &hub_, watcher = std::move(watcher)](
                        std::shared_ptr<http::StreamWriter> writer) mutable {
      hub->add(std::move(watcher), std::move(writer));
    };
    return stream;
  }

 private:
  using LetIn = std::variant<Response, NamedValues>;

  LetIn let_csp_in(const Request& request, const broker::Config& config,
                   EventHub::Watcher& watcher) const {
    const auto id = access_.csp_of_key(request, config);
    const auto csp = id ? config.csps.find(*id) : config.csps.end();
    if (csp == config.csps.end())
      return unauthorized("give a clientID, or a CSP's API key as Bearer token");
    auto headers = access_.cors(request, csp->second);
    if (!headers) return wrong_origin();
    watcher.watch = *id;
    // While the same key names the same CSP.
    watcher.allowed = [csp_of_key = access_.csp_of_key, request = request, id = *id](
                          const Standing& now) { return csp_of_key(request, *now.config) == id; };
    return std::move(*headers);
  }

  LetIn let_clients_in(const Request& request, const NamedValues& query, const Standing& standing,
                       EventHub::Watcher& watcher) const {
    const broker::Config& config = *standing.config;
    const broker::UnixSeconds now_s = clock_.unix_ms() / 1'000;
    std::vector<WatchedClient> clients;
    NamedValues headers;
    // In the order in which all routes check a client id: who has a wrong key learns nothing of it.
    for (const auto& [name, client_id] : query) {
      auto token = broker::read_client_id(client_id, config.secrets);
      if (!token)
        return access_.problem(403, "client-id-invalid",
                               "the clientID is not one that a relay here issued");
      const auto csp = config.csps.find(token.value().csp);
      if (csp == config.csps.end())
        return access_.problem(404, "unknown-csp", "there is no CSP " + token.value().csp);
      if (!access_.key_fits(request, csp->second))
        return unauthorized("the API key is not one of CSP " + token.value().csp);
      auto added = access_.cors(request, csp->second);
      if (!added) return wrong_origin();
      if (token.value().expiry_s <= now_s)
        return access_.problem(403, "client-id-expired",
                               "the clientID has expired; ask for another");
      if (is_revoked(client_id, token.value(), standing))
        return access_.problem(403, "client-id-invalid", "the clientID was revoked");
      if (!csp->second.quotas.contains(token.value().media))
        return access_.problem(404, "no-quota",
                               token.value().csp + " has no quota of " +
                                   std::string(broker::to_string(token.value().media)));
      headers = std::move(*added);
      clients.push_back({client_id, std::move(token).value()});
    }
    watcher.allowed = [clients, &clock = clock_](const Standing& now) {
      const broker::UnixSeconds time_s = clock.unix_ms() / 1'000;
      return std::all_of(clients.begin(), clients.end(), [&](const WatchedClient& client) {
        const auto csp = now.config->csps.find(client.token.csp);
        return csp != now.config->csps.end() && csp->second.quotas.contains(client.token.media) &&
               broker::verify_client_id(client.client_id, now.config->secrets, time_s) &&
               !is_revoked(client.client_id, client.token, now);
      });
    };
    watcher.watch = std::move(clients);
    return headers;
  }

  Response unauthorized(std::string_view detail) const {
    Response refused = access_.problem(401, "unauthorized", detail);
    refused.headers.emplace_back("WWW-Authenticate", "Bearer");
    return refused;
  }

  Response wrong_origin() const {
    return access_.problem(403, "origin-not-allowed", "the CSP does not allow this origin");
  }

  Response retry_later(int status, std::string_view name, std::string_view detail) const {
    Response refused = access_.problem(status, name, detail);
    refused.headers.emplace_back("Retry-After", std::to_string(retry_after_s));
    return refused;
  }

  EventHub& hub_;
  const StandingBoard& board_;
  const Clock& clock_;
  EventsAccess access_;
};

}  // namespace

http::StreamHandler events_route(EventHub& hub, const StandingBoard& board, const Clock& clock,
                                 EventsAccess access) {
  return EventsRoute(hub, board, clock, std::move(access));
}

}  // namespace plugin
