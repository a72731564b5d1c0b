#include "ledger_file.h"

#include <sqlite3.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace turntest {
namespace {

constexpr const char* query =
    "SELECT sum(client_to_peer_octets), sum(peer_to_client_octets), sum(client_to_peer_packets), "
    "sum(peer_to_client_packets), sum(charged_octets), sum(granted_octets), "
    "(SELECT count(*) FROM incarnations WHERE ended IS NULL) FROM accounts WHERE client = ''";
constexpr int busy_timeout_ms = 5'000;

struct Close {
  void operator()(sqlite3* database) const { sqlite3_close(database); }
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

}  // namespace

LedgerSums read_ledger(const std::filesystem::path& file) {
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(file.c_str(), &opened, SQLITE_OPEN_READONLY, nullptr);
  const std::unique_ptr<sqlite3, Close> database(opened);
  const auto fail = [&] {
    throw std::runtime_error(file.string() + ": " + sqlite3_errmsg(database.get()));
  };
  if (code != SQLITE_OK) fail();
  sqlite3_busy_timeout(database.get(), busy_timeout_ms);
  sqlite3_stmt* prepared = nullptr;
  if (sqlite3_prepare_v2(database.get(), query, -1, &prepared, nullptr) != SQLITE_OK) fail();
  const std::unique_ptr<sqlite3_stmt, Close> statement(prepared);
  if (sqlite3_step(statement.get()) != SQLITE_ROW) fail();
  const auto number = [&](int column) {
    return static_cast<std::uint64_t>(sqlite3_column_int64(statement.get(), column));
  };
  return {number(0), number(1), number(2), number(3), number(4), number(5), number(6)};
}

}  // namespace turntest
