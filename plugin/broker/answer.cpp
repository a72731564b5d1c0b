// What the broker answers operators (ctl/control.h).
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>

#include "broker/broker.h"
#include "broker/cutter.h"
#include "broker/record_of.h"
#include "version.h"

namespace plugin {

namespace {
constexpr std::size_t unsaved_revocations_max = 10'000;
/// That are kept beside those the ledger told.
constexpr std::size_t recent_revocations_max = 1'000;

void add(Revocations& revocations, const broker::LedgerStore::Revocation& entry) {
  constexpr std::string_view client = "client:";
  constexpr std::string_view csp = "csp:";
  const std::string_view what = entry.what;
  const auto later = [&](broker::UnixSeconds& since_s) {
    since_s = std::max(since_s, entry.revoked_at_s);
  };
  if (what.starts_with(client))
    later(revocations.by_who[hash_of_who(what.substr(client.size()))]);
  else if (what.starts_with(csp))
    later(revocations.by_csp[std::string(what.substr(csp.size()))]);
}

}  // namespace

broker::Result<std::vector<AccountStatus>> Broker::usage(const std::optional<std::string>& csp,
                                                         bool clients) {
  if (csp && !config_->csps.contains(*csp)) return broker::Error{"there is no CSP " + *csp};
  settler_->collect();
  std::vector<AccountStatus> list;
  book_->for_each([&](const Account& account) {
    const auto& key = account.key;
    if (account.stage.load() == Stage::over || (csp && key.csp != *csp) ||
        (!clients && !key.client.empty()))
      return;
    const auto& totals = settler_->totals()[account.slot];
    AccountStatus status;
    status.csp = key.csp;
    status.media = key.media;
    status.period = broker::period_name(account.period_kind, key.period_start_s);
    status.client = key.client;
    status.limit_octets = account.limit_octets.load();
    status.used_octets = totals.charged_octets + account.others_charged_octets;
    status.used = totals.used;
    status.used += account.others;
    status.allocations = account.live.load();
    const Stage stage = account.stage.load();
    status.exhausted = stage == Stage::exhausted || stage == Stage::closed;
    list.push_back(std::move(status));
  });
  return list;
}

std::vector<AllocationStatus> Broker::allocations(const std::optional<std::string>& csp) {
  std::vector<AllocationStatus> list;
  for (const AllocationSlot& slot : table_->allocations()) {
    if (slot.state.load(std::memory_order_acquire) != SlotState::live) continue;
    if (slot.created.load(std::memory_order_acquire) == 0) continue;
    const Account* account = index_->at(slot.account);
    if (account == nullptr || (csp && account->key.csp != *csp)) continue;
    const auto record = record_of(*table_, slot, EndReason::released);
    AllocationStatus status;
    status.id = record.allocation;
    status.csp = record.csp;
    status.media = record.media;
    status.client = record.client;
    status.client_address = record.client_address;
    status.relayed_addresses = record.relayed_addresses;
    status.transport = record.transport;
    status.start_s = slot.start_ms / 1000;
    status.expiry_s = slot.expiry_s;
    status.used = record.used;
    list.push_back(std::move(status));
  }
  return list;
}

broker::Result<std::uint64_t> Broker::cut(const CutTarget& target) {
  if (target.id.empty() && target.csp.empty() && target.client.empty())
    return broker::Error{"name an allocation, a CSP or a client"};
  const auto count =
      plugin::cut(host_, *table_, TURN_CLOSE_CANCELLED, [&](const AllocationSlot& slot) {
        if (!target.id.empty()) return allocation_name(*table_, slot) == target.id;
        const Account* account = index_->at(slot.account);
        if (account == nullptr) return false;
        return (target.csp.empty() || account->key.csp == target.csp) &&
               (target.client.empty() || client_name(slot) == target.client);
      });
  if (count == 0 && !target.id.empty()) return broker::Error{"there is no allocation " + target.id};
  return count;
}

broker::Result<broker::IssuedCredentials> Broker::credentials(const std::string& csp,
                                                              broker::MediaType media,
                                                              const std::string& client,
                                                              std::int64_t ttl_s) {
  return broker::issue_credentials(*config_, csp, media, client,
                                   ttl_s == 0 ? config_->credential_ttl_s : ttl_s, now_s());
}

void Broker::take_revocations() {
  auto revocations = std::make_shared<Revocations>();
  for (const Revocation& entry : known_revocations_) add(*revocations, entry);
  for (const Unsaved& entry : unsaved_revocations_) add(*revocations, entry.revocation);
  revocations_ = std::move(revocations);
}

/// There may be very many, and one more at a time: they are not copied for each. Precondition: it is known
/// or unsaved.
void Broker::take_revocation(const Revocation& revocation) {
  if (revocations_->by_who.size() + revocations_->by_csp.size() >= recent_revocations_max &&
      revocations_->earlier != nullptr)
    return take_revocations();
  auto revocations = std::make_shared<Revocations>();
  if (revocations_->earlier == nullptr)
    revocations->earlier = revocations_;
  else
    *revocations = *revocations_;
  add(*revocations, revocation);
  revocations_ = std::move(revocations);
}

broker::Result<std::uint64_t> Broker::revoke(const std::string& who, const std::string& csp) {
  if (who.empty() == csp.empty()) return broker::Error{"name either a client id or a CSP"};
  if (!csp.empty() && !config_->csps.contains(csp)) return broker::Error{"there is no CSP " + csp};
  const auto now = now_s();
  // Credentials live at most so long: a revocation that old refuses nothing any more.
  const Revocation revocation{who.empty() ? "csp:" + csp : "client:" + who, now,
                              now + broker::credential_ttl_s_max + broker::minted_skew_s};
  if (unsaved_revocations_.size() >= unsaved_revocations_max)
    return broker::Error{"too many revocations wait for a ledger that does not answer"};
  const auto answer = std::make_shared<std::optional<broker::Status>>();
  link_->revoke(revocation.what, revocation.revoked_at_s, revocation.forget_after_s,
                [this, answer, revocation](const broker::Status& status) {
                  *answer = status;
                  take_saved(revocation, status);
                });
  const std::optional<broker::Status>& saved = *answer;
  if (saved && !*saved) return saved->error();
  // A ledger that answers later is asked again until it has it; it holds on this relay at once.
  if (saved) {
    known_revocations_.push_back(revocation);
    // As the ledger keeps them: each once, and none whose time is over.
    link_->revocations(now, [this](broker::Result<std::vector<Revocation>> list) {
      if (list) known_revocations_ = std::move(list).value();
    });
  } else {
    unsaved_revocations_.push_back({revocation, true});
  }
  take_revocation(revocation);
  publish();
  return plugin::cut(host_, *table_, TURN_CLOSE_REVOKED, [&](const AllocationSlot& slot) {
    const Account* account = index_->at(slot.account);
    return account != nullptr &&
           revocations_->cover(account->key.csp, slot.who_hash, slot.issued_s);
  });
}

BrokerStatus Broker::status() {
  BrokerStatus status;
  status.version = version;
  status.relay_id = config_->relay.id;
  status.incarnation = fmt::format("{:016x}", table_->header().incarnation);
  status.started_s = started_s_;
  status.config_loaded_s = config_loaded_s_;
  status.config_file = config_file_;
  status.config_error = config_error_;
  status.restart_needed = broker::restart_needed(*started_config_, *config_);
  for (const AllocationSlot& slot : table_->allocations())
    if (slot.state.load() == SlotState::live) ++status.allocations;
  status.allocations_max = table_->header().allocations_max;
  status.accounts = book_->size();
  status.records_written = records_->written();
  std::vector<std::string> wrong;
  if (!settler_->store_error().empty()) wrong.push_back(settler_->store_error());
  for (const FleetPart& part : fleet_parts())
    if (!part.problem.empty()) wrong.push_back(part.problem);
  status.store = started_config_->store.redis ? "redis" : "sqlite";
  status.store += wrong.empty() ? " ok" : ": " + fmt::format("{}", fmt::join(wrong, "; "));
  status.drain = drain_status();
  return status;
}

}  // namespace plugin
