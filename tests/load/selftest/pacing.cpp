// The arithmetic of the load generator.
#include <catch2/catch.hpp>
#include <random>

#include "../histogram.h"
#include "../pacer.h"

namespace turnload {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

TEST_CASE("quantiles lie within the width of a bucket above the exact value") {
  Histogram histogram;
  for (std::int64_t value = 1; value <= 1'000'000; ++value) histogram.add(value * 1000);
  CHECK(histogram.count() == 1'000'000);
  CHECK(histogram.max_ns() == 1'000'000'000);
  for (const double quantile : {0.001, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const double exact = quantile * 1e9;
    CHECK(static_cast<double>(histogram.quantile_ns(quantile)) >= exact * 0.999999);
    CHECK(static_cast<double>(histogram.quantile_ns(quantile)) <= exact * (1 + 1.0 / 64));
  }
}

TEST_CASE("a histogram takes zero, negative and endless durations, and merges") {
  Histogram one, two;
  one.add(-5);
  one.add(0);
  two.add(INT64_MAX);
  one.merge(two);
  CHECK(one.count() == 3);
  CHECK(one.quantile_ns(0.5) == 0);
  CHECK(one.max_ns() == INT64_MAX);
  CHECK(Histogram().quantile_ns(0.5) == 0);
}

TEST_CASE("small durations are kept exactly") {
  for (std::int64_t value = 0; value < 64; ++value) {
    Histogram histogram;
    histogram.add(value);
    CHECK(histogram.quantile_ns(1) == value);
  }
}

TEST_CASE("an open loop makes packets due by the clock alone") {
  const TimePoint start{std::chrono::seconds(1000)};
  OpenLoop loop(1000, start);
  CHECK(loop.due(start - milliseconds(1)) == 0);
  CHECK(loop.due(start) == 1);
  CHECK(loop.due(start + microseconds(2500)) == 3);
  CHECK(loop.issue() == start);
  CHECK(loop.issue() == start + milliseconds(1));
  CHECK(loop.next_due() == start + milliseconds(2));
  CHECK(loop.due(start + microseconds(2500)) == 1);
  // After a stall of a second, a thousand are due, each at its own time.
  CHECK(loop.due(start + milliseconds(1002)) == 1001);
  CHECK(loop.issue() == start + milliseconds(2));
}

TEST_CASE("a flood stays within its window and writes off what does not arrive") {
  const TimePoint start{std::chrono::seconds(1000)};
  Flood flood(10);
  CHECK(flood.due(0, 0, start) == 10);
  CHECK(flood.due(10, 0, start) == 0);
  CHECK(flood.due(10, 4, start) == 4);
  CHECK(flood.due(14, 4, start) == 0);
  CHECK(flood.due(14, 4, start + milliseconds(Flood::write_off_ms - 1)) == 0);
  CHECK(flood.due(14, 4, start + milliseconds(Flood::write_off_ms)) == 10);
  // Late arrivals do not widen the window.
  CHECK(flood.due(14, 14, start + milliseconds(60)) == 10);
  CHECK(flood.due(24, 14, start + milliseconds(61)) == 0);
}

}  // namespace
}  // namespace turnload
