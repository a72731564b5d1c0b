#include "store_view.h"

#include <array>
#include <sstream>
#include <stdexcept>
#include <string>

namespace turntest {

StoreView view_store(const std::vector<const RedisServer*>& servers) {
  StoreView view;
  for (const RedisServer* server : servers) {
    std::istringstream keys(server->cli({"KEYS", "turnbroker:*"}));
    for (std::string key; std::getline(keys, key);) {
      if (key.find("}:shares:") != std::string::npos) ++view.open_shares;
      // An account of a client ends with its name, one of a CSP with the colon before it.
      if (key.find("}:account:") == std::string::npos || !key.ends_with(':')) continue;
      std::istringstream sums(server->cli({"HMGET", key, "g", "c", "o0", "o1"}));
      std::array<std::uint64_t, 4> values{};
      for (auto& value : values)
        if (!(sums >> value)) throw std::runtime_error("no sums in the key " + key);
      view.granted_octets += values[0];
      view.charged_octets += values[1];
      view.client_to_peer_octets += values[2];
      view.peer_to_client_octets += values[3];
    }
  }
  return view;
}

}  // namespace turntest
