#include "config_relay.h"

#include "config_names.h"
#include "turn_uri.h"

namespace broker {

RelayConfig read_relay(const ConfigTable& root) {
  constexpr std::size_t url_octets_max = 300;
  RelayConfig relay;
  const std::optional<ConfigTable> table = root.table("relay", {"id", "urls"});
  if (!table) return relay;
  table->parsed("id", relay_id_allowed, check_relay_id, relay.id);
  const std::string allowed =
      "an array of at most " + std::to_string(relay_urls_max) +
      " TURN URIs (RFC 7065), such as \"turn:relay.example.org:3478?transport=udp\"";
  for (const auto& item : table->texts("urls", allowed, url_octets_max, relay_urls_max)) {
    const Status status = check_turn_uri(item.text);
    if (!status) root.load().report(item.place, status.error().message);
    relay.urls.push_back(item.text);
  }
  return relay;
}

}  // namespace broker
