#include "broker/secret.h"

#include <catch2/catch.hpp>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using broker::equal_in_constant_time;
using broker::Secret;

TEST_CASE("a secret gives back what it was made of") {
  CHECK(Secret("0123456789abcdef").reveal() == "0123456789abcdef");
  const std::string with_nul("a\0b", 3);
  CHECK(Secret(with_nul).reveal() == with_nul);
  CHECK(Secret().empty());
  CHECK(Secret("").empty());
  CHECK_FALSE(Secret("x").empty());
}

TEST_CASE("secrets are equal when all their octets are") {
  CHECK(Secret("same secret") == Secret("same secret"));
  CHECK_FALSE(Secret("same secret") == Secret("same secreT"));
  CHECK_FALSE(Secret("same secret") == Secret("Same secret"));
  CHECK_FALSE(Secret("same") == Secret("same secret"));
  CHECK(Secret() == Secret());
  CHECK_FALSE(Secret() == Secret("x"));
  CHECK(equal_in_constant_time("", ""));
  CHECK(equal_in_constant_time(std::string("a\0b", 3), std::string("a\0b", 3)));
  CHECK_FALSE(equal_in_constant_time(std::string("a\0b", 3), std::string("a\0c", 3)));
}

TEST_CASE("a secret that is moved away is empty") {
  // Both a text within the string object and one on the heap.
  for (const std::string text : {"short", "a secret that is too long to lie within the object"}) {
    Secret first(text);
    Secret second(std::move(first));
    CHECK(first.empty());  // NOLINT(bugprone-use-after-move): what it is then is the point
    CHECK(second.reveal() == text);
    Secret third("something else");
    third = std::move(second);
    CHECK(second.empty());  // NOLINT(bugprone-use-after-move)
    CHECK(third.reveal() == text);
  }
}

TEST_CASE("a copy of a secret is its own") {
  Secret first("the first secret");
  Secret second(first);
  first = Secret("another secret");
  CHECK(second.reveal() == "the first secret");
  second = first;
  CHECK(second.reveal() == "another secret");
  const Secret& itself = second;
  second = itself;
  CHECK(second.reveal() == "another secret");
}

TEST_CASE("a moved-from secret leaves no octets behind in the object") {
  Secret first("short");
  const auto* octets = reinterpret_cast<const char*>(&first);
  const Secret second(std::move(first));
  const std::string rest(octets, sizeof(Secret));
  CHECK(rest.find("short") == std::string::npos);
  CHECK(second.reveal() == "short");
}

TEST_CASE("secrets cannot be printed or made by accident") {
  STATIC_REQUIRE_FALSE(std::is_convertible_v<std::string, Secret>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<Secret, std::string>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<Secret, std::string_view>);
}
