#include "broker/mac.h"

#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

namespace {

template <typename Mac>
std::string hex(const Mac& mac) {
  std::string text;
  for (const char octet : mac.value()) {
    static constexpr char digits[] = "0123456789abcdef";
    text += digits[static_cast<unsigned char>(octet) >> 4];
    text += digits[static_cast<unsigned char>(octet) & 15];
  }
  return text;
}

std::string counting_octets(char last) {
  std::string octets;
  for (char octet = 1; octet <= last; ++octet) octets += octet;
  return octets;
}

struct Vector {
  std::string key;
  std::string message;
  std::string mac;
};

}  // namespace

TEST_CASE("HMAC-SHA-1 gives the vectors of RFC 2202") {
  const std::vector<Vector> vectors{
      {std::string(20, '\x0b'), "Hi There", "b617318655057264e28bc0b6fb378c8ef146be00"},
      {"Jefe", "what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
      {std::string(20, '\xaa'), std::string(50, '\xdd'),
       "125d7342b9ac11cd91a39af48aa17b4f63f175d3"},
      {counting_octets(25), std::string(50, '\xcd'), "4c9007f4026250c6bc8414f9bf50c86c2d7235da"},
      {std::string(20, '\x0c'), "Test With Truncation", "4c1a03424b55e07fe7f27be1d58bb9324a9a5a04"},
      {std::string(80, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First",
       "aa4ae5e15272d00e95705637ce8a3b55ed402112"},
      {std::string(80, '\xaa'),
       "Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data",
       "e8e99d0f45237d786d6bbaa7965c7808bbff1a91"},
  };
  for (const Vector& vector : vectors)
    CHECK(hex(broker::hmac_sha1(vector.key, vector.message)) == vector.mac);
}

TEST_CASE("HMAC-SHA-256 gives the vectors of RFC 4231") {
  CHECK(hex(broker::hmac_sha256(std::string(20, '\x0b'), "Hi There")) ==
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(hex(broker::hmac_sha256("Jefe", "what do ya want for nothing?")) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST_CASE("an empty key is a key of its own, not the last one used") {
  // openssl dgst -sha1 -hmac '' < /dev/null
  const std::string with_no_key = "fbdb1d1b18aa6c08324b7d64b71fb76370690e1d";
  CHECK(hex(broker::hmac_sha1("", "")) == with_no_key);
  CHECK(hex(broker::hmac_sha1("Jefe", "")) != with_no_key);
  CHECK(hex(broker::hmac_sha1({}, {})) == with_no_key);
}

TEST_CASE("several threads compute MACs at once") {
  const std::string expected = "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79";
  std::vector<int> right(4, 0);
  std::vector<std::thread> threads;
  for (int& count : right)
    threads.emplace_back([&count, &expected] {
      for (int i = 0; i < 200; ++i)
        count += hex(broker::hmac_sha1("Jefe", "what do ya want for nothing?")) == expected ? 1 : 0;
    });
  for (std::thread& thread : threads) thread.join();
  for (const int count : right) CHECK(count == 200);
}
