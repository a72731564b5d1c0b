#include "broker/octets.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using broker::BitRate;
using broker::format_octets;
using broker::format_octets_rounded;
using broker::Octets;
using broker::octets_max;
using broker::parse_bit_rate;
using broker::parse_octets;

namespace {

struct Amount {
  std::string text;
  std::uint64_t value;
};

struct Wrong {
  std::string text;
  std::string found;
};

std::string found_of(const std::string& message) { return message.substr(0, message.find(';')); }

}  // namespace

TEST_CASE("volumes are read as people write them") {
  const std::vector<Amount> table{
      {"0", 0},
      {"0 B", 0},
      {"1024", 1024},
      {"1 B", 1},
      {"500 GB", 500'000'000'000},
      {"500GB", 500'000'000'000},
      {"5   GB", 5'000'000'000},
      {"2 GiB", 2'147'483'648},
      {"1.5 MB", 1'500'000},
      {"1.50 MB", 1'500'000},
      {"0.5 KiB", 512},
      {"64kB", 64'000},
      {"3 TB", 3'000'000'000'000},
      {"3 PB", 3'000'000'000'000'000},
      {"1 KiB", 1024},
      {"1 MiB", 1'048'576},
      {"1 TiB", 1'099'511'627'776},
      {"1 PiB", 1'125'899'906'842'624},
      {"007 kB", 7'000},
      {"0.000000000000001 PB", 1},
      {"1.000000000000000000000 kB", 1'000},
      {"9223372036854775807", octets_max},
      {"9223.372036854775807 PB", octets_max},
  };
  for (const Amount& row : table) {
    CAPTURE(row.text);
    const auto result = parse_octets(row.text);
    REQUIRE(result);
    CHECK(result.value().count == row.value);
  }
}

TEST_CASE("a volume that is none is refused and the reason said") {
  const std::vector<Wrong> table{
      {"", R"("" does not begin with a number)"},
      {" 5 GB", R"(" 5 GB" does not begin with a number)"},
      {"-1 GB", R"("-1 GB" does not begin with a number)"},
      {"+1 GB", R"("+1 GB" does not begin with a number)"},
      {".5 GB", R"(".5 GB" does not begin with a number)"},
      {"5. GB", R"("5. GB" does not begin with a number)"},
      {"GB", R"("GB" does not begin with a number)"},
      {"5 gb", R"("5 gb" has the unknown unit "gb")"},
      {"5 KB", R"("5 KB" has the unknown unit "KB")"},
      {"5 GB ", R"("5 GB " has the unknown unit "GB ")"},
      {"1e9", R"("1e9" has the unknown unit "e9")"},
      {"1,5 GB", R"("1,5 GB" has the unknown unit ",5 GB")"},
      {"5 Gbit", R"("5 Gbit" has the unknown unit "Gbit")"},
      {"1.5", R"("1.5" is not a whole number of octets)"},
      {"1.0005 kB", R"("1.0005 kB" is not a whole number of octets)"},
      {"0.0000000000000000001 PB", R"("0.0000000000000000001 PB" is not a whole number of octets)"},
      {"9223372036854775808", R"("9223372036854775808" is too large)"},
      {"9223.372036854775808 PB", R"("9223.372036854775808 PB" is too large)"},
      {"99999999999999999999 B", R"("99999999999999999999 B" is too large)"},
      {"9999999999999999999 PiB", R"("9999999999999999999 PiB" is too large)"},
      {"5\nGB", R"("5\nGB" has the unknown unit "\nGB")"},
      {"5 \xff", R"("5 \xff" has the unknown unit "\xff")"},
      {std::string("5\0B", 3), R"("5\x00B" has the unknown unit "\x00B")"},
  };
  for (const Wrong& row : table) {
    CAPTURE(row.text);
    const auto result = parse_octets(row.text);
    REQUIRE_FALSE(result);
    CHECK(found_of(result.error().message) == row.found);
    CHECK(result.error().message.find("; allowed: ") != std::string::npos);
  }
}

TEST_CASE("rates are read in bits and in octets per second") {
  const std::vector<Amount> table{
      {"64 kbit/s", 64'000},
      {"2.5 Mbit/s", 2'500'000},
      {"1 Gbit/s", 1'000'000'000},
      {"900 bit/s", 900},
      {"1bit/s", 1},
      {"8 kB/s", 64'000},
      {"1 B/s", 8},
      {"0.125 B/s", 1},
      {"1 KiB/s", 8'192},
      {"1 MiB/s", 8'388'608},
      {"10 Tbit/s", 10'000'000'000'000},
      {"1.25 TB/s", 10'000'000'000'000},
  };
  for (const Amount& row : table) {
    CAPTURE(row.text);
    const auto result = parse_bit_rate(row.text);
    REQUIRE(result);
    CHECK(result.value().bits_per_s == row.value);
  }
}

TEST_CASE("a rate that is none is refused and the reason said") {
  const std::vector<Wrong> table{
      {"64", R"("64" has no unit)"},
      {"0 kbit/s", R"("0 kbit/s" is no rate)"},
      {"64 kbps", R"("64 kbps" has the unknown unit "kbps")"},
      {"64 kB", R"("64 kB" has the unknown unit "kB")"},
      {"fast", R"("fast" does not begin with a number)"},
      {"0.5 bit/s", R"("0.5 bit/s" is not a whole number of bits per second)"},
      {"10.000000000001 Tbit/s", R"("10.000000000001 Tbit/s" is too large)"},
  };
  for (const Wrong& row : table) {
    CAPTURE(row.text);
    const auto result = parse_bit_rate(row.text);
    REQUIRE_FALSE(result);
    CHECK(found_of(result.error().message) == row.found);
    CHECK(result.error().message.find("; allowed: ") != std::string::npos);
  }
}

TEST_CASE("an amount is written in its shortest exact form") {
  const std::vector<Amount> table{
      {"0 B", 0},
      {"999 B", 999},
      {"1 kB", 1'000},
      {"1 KiB", 1'024},
      {"1.1 kB", 1'100},
      {"1536 B", 1'536},
      {"1500123 B", 1'500'123},
      {"1.5 GB", 1'500'000'000},
      {"2 GiB", 2'147'483'648},
      {"50 MB", 50'000'000},
      {"1 PB", 1'000'000'000'000'000},
      {"1 PiB", 1'125'899'906'842'624},
      {"9223372036854775807 B", octets_max},
  };
  for (const Amount& row : table) CHECK(format_octets(Octets{row.value}) == row.text);
}

TEST_CASE("what is written exactly is read back to the same amount") {
  std::uint64_t value = 1;
  for (int i = 0; i < 5'000; ++i) {
    value = value * 6'364'136'223'846'793'005U + 1'442'695'040'888'963'407U;
    // Random lengths in both number systems, so that every unit comes up.
    std::uint64_t amount = (value >> 1) >> (value % 63);
    if (i % 3 == 1) amount = amount / 1'000'000 * 1'000'000;
    if (i % 3 == 2) amount = amount >> 20 << 20;
    const std::string text = format_octets(Octets{amount});
    CAPTURE(text);
    const auto back = parse_octets(text);
    REQUIRE(back);
    REQUIRE(back.value().count == amount);
    REQUIRE(text.size() <= (std::to_string(amount) + " B").size());
  }
}

TEST_CASE("for people an amount is rounded to three digits") {
  const std::vector<Amount> table{
      {"0 B", 0},
      {"999 B", 999},
      {"1.00 kB", 1'000},
      {"1.00 kB", 1'004},
      {"1.01 kB", 1'005},
      {"9.99 kB", 9'994},
      {"10.0 kB", 9'995},
      {"15.0 MB", 15'000'000},
      {"100 MB", 99'950'000},
      {"150 GB", 150'400'000'000},
      {"999 kB", 999'499},
      {"1.00 MB", 999'500},
      {"1.50 GB", 1'500'000'000},
      {"2.15 GB", 2'147'483'648},
      {"9.22 EB", octets_max},
  };
  for (const Amount& row : table) CHECK(format_octets_rounded(Octets{row.value}) == row.text);
}

TEST_CASE("sums stop at the largest amount and differences at none") {
  CHECK(broker::saturating_add(1, 2) == 3);
  CHECK(broker::saturating_add(octets_max - 1, 1) == octets_max);
  CHECK(broker::saturating_add(octets_max, 1) == octets_max);
  CHECK(broker::saturating_add(0, UINT64_MAX) == octets_max);
  CHECK(broker::saturating_add(UINT64_MAX, UINT64_MAX) == octets_max);
  CHECK(broker::saturating_sub(3, 2) == 1);
  CHECK(broker::saturating_sub(2, 3) == 0);
  CHECK(broker::saturating_sub(UINT64_MAX, 0) == UINT64_MAX);
}
