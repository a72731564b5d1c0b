#include "redis/topology.h"

#include <optional>
#include <set>
#include <utility>

#include "redis/refusal.h"
#include "redis/slot.h"
#include "redis/tuning.h"

namespace plugin::redis {

namespace {

bool is_slot(const Reply& reply) {
  return reply.is_integer() && reply.integer >= 0 && reply.integer < slots;
}

/// [first, last, [host, port, ...], replicas...]
std::optional<SlotRange> parse_range(const Reply& reply, const std::string& asked_host) {
  constexpr std::int64_t port_max = 65'535;
  if (!reply.has_items(3) || !is_slot(reply.items[0]) || !is_slot(reply.items[1]))
    return std::nullopt;
  const Reply& master = reply.items[2];
  if (!master.has_items(2) || !master.items[1].is_integer()) return std::nullopt;
  const std::int64_t port = master.items[1].integer;
  const std::string& said = master.items[0].text;
  const std::string& host = said.empty() || said == "?" ? asked_host : said;
  if (port < 1 || port > port_max || !is_plausible_host(host)) return std::nullopt;
  if (reply.items[0].integer > reply.items[1].integer) return std::nullopt;
  return SlotRange{static_cast<std::uint16_t>(reply.items[0].integer),
                   static_cast<std::uint16_t>(reply.items[1].integer),
                   {host, static_cast<std::uint16_t>(port), {}}};
}

}  // namespace

broker::Result<std::vector<SlotRange>> parse_topology(const Reply& reply,
                                                      const std::string& asked_host) {
  if (reply.is_error()) return broker::Error{one_line(reply.text)};
  if (!reply.is_array() || reply.items.size() > slots)
    return broker::Error{"its CLUSTER SLOTS cannot be understood"};
  std::vector<SlotRange> ranges;
  std::set<Endpoint> masters;
  for (const Reply& item : reply.items) {
    auto range = parse_range(item, asked_host);
    if (!range) return broker::Error{"its CLUSTER SLOTS cannot be understood"};
    masters.insert(range->master);
    ranges.push_back(std::move(*range));
  }
  if (ranges.empty()) return broker::Error{"its cluster serves no slot"};
  if (masters.size() > masters_max)
    return broker::Error{"its cluster has more than " + std::to_string(masters_max) + " masters"};
  return ranges;
}

}  // namespace plugin::redis
