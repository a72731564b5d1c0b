// What becomes of accounts that run low, or cannot cover a packet (settler.h).
#include "broker/settler.h"

#include <algorithm>

namespace plugin {

namespace {

/// How long to wait for what other relays give back, and how often to ask whether they did.
constexpr std::int64_t recall_wait_ms = 600;
constexpr std::int64_t ask_again_ms = 100;
constexpr std::int64_t exhausted_quiet_ms = 1'000;

}  // namespace

bool Settler::serve_waiting() {
  bool any = false;
  std::vector<Account*> low;
  std::vector<Account*> dry_ones;
  book_.for_each_active([&](Account& account) {
    const bool dry = account.refused_octets.load() != 0;
    if (!account.refill_asked.load() && !dry) return;
    any = true;
    const Stage stage = account.stage.load();
    // Asked again while the answer to the first time was on its way: there is enough by now.
    const bool enough = !dry && account.pool.load() >= account.low_water.load();
    if (enough || (stage != Stage::open && stage != Stage::last))
      account.refill_asked.store(false);
    else
      (dry ? dry_ones : low).push_back(&account);
  });
  exchange(low, Ask::when_low);
  for (Account* account : dry_ones) resolve_dry(*account);
  return any;
}

bool Settler::others_may_give_back(const Account& account, std::uint64_t needed) const {
  if (!link_.is_shared()) return false;
  // What each keeps for its own next packets does not come back.
  return account.unspent_by_others_octets >=
         std::max(needed, account.holders * broker::GrantSize{}.share_min_octets + 1);
}

bool Settler::wait_for_others(Account& account, std::uint64_t needed) {
  const std::int64_t now_ms = clock_.steady_ms();
  if (account.recall_end_ms == 0) {
    if (!others_may_give_back(account, needed)) return false;
    account.recall_end_ms = now_ms + recall_wait_ms;
    link_.recall(account.key);
  } else if (now_ms >= account.recall_end_ms) {
    return false;
  }
  account.dry_answered = false;
  account.ask_at_ms = now_ms + ask_again_ms;
  return true;
}

void Settler::resolve_dry(Account& account) {
  const std::uint64_t needed = account.refused_octets.load();
  const auto covered = [&] { return needed == 0 || unspent_of(account) >= needed; };
  const auto ask = [&] {
    exchange({&account}, Ask::at_least);
    return account.dry_answered;
  };
  const Stage stage = account.stage.load();
  if (account.asking || (stage != Stage::open && stage != Stage::last)) return;

  if (!covered() && !account.dry_answered && (account.remaining_octets != 0 || !account.ready) &&
      !ask())
    return;
  if (!covered()) {
    // From here on allocations draw packet by packet, so that what is taken back stays back.
    account.stage.store(Stage::last);
    take_back(account);
  }
  if (!covered() && !account.dry_answered && !ask()) return;
  if (!covered() && wait_for_others(account, needed)) return;
  account.refused_octets.store(0);
  account.refill_asked.store(false);
  account.dry_answered = false;
  account.recall_end_ms = 0;
  if (!covered())
    exhaust(account);
  else if (account.remaining_octets != 0)
    account.stage.store(Stage::open);
}

void Settler::exhaust(Account& account) {
  account.stage.store(Stage::exhausted, std::memory_order_release);
  take_back(account);
  exhausted_ = true;
  // Of many relays that find it out at once a few tell the others.
  if (clock_.steady_ms() - account.exhausted_heard_ms > exhausted_quiet_ms)
    link_.tell_exhausted(account.key);
  host_.info("quota of {}/{}{}{} is exhausted: {} octets", account.key.csp,
             broker::to_string(account.key.media), account.key.client.empty() ? "" : " client ",
             account.key.client, account.limit_octets.load());
}

}  // namespace plugin
