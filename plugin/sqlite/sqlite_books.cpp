#include "sqlite/sqlite_books.h"

#include <cstdint>

#include "broker/octets.h"
#include "sqlite/sqlite_handle.h"
#include "sqlite/sqlite_rows.h"

namespace plugin {

using broker::AccountBooks;
using broker::BooksPage;
using broker::IncarnationState;
using broker::Result;

namespace {

constexpr std::string_view reading = "read the ledger";
constexpr std::int64_t page = 500;

/// One row for each share, and one for an account without any. Shares are found by their key, which begins
/// with the incarnation: there are few of these, and no list of them is as true as the shares themselves.
constexpr std::string_view accounts_sql =
    "SELECT a.number, a.csp, a.media, a.period_start_s, a.client, "
    "a.client_to_peer_octets, a.peer_to_client_octets, a.client_to_peer_packets, "
    "a.peer_to_client_packets, a.charged_octets, a.granted_octets, "
    "s.incarnation, s.client_to_peer_octets, s.peer_to_client_octets, s.client_to_peer_packets, "
    "s.peer_to_client_packets, s.charged_octets, s.granted_octets, s.sequence, "
    "i.relay_id, i.id, i.ended IS NOT NULL, i.number IS NOT NULL "
    "FROM (SELECT * FROM accounts WHERE number > ?1 AND (?2 = '' OR csp = ?2) "
    "AND (?3 OR client = '') ORDER BY number LIMIT ?4) a "
    "LEFT JOIN shares s ON s.incarnation IN (SELECT DISTINCT incarnation FROM shares) "
    "AND s.account = a.number "
    "LEFT JOIN incarnations i ON i.number = s.incarnation ORDER BY a.number, s.incarnation";
constexpr int sums_at = 5;
constexpr int share_at = 11;
constexpr int incarnation_at = 19;

constexpr std::string_view strays_sql =
    "SELECT count(*) FROM shares WHERE account NOT IN (SELECT number FROM accounts)";

bool is_amount_each(const broker::Share& share) {
  for (const std::uint64_t amount :
       {share.granted_octets, share.charged_octets, share.used.octets[0], share.used.octets[1],
        share.used.packets[0], share.used.packets[1], share.sequence})
    if (amount > broker::octets_max) return false;
  return true;
}

class Reader final : public broker::BooksReader {
 public:
  Reader(SqliteDatabase database, SqliteStatement accounts, broker::BooksQuery query)
      : database_(std::move(database)), accounts_(std::move(accounts)), query_(std::move(query)) {}

  void next(Done done) override { done(read()); }

 private:
  Result<BooksPage> read() {
    BooksPage found;
    std::int64_t accounts = 0;
    {
      StatementUse query(accounts_);
      query->bind(1, after_);
      query->bind(2, std::string_view(query_.csp));
      query->bind(3, std::int64_t{query_.clients ? 1 : 0});
      query->bind(4, page);
      int code = SQLITE_OK;
      while ((code = query->step()) == SQLITE_ROW) {
        if (query->number(0) != after_ || accounts == 0) {
          after_ = query->number(0);
          ++accounts;
          found.accounts.push_back(account());
        }
        take_share(found.accounts.back());
      }
      if (code != SQLITE_DONE) return database_.error(reading);
    }
    found.last = accounts < page;
    if (!found.last) return found;
    const Result<std::int64_t> strays = database_.query_number(strays_sql, reading);
    if (!strays) return strays.error();
    if (strays.value() != 0)
      found.damage.push_back(std::to_string(strays.value()) +
                             " shares are of accounts that are not there");
    return found;
  }

  AccountBooks account() {
    AccountBooks books;
    books.account.csp = accounts_.text(1);
    books.account.period_start_s = accounts_.number(3);
    books.account.client = accounts_.text(4);
    const std::int64_t media = accounts_.number(2);
    if (media >= 0 && media < static_cast<std::int64_t>(broker::all_media_types.size()))
      books.account.media = static_cast<broker::MediaType>(media);
    else
      books.damage.push_back("its media type is " + std::to_string(media) + ", which is none");
    books.totals = totals_in(accounts_, sums_at);
    if (!is_amount_each(books.totals))
      books.damage.emplace_back("one of its totals is negative, which is no amount");
    return books;
  }

  void take_share(AccountBooks& books) {
    const auto number = static_cast<std::uint64_t>(accounts_.number(share_at));
    if (number == 0) return;
    broker::BookedShare booked;
    booked.share = totals_in(accounts_, share_at + 1);
    booked.share.sequence = accounts_.amount(share_at + 7);
    if (accounts_.number(incarnation_at + 3) == 0) {
      booked.who = {"", number};
      booked.state = IncarnationState::unknown;
    } else {
      booked.who = {accounts_.text(incarnation_at), accounts_.amount(incarnation_at + 1)};
      if (accounts_.number(incarnation_at + 2) != 0) booked.state = IncarnationState::ended;
    }
    if (is_amount_each(booked.share))
      books.shares.push_back(std::move(booked));
    else
      books.damage.push_back("an amount in the share of incarnation number " +
                             std::to_string(number) + " is negative");
  }

  SqliteDatabase database_;  // declared first: the statement goes before it
  SqliteStatement accounts_;
  broker::BooksQuery query_;
  std::int64_t after_ = 0;  ///< number of the last account that was told
};

}  // namespace

Result<std::unique_ptr<broker::BooksReader>> SqliteBooks::read(const broker::BooksQuery& query) {
  Result<SqliteDatabase> database = SqliteDatabase::open_to_read(path_);
  if (!database) return database.error();
  Result<SqliteStatement> accounts = database.value().prepare(accounts_sql);
  if (!accounts) return accounts.error();
  return std::unique_ptr<broker::BooksReader>(
      std::make_unique<Reader>(std::move(database).value(), std::move(accounts).value(), query));
}

}  // namespace plugin
