// The copy of the usage records in a Redis stream: all that waits is sent, and what fails is paced.
#include "broker/record_stream.h"

#include <atomic>

#include "records/record_writer.h"
#include "redis_fixture.h"
#include "support/temp_dir.h"

using namespace redis_test;
using plugin::RecordStream;
using plugin::RecordWriter;

namespace {

constexpr std::int64_t longer_than_it_gathers_ms = 10'000;

/// Stands still unless the test moves it.
class StillClock final : public plugin::Clock {
 public:
  std::int64_t now_ms = 1'000'000;
  [[nodiscard]] std::int64_t unix_ms() const override { return now_ms; }
  [[nodiscard]] std::int64_t steady_ms() const override { return now_ms; }
};

/// A relay's records, and their copy in a server of the test's own.
struct Copied {
  turntest::RedisServer redis;
  turntest::TempDir directory;
  Loop loop{config_for(redis)};
  StillClock clock;
  RecordWriter writer;
  RecordStream stream;
  int written = 0;

  explicit Copied(std::uint64_t rotate_octets = 1'000'000'000)
      : writer({.path = directory / "usage.jsonl", .rotate_octets = rotate_octets, .keep = 100}),
        stream(*loop.client, loop.host, clock, directory / "usage.jsonl", 1'000'000) {
    REQUIRE(loop.connected());
  }
  void write(int count) {
    for (int i = 0; i < count; ++i) {
      plugin::UsageRecord record;
      record.relay = "r1";
      record.incarnation = "00ff";
      record.allocation = std::to_string(++written);
      record.csp = "acme";
      REQUIRE(writer.append(record, {}));
    }
  }
  /// As the broker does it, about once a second; here as often as can be.
  [[nodiscard]] bool looks_until_idle_with(int count) {
    return loop.until([&] {
      stream.look();
      return stream.is_idle() && length() == std::to_string(count);
    });
  }
  std::string length() { return text_of(loop.call({"XLEN", RecordStream::key})); }
};

}  // namespace

TEST_CASE("all records that wait are sent, however many batches they are", "[redis]") {
  // Files that are no multiple of a batch, too.
  Copied copied(GENERATE(1'000'000'000ULL, 400'000ULL));
  copied.write(5'000);
  REQUIRE(copied.stream.backlog_octets() > 4 * plugin::RecordTail::batch_octets_max);
  CHECK(copied.looks_until_idle_with(5'000));
  CHECK(copied.stream.backlog_octets() == 0);
  const Reply last =
      copied.loop.call({"XREVRANGE", RecordStream::key, "+", "-", "COUNT", "1"}).value().reply;
  CHECK(last.items.at(0).items.at(1).items.at(1).text == "5000");
}

TEST_CASE("records that come in between wait for the next time, with others", "[redis]") {
  Copied copied;
  copied.write(1);
  CHECK(copied.looks_until_idle_with(1));
  copied.write(2);
  copied.stream.look();
  CHECK(copied.stream.is_idle());
  copied.clock.now_ms += longer_than_it_gathers_ms;
  CHECK(copied.looks_until_idle_with(3));
}

TEST_CASE("a stream that refuses records is asked again after a while, not at once", "[redis]") {
  Copied copied;
  copied.write(3'000);
  REQUIRE(copied.redis.cli({"SET", RecordStream::key, "no stream"}) == "OK\n");
  copied.stream.look();
  CHECK_FALSE(copied.stream.is_idle());
  REQUIRE(copied.loop.until([&] { return copied.stream.is_idle(); }));
  copied.stream.look();
  CHECK(copied.stream.is_idle());
  REQUIRE(copied.redis.cli({"DEL", RecordStream::key}) == "1\n");
  copied.clock.now_ms += longer_than_it_gathers_ms;
  CHECK(copied.looks_until_idle_with(3'000));
}
