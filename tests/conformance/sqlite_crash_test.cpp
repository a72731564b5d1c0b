// kill -9: every exchange that had returned is there afterwards, and the one under way is there
// whole or not at all.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <functional>
#include <random>

#include "conformance/faulty_disk.h"
#include "conformance/ledger_stores.h"

using namespace conformance;

namespace {

constexpr unsigned child_seconds_max = 60;

/// A child process, and the read end of the pipe it acknowledges its exchanges on.
class Child {
 public:
  /// `life` runs in the child with the pipe's write end, and must not return.
  explicit Child(const std::function<void(int)>& life) {
    int ends[2];
    if (pipe(ends) != 0) throw std::runtime_error("no pipe");
    pid_ = fork();
    if (pid_ < 0) throw std::runtime_error("no child");
    if (pid_ == 0) {
      close(ends[0]);
      alarm(child_seconds_max);
      life(ends[1]);
      _exit(1);
    }
    close(ends[1]);
    acknowledgements_ = ends[0];
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ > 0) static_cast<void>(wait_for_end());
    close(acknowledgements_);
  }

  /// The next acknowledged number; 0 when the child is gone and there are no more.
  std::uint64_t next() {
    std::uint64_t number = 0;
    return read(acknowledgements_, &number, sizeof number) == sizeof number ? number : 0;
  }
  void kill_now() { kill(pid_, SIGKILL); }
  /// The signal that ended it; 0 when it exited by itself.
  int wait_for_end() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  }

 private:
  pid_t pid_ = -1;
  int acknowledgements_ = -1;
};

broker::UsageReport report_of(std::uint64_t octets, const char* client) {
  broker::AccountKey key = acme_video;
  key.client = client;
  return Report(key, broker::octets_max).charged(octets).granted(octets).wants(1).number(octets);
}

/// Exchanges 1, 2, 3, … for as long as it is let.
void exchange_for_ever(const std::string& path, const broker::Incarnation& who, int acknowledge) {
  auto ledger = plugin::SqliteLedger::open(path);
  if (!ledger) _exit(2);
  for (std::uint64_t octets = 1;; ++octets) {
    if (!ledger.value()->exchange(who, {report_of(octets, ""), report_of(octets, "bob")})) _exit(3);
    if (write(acknowledge, &octets, sizeof octets) != sizeof octets) _exit(4);
  }
}

/// What the file says after the crash of one incarnation more, checked against what it
/// acknowledged.
void check_after_crash(const std::string& path, std::uint64_t settled_before,
                       std::uint64_t acknowledged, std::uint64_t& settled) {
  auto ledger = open_sqlite(path);
  const broker::AccountUsage usage = usage_of(*ledger, acme_video);
  const std::uint64_t recorded = usage.charged_octets - settled_before;
  CHECK(recorded >= acknowledged);
  CHECK(recorded <= acknowledged + 1);
  broker::AccountKey bob = acme_video;
  bob.client = "bob";
  CHECK(usage_of(*ledger, bob).charged_octets == usage.charged_octets);
  CHECK(got(ledger->open_incarnations("a")).size() <= 1);
  for (const broker::Incarnation& left : got(ledger->open_incarnations("a")))
    CHECK(ledger->end(left, {}));
  CHECK(usage_of(*ledger, acme_video).granted_octets == usage.charged_octets);
  settled = usage.charged_octets;
}

}  // namespace

TEST_CASE("killed at random moments, the ledger keeps every exchange that had returned") {
  const std::uint64_t seed = seed_or(std::random_device{}());
  WARN("LEDGER_SEED=" << seed);
  std::mt19937_64 random(seed);
  TemporaryDirectory directory;
  const std::string path = directory.file("ledger");
  std::uint64_t settled = 0;
  for (std::uint64_t life = 1; life <= 30; ++life) {
    INFO("LEDGER_SEED=" << seed << ", life " << life);
    Child child([&](int pipe_end) { exchange_for_ever(path, {"a", life}, pipe_end); });
    std::uint64_t acknowledged = 0;
    for (std::uint64_t left = random() % 40; left > 0; --left) {
      const std::uint64_t number = child.next();
      REQUIRE(number != 0);
      acknowledged = number;
    }
    child.kill_now();
    while (const std::uint64_t number = child.next()) acknowledged = number;
    REQUIRE(child.wait_for_end() == SIGKILL);
    check_after_crash(path, settled, acknowledged, settled);
  }
}

TEST_CASE(
    "killed before any one change of the disk, the ledger keeps every exchange that had returned") {
  TemporaryDirectory directory;
  const std::string path = directory.file("ledger");
  open_sqlite(path);
  std::uint64_t settled = 0;
  for (std::uint64_t change = 1; change <= 60; ++change) {
    INFO("killed before change " << change);
    Child child([&](int pipe_end) {
      FaultyDisk disk;
      std::uint64_t left = change;
      disk.before_change([&left](DiskChange) {
        if (--left == 0) raise(SIGKILL);
        return SQLITE_OK;
      });
      exchange_for_ever(path, {"a", change}, pipe_end);
    });
    std::uint64_t acknowledged = 0;
    while (const std::uint64_t number = child.next()) acknowledged = number;
    REQUIRE(child.wait_for_end() == SIGKILL);
    check_after_crash(path, settled, acknowledged, settled);
  }
}

TEST_CASE("killed while the file is being created, the next start creates it") {
  TemporaryDirectory directory;
  for (std::uint64_t change = 1; change <= 12; ++change) {
    INFO("killed before change " << change);
    const std::string path = directory.file("ledger-" + std::to_string(change));
    Child child([&](int pipe_end) {
      FaultyDisk disk;
      std::uint64_t left = change;
      disk.before_change([&left](DiskChange) {
        if (--left == 0) raise(SIGKILL);
        return SQLITE_OK;
      });
      exchange_for_ever(path, {"a", 1}, pipe_end);
    });
    REQUIRE(child.wait_for_end() == SIGKILL);
    CHECK(open_sqlite(path)->exchange(relay_b, {report_of(1, "")}));
  }
}
