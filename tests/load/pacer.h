// When packets are due: an open loop at a constant rate, or a flood within a window.
// Owner: a worker, one per direction. Threads: one at a time. Time is an argument.
#pragma once

#include <cstdint>

#include "support/bytes.h"

namespace turnload {

using turntest::TimePoint;

/// Packet number k is due at start + k / rate, whatever happened to those before it. So a stall of
/// the relay shows in the latency of every packet that should have been sent meanwhile (no
/// coordinated omission).
class OpenLoop {
 public:
  OpenLoop(double packets_per_s, TimePoint start) : rate_(packets_per_s), start_(start) {}
  /// How many are due and not yet issued.
  [[nodiscard]] std::uint64_t due(TimePoint now) const;
  /// Issues the next and tells when it was due.
  [[nodiscard]] TimePoint issue() { return time_of(issued_++); }
  [[nodiscard]] TimePoint next_due() const { return time_of(issued_); }

 private:
  [[nodiscard]] TimePoint time_of(std::uint64_t packet) const;
  double rate_;
  TimePoint start_;
  std::uint64_t issued_ = 0;
};

/// At most `window` packets on their way. What has not arrived when nothing arrived for a while is
/// lost.
class Flood {
 public:
  static constexpr std::int64_t write_off_ms = 50;

  explicit Flood(std::uint64_t window) : window_(static_cast<std::int64_t>(window)) {}
  /// `sent` and `received` are cumulative.
  [[nodiscard]] std::uint64_t due(std::uint64_t sent, std::uint64_t received, TimePoint now);

 private:
  std::int64_t window_;
  std::int64_t lost_ = 0;
  std::uint64_t last_sent_ = 0;
  std::uint64_t last_received_ = 0;
  TimePoint progress_at_{};
};

}  // namespace turnload
