// Which holders of places have been silent for longer than their places are good (places.h).
// Owner: a value of whoever watches. Threads: one at a time.
//
// The watcher's own steady clock decides, from when it heard of a holder's last report to when it
// sees that there was no later one: no clock of the store or of the holder has a say, so none that
// leaps can take places from a relay that lives.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "broker/places.h"

namespace broker {

class SilentHolders {
 public:
  /// The store told of these, all that hold something, and its answer came at now_ms (steady).
  void saw(const std::vector<HolderMark>& holders, std::int64_t now_ms);

  /// Those of which nothing has been heard for silent_ms or longer.
  [[nodiscard]] std::vector<HolderMark> silent(std::int64_t now_ms, std::int64_t silent_ms) const;

  /// They have been told to the store.
  void forget(const std::vector<HolderMark>& told);

  [[nodiscard]] bool empty() const { return seen_.empty(); }

 private:
  struct Seen {
    std::uint64_t sequence = 0;
    std::int64_t since_ms = 0;
  };
  std::map<Incarnation, Seen> seen_;
};

}  // namespace broker
