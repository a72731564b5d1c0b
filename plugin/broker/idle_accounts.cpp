#include "broker/idle_accounts.h"

#include <utility>

namespace plugin {

IdleAccounts::IdleAccounts(const Clock& clock, AccountBook& book, Settler& settler, Waits waits,
                           Hooks hooks)
    : clock_(clock), book_(book), settler_(settler), waits_(waits), hooks_(std::move(hooks)) {}

void IdleAccounts::look() {
  const auto idle = unused();
  // What their last allocations used is in the table before they are looked at.
  hooks_.fold();
  settler_.collect_of(idle);
  const auto awaited = book_.successors();
  book_.rest_idle(idle, awaited);
  for (Account* account : idle)
    if (account->active) look_at(*account, awaited.contains(account));
}

std::vector<Account*> IdleAccounts::unused() {
  const std::int64_t now_ms = clock_.steady_ms();
  std::vector<Account*> out;
  book_.for_each_active([&](Account& account) {
    if (account.live.load(std::memory_order_acquire) != 0) {
      account.idle_since_ms = 0;
      return;
    }
    if (account.idle_since_ms == 0) account.idle_since_ms = now_ms;
    out.push_back(&account);
  });
  return out;
}

void IdleAccounts::free(Account& account, bool awaited) {
  if (!settler_.is_settled(account)) settler_.release(account);
  if (settler_.is_settled(account) && !awaited) erase(account);
}

void IdleAccounts::look_at(Account& account, bool awaited) {
  const std::int64_t idle_ms = clock_.steady_ms() - account.idle_since_ms;
  const Stage stage = account.stage.load();
  if (stage == Stage::over) {
    if (hooks_.is_published && !hooks_.is_published(account)) return;
    free(account, awaited);
  } else if (account.pool.load() > 0 && stage != Stage::exhausted && idle_ms >= waits_.grant_ms) {
    settler_.release(account);
  } else if (!account.key.client.empty() && stage != Stage::exhausted &&
             idle_ms >= waits_.client_ms && !account.ready.load() && !awaited &&
             settler_.is_settled(account)) {
    erase(account);
  } else if (!account.key.client.empty() && stage == Stage::exhausted &&
             idle_ms >= waits_.client_ms && book_.client_room().is_scarce()) {
    // While it is here, its client is refused without asking the ledger; that is worth less than another client.
    free(account, awaited);
  }
}

void IdleAccounts::erase(Account& account) {
  if (hooks_.on_erase) hooks_.on_erase(account);
  book_.erase(account);
}

}  // namespace plugin
