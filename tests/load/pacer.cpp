#include "pacer.h"

#include <cmath>

namespace turnload {

TimePoint OpenLoop::time_of(std::uint64_t packet) const {
  const double ns = static_cast<double>(packet) / rate_ * 1e9;
  return start_ + std::chrono::nanoseconds(static_cast<std::int64_t>(ns));
}

std::uint64_t OpenLoop::due(TimePoint now) const {
  if (now < start_) return 0;
  const double elapsed_s = std::chrono::duration<double>(now - start_).count();
  const auto until_now = static_cast<std::uint64_t>(std::floor(elapsed_s * rate_)) + 1;
  return until_now > issued_ ? until_now - issued_ : 0;
}

std::uint64_t Flood::due(std::uint64_t sent, std::uint64_t received, TimePoint now) {
  if (sent != last_sent_ || received != last_received_) progress_at_ = now;
  last_sent_ = sent;
  last_received_ = received;
  std::int64_t in_flight = static_cast<std::int64_t>(sent - received) - lost_;
  if (in_flight < 0) {
    // Some that were written off arrived after all.
    lost_ += in_flight;
    in_flight = 0;
  }
  if (in_flight >= window_ && now - progress_at_ >= turntest::Milliseconds(write_off_ms)) {
    lost_ += in_flight;
    in_flight = 0;
  }
  return in_flight < window_ ? static_cast<std::uint64_t>(window_ - in_flight) : 0;
}

}  // namespace turnload
