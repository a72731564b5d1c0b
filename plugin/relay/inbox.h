// From relay threads to the broker thread: allocations that need the broker before they can be
// admitted, and a wake-up.
// Owner: the broker. Threads: one ring per relay thread (single producer, single consumer); wake()
// any.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "credit/account.h"
#include "meter/layout.h"
#include "relay/snapshot.h"

namespace plugin {

/// An Allocate that waits for its account's first grant or for its client's own account.
struct AdmissionRequest {
  std::uint64_t request_id = 0;
  AllocationSlot* slot = nullptr;  ///< filled in, not live
  Account* account = nullptr;
  bool client_account = false;  ///< the quota has per_client
};

class Inbox {
 public:
  static constexpr std::uint32_t requests_max = 1024;  ///< waiting at once, per relay thread

  Inbox();
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;
  ~Inbox();

  /// [relay] False when requests_max wait already.
  [[nodiscard]] bool push(std::uint32_t relay_thread, const AdmissionRequest& request);
  /// [broker]
  [[nodiscard]] std::optional<AdmissionRequest> pop();

  /// [any] Makes descriptor() readable. One system call; not on the per-packet path.
  void wake() const;
  /// [broker]
  [[nodiscard]] int descriptor() const { return event_fd_; }
  void drain() const;

 private:
  struct Ring {
    std::array<AdmissionRequest, requests_max> requests;
    alignas(64) std::atomic<std::uint32_t> pushed{0};
    alignas(64) std::atomic<std::uint32_t> popped{0};
  };
  std::array<std::atomic<Ring*>, relay_threads_max> rings_{};
  int event_fd_ = -1;
};

}  // namespace plugin
