// How the broker looks its ledger over for an operator (broker.h).
#include <algorithm>
#include <map>

#include "broker/broker.h"
#include "broker/ledger_audit.h"
#include "ctl/status_json.h"

namespace plugin {

namespace {

/// Each may read the whole ledger.
constexpr std::size_t walks_max = 4;

/// What was known of an account before the ledger was asked.
struct Before {
  std::uint64_t reported_octets = 0;
  bool telling = false;  ///< what it was told may be another number by now
};

using AllBefore = std::map<broker::AccountKey, Before>;

Before before_of(const Account& account) {
  return {account.reported_octets, account.asking || account.must_report};
}

broker::OwnShare own_of(const Account& account, const Before& before,
                        const Settler::Totals& totals) {
  const Before now = before_of(account);
  const std::uint64_t used = totals.used.all_octets();
  const bool telling = before.telling || now.telling;
  broker::OwnShare own;
  own.used_octets = used;
  own.reported_least_octets = std::min(before.reported_octets, now.reported_octets);
  own.reported_most_octets = std::max(before.reported_octets, now.reported_octets);
  if (telling) {
    // Told and not answered, or forgotten and to be told again.
    own.reported_least_octets = 0;
    own.reported_most_octets = std::max(own.reported_most_octets, used);
  } else {
    own.granted_octets = account.granted_octets;
  }
  return own;
}

/// Of an account that is erased: the ledger has taken all of it.
broker::OwnShare own_of(const SlotTotals& left) {
  const std::uint64_t used = left.octets[0] + left.octets[1];
  return {used, used, used, left.charged_octets};
}

/// The check while it goes on.
struct Check {
  LedgerCheck result;
  std::vector<broker::Finding> faults, notes;  ///< LedgerCheck::findings_max at most
  broker::OpenHoldings holdings;
  AllBefore before;

  void take(std::vector<broker::Finding> found) {
    for (broker::Finding& finding : found) {
      const bool fault = is_fault(finding.kind);
      ++(fault ? result.faults : result.notes);
      auto& list = fault ? faults : notes;
      if (list.size() < LedgerCheck::findings_max) list.push_back(std::move(finding));
    }
  }

  void finish() {
    result.findings = std::move(faults);
    const std::size_t room = LedgerCheck::findings_max - result.findings.size();
    const auto end = notes.begin() + static_cast<std::ptrdiff_t>(std::min(room, notes.size()));
    std::move(notes.begin(), end, std::back_inserter(result.findings));
  }
};

}  // namespace

broker::Status Broker::walk_books(const broker::BooksQuery& query, BooksWalk::Visit visit,
                                  BooksWalk::Done done) {
  std::erase_if(walks_, [](const auto& walk) { return walk->is_over(); });
  if (walks_.size() >= walks_max)
    return broker::Error{"the ledger is being read for others; ask again in a few seconds"};
  auto reader = ledger_books_->read(query);
  if (!reader) return reader.error();
  walks_.push_back(std::make_unique<BooksWalk>(base_.get(), clock_, std::move(reader).value(),
                                               std::move(visit), std::move(done)));
  walks_.back()->start();
  return broker::Nothing{};
}

std::string Broker::period_of(const broker::AccountKey& key) const {
  const std::int64_t start_s = key.period_start_s;
  if (const auto* quota = quota_of(key);
      quota != nullptr && broker::period_at(quota->period, start_s).start_s == start_s)
    return broker::period_name(quota->period, start_s);
  return broker::period_name(start_s == 0 ? broker::PeriodKind::total : broker::PeriodKind::day,
                             start_s);
}

std::optional<std::uint64_t> Broker::limit_now(const broker::AccountKey& key) const {
  const auto* quota = quota_of(key);
  if (quota == nullptr || broker::period_at(quota->period, now_s()).start_s != key.period_start_s)
    return std::nullopt;
  if (key.client.empty()) return quota->volume.count;
  if (!quota->per_client) return std::nullopt;
  return quota->per_client->count;
}

void Broker::ledger_usage(const LedgerQuery& query, Later<LedgerUsage> done) {
  struct Found {
    std::uint64_t total = 0;
    std::map<broker::AccountKey, LedgerAccount> first;
  };
  auto found = std::make_shared<Found>();
  const auto see = [this, found](broker::AccountBooks&& books) {
    ++found->total;
    const broker::AccountKey key = books.account;
    LedgerAccount account{std::move(books), period_of(key), limit_now(key)};
    found->first.insert_or_assign(key, std::move(account));
    if (found->first.size() > list_rows_max) found->first.erase(std::prev(found->first.end()));
  };
  const auto end = [found, done](const broker::Result<BooksWalk::End>& walked) {
    if (!walked) return done(walked.error());
    LedgerUsage usage;
    usage.total = found->total;
    usage.complete = walked.value().complete;
    for (auto& [key, account] : found->first) usage.accounts.push_back(std::move(account));
    done(std::move(usage));
  };
  if (auto status = walk_books({query.csp, query.clients, {}}, see, end); !status)
    done(status.error());
}

broker::AuditContext Broker::audit_context(const broker::AccountKey& key) const {
  broker::AuditContext context;
  context.self = settler_->incarnation();
  context.limit_octets = limit_now(key);
  if (const Account* account = book_->find(key); account != nullptr)
    context.limit_highest_octets = account->limit_highest_octets;
  if (const auto& redis = config_->store.redis)
    context.may_go_beyond =
        redis->on_store_loss.has_value() || redis->lost_grant == broker::LostGrant::refund;
  return context;
}

void Broker::check_ledger(const std::string& csp, Later<LedgerCheck> done) {
  auto check = std::make_shared<Check>();
  settler_->collect();
  book_->for_each(
      [&](const Account& account) { check->before.emplace(account.key, before_of(account)); });
  const bool learns = settler_->is_learning() || !settler_->store_error().empty();
  const auto see = [this, check, learns](broker::AccountBooks&& books) {
    ++check->result.accounts;
    broker::AuditContext context = audit_context(books.account);
    const Account* account = book_->find(books.account);
    const auto before = check->before.find(books.account);
    // One that was added meanwhile has told nothing that could be compared.
    if (!learns && account != nullptr && before != check->before.end() &&
        account->slot < settler_->totals().size())
      context.own = own_of(*account, before->second, settler_->totals()[account->slot]);
    else if (const SlotTotals* left = book_->left(books.account); !learns && left != nullptr)
      context.own = own_of(*left);
    check->take(audit_account(books, context));
    add_holdings(books, check->holdings);
  };
  const auto end = [this, check, learns, done](broker::Result<BooksWalk::End> walked) {
    if (!walked) return done(walked.error());
    for (const std::string& what : walked.value().damage)
      check->take({{broker::FindingKind::damaged, std::nullopt, "", what}});
    check->take(audit_incarnations(check->holdings, alive_relays()));
    if (learns)
      check->take(
          {{broker::FindingKind::own_not_checked, std::nullopt, settler_->incarnation().relay_id,
            "the ledger was out of reach or waits for relays to tell all again, so that "
            "what this relay knows of itself was not compared: check again later"}});
    check->result.complete = walked.value().complete;
    check->finish();
    done(std::move(check->result));
  };
  broker::BooksQuery query{csp, true, alive_relays()};
  if (auto status = walk_books(query, see, end); !status) done(status.error());
}

std::vector<broker::Incarnation> Broker::alive_relays() const {
  std::vector<broker::Incarnation> alive{settler_->incarnation()};
  for (const RelayView& relay : known_relays())
    if (!relay.self && relay.up) alive.push_back({relay.status.id, relay.status.incarnation});
  return alive;
}

}  // namespace plugin
