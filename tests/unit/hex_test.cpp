#include "broker/hex.h"

#include <catch2/catch.hpp>

using namespace std::string_view_literals;

TEST_CASE("octets are written as two hexadecimal digits each, in lower case") {
  CHECK(broker::hex_encode("").empty());
  CHECK(broker::hex_encode("\x00\x0f\x10\x7f\x80\xab\xff"sv) == "000f107f80abff");
}
