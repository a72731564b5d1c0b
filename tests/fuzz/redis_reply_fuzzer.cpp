// Any octets as what a Redis server sends. Whole or octet by octet they are the same replies, within the
// bounds; what they say of a cluster or of a redirection is used only when it makes sense.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "redis/refusal.h"
#include "redis/reply_reader.h"
#include "redis/slot.h"
#include "redis/topology.h"

namespace {

using plugin::redis::Endpoint;
using plugin::redis::Reply;

constexpr std::size_t depth_max = 8;

void require(bool holds) {
  if (!holds) std::abort();
}

struct Replies {
  std::vector<Reply> taken;
  bool failed = false;
};

Replies read(std::string_view octets, std::size_t chunk) {
  plugin::redis::ReplyReader reader;
  Replies replies;
  while (!octets.empty() && !replies.failed) {
    reader.feed(octets.substr(0, chunk));
    octets.remove_prefix(std::min(chunk, octets.size()));
    for (;;) {
      auto reply = reader.next();
      replies.failed = !reply;
      if (!reply || !reply.value()) break;
      replies.taken.push_back(*std::move(reply).value());
    }
  }
  require(!replies.failed || !reader.next());
  return replies;
}

void check_shape(const Reply& reply, std::size_t depth) {
  require(depth <= depth_max);
  require(reply.is_array() || reply.items.empty());
  for (const Reply& item : reply.items) check_shape(item, depth + 1);
}

void check_endpoint(const Endpoint& endpoint) {
  require(endpoint.port != 0 && endpoint.path.empty());
  require(plugin::redis::is_plausible_host(endpoint.host));
}

void check_meaning(const Reply& reply) {
  if (const auto ranges = plugin::redis::parse_topology(reply, "asked"))
    for (const plugin::redis::SlotRange& range : ranges.value()) {
      require(range.first <= range.last && range.last < plugin::redis::slots);
      check_endpoint(range.master);
    }
  (void)plugin::redis::refusal_of(reply.text);
  for (const char c : plugin::redis::one_line(reply.text)) require(c >= ' ' && c <= '~');
  if (const auto redirection = plugin::redis::parse_redirection(reply.text, "asked")) {
    require(redirection->slot < plugin::redis::slots);
    check_endpoint(redirection->to);
  }
  require(plugin::redis::slot_of(reply.text) < plugin::redis::slots);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  const Replies whole = read(octets, octets.size());
  const Replies slow = read(octets, 1);
  require(whole.taken == slow.taken && whole.failed == slow.failed);
  for (const Reply& reply : whole.taken) {
    check_shape(reply, 0);
    check_meaning(reply);
  }
  return 0;
}
