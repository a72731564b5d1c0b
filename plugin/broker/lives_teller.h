// Tells a ledger that may have forgotten them of this relay's ended incarnations (ledger/ended_lives.h).
// Owner: the broker. Threads: the broker thread.
#pragma once

#include <cstddef>
#include <memory>

#include "broker/ports/ledger_link.h"
#include "ledger/ended_lives.h"

namespace plugin {

class LivesTeller {
 public:
  /// Both borrowed.
  LivesTeller(const EndedLives& lives, broker::LedgerLink& link) : lives_(lives), link_(link) {}

  /// All of them are to be told, again: ending twice changes nothing.
  void tell_all();
  /// To be called every second: goes on where the ledger did not answer.
  void look();

 private:
  void tell_next();

  const EndedLives& lives_;
  broker::LedgerLink& link_;
  std::size_t next_ = 0;
  std::size_t round_ = 0;
  bool asking_ = false;
  /// Answers may come when this is gone.
  std::shared_ptr<LivesTeller*> self_ = std::make_shared<LivesTeller*>(this);
};

}  // namespace plugin
