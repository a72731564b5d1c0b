// All relays that this one knows of, itself among them: whole, immutable, replaced when one tells
// something new. Owner: the broker. Threads: published by the broker thread, read by any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "broker/relay_status.h"
#include "clock.h"

namespace plugin {

/// What was heard of a relay, and when by this machine's own steady clock: how old it is does not
/// depend on how well clocks agree.
struct KnownRelay {
  broker::RelayStatus status;
  std::int64_t heard_ms = 0;
};

struct Fleet {
  broker::RelayStatus self;        ///< id is empty until it was told
  std::vector<KnownRelay> others;  ///< by id, each once, never one with self's id
};

class FleetView {
 public:
  static constexpr std::size_t relays_max = 4096;

  explicit FleetView(const Clock& clock) : clock_(clock) {}

  /// [broker] What this relay tells of itself.
  void tell_self(broker::RelayStatus self);

  /// [broker] All that is known of the others now; those that are not among them are forgotten, and
  /// what is said of this relay itself is passed over. One whose heartbeat_ms is as before has not
  /// been heard of again. Of more than relays_max the first by id count.
  void update(std::vector<broker::RelayStatus> relays);

  /// [any] Never null.
  [[nodiscard]] std::shared_ptr<const Fleet> get() const;

 private:
  void publish();

  const Clock& clock_;
  broker::RelayStatus self_;
  std::map<std::string, KnownRelay> others_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Fleet> fleet_ = std::make_shared<Fleet>();  ///< guarded by mutex_
};

}  // namespace plugin
