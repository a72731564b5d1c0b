// One message on a channel of the fleet (fleet/fleet_messages.h).
// Owner: function. Threads: the one that runs the client.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "redis/client.h"

namespace plugin {

/// How many subscribers the server that took the message handed it to: in a cluster it knows only of its
/// own. nullopt: there was no answer.
using Heard = std::function<void(std::optional<std::uint64_t> subscribers)>;

/// Lost, and `heard` uncalled, when it is longer than fleet_message_octets_max.
void publish(
    redis::Client& client, const std::string& channel, const std::string& message,
    Heard heard = [](auto) {});

}  // namespace plugin
