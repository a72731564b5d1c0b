#include "sqlite/sqlite_ledger.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "broker/names.h"
#include "sqlite/sqlite_schema.h"

namespace plugin {

using broker::AccountUsage;
using broker::Error;
using broker::Grant;
using broker::Incarnation;
using broker::Nothing;
using broker::OthersTotals;
using broker::Result;
using broker::Share;
using broker::Status;
using broker::UnixSeconds;
using broker::UsageReport;

namespace {

constexpr std::string_view reading = "read the ledger";
constexpr std::string_view writing = "write";

Status check_incarnation(const Incarnation& incarnation) {
  if (!broker::is_relay_id(incarnation.relay_id))
    return Error{"\"" + broker::for_log(incarnation.relay_id) + "\" is not a relay id"};
  if (incarnation.id == 0) return Error{"an incarnation's id is never 0"};
  return Nothing{};
}

Status check_call(const Incarnation& incarnation, const std::vector<UsageReport>& reports) {
  if (Status named = check_incarnation(incarnation); !named) return named;
  for (const UsageReport& report : reports)
    if (Status sound = broker::check_report(report); !sound) return sound;
  return Nothing{};
}

/// 0 where no report is of a client.
UnixSeconds newest_period_of_clients(const std::vector<UsageReport>& reports) {
  UnixSeconds newest_s = 0;
  for (const UsageReport& report : reports)
    if (!report.account.client.empty())
      newest_s = std::max(newest_s, report.account.period_start_s);
  return newest_s;
}

/// Steps a statement that yields no row.
Status run(const SqliteDatabase& database, StatementUse& statement) {
  if (statement->step() != SQLITE_DONE) return database.error(writing);
  return Nothing{};
}

}  // namespace

Result<std::unique_ptr<SqliteLedger>> SqliteLedger::open(const std::string& path) {
  Result<SqliteDatabase> database = SqliteDatabase::open(path);
  if (!database) return database.error();
  if (Status ready = prepare_schema(database.value(), ledger_schema()); !ready)
    return ready.error();
  std::unique_ptr<SqliteLedger> ledger(new SqliteLedger(std::move(database).value()));
  if (Status prepared = ledger->prepare_statements(); !prepared) return prepared.error();
  const Result<std::int64_t> newest = ledger->database_.query_number(
      "SELECT coalesce(max(period_start_s), 0) FROM accounts", reading);
  if (!newest) return newest.error();
  ledger->newest_period_s_ = ledger->period_before_s_ = newest.value();
  return ledger;
}

Status SqliteLedger::prepare_statements() {
  Result<SqliteRows> rows = SqliteRows::prepare(database_);
  if (!rows) return rows.error();
  rows_ = std::move(rows).value();
  const std::array<std::pair<SqliteStatement*, std::string_view>, 10> statements{{
      {&find_incarnation_,
       "SELECT number, ended IS NOT NULL FROM incarnations WHERE relay_id = ? AND id = ?"},
      {&insert_incarnation_,
       "INSERT INTO incarnations (relay_id, id) VALUES (?, ?) RETURNING number"},
      {&end_incarnation_,
       "UPDATE incarnations SET ended = "
       "1 + coalesce((SELECT max(ended) FROM incarnations WHERE relay_id = ?1), 0) "
       "WHERE number = ?2"},
      {&forget_ended_,
       "DELETE FROM incarnations WHERE relay_id = ?1 AND ended <= "
       "(SELECT max(ended) FROM incarnations WHERE relay_id = ?1) - ?2"},
      {&open_incarnations_, "SELECT id FROM incarnations WHERE relay_id = ? AND ended IS NULL"},
      {&usage_,
       "SELECT csp, media, period_start_s, client, client_to_peer_octets, peer_to_client_octets, "
       "client_to_peer_packets, peer_to_client_packets, charged_octets, granted_octets "
       "FROM accounts WHERE period_start_s >= ? ORDER BY csp, media, period_start_s, client"},
      {&drop_revocations_, "DELETE FROM revocations WHERE forget_after_s <= ?"},
      {&count_revocations_, "SELECT count(*) FROM revocations WHERE what <> ?"},
      {&revoke_,
       "INSERT INTO revocations (what, revoked_at_s, forget_after_s) VALUES (?, ?, ?) "
       "ON CONFLICT (what) DO UPDATE SET revoked_at_s = max(revoked_at_s, excluded.revoked_at_s), "
       "forget_after_s = max(forget_after_s, excluded.forget_after_s)"},
      {&revocations_,
       "SELECT what, revoked_at_s, forget_after_s FROM revocations "
       "WHERE forget_after_s > ? ORDER BY what"},
  }};
  for (const auto& [statement, sql] : statements) {
    Result<SqliteStatement> prepared = database_.prepare(sql);
    if (!prepared) return prepared.error();
    *statement = std::move(prepared).value();
  }
  return Nothing{};
}

Result<SqliteLedger::IncarnationRow> SqliteLedger::find_incarnation(
    const Incarnation& incarnation) {
  {
    StatementUse find(find_incarnation_);
    find->bind(1, std::string_view(incarnation.relay_id));
    find->bind(2, incarnation.id);
    const int code = find->step();
    if (code == SQLITE_ROW) return IncarnationRow{find->number(0), find->number(1) != 0};
    if (code != SQLITE_DONE) return database_.error(reading);
  }
  StatementUse insert(insert_incarnation_);
  insert->bind(1, std::string_view(incarnation.relay_id));
  insert->bind(2, incarnation.id);
  if (insert->step() != SQLITE_ROW) return database_.error(writing);
  const IncarnationRow row{insert->number(0), false};
  if (Status inserted = run(database_, insert); !inserted) return inserted.error();
  return row;
}

Result<Grant> SqliteLedger::settle(std::int64_t incarnation, const UsageReport& report) {
  const Result<AccountRow> account = rows_.find_account(database_, report.account);
  if (!account) return account.error();
  const Result<ShareRow> old = rows_.find_share(database_, incarnation, account.value().number);
  if (!old) return old.error();
  const Result<OthersTotals> others = others_of(database_, account.value(), old.value().share);
  if (!others) return others.error();
  const broker::Settlement settled =
      broker::settle_report(old.value().share, report, others.value());
  if (Status stored = rows_.store(database_, report.account, account.value(), incarnation,
                                  old.value(), settled.share);
      !stored)
    return stored.error();
  return settled.grant;
}

Status SqliteLedger::settle_last(std::int64_t incarnation, const UsageReport& report) {
  const Result<AccountRow> account = rows_.find_account(database_, report.account);
  if (!account) return account.error();
  const Result<ShareRow> old = rows_.find_share(database_, incarnation, account.value().number);
  if (!old) return old.error();
  return rows_.store(database_, report.account, account.value(), incarnation, old.value(),
                     broker::end_share(old.value().share, &report));
}

Result<std::vector<Grant>> SqliteLedger::exchange(const Incarnation& incarnation,
                                                  const std::vector<UsageReport>& reports) {
  if (Status sound = check_call(incarnation, reports); !sound) return sound.error();
  Result<SqliteTransaction> transaction = SqliteTransaction::begin(database_);
  if (!transaction) return transaction.error();
  const Result<IncarnationRow> row = find_incarnation(incarnation);
  if (!row) return row.error();
  if (row.value().ended)
    return broker::ended_error(
        fmt::format("{:016x} of relay {}", incarnation.id, incarnation.relay_id));
  std::vector<Grant> grants;
  grants.reserve(reports.size());
  for (const UsageReport& report : reports) {
    Result<Grant> grant = settle(row.value().number, report);
    if (!grant) return grant.error();
    grants.push_back(grant.value());
  }
  if (Status forgot = forget_clients(reports); !forgot) return forgot.error();
  if (Status committed = transaction.value().commit(); !committed) return committed.error();
  return grants;
}

Status SqliteLedger::forget_clients(const std::vector<UsageReport>& reports) {
  const UnixSeconds newest_s = newest_period_of_clients(reports);
  if (newest_s > newest_period_s_) period_before_s_ = std::exchange(newest_period_s_, newest_s);
  return rows_.forget_clients(database_, std::min(newest_s, period_before_s_));
}

Status SqliteLedger::mark_ended(const Incarnation& incarnation, std::int64_t number) {
  StatementUse mark(end_incarnation_);
  mark->bind(1, std::string_view(incarnation.relay_id));
  mark->bind(2, number);
  if (Status marked = run(database_, mark); !marked) return marked;
  StatementUse forget(forget_ended_);
  forget->bind(1, std::string_view(incarnation.relay_id));
  forget->bind(2, static_cast<std::int64_t>(broker::ended_incarnations_max));
  return run(database_, forget);
}

Status SqliteLedger::end_after(const Incarnation& incarnation, const Settle& settle) {
  Result<SqliteTransaction> transaction = SqliteTransaction::begin(database_);
  if (!transaction) return transaction.error();
  const Result<IncarnationRow> row = find_incarnation(incarnation);
  if (!row) return row.error();
  if (row.value().ended) return Nothing{};
  const std::int64_t number = row.value().number;
  if (Status settled = settle(number); !settled) return settled;
  if (Status folded = rows_.fold_shares(database_, number); !folded) return folded;
  if (Status marked = mark_ended(incarnation, number); !marked) return marked;
  return transaction.value().commit();
}

Status SqliteLedger::end(const Incarnation& incarnation,
                         const std::vector<UsageReport>& last_reports) {
  if (Status sound = check_call(incarnation, last_reports); !sound) return sound;
  return end_after(incarnation, [&](std::int64_t number) -> Status {
    for (const UsageReport& report : last_reports)
      if (Status settled = settle_last(number, report); !settled) return settled;
    return Nothing{};
  });
}

Status SqliteLedger::write_off(const Incarnation& incarnation) {
  if (Status sound = check_call(incarnation, {}); !sound) return sound;
  return end_after(incarnation,
                   [&](std::int64_t number) { return rows_.charge_grants(database_, number); });
}

Result<std::vector<Incarnation>> SqliteLedger::open_incarnations(const std::string& relay_id) {
  StatementUse query(open_incarnations_);
  query->bind(1, std::string_view(relay_id));
  std::vector<Incarnation> found;
  int code = SQLITE_OK;
  while ((code = query->step()) == SQLITE_ROW) found.push_back({relay_id, query->amount(0)});
  if (code != SQLITE_DONE) return database_.error(reading);
  // Ids use all 64 bits, which SQLite would order as signed ones.
  std::sort(found.begin(), found.end());
  return found;
}

Result<std::vector<AccountUsage>> SqliteLedger::usage(UnixSeconds since_s) {
  StatementUse query(usage_);
  query->bind(1, since_s);
  std::vector<AccountUsage> found;
  int code = SQLITE_OK;
  while ((code = query->step()) == SQLITE_ROW) {
    AccountUsage usage;
    usage.account.csp = query->text(0);
    usage.account.media = static_cast<broker::MediaType>(query->number(1));
    usage.account.period_start_s = query->number(2);
    usage.account.client = query->text(3);
    const Share sums = totals_in(usage_, 4);
    usage.used = sums.used;
    usage.charged_octets = sums.charged_octets;
    usage.granted_octets = sums.granted_octets;
    found.push_back(std::move(usage));
  }
  if (code != SQLITE_DONE) return database_.error(reading);
  return found;
}

Status SqliteLedger::revoke(const std::string& what, UnixSeconds revoked_at_s,
                            UnixSeconds forget_after_s) {
  if (what.empty() || what.size() > broker::revocation_octets_max)
    return Error{fmt::format("what is revoked has {} octets; 1 to {} are allowed", what.size(),
                             broker::revocation_octets_max)};
  Result<SqliteTransaction> transaction = SqliteTransaction::begin(database_);
  if (!transaction) return transaction.error();
  {
    StatementUse drop(drop_revocations_);
    drop->bind(1, revoked_at_s);
    if (Status dropped = run(database_, drop); !dropped) return dropped;
    StatementUse count(count_revocations_);
    count->bind(1, std::string_view(what));
    if (count->step() != SQLITE_ROW) return database_.error(reading);
    if (count->amount(0) >= broker::revocations_max)
      return Error{fmt::format("{} revocations are kept already, which is the most",
                               broker::revocations_max)};
    StatementUse insert(revoke_);
    insert->bind(1, std::string_view(what));
    insert->bind(2, revoked_at_s);
    insert->bind(3, forget_after_s);
    if (Status inserted = run(database_, insert); !inserted) return inserted;
  }
  return transaction.value().commit();
}

Result<std::vector<SqliteLedger::Revocation>> SqliteLedger::revocations(UnixSeconds now_s) {
  StatementUse query(revocations_);
  query->bind(1, now_s);
  std::vector<Revocation> found;
  int code = SQLITE_OK;
  while ((code = query->step()) == SQLITE_ROW)
    found.push_back({query->text(0), query->number(1), query->number(2)});
  if (code != SQLITE_DONE) return database_.error(reading);
  return found;
}

}  // namespace plugin
