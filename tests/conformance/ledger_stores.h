// The stores that the suite runs against, each behind the same two functions, and short ways to
// write reports down. Owner: the test. Threads: one thread at a time.
#pragma once

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "sqlite/sqlite_ledger.h"
#include "support/model_ledger.h"

namespace conformance {

/// A directory that goes with its owner.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "ledger-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
    path_ = name;
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

inline std::unique_ptr<plugin::SqliteLedger> open_sqlite(const std::string& path) {
  auto ledger = plugin::SqliteLedger::open(path);
  if (!ledger) throw std::runtime_error(ledger.error().message);
  return std::move(ledger).value();
}

/// A store under test. reopen() is what a restart of the process does to it.
class ModelFixture {
 public:
  static constexpr std::uint64_t amount_max = broker::octets_max;
  broker::LedgerStore& store() { return ledger_; }
  void reopen() {}

 private:
  broker::ModelLedger ledger_;
};

class SqliteFixture {
 public:
  static constexpr std::uint64_t amount_max = broker::octets_max;
  SqliteFixture() { reopen(); }
  broker::LedgerStore& store() { return *ledger_; }
  void reopen() {
    ledger_.reset();
    ledger_ = open_sqlite(directory_.file("ledger.sqlite3"));
  }

 private:
  TemporaryDirectory directory_;
  std::unique_ptr<plugin::SqliteLedger> ledger_;
};

/// The value, or a failed test that shows the error.
template <typename T>
T got(broker::Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return std::move(result).value();
}

inline const broker::AccountKey acme_video{"acme", broker::MediaType::video, 1'798'761'600, ""};
inline const broker::Incarnation relay_a{"a", 0xA1};
inline const broker::Incarnation relay_b{"b", 0xB1};

struct Report : broker::UsageReport {
  explicit Report(const broker::AccountKey& key, std::uint64_t limit) {
    account = key;
    limit_octets = limit;
  }
  /// Charged and counted, towards the peer, one packet each.
  Report& charged(std::uint64_t octets) {
    charged_octets = octets;
    used.octets[0] = octets;
    used.packets[0] = octets == 0 ? 0 : 1;
    return *this;
  }
  Report& granted(std::uint64_t octets) {
    granted_octets = octets;
    return *this;
  }
  Report& wants(std::uint64_t octets) {
    wanted_octets = octets;
    return *this;
  }
  Report& number(std::uint64_t value) {
    sequence = value;
    return *this;
  }
};

inline broker::Grant exchange_one(broker::LedgerStore& store, const broker::Incarnation& who,
                                  const broker::UsageReport& report) {
  broker::Grant grant = got(store.exchange(who, {report})).at(0);
  grant.holders = 0;  // a store for one relay does not count them; tested where they are
  return grant;
}

/// What the store says of one account; all zero when it does not know it.
inline broker::AccountUsage usage_of(broker::LedgerStore& store, const broker::AccountKey& key) {
  for (broker::AccountUsage& usage : got(store.usage(INT64_MIN)))
    if (usage.account == key) return std::move(usage);
  return {};
}

/// From the environment's LEDGER_SEED, or `otherwise`.
inline std::uint64_t seed_or(std::uint64_t otherwise) {
  const char* text = std::getenv("LEDGER_SEED");
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 0);
}

}  // namespace conformance
