#include "broker/base64.h"

#include <catch2/catch.hpp>
#include <utility>
#include <vector>

using broker::base64_encode;
using broker::base64url_decode;
using broker::base64url_encode;

TEST_CASE("base64 gives the vectors of RFC 4648, section 10") {
  const std::vector<std::pair<std::string, std::string>> vectors{
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"},
  };
  for (const auto& [octets, text] : vectors) {
    CHECK(base64_encode(octets) == text);
    const std::string unpadded = text.substr(0, text.find('='));
    CHECK(base64url_encode(octets) == unpadded);
    CHECK(base64url_decode(unpadded) == octets);
  }
}

TEST_CASE("the two alphabets differ in their last two characters") {
  CHECK(base64_encode("\xfb\xff\xbf") == "+/+/");
  CHECK(base64url_encode("\xfb\xff\xbf") == "-_-_");
}

TEST_CASE("every octet string has one base64url text, and only that decodes to it") {
  for (int first = 0; first < 256; ++first) {
    for (const std::size_t size : {1, 2, 3, 4}) {
      const std::string octets(size, static_cast<char>(first));
      CHECK(base64url_decode(base64url_encode(octets)) == octets);
    }
  }
  // Of the 64 characters that could end these, only those with zeros in the unused bits may.
  int accepted = 0;
  for (int last = 0; last < 256; ++last)
    accepted += base64url_decode(std::string("Z") + static_cast<char>(last)) ? 1 : 0;
  CHECK(accepted == 4);
  accepted = 0;
  for (int last = 0; last < 256; ++last)
    accepted += base64url_decode(std::string("Zm") + static_cast<char>(last)) ? 1 : 0;
  CHECK(accepted == 16);
}

TEST_CASE("padding, blanks, the other alphabet and odd lengths are no base64url") {
  for (const char* text :
       {"Zg==", "Zg=", "Zm9v ", " Zm9v", "Zm\n9v", "Zm9vY", "Z", "+/+/", "Zm9v\xc3"})
    CHECK_FALSE(base64url_decode(text));
  CHECK_FALSE(base64url_decode(std::string_view("Zm\0v", 4)));
}
