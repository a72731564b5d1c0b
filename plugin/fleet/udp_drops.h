// What the kernel tells of datagrams that found no room in a socket.
// Owner: pure functions over text, and over /proc. Threads: any that may wait for the kernel.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string_view>

#include "fleet/load_sampler.h"

namespace plugin {

/// The column `drops` of /proc/net/udp or udp6, of the sockets with those inodes. What is not of the
/// kernel's form is passed over.
[[nodiscard]] UdpDrops parse_udp_drops(std::string_view table,
                                       const std::set<std::uint64_t>& inodes);

/// Of this process's own sockets; nullopt when /proc cannot be read.
[[nodiscard]] std::optional<UdpDrops> own_udp_drops();

}  // namespace plugin
