// What becomes of accounts that nobody relays for: their grants go back, and those that nobody can come
// back to are erased.
// Owner: the broker. Threads: the broker thread.
#pragma once

#include <cstdint>
#include <functional>

#include "broker/account_book.h"
#include "broker/settler.h"
#include "clock.h"

namespace plugin {

class IdleAccounts {
 public:
  /// How long an account has no allocation before.
  struct Waits {
    std::int64_t grant_ms = 10'000;   ///< its grant goes back
    std::int64_t client_ms = 60'000;  ///< it is erased, if it is a single client's
  };
  struct Hooks {
    std::function<void()> fold;  ///< brings what ended allocations used into the table
    /// Whether relay threads know that its period is over. None: at once.
    std::function<bool(const Account&)> is_published = {};
    std::function<void(const Account&)> on_erase = {};  ///< while it is still there
  };

  /// The references are borrowed.
  IdleAccounts(const Clock& clock, AccountBook& book, Settler& settler, Waits waits, Hooks hooks);

  /// To be called every second.
  void look();

 private:
  [[nodiscard]] std::vector<Account*> unused();
  void look_at(Account& account, bool awaited);
  void free(Account& account, bool awaited);
  void erase(Account& account);

  const Clock& clock_;
  AccountBook& book_;
  Settler& settler_;
  Waits waits_;
  Hooks hooks_;
};

}  // namespace plugin
