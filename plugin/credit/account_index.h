// From an account slot's index to the Account, readable by relay threads.
// Owner: the broker. Threads: the broker thread writes; any reads.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "credit/account.h"
#include "meter/layout.h"

namespace plugin {

class AccountIndex {
 public:
  explicit AccountIndex(std::uint32_t accounts_max) : accounts_(accounts_max) {}

  [[nodiscard]] Account* at(std::uint32_t slot) const {
    return slot < accounts_.size() ? accounts_[slot].load(std::memory_order_acquire) : nullptr;
  }
  void set(std::uint32_t slot, Account* account) {
    accounts_[slot].store(account, std::memory_order_release);
  }

 private:
  std::vector<std::atomic<Account*>> accounts_;
};

}  // namespace plugin
