// Rendezvous hashing: which of several nodes a key belongs to, such that a node that goes takes only
// its own keys with it. Owner: pure functions. Threads: any.
#pragma once

#include <cstdint>
#include <string_view>

namespace broker {

/// The node with the highest score has the key; weights are their shares of all keys.
[[nodiscard]] double rendezvous_score(std::string_view csp, std::string_view client_name,
                                      std::string_view node, std::uint32_t weight);

}  // namespace broker
