#include "broker/client_token.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "broker/base64.h"
#include "broker/mac.h"
#include "token_fixture.h"

using broker::ClientToken;
using broker::issue_token;
using broker::MediaType;
using broker::Secret;
using broker::verify_token;
using broker::testing::now_s;
using broker::testing::secret;
using broker::testing::secrets;
using broker::testing::token;
using Catch::Matchers::Contains;

namespace {

std::string issued(const ClientToken& fields) { return issue_token(fields, secret).value(); }

/// A client id over any octets, signed as the broker would.
std::string signed_id(const std::string& fields) {
  const auto mac = broker::hmac_sha256(secret.reveal(), "turnbroker client id 1:" + fields);
  return "tb1." + broker::base64url_encode(fields + std::string(mac->data(), 16));
}

std::string refusal(std::string_view client_id, const std::vector<Secret>& known = secrets,
                    broker::UnixSeconds at_s = now_s) {
  const auto verified = verify_token(client_id, known, at_s);
  return verified ? "it was accepted" : verified.error().message;
}

}  // namespace

TEST_CASE("a client id is the one that an independent computation gives") {
  // Python: struct.pack('>Bqq', 1, 1700000000, 1700003600) + b'\4acme' + b'\7relay-1' + b'alice',
  // then the first 16 octets of hmac.new(b'north-star', b'turnbroker client id 1:' + fields,
  // 'sha256').
  const std::string expected =
      "tb1.AQAAAABlU_EAAAAAAGVT_xAEYWNtZQdyZWxheS0xYWxpY2X57nGQzzbwN0mXnCZqjXla";
  CHECK(issued(token) == expected);
  CHECK(verify_token(expected, secrets, now_s).value() == token);
}

TEST_CASE("every field survives, at its shortest and its longest") {
  for (const MediaType media : broker::all_media_types)
    for (const std::size_t size : {1, 63})
      for (const std::size_t name : {1, 128}) {
        const ClientToken fields{std::string(size, 'a'), media, std::string(name, 'n'),
                                 std::string(size, 'R'), 0,     INT64_MAX};
        const std::string id = issued(fields);
        CHECK(id.size() <= broker::token_octets_max);
        CHECK(verify_token(id, secrets, 0).value() == fields);
      }
}

TEST_CASE("a client id is made of characters that a USERNAME and a URL may hold") {
  std::set<char> seen;
  for (int i = 0; i < 200; ++i) {
    ClientToken fields = token;
    fields.issued_s += i;
    fields.client_name = "zo\u00eb" + std::to_string(i);
    const std::string id = issued(fields);
    seen.insert(id.begin(), id.end());
  }
  const std::string allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  for (const char c : seen) CHECK(allowed.find(c) != std::string::npos);
}

TEST_CASE("no client id is issued for fields out of their range") {
  const auto refused = [](auto change) {
    ClientToken fields = token;
    change(fields);
    return !issue_token(fields, secret).ok();
  };
  CHECK(refused([](ClientToken& t) { t.csp.clear(); }));
  CHECK(refused([](ClientToken& t) { t.csp = "Acme"; }));
  CHECK(refused([](ClientToken& t) { t.csp.assign(64, 'a'); }));
  CHECK(refused([](ClientToken& t) { t.relay_id.clear(); }));
  CHECK(refused([](ClientToken& t) { t.relay_id.assign(64, 'a'); }));
  CHECK(refused([](ClientToken& t) { t.client_name.clear(); }));
  CHECK(refused([](ClientToken& t) { t.client_name = "two words"; }));
  CHECK(refused([](ClientToken& t) { t.client_name.assign(129, 'a'); }));
  CHECK(refused([](ClientToken& t) { t.media = static_cast<MediaType>(3); }));
  CHECK(refused([](ClientToken& t) { t.issued_s = -1; }));
  CHECK(refused([](ClientToken& t) { t.expiry_s = t.issued_s; }));
  CHECK_FALSE(issue_token(token, Secret()));
}

TEST_CASE("every single bit that is flipped makes a client id invalid") {
  const std::string id = issued(token);
  for (std::size_t at = 0; at < id.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      std::string altered = id;
      altered[at] = static_cast<char>(static_cast<unsigned char>(altered[at]) ^ (1U << bit));
      CHECK_FALSE(verify_token(altered, secrets, now_s));
    }
}

TEST_CASE("every single character that is replaced makes a client id invalid") {
  // Name lengths 5 to 7 leave 0, 4 and 2 unused bits in the last character.
  for (const char* name : {"alice", "alices", "alicess"}) {
    ClientToken fields = token;
    fields.client_name = name;
    const std::string id = issued(fields);
    int accepted = 0;
    for (std::size_t at = 0; at < id.size(); ++at)
      for (int c = 0; c < 256; ++c) {
        std::string altered = id;
        altered[at] = static_cast<char>(c);
        accepted += altered != id && verify_token(altered, secrets, now_s) ? 1 : 0;
      }
    CHECK(accepted == 0);
  }
}

TEST_CASE("a client id that was cut or lengthened is invalid") {
  const std::string id = issued(token);
  for (std::size_t size = 0; size < id.size(); ++size)
    CHECK_FALSE(verify_token(std::string_view(id).substr(0, size), secrets, now_s));
  for (const char* more : {"=", "==", "A", "AA", "AAAA", ".", " "})
    CHECK_FALSE(verify_token(id + more, secrets, now_s));
  CHECK_FALSE(verify_token("A" + id, secrets, now_s));
  CHECK_FALSE(verify_token(id.substr(4), secrets, now_s));
  CHECK_FALSE(verify_token("TB1." + id.substr(4), secrets, now_s));
}

TEST_CASE("a client id is valid until the second before its expiry") {
  const std::string id = issued(token);
  CHECK(verify_token(id, secrets, token.expiry_s - 1));
  CHECK_THAT(refusal(id, secrets, token.expiry_s), Contains("expired at 1700003600"));
  CHECK_THAT(refusal(id, secrets, INT64_MAX), Contains("expired"));
}

TEST_CASE("a client id is accepted under any of the secrets, and under no other") {
  const std::string id = issued(token);
  CHECK(verify_token(id, std::vector<Secret>{Secret("new"), secret}, now_s));
  CHECK(verify_token(id, std::vector<Secret>{Secret(), secret, Secret("x")}, now_s));
  CHECK_THAT(refusal(id, {Secret("north-stat"), Secret("")}), Contains("fits none"));
  CHECK_THAT(refusal(id, {}), Contains("no [broker] secret"));
  CHECK_THAT(refusal(id, {Secret()}), Contains("no [broker] secret"));
}

TEST_CASE("each refusal of a client id has its own reason, and none holds a secret") {
  const std::string id = issued(token);
  CHECK_THAT(refusal("alice"), Contains("lacks its"));
  CHECK_THAT(refusal("tb1." + std::string(5000, 'A')), Contains("more than 480"));
  CHECK_THAT(refusal("tb1.%%%%"), Contains("not base64url"));
  CHECK_THAT(refusal("tb1.AAAA"), Contains("too short"));
  CHECK_THAT(refusal("tb1.B" + id.substr(5)), Contains("fits none"));
  for (const char* client_id : {"alice", "tb1.%%%%", "tb1.AAAA"})
    CHECK_THAT(refusal(client_id), !Contains("north-star"));
}

TEST_CASE("signed fields that the broker would not issue are refused") {
  const std::string times("\0\0\0\0\x65\x53\xf1\0\0\0\0\0\x65\x53\xff\x10", 16);
  REQUIRE(verify_token(signed_id('\1' + times + "\4acme\7relay-1alice"), secrets, now_s));
  for (const std::string& fields :
       {'\3' + times + "\4acme\7relay-1alice", '\1' + times + "\4acme\7relay-1",
        '\1' + times + "\4acme\xffrelay-1alice", '\1' + times + "\x20" + "acme\7relay-1alice",
        '\1' + times + std::string(1, '\0') + "\7relay-1alice",
        '\1' + std::string(8, '\xff') + times.substr(8) + "\4acme\7relay-1alice",
        '\1' + times.substr(8) + times.substr(0, 8) + "\4acme\7relay-1alice",
        '\1' + times + "\4acme\7relay-1a b"})
    CHECK_THAT(refusal(signed_id(fields)), Contains("is signed, but"));
}
