// GET /v1/events: who may watch what.
// Owner: the API server. Threads: the HTTP thread.
//
// With clientID (up to 16 times): what concerns these clients. Without: all of the CSP whose API key
// the request bears. Last-Event-ID, as a header, replays what was missed.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "api/event_hub.h"
#include "api/standing.h"
#include "broker/config.h"
#include "clock.h"
#include "http/router.h"

namespace plugin {

/// What the other routes decide in the same way.
struct EventsAccess {
  /// The CSP whose API key the request bears; compared in constant time.
  std::function<std::optional<std::string>(const http::Request&, const broker::Config&)> csp_of_key;
  /// Whether the request bears no key at all, or one of the CSP.
  std::function<bool(const http::Request&, const broker::Csp&)> key_fits;
  /// Headers to add for the request's Origin, none when it has no Origin; nullopt when the CSP does
  /// not allow it.
  std::function<std::optional<http::NamedValues>(const http::Request&, const broker::Csp&)> cors;
  /// What a client is bounded by: its address, or its network.
  std::function<std::string(const http::Request&)> address_of;
  /// A problem document; `name` is the last part of its type.
  std::function<http::Response(int status, std::string_view name, std::string_view detail)> problem;
};

inline constexpr std::size_t watched_clients_max = 16;

/// All borrowed; they must outlive the handler and the streams it opened.
[[nodiscard]] http::StreamHandler events_route(EventHub& hub, const StandingBoard& board,
                                               const Clock& clock, EventsAccess access);

}  // namespace plugin
