// Which allocations are let in, and how many at once (broker.h).
#include <unordered_set>
#include <utility>
#include <vector>

#include "broker/broker.h"
#include "broker/cutter.h"
#include "broker/record_of.h"

namespace plugin {

namespace {

constexpr std::size_t waiting_max = 65'536;

bool refuses(const Account* account) {
  return account != nullptr && refuses(account->stage.load(std::memory_order_acquire));
}

bool undecided(const Account* account) {
  return account != nullptr && !account->ready.load() && !refuses(account);
}

bool has_place(const Account& account) {
  return account.places == nullptr || account.places->spare() != 0;
}

}  // namespace

/// Not looked for while the CSP's account lets nobody in: whoever is refused anyway must not take room, here and in
/// the ledger, from others.
Broker::ClientLook Broker::client_account(const AllocationSlot& slot, Account& account) {
  if (!account.ready.load() || refuses(&account)) return {nullptr, false};
  if (!has_place(account)) {
    // One that is used up needs no place.
    const auto& key = account.key;
    Account* known = book_->find({key.csp, key.media, key.period_start_s, client_name(slot)});
    return {refuses(known) ? known : nullptr, false};
  }
  const auto* quota = quota_of(account.key);
  if (quota == nullptr || !quota->per_client) return {};
  return {account_for(account.key.csp, account.key.media, *quota, client_name(slot))};
}

void Broker::serve_admissions() {
  const std::uint64_t passed = snapshots_.passed();
  while (const auto request = inbox_.pop()) waiting_.push_back(*request);
  emptied_at_ = passed;
  decide_admissions(std::exchange(waiting_, {}));
  if (keeper_ == nullptr) return;
  keeper_->forget_waiting();
  for (const auto& request : waiting_) keeper_->note_waiting(*request.account->places);
  keeper_->serve();
}

/// Asks the ledger for those of which it has told nothing yet.
void Broker::warm(const std::vector<Account*>& accounts) {
  std::vector<Account*> cold;
  std::unordered_set<const Account*> seen;
  for (Account* account : accounts)
    if (undecided(account) && seen.insert(account).second) cold.push_back(account);
  settler_->exchange(cold, Settler::Ask::at_least);
}

void Broker::decide_admissions(std::vector<AdmissionRequest> requests) {
  if (requests.empty()) return;
  std::vector<Account*> accounts;
  accounts.reserve(requests.size());
  for (auto& request : requests) {
    if (Account* next = request.account->successor.load(); next != nullptr) {
      request.account = next;
      request.slot->account = next->slot;
    }
    accounts.push_back(request.account);
  }
  warm(accounts);
  std::vector<ClientLook> clients;
  clients.reserve(requests.size());
  accounts.clear();
  for (const auto& request : requests) {
    clients.push_back(request.client_account ? client_account(*request.slot, *request.account)
                                             : ClientLook{});
    accounts.push_back(clients.back().account);
  }
  warm(accounts);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto& request = requests[i];
    // What they wait for is not to be given back meanwhile.
    for (Account* account : {request.account, clients[i].account})
      if (account != nullptr) account->idle_since_ms = 0;
    const bool waits =
        !drain_.active() && (undecided(request.account) || undecided(clients[i].account));
    if ((!waits || waiting_.size() >= waiting_max) && complete(request, clients[i])) continue;
    if (clock_.unix_ms() - request.slot->start_ms > TURN_PENDING_SECONDS_MAX * 1000)
      give_up_waiting(request);
    else
      waiting_.push_back(request);
  }
}

/// The host has answered 500; the ledger may come back.
void Broker::give_up_waiting(const AdmissionRequest& request) {
  table_->put_back(*request.slot);
  relay_side_->count_refusal(stun_server_error);
}

bool Broker::may_wait_for_place(const Places& places) const {
  return keeper_ != nullptr && places.may_get_more() && !places.refuse &&
         waiting_.size() < waiting_max;
}

/// False: it is to wait for a place.
bool Broker::complete(const AdmissionRequest& request, const ClientLook& look) {
  Account* const client = look.account;
  turn_allocation_answer answer{};
  answer.size = sizeof answer;
  AllocationSlot& slot = *request.slot;
  book_->note_active(*request.account);
  if (client != nullptr) book_->note_active(*client);
  const auto reject = [&](std::uint16_t code) {
    table_->put_back(slot);
    relay_side_->count_refusal(code);
    answer.error_code = code;
    host_.complete(request.request_id, TURN_VERDICT_REJECT, answer);
    return true;
  };
  if (drain_.active()) return reject(stun_insufficient_capacity);
  // It may have waited for the ledger while an operator revoked it.
  if (revocations_->cover(request.account->key.csp, slot.who_hash, slot.issued_s))
    return reject(stun_unauthorized);
  if (request.client_account && client == nullptr) {
    if (refuses(request.account)) return reject(stun_allocation_quota_reached);
    if (look.is_done) return reject(stun_insufficient_capacity);
    // One that has come since is for the next turn.
    const bool has_one = has_place(*request.account);
    if (has_one ? waiting_.size() < waiting_max : may_wait_for_place(*request.account->places))
      return false;
    return reject(has_one ? stun_insufficient_capacity : stun_allocation_quota_reached);
  }
  switch (admit(slot, *request.account, client)) {
    case Admission::no_place:
      if (may_wait_for_place(*request.account->places)) return false;
      [[fallthrough]];
    case Admission::refused: return reject(stun_allocation_quota_reached);
    case Admission::admitted:
    case Admission::admitted_wake_broker: break;
  }
  lend(slot, answer);
  if (host_.complete(request.request_id, TURN_VERDICT_ALLOW, answer) != TURN_SERVICE_OK)
    give_up(*table_, *index_, slot);
  return true;
}

void Broker::limit_places(Places& places, const broker::Quota& quota) {
  const std::uint32_t limit = quota.allocations_max.value_or(0);
  if (keeper_ != nullptr) return keeper_->set_limit(places, limit);
  places.limit.store(limit);
  places.hold(limit == 0 ? Places::unlimited : limit);
}

void Broker::cut_lapsed() {
  if (keeper_ == nullptr || !keeper_->check_validity()) return;
  const auto& redis = config_->store.redis;
  if (redis && redis->on_store_loss) return;
  plugin::cut(host_, *table_, TURN_CLOSE_CANCELLED, [&](const AllocationSlot& slot) {
    const Account* account = index_->at(slot.account);
    return account != nullptr && account->places != nullptr && account->places->lapsed;
  });
}

}  // namespace plugin
