// What is particular to the ledger in SQLite: its file, and a disk that fails.
#include <sqlite3.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdio>
#include <fstream>

#include "conformance/faulty_disk.h"
#include "conformance/ledger_stores.h"
#include "sqlite/sqlite_schema.h"

using namespace conformance;
using Catch::Matchers::Contains;
using plugin::SqliteLedger;

namespace {

/// A connection beside the ledger's own.
class OtherProgram {
 public:
  explicit OtherProgram(const std::string& path) {
    if (sqlite3_open(path.c_str(), &handle_) != SQLITE_OK) throw std::runtime_error("cannot open");
  }
  OtherProgram(const OtherProgram&) = delete;
  OtherProgram& operator=(const OtherProgram&) = delete;
  ~OtherProgram() { sqlite3_close(handle_); }
  void execute(const std::string& sql) {
    if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
      throw std::runtime_error(sqlite3_errmsg(handle_));
  }

 private:
  sqlite3* handle_ = nullptr;
};

/// Why the file cannot be opened as a ledger.
std::string refusal(const std::string& path) {
  const auto ledger = SqliteLedger::open(path);
  return ledger ? "it was opened" : ledger.error().message;
}

void write_file(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The permissions; 0 when there is no such file.
mode_t mode_of(const std::string& path) {
  struct stat file {};
  return ::stat(path.c_str(), &file) == 0 ? file.st_mode & 07777U : 0;
}

/// What SQLite does on the connections that are opened while this lives. One at a time.
class SqliteWork {
 public:
  std::size_t commits = 0;
  std::size_t statements = 0;
  std::size_t rows_scanned = 0;  ///< that no index led to
  std::size_t steps = 0;         ///< of SQLite's machine: the work, whatever time it takes

  SqliteWork() {
    current_ = this;
    sqlite3_auto_extension(reinterpret_cast<void (*)()>(watch));
  }
  SqliteWork(const SqliteWork&) = delete;
  SqliteWork& operator=(const SqliteWork&) = delete;
  ~SqliteWork() {
    sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(watch));
    current_ = nullptr;
  }
  void reset() { commits = statements = rows_scanned = steps = 0; }

 private:
  static int watch(sqlite3* database, const char**, const sqlite3_api_routines*) {
    sqlite3_commit_hook(database, committed, nullptr);
    return sqlite3_trace_v2(database, SQLITE_TRACE_PROFILE, ended, nullptr);
  }
  static int committed(void*) {
    if (current_ != nullptr) ++current_->commits;
    return 0;
  }
  static std::size_t taken(sqlite3_stmt* statement, int what) {
    return static_cast<std::size_t>(sqlite3_stmt_status(statement, what, 1));
  }
  static int ended(unsigned, void*, void* which, void*) {
    if (current_ == nullptr) return 0;
    auto* statement = static_cast<sqlite3_stmt*>(which);
    ++current_->statements;
    current_->rows_scanned += taken(statement, SQLITE_STMTSTATUS_FULLSCAN_STEP);
    current_->steps += taken(statement, SQLITE_STMTSTATUS_VM_STEP);
    return 0;
  }
  static inline SqliteWork* current_ = nullptr;
};

const broker::UsageReport some_report = Report(acme_video, 1000).charged(7).granted(9);

}  // namespace

TEST_CASE("a file that is no database is refused by name and left alone") {
  TemporaryDirectory directory;
  const std::string path = directory.file("notes.txt");
  const std::string content(5000, 'x');
  write_file(path, content);
  CHECK_THAT(refusal(path), Contains(path) && Contains("not a database"));
  CHECK(read_file(path) == content);
}

TEST_CASE("another program's database is refused and left alone") {
  TemporaryDirectory directory;
  const std::string path = directory.file("turndb");
  OtherProgram(path).execute("CREATE TABLE turnusers_lt (realm, name)");
  const std::string content = read_file(path);
  CHECK_THAT(refusal(path), Contains(path) && Contains("another program"));
  CHECK(read_file(path) == content);
  OtherProgram(path).execute("DROP TABLE turnusers_lt; PRAGMA application_id = 7");
  CHECK_THAT(refusal(path), Contains("another program"));
}

TEST_CASE("a ledger of a newer version is refused and says so") {
  TemporaryDirectory directory;
  const std::string path = directory.file("ledger");
  open_sqlite(path);
  OtherProgram(path).execute("PRAGMA user_version = 2");
  CHECK_THAT(refusal(path), Contains(path) && Contains("schema version 2") && Contains("newer") &&
                                Contains("up to 1"));
  OtherProgram(path).execute("PRAGMA user_version = 0");
  CHECK_THAT(refusal(path), Contains("schema version 0"));
}

TEST_CASE("a path that cannot be a file is refused with the system's reason") {
  TemporaryDirectory directory;
  const std::string missing = directory.file("no/such/directory/ledger");
  CHECK_THAT(refusal(missing), Contains(missing) && Contains("No such file or directory"));
  CHECK_THAT(refusal(directory.file("")), Contains("unable to open"));
  CHECK_THAT(refusal(""), Contains("empty"));
  CHECK_THAT(refusal(":memory:"), Contains("write-ahead logging is not possible"));
}

TEST_CASE("a file that can only be read is refused") {
  TemporaryDirectory directory;
  const std::string path = directory.file("ledger");
  open_sqlite(path);
  FaultyDisk disk;
  disk.only_readable(true);
  CHECK_THAT(refusal(path), Contains(path) && Contains("only be read"));
}

TEST_CASE("a damaged file is refused, wherever the damage is, or found out later without harm") {
  TemporaryDirectory directory;
  const std::string path = directory.file("ledger");
  {
    auto ledger = open_sqlite(path);
    std::vector<broker::UsageReport> reports;
    for (int i = 0; i < 200; ++i) {
      reports.push_back(some_report);
      reports.back().account.client = "client-" + std::to_string(i);
    }
    got(ledger->exchange(relay_a, reports));
  }
  const std::string sound = read_file(path);
  REQUIRE(sound.size() > 3 * 4096);
  int refused = 0;
  for (std::size_t at = 0; at < sound.size(); at += 997) {
    std::string damaged = sound;
    for (std::size_t i = at; i < std::min(at + 60, damaged.size()); ++i)
      damaged[i] = static_cast<char>(damaged[i] ^ 0x5A);
    write_file(path, damaged);
    auto ledger = SqliteLedger::open(path);
    if (!ledger) {
      ++refused;
      CHECK_THAT(ledger.error().message, Contains(path));
      continue;
    }
    // Damage in values is beyond what can be seen; calls answer or refuse, and do not crash.
    static_cast<void>(ledger.value()->usage(0));
    static_cast<void>(ledger.value()->exchange(relay_b, {some_report}));
    static_cast<void>(ledger.value()->end(relay_a, {some_report}));
  }
  CHECK(refused > 0);
  for (const std::size_t size : {50, 100, 4095, 4096, 4097, 8192}) {
    write_file(path, sound.substr(0, size));
    INFO("cut at " << size);
    CHECK_THAT(refusal(path), Contains(path));
  }
}

TEST_CASE("sums that contradict the shares are reported, not built upon") {
  TemporaryDirectory directory;
  const std::string path = directory.file("ledger");
  auto ledger = open_sqlite(path);
  exchange_one(*ledger, relay_a, some_report);
  for (const char* damage : {"charged_octets = 1", "granted_octets = -5"}) {
    OtherProgram(path).execute(std::string("UPDATE accounts SET ") + damage);
    const auto answer = ledger->exchange(relay_a, {some_report});
    REQUIRE_FALSE(answer);
    CHECK_THAT(answer.error().message, Contains(path) && Contains("damaged"));
  }
}

TEST_CASE("a locked file is waited for only so long, and then works again") {
  TemporaryDirectory directory;
  const std::string path = directory.file("ledger");
  auto ledger = open_sqlite(path);
  OtherProgram other(path);
  other.execute("BEGIN IMMEDIATE");
  const auto begun = std::chrono::steady_clock::now();
  const auto answer = ledger->exchange(relay_a, {some_report});
  const auto waited = std::chrono::steady_clock::now() - begun;
  REQUIRE_FALSE(answer);
  CHECK_THAT(answer.error().message, Contains(path) && Contains("locked"));
  CHECK(waited < std::chrono::milliseconds(2 * plugin::sqlite_busy_ms_max));
  other.execute("ROLLBACK");
  CHECK(ledger->exchange(relay_a, {some_report}));
}

TEST_CASE("two processes can share a file") {
  TemporaryDirectory directory;
  const std::string path = directory.file("ledger");
  auto one = open_sqlite(path);
  auto two = open_sqlite(path);
  CHECK(exchange_one(*one, relay_a, Report(acme_video, 100).wants(60)).granted_octets == 60);
  CHECK(exchange_one(*two, relay_b, Report(acme_video, 100).wants(60)).granted_octets == 40);
  CHECK(got(one->usage(0)) == got(two->usage(0)));
}

TEST_CASE("a full disk refuses the exchange with its reason, and nothing is half stored") {
  TemporaryDirectory directory;
  const std::string path = directory.file("ledger");
  FaultyDisk disk;
  auto ledger = open_sqlite(path);
  exchange_one(*ledger, relay_a, some_report);
  const auto before = got(ledger->usage(0));

  const int code = GENERATE(SQLITE_FULL, SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC);
  disk.before_change([code](DiskChange) { return code; });
  const broker::UsageReport more = Report(acme_video, 1000).charged(500).granted(600);
  const auto answer = ledger->exchange(relay_a, {more});
  REQUIRE_FALSE(answer);
  CHECK_THAT(answer.error().message,
             Contains(path) && Contains(code == SQLITE_FULL ? "disk is full" : "disk I/O error"));
  CHECK_FALSE(ledger->end(relay_a, {more}));
  CHECK_FALSE(ledger->revoke("csp:acme", 1, 2));
  CHECK(got(ledger->usage(0)) == before);

  disk.before_change({});
  CHECK(exchange_one(*ledger, relay_a, more).granted_octets == 600);
  ledger.reset();
  CHECK(usage_of(*open_sqlite(path), acme_video).charged_octets == 500);
}

TEST_CASE("whichever change of the disk fails, an exchange is there whole or not at all") {
  TemporaryDirectory directory;
  const std::string path = directory.file("ledger");
  FaultyDisk disk;
  auto ledger = open_sqlite(path);
  broker::AccountKey other = acme_video;
  other.client = "bob";
  std::uint64_t octets = 10;
  int failures = 0;
  for (int failing = 1; failing <= 60; ++failing) {
    int left = failing;
    disk.before_change([&left](DiskChange) { return --left == 0 ? SQLITE_FULL : SQLITE_OK; });
    octets += 10;
    const std::uint64_t limit = 1'000'000;
    const auto answer = ledger->exchange(
        relay_a, {Report(acme_video, limit).charged(octets), Report(other, limit).charged(octets)});
    disk.before_change({});
    failures += answer ? 0 : 1;
    const std::uint64_t stored = usage_of(*ledger, acme_video).charged_octets;
    CHECK(usage_of(*ledger, other).charged_octets == stored);
    if (answer)
      CHECK(stored == octets);
    else
      CHECK(stored < octets);
  }
  CHECK(failures > 3);
  ledger.reset();
  CHECK(usage_of(*open_sqlite(path), other).charged_octets == octets);
}

TEST_CASE("revocations have a bound, and those kept can still be prolonged") {
  TemporaryDirectory directory;
  const std::string path = directory.file("ledger");
  auto ledger = open_sqlite(path);
  OtherProgram(path).execute(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " +
      std::to_string(broker::revocations_max) +
      ") INSERT INTO revocations SELECT 'client:' || i, 10, 1000 FROM n");
  const auto refused = ledger->revoke("csp:acme", 20, 1000);
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().message, Contains("100000 revocations"));
  CHECK(ledger->revoke("client:7", 20, 2000));
  CHECK(got(ledger->revocations(1000)).size() == 1);
  CHECK(ledger->revoke("csp:acme", 1000, 2000));
  CHECK(got(ledger->revocations(0)).size() == 2);
}

TEST_CASE("an exchange is synced before it returns, and one that changes nothing spares the disk") {
  TemporaryDirectory directory;
  FaultyDisk disk;
  auto ledger = open_sqlite(directory.file("ledger"));
  exchange_one(*ledger, relay_a, some_report);
  std::vector<DiskChange> changes;
  disk.before_change([&changes](DiskChange change) {
    changes.push_back(change);
    return SQLITE_OK;
  });
  exchange_one(*ledger, relay_a, Report(acme_video, 1000).charged(8).granted(9));
  REQUIRE_FALSE(changes.empty());
  CHECK(changes.back() == DiskChange::sync);

  changes.clear();
  exchange_one(*ledger, relay_a, Report(acme_video, 1000).charged(8).granted(9));
  CHECK(changes.empty());

  CHECK(ledger->end(relay_a, {}));
  REQUIRE_FALSE(changes.empty());
  CHECK(changes.back() == DiskChange::sync);
  disk.before_change({});
}

TEST_CASE("the files of a ledger are their owner's alone, those of an older version as well") {
  TemporaryDirectory directory;
  const std::string path = directory.file("ledger");
  const std::vector<std::string> files{path, path + "-wal", path + "-shm"};
  const mode_t before = ::umask(0022);
  {
    auto ledger = open_sqlite(path);
    exchange_one(*ledger, relay_a, some_report);
    for (const std::string& file : files) CHECK(mode_of(file) == 0600U);
    // As a version before made them, and as a crash leaves them.
    for (const std::string& file : files) REQUIRE(::chmod(file.c_str(), 0644) == 0);
    auto again = open_sqlite(path);
    for (const std::string& file : files) CHECK(mode_of(file) == 0600U);
    CHECK(usage_of(*again, acme_video).charged_octets == 7);
    CHECK(usage_of(*ledger, acme_video).charged_octets == 7);
  }
  REQUIRE(::chmod(path.c_str(), 0644) == 0);
  exchange_one(*open_sqlite(path), relay_a, some_report);
  CHECK(mode_of(path) == 0600U);
  ::umask(before);
}

TEST_CASE("another program's database keeps its mode") {
  TemporaryDirectory directory;
  const std::string path = directory.file("turndb");
  OtherProgram(path).execute("CREATE TABLE turnusers_lt (realm, name)");
  REQUIRE(::chmod(path.c_str(), 0664) == 0);
  CHECK_THAT(refusal(path), Contains("another program"));
  CHECK(mode_of(path) == 0664U);
}

TEST_CASE("clients are forgotten when their period has ended long ago, CSPs are not") {
  TemporaryDirectory directory;
  const std::string path = directory.file("ledger");
  constexpr std::int64_t start_s = 1'798'761'600;
  constexpr std::int64_t day_s = 86'400;
  const auto client = [](std::int64_t period_start_s, int number) {
    return Report({"acme", broker::MediaType::video, period_start_s,
                   "client-" + std::to_string(number)},
                  1'000'000)
        .charged(7)
        .granted(9);
  };
  auto ledger = open_sqlite(path);
  {
    // A file that a version without these indexes left.
    OtherProgram other(path);
    other.execute("DROP INDEX clients_by_period; DROP INDEX shares_by_account");
  }
  std::vector<broker::UsageReport> reports;
  for (int i = 0; i < 1'000; ++i) reports.push_back(client(start_s, i));
  reports.push_back(client(0, 1));  // of a volume for good
  reports.push_back(Report(acme_video, 1'000'000).charged(70).granted(90));
  got(ledger->exchange(relay_a, reports));
  // Shares of a life that is open, and sums of one that has ended.
  got(ledger->exchange(relay_b, reports));
  CHECK(ledger->end(relay_b, {}));
  const std::size_t all = reports.size();
  const auto count = [&] { return got(ledger->usage(INT64_MIN)).size(); };
  CHECK(count() == all);
  ledger = open_sqlite(path);

  // A clock that is ahead, and set, and not before another start.
  got(ledger->exchange(relay_a, {client(start_s + 400 * day_s, 1)}));
  got(ledger->exchange(relay_a, {client(start_s, 1)}));
  ledger = open_sqlite(path);
  got(ledger->exchange(relay_a, {client(start_s, 1)}));
  got(ledger->exchange(relay_a, {client(start_s + 40 * day_s, 1)}));
  CHECK(count() == all + 2);
  SqliteWork work;
  ledger = open_sqlite(path);
  for (std::size_t left = 800;; left -= 200) {
    work.reset();
    got(ledger->exchange(relay_a, {client(start_s + 41 * day_s, 1)}));
    CHECK(work.rows_scanned == 0);
    CHECK(count() == left + 5);
    if (left == 0) break;
  }
  got(ledger->exchange(relay_a, {client(start_s + 41 * day_s, 1)}));
  CHECK(count() == 5);
  CHECK(usage_of(*ledger, acme_video).charged_octets == 140);
  CHECK(usage_of(*ledger, client(0, 1).account).charged_octets == 14);

  // A relay that tells late of one who was forgotten is heard, and its end returns what it did not use.
  got(ledger->exchange(relay_a, {client(start_s, 5)}));
  CHECK(usage_of(*ledger, client(start_s, 5).account).charged_octets == 7);
  CHECK(ledger->end(relay_a, {}));
  for (const broker::AccountUsage& usage : got(ledger->usage(INT64_MIN)))
    CHECK(usage.granted_octets == usage.charged_octets);
}

TEST_CASE("ten thousand reports in one exchange cost one transaction and look at no row in vain") {
  TemporaryDirectory directory;
  FaultyDisk disk;
  SqliteWork work;
  auto ledger = open_sqlite(directory.file("ledger"));
  std::vector<broker::UsageReport> reports;
  for (int i = 0; i < 10'000; ++i) {
    reports.push_back(Report(acme_video, 1'000'000).charged(7).granted(9).wants(100));
    reports.back().account.client = "client-" + std::to_string(i);
  }
  std::size_t syncs = 0;
  disk.before_change([&syncs](DiskChange change) {
    syncs += change == DiskChange::sync ? 1U : 0U;
    return SQLITE_OK;
  });
  for (const char* round : {"new accounts", "known accounts"}) {
    CAPTURE(round);
    for (broker::UsageReport& report : reports) report.charged_octets += 10;
    syncs = 0;
    work.reset();
    REQUIRE(got(ledger->exchange(relay_a, reports)).size() == reports.size());
    CHECK(work.commits == 1);
    // Of the commit, and of a checkpoint: the write-ahead log and the database.
    CHECK(syncs >= 1);
    CHECK(syncs <= 4);
    // Finds the account and the share and stores both; the rest is of the transaction.
    CHECK(work.statements <= 4 * reports.size() + 10);
    CHECK(work.rows_scanned == 0);
    CHECK(work.steps <= 200 * reports.size());
  }
  // It is the transaction that spares the disk.
  syncs = 0;
  work.reset();
  for (std::size_t i = 0; i < 10; ++i) {
    reports[i].charged_octets += 10;
    exchange_one(*ledger, relay_a, reports[i]);
  }
  CHECK(work.commits == 10);
  CHECK(syncs >= 10);
  disk.before_change({});
}
