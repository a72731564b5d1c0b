#include "credit/account.h"

#include <algorithm>

namespace plugin {

std::int64_t draw(Account& account, std::int64_t least, std::int64_t most) {
  std::int64_t pool = account.pool.load(std::memory_order_relaxed);
  for (;;) {
    if (pool < least || pool <= 0) return 0;
    const std::int64_t amount = std::min(pool, std::max(least, most));
    if (account.pool.compare_exchange_weak(pool, pool - amount, std::memory_order_relaxed))
      return amount;
  }
}

void put_back(Account& account, std::int64_t octets) {
  if (octets > 0) account.pool.fetch_add(octets, std::memory_order_relaxed);
}

}  // namespace plugin
