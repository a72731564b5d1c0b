// What a webhook says.
// Owner: pure functions. Threads: any.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/event.h"
#include "broker/config.h"
#include "broker/level.h"
#include "webhook/sender.h"

namespace plugin {

/// The bodies that tell the change, in order: restored, then threshold or exhausted (level 100). Each is
/// the JSON of the Server-Sent Event with "type" and "id" before it; `new_id` gives a unique id each time.
template <typename NewId>
[[nodiscard]] std::vector<std::string> webhook_bodies(const broker::LevelChange& change,
                                                      Event event, NewId&& new_id);

/// One of them: `type` is restored, threshold or exhausted.
[[nodiscard]] std::string webhook_body(const Event& event, std::string_view type,
                                       std::string_view id);

/// The request that delivers a body, signed with the newest secret. Nothing when it cannot be signed.
[[nodiscard]] std::optional<SendRequest> webhook_request(const broker::WebhookConfig& webhook,
                                                         std::string_view body,
                                                         broker::UnixSeconds now_s);

template <typename NewId>
std::vector<std::string> webhook_bodies(const broker::LevelChange& change, Event event,
                                        NewId&& new_id) {
  std::vector<std::string> bodies;
  if (change.restored) {
    event.kind = EventKind::restored;
    bodies.push_back(webhook_body(event, "restored", new_id()));
  }
  event.kind = EventKind::threshold;
  for (const std::uint32_t level : change.reached) {
    event.percent = level;
    bodies.push_back(webhook_body(
        event, level == broker::level_exhausted ? "exhausted" : "threshold", new_id()));
  }
  return bodies;
}

}  // namespace plugin
