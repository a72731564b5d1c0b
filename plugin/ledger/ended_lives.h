// What this relay's earlier incarnations told the ledger last, kept for a ledger that forgets it.
// Owner: the broker. Threads: the broker thread; while it starts, the starting thread.
//
// Only the ledger has the totals of an incarnation that has ended. One that was emptied, or set back to before
// the end, would grant what they used once more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "broker/ports/ledger_store.h"

namespace plugin {

class EndedLives {
 public:
  struct Life {
    broker::Incarnation who;
    broker::UnixSeconds ended_s = 0;
    std::vector<broker::UsageReport> reports;
  };
  /// Less than the ledger remembers as ended: what it has forgotten to have ended would count twice.
  static constexpr std::size_t lives_max = broker::ended_incarnations_max / 2;
  static constexpr std::size_t reports_max = 50'000;
  static constexpr broker::UnixSeconds kept_s = std::int64_t{90} * 86'400;

  /// The file at `path` if there is one: JSON, replaced as a whole.
  [[nodiscard]] static broker::Result<EndedLives> open(std::string path);

  /// Durable when it returns. Beyond these bounds are dropped: the oldest of too many lives; of too many
  /// reports those of single clients, of the oldest life first, and a CSP's own only when there are no others.
  /// Accounts that the life has not used are not kept.
  [[nodiscard]] broker::Status remember(const broker::Incarnation& who,
                                        const std::vector<broker::UsageReport>& last_reports,
                                        broker::UnixSeconds now_s);
  /// So many reports, of whichever lives, were too many for the last call of remember().
  [[nodiscard]] std::size_t dropped() const { return dropped_; }
  /// Null: not known.
  [[nodiscard]] const Life* find(const broker::Incarnation& who) const;
  /// The oldest first.
  [[nodiscard]] const std::deque<Life>& all() const { return lives_; }

 private:
  explicit EndedLives(std::string path) : path_(std::move(path)) {}
  [[nodiscard]] broker::Status save() const;
  void keep_bounds();
  /// At most so many, the oldest life's first; how many it were.
  std::size_t drop(std::size_t reports_most,
                   const std::function<bool(const broker::UsageReport&)>& which);

  std::string path_;
  std::deque<Life> lives_;
  std::size_t dropped_ = 0;
};

}  // namespace plugin
