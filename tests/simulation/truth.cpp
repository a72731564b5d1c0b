#include "simulation/truth.h"

#include <algorithm>

namespace simulation {

using broker::AccountKey;
using broker::Incarnation;

std::string name_of(const AccountKey& key) {
  return fmt::format("{}/{}/{}{}{}", key.csp, broker::to_string(key.media), key.period_start_s,
                     key.client.empty() ? "" : "/", key.client);
}

AccountTruth& Truth::account(const AccountKey& key, std::size_t quota) {
  const auto [found, fresh] = by_key_.try_emplace(key, accounts_.size());
  if (fresh) {
    AccountTruth account;
    account.index = accounts_.size();
    account.key = key;
    account.quota = quota;
    accounts_.push_back(std::move(account));
  }
  return accounts_[found->second];
}

Life& Truth::begin_life(const Incarnation& who) {
  Life& life = lives_.emplace_back();
  life.who = who;
  by_incarnation_[who] = &life;
  return life;
}

Life* Truth::life(const Incarnation& who) {
  const auto found = by_incarnation_.find(who);
  return found == by_incarnation_.end() ? nullptr : found->second;
}

void Truth::relayed(Life& life, AccountTruth& account, std::uint64_t octets,
                    std::uint64_t highest_octets) {
  relayed_ += octets;
  account.relayed += octets;
  life.part(account).relayed += octets;
  const std::uint64_t limit =
      account.unheard.empty() ? highest_octets : std::max(highest_octets, account.earlier_limit);
  if (account.relayed <= limit + account.forgotten) return;
  throw Violation(
      fmt::format("{}: {} octets relayed, limit {} (highest configured {}), forgotten {};"
                  " the last {} by {}",
                  name_of(account.key), account.relayed, limit, highest_octets, account.forgotten,
                  octets, life.who.relay_id));
}

void Truth::admitted(Life& life, std::size_t quota, std::uint32_t highest) {
  ++life.live[quota];
  std::uint64_t live = 0;
  for (Life& each : lives_) live += each.live[quota];
  if (highest == 0 || live < highest) return;
  ++last_places_;
  if (live == highest) return;
  throw Violation(fmt::format("{} allocations at once of quota {}, at most {}; the last by {}",
                              live, quota, highest, life.who.relay_id));
}

void Truth::limit_lowered(AccountTruth& account, std::uint64_t from_octets) {
  account.earlier_limit =
      account.unheard.empty() ? from_octets : std::max(from_octets, account.earlier_limit);
  account.lowered_at = world_.moment();
  world_.detail("{}: the highest limit was {}", name_of(account.key), from_octets);
  account.unheard.clear();
  for (Life& life : lives_)
    if (life.state == Life::State::running && life.part(account).known && !life.part(account).freed)
      account.unheard.insert(life.who.id);
}

void Truth::answered(const Life& life, AccountTruth& account, std::uint64_t told) {
  if (told > account.lowered_at) account.unheard.erase(life.who.id);
}

void Truth::taken_up(Life& life, AccountTruth& account) {
  Life::Part& part = life.part(account);
  part.known = true;
  part.freed = part.dropped = false;
  part.left_in_store.reset();
}

void Truth::out_of_contact(Life& life) {
  life.out = true;
  for (Life::Part& part : life.parts) part.when_out = part.relayed;
}

void Truth::died(Life& life, const ShareOf& share_of) {
  life.state = Life::State::dead;
  life.live.clear();
  out_of_contact(life);
  for (AccountTruth& account : accounts_) account.unheard.erase(life.who.id);
  settle_for_less(life, share_of);
}

void Truth::ended(Life& life, bool all_told) {
  life.state = Life::State::ended;
  out_of_contact(life);
  for (AccountTruth& account : accounts_) account.unheard.erase(life.who.id);
  // Its last word has been taken now, whatever the store forgot of it before.
  for (Life::Part& part : life.parts)
    if (!part.dropped && (all_told || !part.freed)) part.left_in_store.reset();
}

void Truth::settle_for_less(Life& life, const ShareOf& share_of) {
  for (const AccountTruth& account : accounts_) {
    if (account.index >= life.parts.size()) break;
    Life::Part& part = life.parts[account.index];
    const bool gone = life.state == Life::State::ended || part.dropped ||
                      (part.freed && life.state == Life::State::dead);
    if (part.relayed == 0 || !gone) continue;
    const std::uint64_t left = share_of(life.who, account.key).charged_octets;
    if (left < part.relayed) part.left_in_store = left;
  }
}

void Truth::freed(Life& life, AccountTruth& account) {
  Life::Part& part = life.part(account);
  part.freed = true;
  world_.detail("{}:{} frees {}", life.who.relay_id, life.who.id % 1'000, name_of(account.key));
  account.unheard.erase(life.who.id);
}

void Truth::dropped_before(Life& life, const AccountKey& earlier, const ShareOf& share_of) {
  for (const AccountTruth& account : accounts_) {
    if (account.index >= life.parts.size()) break;
    const AccountKey& key = account.key;
    if (key.csp != earlier.csp || key.media != earlier.media ||
        key.period_start_s >= earlier.period_start_s)
      continue;
    Life::Part& part = life.parts[account.index];
    part.dropped = part.dropped || part.freed;
  }
  settle_for_less(life, share_of);
}

void Truth::store_forgot(const ShareOf& share_of) {
  has_forgotten_ = true;
  for (Life& life : lives_) {
    life.out = life.state != Life::State::running;
    settle_for_less(life, share_of);
  }
}

std::uint64_t Truth::unknown_to(const ShareOf& share_of, Life& life, const AccountTruth& account) {
  if (account.index >= life.parts.size()) return 0;
  const Life::Part& part = life.parts[account.index];
  if (part.when_out == 0 || !life.out) return 0;
  return broker::saturating_sub(part.when_out, share_of(life.who, account.key).granted_octets);
}

void Truth::granted(const AccountKey& key, const ShareOf& share_of) {
  if (!has_forgotten_) return;
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return;
  AccountTruth& account = accounts_[found->second];
  std::uint64_t unknown = 0;
  for (Life& life : lives_) unknown += unknown_to(share_of, life, account);
  if (unknown > account.forgotten) {
    account.forgotten = unknown;
    world_.note("{}: {} octets are unknown to a store that grants", name_of(key), unknown);
  }
}

void Truth::check_settled(const ShareOf& share_of, const std::vector<broker::AccountUsage>& usage) {
  std::map<AccountKey, std::uint64_t> expected;
  for (Life& life : lives_) {
    for (const AccountTruth& account : accounts_) {
      if (account.index >= life.parts.size()) break;
      const Life::Part& part = life.parts[account.index];
      const std::uint64_t charged = share_of(life.who, account.key).charged_octets;
      expected[account.key] += charged;
      const bool fits = part.left_in_store
                            ? charged >= *part.left_in_store && charged <= part.relayed
                            : charged == part.relayed;
      if (fits) continue;
      throw Violation(fmt::format("{} of {}:{} ({}): {} octets relayed, the ledger settled {}{}",
                                  name_of(account.key), life.who.relay_id, life.who.id,
                                  life.who.id % 1'000, part.relayed, charged,
                                  part.left_in_store ? " of a share it had forgotten" : ""));
    }
  }
  for (const broker::AccountUsage& sum : usage) {
    if (sum.charged_octets != expected[sum.account])
      throw Violation(fmt::format("{}: the ledger's sum is {}, its shares are {}",
                                  name_of(sum.account), sum.charged_octets, expected[sum.account]));
    if (sum.granted_octets != sum.charged_octets)
      throw Violation(fmt::format("{}: {} octets are still granted, {} charged",
                                  name_of(sum.account), sum.granted_octets, sum.charged_octets));
    expected.erase(sum.account);
  }
  for (const auto& [key, charged] : expected)
    if (charged != 0) throw Violation(name_of(key) + " is not in the ledger");
}

}  // namespace simulation
