#include "relay/inbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

namespace plugin {

Inbox::Inbox() : event_fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

Inbox::~Inbox() {
  for (auto& ring : rings_) delete ring.load();
  if (event_fd_ >= 0) ::close(event_fd_);
}

bool Inbox::push(std::uint32_t relay_thread, const AdmissionRequest& request) {
  if (relay_thread >= relay_threads_max) return false;
  Ring* ring = rings_[relay_thread].load(std::memory_order_relaxed);
  if (ring == nullptr) {
    ring = new Ring;
    rings_[relay_thread].store(ring, std::memory_order_release);
  }
  const auto pushed = ring->pushed.load(std::memory_order_relaxed);
  if (pushed - ring->popped.load(std::memory_order_acquire) == requests_max) return false;
  ring->requests[pushed % requests_max] = request;
  ring->pushed.store(pushed + 1, std::memory_order_release);
  return true;
}

std::optional<AdmissionRequest> Inbox::pop() {
  for (auto& slot : rings_) {
    Ring* ring = slot.load(std::memory_order_acquire);
    if (ring == nullptr) continue;
    const auto popped = ring->popped.load(std::memory_order_relaxed);
    if (popped == ring->pushed.load(std::memory_order_acquire)) continue;
    AdmissionRequest request = ring->requests[popped % requests_max];
    ring->popped.store(popped + 1, std::memory_order_release);
    return request;
  }
  return std::nullopt;
}

void Inbox::wake() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(event_fd_, &one, sizeof one);
}

void Inbox::drain() const {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(event_fd_, &count, sizeof count);
}

}  // namespace plugin
