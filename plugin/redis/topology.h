// Which master of a cluster serves which slots.
// Owner: value; pure functions. Threads: any.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "broker/result.h"
#include "redis/endpoint.h"
#include "redis/reply.h"

namespace plugin::redis {

struct SlotRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;  ///< included
  Endpoint master;
};

/// Of the reply to CLUSTER SLOTS. A server that does not know its own host stands at `asked_host`.
[[nodiscard]] broker::Result<std::vector<SlotRange>> parse_topology(const Reply& reply,
                                                                    const std::string& asked_host);

}  // namespace plugin::redis
