// The broker's way to the places of a fleet (broker/places.h): as LedgerLink, every question is
// answered later and exactly once, and after an error the ledger may or may not have taken it.
// Owner: the broker thread. Threads: one thread at a time; answers come on that thread.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "broker/places.h"

namespace broker {

class PlacesLink {
 public:
  using Done = std::function<void(Result<std::vector<PlacesAnswer>>)>;

  virtual ~PlacesLink() = default;

  /// One answer per report, in order; the rules are settle_places'. No key twice in one call. What an
  /// incarnation holds goes back when it ends (LedgerLink::end).
  virtual void exchange_places(const Incarnation& incarnation, std::vector<PlacesReport> reports,
                               Done done) = 0;
  /// Asks the other relays to give back what they hold and do not use. May be lost.
  virtual void recall_places(const PlacesKey& key) = 0;
  /// For how long after it was asked for an answer is good, in ms.
  [[nodiscard]] virtual std::int64_t places_validity_ms() const = 0;
};

}  // namespace broker
