// Reads what is revoked from a ledger that relays share: the whole list now and then, and in between, as
// messages tell of more, what came since. The list may be long and the messages many: it is read once at
// a time and once a second at most, however many there are.
// Owner: the broker. Threads: the broker thread.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "broker/ports/ledger_link.h"
#include "clock.h"

namespace plugin {

class RevocationReader {
 public:
  using Revocation = broker::LedgerStore::Revocation;
  /// `all`: it is the whole list; else at least what came since the list before.
  using Take = std::function<void(std::vector<Revocation> list, bool all)>;
  /// An error, or that it was read.
  using Outcome = std::function<void(const broker::Status&)>;

  static constexpr std::int64_t pause_ms = 1'000;
  /// A message that tells of a revocation may be lost.
  static constexpr std::int64_t all_interval_ms = 30'000;
  static constexpr std::int64_t again_after_error_ms = 5'000;
  /// By as much the clocks of two relays may differ; by more, and the other's come with the whole list.
  static constexpr broker::UnixSeconds skew_s = 300;

  /// Link and clock borrowed; the link answers nothing any more when this is gone.
  RevocationReader(broker::LedgerLink& link, const Clock& clock, Take take, Outcome outcome);

  /// There are more.
  void hear();
  /// To be called often: reads when it is time.
  void look();

 private:
  void take(const broker::Result<std::vector<Revocation>>& list, bool all,
            broker::UnixSeconds asked_s);

  broker::LedgerLink& link_;
  const Clock& clock_;
  Take take_;
  Outcome outcome_;
  bool heard_ = false;
  bool reading_ = false;
  std::int64_t next_ms_ = 0;      ///< not before
  std::int64_t next_all_ms_ = 0;  ///< the whole list
  broker::UnixSeconds read_s_ =
      0;  ///< what was revoked before then, by this relay's clock, is known
};

}  // namespace plugin
