#include "webhook/outbox.h"

#include <utility>
#include <vector>

#include "sqlite/sqlite_schema.h"

namespace plugin {

using broker::Nothing;
using broker::Result;
using broker::Status;

namespace {

// "TBW1"
constexpr std::int64_t outbox_application_id = 0x54425731;
constexpr SqliteSchema schema{"webhook outbox", outbox_application_id, 1, R"sql(
CREATE TABLE told (
  csp TEXT NOT NULL,
  media INTEGER NOT NULL,
  period TEXT NOT NULL,
  level INTEGER NOT NULL,
  limit_octets INTEGER NOT NULL,
  PRIMARY KEY (csp, media)
) STRICT, WITHOUT ROWID;
CREATE TABLE messages (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  csp TEXT NOT NULL,
  body TEXT NOT NULL,
  created_s INTEGER NOT NULL
) STRICT;
CREATE INDEX messages_by_csp ON messages (csp, number);
)sql"};

constexpr std::string_view reading = "read the webhook outbox";
constexpr std::string_view writing = "write the webhook outbox";

}  // namespace

Result<std::unique_ptr<Outbox>> Outbox::open(const std::string& path) {
  auto database = SqliteDatabase::open(path, schema.what);
  if (!database) return database.error();
  if (Status prepared = prepare_schema(database.value(), schema); !prepared)
    return prepared.error();
  std::unique_ptr<Outbox> outbox(new Outbox(std::move(database).value()));
  if (Status prepared = outbox->prepare_statements(); !prepared) return prepared.error();
  return outbox;
}

Status Outbox::prepare_statements() {
  const std::pair<SqliteStatement*, std::string_view> all[] = {
      {&told_, "SELECT csp, media, period, level, limit_octets FROM told"},
      {&counts_, "SELECT csp, count(*) FROM messages GROUP BY csp"},
      {&csps_, "SELECT csp FROM told UNION SELECT csp FROM messages"},
      {&tell_, "INSERT OR REPLACE INTO told VALUES (?, ?, ?, ?, ?)"},
      {&add_, "INSERT INTO messages (csp, body, created_s) VALUES (?, ?, ?)"},
      {&first_,
       "SELECT number, body, created_s FROM messages WHERE csp = ? ORDER BY number LIMIT 1"},
      {&remove_, "DELETE FROM messages WHERE number = ?"},
      {&forget_, "DELETE FROM told WHERE csp = ? AND media = ?"},
      {&drop_messages_, "DELETE FROM messages WHERE csp = ?"},
  };
  for (const auto& [statement, sql] : all) {
    auto prepared = database_.prepare(sql);
    if (!prepared) return prepared.error();
    *statement = std::move(prepared).value();
  }
  return Nothing{};
}

Result<std::map<Outbox::AccountName, broker::ToldLevel>> Outbox::told() {
  std::map<AccountName, broker::ToldLevel> all;
  StatementUse use(told_);
  int code = use->step();
  for (; code == SQLITE_ROW; code = use->step()) {
    const std::int64_t media = use->number(1);
    if (media < 0 || media > 2) continue;
    all[{use->text(0), static_cast<broker::MediaType>(media)}] = {
        use->text(2), static_cast<std::uint32_t>(use->number(3)), use->amount(4)};
  }
  if (code != SQLITE_DONE) return database_.error(reading);
  return all;
}

Result<std::map<std::string, std::size_t>> Outbox::counts() {
  std::map<std::string, std::size_t> all;
  StatementUse use(counts_);
  int code = use->step();
  for (; code == SQLITE_ROW; code = use->step())
    all[use->text(0)] = static_cast<std::size_t>(use->number(1));
  if (code != SQLITE_DONE) return database_.error(reading);
  return all;
}

Result<std::set<std::string>> Outbox::csps() {
  std::set<std::string> all;
  StatementUse use(csps_);
  int code = use->step();
  for (; code == SQLITE_ROW; code = use->step()) all.insert(use->text(0));
  if (code != SQLITE_DONE) return database_.error(reading);
  return all;
}

Status Outbox::announce(const AccountName& account, const broker::ToldLevel& told,
                        std::span<const std::string> bodies, broker::UnixSeconds now_s) {
  auto transaction = SqliteTransaction::begin(database_);
  if (!transaction) return transaction.error();
  {
    StatementUse use(tell_);
    use->bind(1, std::string_view(account.first));
    use->bind(2, static_cast<std::int64_t>(account.second));
    use->bind(3, std::string_view(told.period));
    use->bind(4, static_cast<std::int64_t>(told.level));
    use->bind(5, told.limit_octets);
    if (use->step() != SQLITE_DONE) return database_.error(writing);
  }
  for (const std::string& body : bodies) {
    StatementUse use(add_);
    use->bind(1, std::string_view(account.first));
    use->bind(2, std::string_view(body));
    use->bind(3, now_s);
    if (use->step() != SQLITE_DONE) return database_.error(writing);
  }
  return transaction.value().commit();
}

Result<std::optional<OutboxMessage>> Outbox::first(const std::string& csp) {
  StatementUse use(first_);
  use->bind(1, std::string_view(csp));
  const int code = use->step();
  if (code == SQLITE_DONE) return std::optional<OutboxMessage>();
  if (code != SQLITE_ROW) return database_.error(reading);
  return std::optional(OutboxMessage{use->number(0), use->text(1), use->number(2)});
}

Status Outbox::remove(std::int64_t number) {
  StatementUse use(remove_);
  use->bind(1, number);
  if (use->step() != SQLITE_DONE) return database_.error(writing);
  return Nothing{};
}

Result<std::uint64_t> Outbox::keep_only(const broker::Config& config,
                                        const std::set<std::string>& spared) {
  const auto csp_of = [&](const std::string& id) -> const broker::Csp* {
    const auto found = config.csps.find(id);
    return found == config.csps.end() || !found->second.webhook ? nullptr : &found->second;
  };
  const auto all_told = told();
  if (!all_told) return all_told.error();
  const auto all_counts = counts();
  if (!all_counts) return all_counts.error();

  auto transaction = SqliteTransaction::begin(database_);
  if (!transaction) return transaction.error();
  std::uint64_t dropped = 0;
  for (const auto& [account, level] : all_told.value()) {
    const broker::Csp* csp = csp_of(account.first);
    if (csp == nullptr ? spared.contains(account.first) : csp->quotas.contains(account.second))
      continue;
    StatementUse use(forget_);
    use->bind(1, std::string_view(account.first));
    use->bind(2, static_cast<std::int64_t>(account.second));
    if (use->step() != SQLITE_DONE) return database_.error(writing);
  }
  for (const auto& [id, count] : all_counts.value()) {
    if (csp_of(id) != nullptr || spared.contains(id)) continue;
    StatementUse use(drop_messages_);
    use->bind(1, std::string_view(id));
    if (use->step() != SQLITE_DONE) return database_.error(writing);
    dropped += count;
  }
  if (Status committed = transaction.value().commit(); !committed) return committed.error();
  return dropped;
}

}  // namespace plugin
