// The words the rest of the test support is written in: octet strings, amounts of traffic,
// deadlines. Owner: plain values. Threads: any.
#pragma once

#include <chrono>
#include <cstdint>
#include <ostream>
#include <span>
#include <string_view>
#include <vector>

namespace turntest {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

inline ByteView bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

inline std::string_view text_of(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Application payload: octets and the packets (for streams: the reads or writes) they came in.
struct TrafficCount {
  std::uint64_t octets = 0;
  std::uint64_t packets = 0;
  TrafficCount& operator+=(const TrafficCount& other) {
    octets += other.octets;
    packets += other.packets;
    return *this;
  }
  friend bool operator==(const TrafficCount&, const TrafficCount&) = default;
};

inline std::ostream& operator<<(std::ostream& out, const TrafficCount& count) {
  return out << count.octets << " octets in " << count.packets << " packets";
}

/// Deadlines never use the wall clock.
using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Milliseconds = std::chrono::milliseconds;

/// What is left until `deadline`, rounded up to whole milliseconds, at least 0: what poll() wants.
inline int poll_timeout_ms(TimePoint deadline) {
  const auto left = std::chrono::ceil<Milliseconds>(deadline - Clock::now()).count();
  return left <= 0 ? 0 : left > 60'000 ? 60'000 : static_cast<int>(left);
}

}  // namespace turntest
