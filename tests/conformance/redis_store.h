// The Redis ledger as a store under test: one real server for all tests, emptied for each.
// Owner: each test. Threads: one.
#pragma once

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>

#include "clock.h"
#include "conformance/ledger_stores.h"
#include "host.h"
#include "http/handles.h"
#include "ledger/redis_ledger.h"
#include "ledger/waiting_ledger.h"
#include "redis/client.h"
#include "support/redis_server.h"

namespace conformance {

/// Says on the standard error what the plugin logs.
inline const plugin::Host& logging_host() {
  static const turn_host table = [] {
    turn_host made{};
    made.log = [](turn_log_level, const char* line) { std::fprintf(stderr, "%s\n", line); };
    return made;
  }();
  static const plugin::Host host(&table);
  return host;
}

/// A Redis server, a client and the ledger on it.
class RedisFixture {
 public:
  static constexpr std::uint64_t amount_max = plugin::redis_octets_max;

  explicit RedisFixture(std::int64_t validity_time_ms = 1,
                        broker::LostGrant lost_grant = broker::LostGrant::charge) {
    ::signal(SIGPIPE, SIG_IGN);
    config_.addresses = {{"127.0.0.1", server().port(), {}}};
    config_.validity_time_ms = validity_time_ms;
    config_.lost_grant = lost_grant;
    (void)server().cli({"FLUSHALL"});
    base_.reset(::event_base_new());
    reopen();
    // An empty server may be one that forgot: each shard learns for the validity time first.
    got_status(store().end({"nobody", 1}, {}));
    while (got(store().exchange({"somebody", 1}, one_of_each_shard())).at(0).learning) {
    }
    got_status(store().end({"somebody", 1}, {}));
    // What was just needed to get here is not of the test.
    (void)server().cli({"EVAL",
                        "for _, key in ipairs(redis.call('KEYS', '*')) do "
                        "if not string.find(key, ':store$') then redis.call('DEL', key) end end",
                        "0"});
  }
  ~RedisFixture() {
    close();
    ::event_base_loop(base_.get(), EVLOOP_NONBLOCK);
  }
  RedisFixture(const RedisFixture&) = delete;
  RedisFixture& operator=(const RedisFixture&) = delete;

  broker::LedgerStore& store() { return *store_; }
  plugin::RedisLedger& ledger() { return *ledger_; }
  plugin::redis::Client& client() { return *client_; }
  event_base* base() { return base_.get(); }
  static turntest::RedisServer& server() {
    static turntest::RedisServer started;
    return started;
  }
  void reopen() {
    close();
    auto client = plugin::redis::Client::start(base_.get(), config_, clock_, logging_host());
    if (!client) throw std::runtime_error(client.error().message);
    client_ = std::move(client).value();
    ledger_ = std::make_unique<plugin::RedisLedger>(*client_, config_, clock_);
    store_ = std::make_unique<plugin::WaitingLedger>(base_.get(), *ledger_, 10'000);
  }

 private:
  static void got_status(const broker::Status& status) {
    if (!status) throw std::runtime_error(status.error().message);
  }
  static std::vector<broker::UsageReport> one_of_each_shard() {
    std::vector<broker::UsageReport> reports;
    for (std::size_t shard = 0, name = 0; shard < plugin::ledger_keys::shards; ++name) {
      const broker::AccountKey key{"csp" + std::to_string(name), broker::MediaType::data, 0, ""};
      if (plugin::ledger_keys::shard_of(key) != shard) continue;
      reports.push_back(Report(key, 1));
      ++shard;
    }
    return reports;
  }
  void close() {
    store_.reset();
    ledger_.reset();
    client_.reset();
  }

  broker::RedisConfig config_;
  plugin::Clock clock_;
  plugin::http::EventBaseHandle base_;
  std::unique_ptr<plugin::redis::Client> client_;
  std::unique_ptr<plugin::RedisLedger> ledger_;
  std::unique_ptr<plugin::WaitingLedger> store_;
};

}  // namespace conformance
