#include "relay/client_log.h"

#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

#include "fake_relay.h"
#include "text_count.h"

using testing::count;

namespace {

class SetClock : public plugin::Clock {
 public:
  [[nodiscard]] std::int64_t steady_ms() const override { return at_ms; }
  std::int64_t at_ms = 5'000;
};

}  // namespace

TEST_CASE("what clients bring about is written ten times a second, and what was left out is told") {
  testing::FakeHost host;
  const plugin::Host services(host.table());
  SetClock clock;
  plugin::ClientLog log(services, clock);

  constexpr int wanted = 1'000;
  for (int i = 0; i < wanted; ++i) log.warning("user {} refused", i);
  CHECK(count(host.log_text(), "refused") == plugin::ClientLog::records_per_second);
  CHECK(count(host.log_text(), "left out") == 0);

  clock.at_ms += 999;
  log.warning("user {} refused", wanted);
  CHECK(count(host.log_text(), "refused") == plugin::ClientLog::records_per_second);

  clock.at_ms += 1;
  log.warning("user late refused");
  CHECK(count(host.log_text(), "user late refused") == 1);
  CHECK(count(host.log_text(), "991 records about what clients sent were left out") == 1);

  // A second in which all were written leaves nothing to tell.
  clock.at_ms += 5'000;
  log.warning("user later refused");
  CHECK(count(host.log_text(), "left out") == 1);
}

TEST_CASE("threads that write at once share the records of a second") {
  testing::FakeHost host;
  const plugin::Host services(host.table());
  SetClock clock;
  plugin::ClientLog log(services, clock);

  constexpr int threads = 4, each = 500;
  std::vector<std::thread> all;
  all.reserve(threads);
  for (int i = 0; i < threads; ++i)
    all.emplace_back([&] {
      for (int j = 0; j < each; ++j) log.warning("refused");
    });
  for (auto& one : all) one.join();
  CHECK(count(host.log_text(), "refused") == plugin::ClientLog::records_per_second);
  clock.at_ms += 1'000;
  log.warning("refused");
  CHECK(count(host.log_text(), "1990 records about what clients sent") == 1);
}
