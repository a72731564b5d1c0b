#include "broker/record_of.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>

namespace plugin {

EndReason end_reason(std::uint8_t close_reason) {
  switch (static_cast<turn_close_reason>(close_reason)) {
    case TURN_CLOSE_RELEASED: return EndReason::released;
    case TURN_CLOSE_EXPIRED: return EndReason::expired;
    case TURN_CLOSE_CANCELLED: return EndReason::cancelled;
    case TURN_CLOSE_SHUTDOWN: return EndReason::shutdown;
    case TURN_CLOSE_QUOTA_EXHAUSTED: return EndReason::quota_exhausted;
    case TURN_CLOSE_REVOKED: return EndReason::revoked;
  }
  return EndReason::released;
}

std::string allocation_name(const MeterTable& table, const AllocationSlot& slot) {
  return fmt::format("{:016x}-{}", table.header().incarnation, slot.sequence);
}

std::string client_name(const AllocationSlot& slot) {
  return {slot.name, std::min<std::size_t>(slot.name_length, sizeof slot.name)};
}

std::string format_address(const turn_address& address) {
  if (address.family != 4 && address.family != 6) return "";
  char text[INET6_ADDRSTRLEN] = "";
  ::inet_ntop(address.family == 4 ? AF_INET : AF_INET6, address.octets, text, sizeof text);
  return address.family == 4 ? fmt::format("{}:{}", text, address.port)
                             : fmt::format("[{}]:{}", text, address.port);
}

std::string_view transport_name(std::uint8_t transport) {
  switch (static_cast<turn_transport>(transport)) {
    case TURN_TRANSPORT_UNKNOWN: return "unknown";
    case TURN_TRANSPORT_UDP: return "udp";
    case TURN_TRANSPORT_TCP: return "tcp";
    case TURN_TRANSPORT_TLS: return "tls";
    case TURN_TRANSPORT_DTLS: return "dtls";
  }
  return "unknown";
}

UsageRecord record_of(const MeterTable& table, const AllocationSlot& slot, EndReason reason) {
  UsageRecord record;
  record.relay = table.header().relay_id;
  record.incarnation = fmt::format("{:016x}", table.header().incarnation);
  record.allocation = allocation_name(table, slot);
  const auto key = key_of(table.account(slot.account));
  record.csp = key.csp;
  record.media = key.media;
  record.client = client_name(slot);
  record.transport = transport_name(slot.transport);
  record.client_address = format_address(slot.client);
  for (const auto& address : slot.relayed)
    if (address.family != 0) record.relayed_addresses.push_back(format_address(address));
  record.start_ms = slot.start_ms;
  record.end_ms = slot.end_ms.load(std::memory_order_relaxed);
  record.used = used_of(slot);
  for (std::size_t d = 0; d < 2; ++d) {
    record.used.octets[d] += slot.earlier_octets[d];
    record.used.packets[d] += slot.earlier_packets[d];
  }
  record.reason = reason;
  return record;
}

}  // namespace plugin
