// Many allocations and one event loop: opens them, keeps them alive, notices when they die.
// Owner: one thread. Threads: that one.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "errors.h"
#include "options.h"
#include "support/descriptor.h"

namespace turnload {

using turntest::Clock;
using turntest::TimePoint;

inline constexpr std::uint16_t first_channel = 0x4000;

/// One allocation with one peer.
struct Leg {
  std::uint32_t index = 0;  ///< in the whole run
  std::unique_ptr<turntest::TurnClient> client;
  bool open = false;     ///< allocated, with permission and channel
  bool ended = false;    ///< failed to open, cut, expired or closed
  bool probing = false;  ///< a Refresh asks whether it lives
  bool reopen = false;   ///< its 5-tuple was taken: try another
  int attempts = 0;
  TimePoint last_data{};
  TimePoint next_keepalive{};
  [[nodiscard]] bool alive() const { return open && !ended; }
};

class AllocationPool {
 public:
  AllocationPool(const Options& options, const turntest::Address& peer, std::size_t first_index,
                 std::size_t count);

  /// Opens all of them, some at a time; returns when each is open or has failed, or `stop` says so.
  void open(const std::function<bool()>& stop);
  /// Watches one more descriptor; `ready` is called inside poll().
  void watch(int descriptor, std::function<void()> ready);
  /// Takes what has arrived, waiting for it at most so long; now and then does what sweep() does.
  void poll(std::chrono::nanoseconds wait);
  /// Asks every silent allocation whether it still lives.
  void probe_silent(TimePoint now, turntest::Milliseconds silence);
  /// Releases all: Refresh with lifetime 0.
  void release(turntest::Milliseconds timeout);

  [[nodiscard]] std::vector<Leg>& legs() { return legs_; }
  [[nodiscard]] const std::vector<Leg>& legs() const { return legs_; }
  [[nodiscard]] std::size_t opened() const { return opened_; }
  [[nodiscard]] std::size_t alive() const { return alive_; }
  [[nodiscard]] const ErrorCounts& errors() const { return errors_; }
  /// When the last that died was found dead.
  [[nodiscard]] TimePoint last_end() const { return last_end_; }

 private:
  void begin_open(Leg& leg);
  void connect(Leg& leg);
  void after_allocate(Leg& leg);
  void opened(Leg& leg);
  void end(Leg& leg, const std::string& why);
  void keep_alive(Leg& leg, TimePoint now);
  /// Retransmissions, deadlines, keep-alives.
  void sweep(TimePoint now);

  const Options& options_;
  turntest::Address peer_;
  turntest::Descriptor epoll_;
  std::vector<Leg> legs_;
  std::vector<std::function<void()>> watched_;
  std::size_t opening_ = 0, opened_ = 0, alive_ = 0;
  ErrorCounts errors_;
  TimePoint last_end_{};
  TimePoint next_sweep_{};
};

}  // namespace turnload
