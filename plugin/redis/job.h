// A command on its way, until it is done.
// Owner: the dispatcher's queue, and the connection that it was sent on. Threads: one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "redis/client.h"
#include "redis/endpoint.h"

namespace plugin::redis {

struct Job {
  Command command;
  Done done;
  const Script* script = nullptr;     ///< that EVALSHA is for
  std::optional<std::uint16_t> slot;  ///< nullopt: any server
  std::size_t octets = 0;             ///< of its arguments
  std::int64_t give_up_ms = 0;        ///< when it is not sent any more
  std::int64_t not_before_ms = 0;
  std::size_t redirects = 0;
  std::optional<Endpoint> ask_at{};  ///< once, by ASK
  std::string refusal{};             ///< why it is not done yet: "NAME: LOADING ..."
};

using JobPointer = std::shared_ptr<Job>;

}  // namespace plugin::redis
