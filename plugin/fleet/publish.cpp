#include "fleet/publish.h"

#include <utility>

#include "fleet/fleet_messages.h"

namespace plugin {

void publish(redis::Client& client, const std::string& channel, const std::string& message,
             Heard heard) {
  if (message.size() > fleet_message_octets_max) return;
  redis::Command command;
  command.arguments = {"PUBLISH", channel, message};
  client.call(std::move(command),
              [heard = std::move(heard)](const broker::Result<redis::Answer>& answer) {
                if (!answer || !answer.value().reply.is_integer()) return heard(std::nullopt);
                heard(static_cast<std::uint64_t>(answer.value().reply.integer));
              });
}

}  // namespace plugin
