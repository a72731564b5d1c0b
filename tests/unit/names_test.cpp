#include "broker/names.h"

#include <catch2/catch.hpp>

using broker::check_client_name;
using broker::for_log;
using broker::is_csp_id;
using broker::is_relay_id;
using Catch::Matchers::Contains;

TEST_CASE("client names are UTF-8 without what coturn or a terminal would trip over") {
  for (const char* name : {"a", "alice@example.org", "zo\u00eb", "\u6771\u4eac", "a/b/c", "x:y",
                           "\U0001f600", "union", "select", "a-b_c.d~!$&()*+,;=?#[]{}|<>%^`"})
    CHECK(check_client_name(name));
  CHECK(check_client_name(std::string(128, 'x')));

  CHECK_THAT(check_client_name("").error().message, Contains("empty"));
  CHECK_THAT(check_client_name(std::string(129, 'x')).error().message,
             Contains("129") && Contains("128"));
  for (const char* name : {"a\n", "\x01", "a\x7f", "\u0085", "\u2028"})
    CHECK_THAT(check_client_name(name).error().message, Contains("control"));
  CHECK_THAT(check_client_name(std::string_view("a\0b", 3)).error().message, Contains("control"));
  for (const char* name : {"a b", " ", "\u00a0", "\u3000"})
    CHECK_THAT(check_client_name(name).error().message, Contains("blank"));
  for (const char* name : {"it's", "\"", "a\\b"})
    CHECK_THAT(check_client_name(name).error().message, Contains("quote"));
  CHECK_THAT(check_client_name("UNION/SeLect").error().message, Contains("union"));
}

TEST_CASE("octets that are not UTF-8 by RFC 3629 are refused") {
  for (const char* name :
       {"\x80", "\xff", "\xc3", "a\xc3(", "\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf",
        "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80", "\xe2\x82", "\xf0\x9f\x98"}) {
    CHECK_THAT(check_client_name(name).error().message, Contains("UTF-8"));
  }
  CHECK(check_client_name("\xed\x9f\xbf"));
  CHECK(check_client_name("\xf4\x8f\xbf\xbf"));
}

TEST_CASE("ids of CSPs and relays follow their patterns") {
  for (const char* id : {"a", "0", "acme", "a.b_c-d", "9lives"}) CHECK(is_csp_id(id));
  for (const char* id : {"", "A", "-a", ".a", "_a", "a b", "a/b", "a:b", "\xc3\xab"})
    CHECK_FALSE(is_csp_id(id));
  CHECK(is_csp_id(std::string(63, 'a')));
  CHECK_FALSE(is_csp_id(std::string(64, 'a')));

  for (const char* id : {"a", "Z", "0", "Relay-1.eu_west"}) CHECK(is_relay_id(id));
  for (const char* id : {"", "-a", ".", "a b", "a/b", "\xc3\xab"}) CHECK_FALSE(is_relay_id(id));
  CHECK_FALSE(is_relay_id(std::string(64, 'a')));
}

TEST_CASE("text for the log stays on one line and cannot be mistaken") {
  CHECK(for_log("zo\u00eb") == "zo\u00eb");
  CHECK(for_log("a\nb\r\t") == "a\\nb\\r\\t");
  CHECK(for_log("\"'\\") == "\\\"\\'\\\\");
  CHECK(for_log("\x1b[31m\x7f") == "\\x1b[31m\\x7f");
  CHECK(for_log(std::string_view("\0", 1)) == "\\x00");
  CHECK(for_log("\xff\xc3(") == "\\xff\\xc3(");
  CHECK(for_log("\u0085\u2028") == "\\xc2\\x85\\xe2\\x80\\xa8");
  CHECK(for_log("").empty());
}

TEST_CASE("text for the log is cut between characters, never within an escape") {
  CHECK(for_log("abcdef", 6) == "abcdef");
  CHECK(for_log("abcdefg", 6) == "abc...");
  CHECK(for_log("ab\xff\xff\xff", 6) == "ab...");
  CHECK(for_log("a\u6771\u6771\u6771", 6) == "a...");
  CHECK(for_log("abc", 2) == "..");
  CHECK(for_log("abc", 0).empty());
  for (std::size_t bound = 0; bound < 40; ++bound)
    CHECK(for_log(std::string(100, '\n'), bound).size() <= bound);
}
