// Events as JSON, and as Server-Sent Events (WHATWG HTML, section 9.2).
// Owner: pure functions. Threads: any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "api/event.h"
#include "http/message.h"

namespace plugin {

/// "usage", "threshold", "cut" or "restored".
[[nodiscard]] std::string_view to_string(EventKind kind);

/// cspID, mediaType, period, limit_octets, used_octets, at; and percent (threshold), or clientName,
/// clientID, allocation, reason (cut). `client_id` is left out when it is empty.
[[nodiscard]] http::Json event_json(const Event& event, std::string_view client_id = {});

/// One event of a stream. Without `id` the reader's last event ID stays what it was.
[[nodiscard]] std::string sse_event(const Event& event, std::string_view id,
                                    std::string_view client_id = {});

/// "lost": the reader was not told of so many events, of whatever account; 0: nobody knows how many.
[[nodiscard]] std::string sse_lost(std::uint64_t events, std::string_view id);

/// A comment, so that what is between sees that the stream lives.
inline constexpr std::string_view sse_keep_alive = ": keep-alive\n\n";

}  // namespace plugin
