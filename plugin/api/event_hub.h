// Hands events to those who watch: Server-Sent Events, by client id or for a whole CSP.
// Owner: the API server. Threads: post on the broker thread; all else on the thread of the event base.
//
// A watcher first hears how its accounts stand, then what it has missed, then what happens. Many
// allocations can be cut at once: what a connection does not take yet stays in the ring, and usage is
// passed over, until it has caught up. Who misses events for good, since the queue or the ring did not
// hold them, is told so by an event `lost`. A stream ends when its first client id expires or is
// revoked, when a new configuration no longer lets it watch, and when its client does not read.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "api/event.h"
#include "api/event_queue.h"
#include "api/event_ring.h"
#include "api/event_watch.h"
#include "api/standing.h"
#include "clock.h"
#include "http/handles.h"
#include "http/stream.h"
#include "unique_fd.h"

namespace plugin {

struct EventHubLimits {
  std::size_t watchers_max = 1'024;
  std::size_t watchers_per_address_max = 64;
  std::size_t queue_max = 8'192;  ///< events from the broker thread that wait
  std::size_t ring_max = 4'096;   ///< events but usage, kept for those who come back
  std::int64_t keep_alive_ms = 15'000;
  std::int64_t stalled_ms = 30'000;   ///< a client may leave events unread for so long
  std::int64_t log_lost_ms = 60'000;  ///< that events were dropped is logged once in so long
};

class EventHub final : public EventSink {
 public:
  /// A watcher's place, kept for as long as it lives.
  class Seat;
  enum class NoSeat { full, address_full };

  using LogLost = std::function<void(std::uint64_t events)>;

  /// All borrowed; `base` must run on one thread only. `log_lost` is called on it when events but usage
  /// were dropped. Throws std::bad_alloc, std::system_error.
  EventHub(event_base* base, const StandingBoard& board, const Clock& clock,
           const EventHubLimits& limits = {}, LogLost log_lost = {});
  ~EventHub() override;
  EventHub(const EventHub&) = delete;
  EventHub& operator=(const EventHub&) = delete;

  /// How many may watch, and what the queue holds: all allocations can be cut at once. Who watches
  /// already stays.
  void configure(const broker::Config& config);
  void post(const Event& event) override;

  /// A place for a watcher at `address`, before it is let in.
  [[nodiscard]] std::variant<std::shared_ptr<Seat>, NoSeat> take_seat(const std::string& address);

  struct Watcher {
    Watch watch;
    std::string last_event_id;  ///< what it saw last; empty: it is new
    /// Whether it still may watch; asked when the configuration or what is revoked has changed.
    std::function<bool(const Standing&)> allowed;
    std::shared_ptr<Seat> seat;
  };
  /// Tells it how things stand and what it missed, and from then on what happens.
  void add(Watcher watcher, std::shared_ptr<http::StreamWriter> writer);

  [[nodiscard]] std::size_t watchers() const { return watchers_.size(); }
  [[nodiscard]] std::uint64_t dropped() const { return queue_.dropped(); }

  /// What the hub does each second by itself: ends what must end, keeps the rest alive.
  void tick();

 private:
  struct Member {
    Watcher watcher;
    std::shared_ptr<http::StreamWriter> writer;
    broker::UnixSeconds expiry_s = 0;  ///< of the client id that expires first; 0: of none
    std::int64_t written_ms = 0;       ///< steady
    std::uint64_t next = 0;            ///< the first event of the ring it has not been told
    bool usage_missed = false;         ///< while it was behind
  };
  struct Seats;

  /// Writes when there is room for all of it.
  enum class Wrote { yes, no_room, gone };
  [[nodiscard]] Wrote write(Member& member, std::string_view text) const;
  void on_wake();
  void lose(std::uint64_t events);
  void on_behind();
  [[nodiscard]] bool greet(Member& member);
  /// The members that are gone afterwards are to be removed: false.
  [[nodiscard]] bool tell_usage(Member& member, const Event& usage);
  [[nodiscard]] bool catch_up(Member& member);
  [[nodiscard]] bool catch_up_usage(Member& member);
  [[nodiscard]] bool is_behind(const Member& member) const {
    return member.next <= ring_.last() || member.usage_missed;
  }
  void watch_those_behind();
  /// What most watchers get of an event of the ring; made once for those who get it one after another.
  [[nodiscard]] const std::string& common_text(std::uint64_t number);

  const StandingBoard& board_;
  const Clock& clock_;
  EventHubLimits limits_;
  const LogLost log_lost_;
  EventQueue queue_;
  EventRing ring_;
  UniqueFd wake_fd_;
  http::EventHandle wake_event_;
  http::EventHandle tick_event_;
  http::EventHandle behind_event_;  ///< pending while somebody is behind
  std::shared_ptr<Seats> seats_;    ///< shared with the seats: a refused stream may outlive the hub
  std::list<Member> watchers_;
  std::uint64_t lost_unlogged_ = 0;
  std::int64_t next_log_ms_ = 0;  ///< steady
  std::uint64_t common_number_ = 0;
  std::string common_text_;
  // What all watchers have been checked against.
  std::shared_ptr<const broker::Config> config_;
  std::shared_ptr<const Revocations> revocations_;
};

}  // namespace plugin
