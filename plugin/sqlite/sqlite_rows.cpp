#include "sqlite/sqlite_rows.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "broker/names.h"
#include "broker/octets.h"

namespace plugin {

using broker::AccountKey;
using broker::Error;
using broker::Nothing;
using broker::OthersTotals;
using broker::Result;
using broker::Share;
using broker::Status;

namespace {

constexpr std::string_view reading = "read the ledger";
constexpr std::string_view writing = "write";

constexpr std::size_t amounts_count = 6;

/// How long after its period's start a client may be forgotten: a month has ended then. As in exchange.lua.
constexpr std::int64_t client_kept_s = 40 * 86'400;

/// A share's amounts in the order of the tables' columns.
std::array<std::uint64_t, amounts_count> amounts_of(const Share& share) {
  return {share.used.octets[0],  share.used.octets[1], share.used.packets[0],
          share.used.packets[1], share.charged_octets, share.granted_octets};
}

Share share_of(const std::array<std::uint64_t, amounts_count>& amounts) {
  Share share;
  share.used.octets = {amounts[0], amounts[1]};
  share.used.packets = {amounts[2], amounts[3]};
  share.charged_octets = amounts[4];
  share.granted_octets = amounts[5];
  return share;
}

void bind_amounts(StatementUse& row, int first, const Share& share) {
  int position = first;
  for (const std::uint64_t amount : amounts_of(share)) row->bind(position++, amount);
}

}  // namespace

Share totals_in(const SqliteStatement& row, int first) {
  std::array<std::uint64_t, amounts_count> amounts{};
  for (std::size_t i = 0; i < amounts.size(); ++i)
    amounts[i] = row.amount(first + static_cast<int>(i));
  return share_of(amounts);
}

Result<OthersTotals> others_of(const SqliteDatabase& database, const AccountRow& account,
                               const Share& share) {
  const auto sums = amounts_of(account.sums);
  const auto own = amounts_of(share);
  std::array<std::uint64_t, amounts_count> left{};
  for (std::size_t i = 0; i < sums.size(); ++i) {
    if (sums[i] > broker::octets_max || own[i] > sums[i])
      return database.error(
          reading, "the sums of account number " + std::to_string(account.number) + " are damaged");
    left[i] = sums[i] - own[i];
  }
  const Share others = share_of(left);
  return OthersTotals{others.granted_octets, others.charged_octets, others.used};
}

Result<SqliteRows> SqliteRows::prepare(SqliteDatabase& database) {
  SqliteRows rows;
  const std::array<std::pair<SqliteStatement*, std::string_view>, 11> statements{{
      {&rows.find_account_,
       "SELECT number, client_to_peer_octets, peer_to_client_octets, client_to_peer_packets, "
       "peer_to_client_packets, charged_octets, granted_octets FROM accounts "
       "WHERE csp = ? AND media = ? AND period_start_s = ? AND client = ?"},
      {&rows.insert_account_,
       "INSERT INTO accounts (client_to_peer_octets, peer_to_client_octets, "
       "client_to_peer_packets, peer_to_client_packets, charged_octets, granted_octets, "
       "csp, media, period_start_s, client) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
       "RETURNING number"},
      {&rows.update_account_,
       "UPDATE accounts SET client_to_peer_octets = ?, peer_to_client_octets = ?, "
       "client_to_peer_packets = ?, peer_to_client_packets = ?, charged_octets = ?, "
       "granted_octets = ? WHERE number = ?"},
      {&rows.find_share_,
       "SELECT client_to_peer_octets, peer_to_client_octets, client_to_peer_packets, "
       "peer_to_client_packets, charged_octets, granted_octets, sequence FROM shares "
       "WHERE incarnation = ? AND account = ?"},
      {&rows.store_share_,
       "INSERT OR REPLACE INTO shares (incarnation, account, client_to_peer_octets, "
       "peer_to_client_octets, client_to_peer_packets, peer_to_client_packets, charged_octets, "
       "granted_octets, sequence) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"},
      {&rows.charge_grants_,
       "UPDATE accounts SET charged_octets = charged_octets + "
       "(SELECT granted_octets - charged_octets FROM shares "
       "WHERE incarnation = ?1 AND account = accounts.number) "
       "WHERE number IN (SELECT account FROM shares WHERE incarnation = ?1)"},
      {&rows.charge_shares_,
       "UPDATE shares SET charged_octets = granted_octets WHERE incarnation = ?"},
      {&rows.fold_grants_,
       "UPDATE accounts SET granted_octets = granted_octets - "
       "(SELECT granted_octets - charged_octets FROM shares "
       "WHERE incarnation = ?1 AND account = accounts.number) "
       "WHERE number IN (SELECT account FROM shares WHERE incarnation = ?1)"},
      {&rows.drop_shares_, "DELETE FROM shares WHERE incarnation = ?"},
      {&rows.forget_shares_,
       "DELETE FROM shares WHERE account IN (SELECT number FROM accounts "
       "WHERE client <> '' AND period_start_s > 0 AND period_start_s < ? LIMIT 200)"},
      {&rows.forget_clients_,
       "DELETE FROM accounts WHERE number IN (SELECT number FROM accounts "
       "WHERE client <> '' AND period_start_s > 0 AND period_start_s < ? LIMIT 200)"},
  }};
  for (const auto& [statement, sql] : statements) {
    Result<SqliteStatement> prepared = database.prepare(sql);
    if (!prepared) return prepared.error();
    *statement = std::move(prepared).value();
  }
  return rows;
}

Result<AccountRow> SqliteRows::find_account(const SqliteDatabase& database, const AccountKey& key) {
  StatementUse find(find_account_);
  find->bind(1, std::string_view(key.csp));
  find->bind(2, static_cast<std::int64_t>(key.media));
  find->bind(3, key.period_start_s);
  find->bind(4, std::string_view(key.client));
  const int code = find->step();
  if (code == SQLITE_DONE) return AccountRow{};
  if (code != SQLITE_ROW) return database.error(reading);
  return AccountRow{find->number(0), totals_in(find_account_, 1)};
}

Result<ShareRow> SqliteRows::find_share(const SqliteDatabase& database, std::int64_t incarnation,
                                        std::int64_t account) {
  if (account == 0) return ShareRow{};
  StatementUse find(find_share_);
  find->bind(1, incarnation);
  find->bind(2, account);
  const int code = find->step();
  if (code == SQLITE_DONE) return ShareRow{};
  if (code != SQLITE_ROW) return database.error(reading);
  ShareRow row{true, totals_in(find_share_, 0)};
  row.share.sequence = find->amount(6);
  return row;
}

Result<std::int64_t> SqliteRows::store_account(const SqliteDatabase& database,
                                               const AccountKey& key, std::int64_t number,
                                               const Share& sums) {
  if (number != 0) {
    StatementUse update(update_account_);
    bind_amounts(update, 1, sums);
    update->bind(7, number);
    if (update->step() != SQLITE_DONE) return database.error(writing);
    return number;
  }
  StatementUse insert(insert_account_);
  bind_amounts(insert, 1, sums);
  insert->bind(7, std::string_view(key.csp));
  insert->bind(8, static_cast<std::int64_t>(key.media));
  insert->bind(9, key.period_start_s);
  insert->bind(10, std::string_view(key.client));
  if (insert->step() != SQLITE_ROW) return database.error(writing);
  const std::int64_t inserted = insert->number(0);
  if (insert->step() != SQLITE_DONE) return database.error(writing);
  return inserted;
}

Status SqliteRows::store(const SqliteDatabase& database, const AccountKey& key,
                         const AccountRow& account, std::int64_t incarnation, const ShareRow& old,
                         const Share& share) {
  if (old.stored && old.share == share) return Nothing{};
  const auto before = amounts_of(old.share);
  const auto after = amounts_of(share);
  // A client that has told of nothing, and is granted nothing, leaves no trace: anybody may make names up.
  if (!key.client.empty() && !old.stored && after == decltype(after){}) return Nothing{};
  auto sums = amounts_of(account.sums);
  for (std::size_t i = 0; i < sums.size(); ++i) {
    sums[i] = sums[i] - before[i] + after[i];
    if (sums[i] > broker::octets_max)
      return Error{"the totals of account " + broker::for_log(key.csp) + "/" +
                   std::string(to_string(key.media)) + "/" + broker::for_log(key.client) +
                   " would exceed 2^63-1"};
  }
  const Result<std::int64_t> number = store_account(database, key, account.number, share_of(sums));
  if (!number) return number.error();
  StatementUse store(store_share_);
  store->bind(1, incarnation);
  store->bind(2, number.value());
  bind_amounts(store, 3, share);
  store->bind(9, share.sequence);
  if (store->step() != SQLITE_DONE) return database.error(writing);
  return Nothing{};
}

Status SqliteRows::run_for(const SqliteDatabase& database, std::int64_t incarnation,
                           std::initializer_list<SqliteStatement*> statements) {
  for (SqliteStatement* statement : statements) {
    StatementUse use(*statement);
    use->bind(1, incarnation);
    if (use->step() != SQLITE_DONE) return database.error(writing);
  }
  return Nothing{};
}

Status SqliteRows::charge_grants(const SqliteDatabase& database, std::int64_t incarnation) {
  return run_for(database, incarnation, {&charge_grants_, &charge_shares_});
}

Status SqliteRows::forget_clients(const SqliteDatabase& database, std::int64_t period_start_s) {
  if (period_start_s <= client_kept_s) return Nothing{};
  for (SqliteStatement* statement : {&forget_shares_, &forget_clients_}) {
    StatementUse use(*statement);
    use->bind(1, period_start_s - client_kept_s);
    if (use->step() != SQLITE_DONE) return database.error(writing);
  }
  return Nothing{};
}

Status SqliteRows::fold_shares(const SqliteDatabase& database, std::int64_t incarnation) {
  return run_for(database, incarnation, {&fold_grants_, &drop_shares_});
}

}  // namespace plugin
