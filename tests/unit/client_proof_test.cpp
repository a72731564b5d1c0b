#include "broker/client_proof.h"

#include <catch2/catch.hpp>

#include "token_fixture.h"

using broker::ClientToken;
using broker::issue_client_id;
using broker::issue_token;
using broker::MediaType;
using broker::read_client_id;
using broker::Secret;
using broker::token_of;
using broker::verify_client_id;
using broker::without_proof;
using broker::testing::now_s;
using broker::testing::secret;
using broker::testing::secrets;
using broker::testing::token;
using Catch::Matchers::Contains;

namespace {

const std::string text = issue_token(token, secret).value();
const std::string client_id = issue_client_id(token, secret).value();

ClientToken of_bob() {
  ClientToken fields = token;
  fields.client_name = "bob";
  return fields;
}

/// The proof that stands in a client id, with its point.
std::string proof_in(const std::string& id) { return id.substr(token_of(id).size()); }

std::string refusal(std::string_view id, const std::vector<Secret>& known = secrets,
                    broker::UnixSeconds at_s = now_s) {
  const auto verified = verify_client_id(id, known, at_s);
  return verified ? "it was accepted" : verified.error().message;
}

}  // namespace

TEST_CASE("a client id is a token and the proof that an independent computation gives") {
  // Python: base64.urlsafe_b64encode(hmac.new(b'north-star', b'turnbroker client proof 1:' + token,
  // 'sha256').digest()[:16]).rstrip(b'=')
  CHECK(client_id == text + ".UYu5Hx6AY6MBzIL2bBcFIw");
  CHECK(token_of(client_id) == text);
  CHECK(proof_in(client_id).size() == 1 + broker::client_proof_octets);
  CHECK(read_client_id(client_id, secrets).value() == token);
  CHECK(verify_client_id(client_id, secrets, now_s).value() == token);
}

TEST_CASE("the longest client id has client_id_octets_max octets at most") {
  const ClientToken longest{std::string(63, 'a'),
                            MediaType::data,
                            std::string(128, 'n'),
                            std::string(63, 'R'),
                            0,
                            INT64_MAX};
  const std::string id = issue_client_id(longest, secret).value();
  CHECK(id.size() <= broker::client_id_octets_max);
  CHECK(verify_client_id(id, secrets, 0).value() == longest);
}

TEST_CASE("a token alone, as it stands in a username on the wire, is no client id") {
  CHECK_THAT(refusal(text), Contains("lacks its proof"));
  CHECK_THAT(refusal(text + "."), Contains("proof fits none"));
  CHECK_THAT(refusal(text + "." + text), Contains("proof fits none"));
  // Nor is the token's own MAC a proof.
  CHECK_THAT(refusal(text + "." + text.substr(text.size() - 22)), Contains("proof fits none"));
}

TEST_CASE("a proof is good for its own token only") {
  const std::string bob = issue_client_id(of_bob(), secret).value();
  CHECK(verify_client_id(bob, secrets, now_s));
  CHECK_THAT(refusal(text + proof_in(bob)), Contains("proof fits none"));
  CHECK_THAT(refusal(issue_token(of_bob(), secret).value() + proof_in(client_id)),
             Contains("proof fits none"));
}

TEST_CASE("every single character of a proof that is replaced makes a client id invalid") {
  int accepted = 0;
  for (std::size_t at = text.size(); at < client_id.size(); ++at)
    for (int c = 0; c < 256; ++c) {
      std::string altered = client_id;
      altered[at] = static_cast<char>(c);
      accepted += altered != client_id && read_client_id(altered, secrets) ? 1 : 0;
    }
  CHECK(accepted == 0);
}

TEST_CASE("a client id that was cut or lengthened at its proof is invalid") {
  for (std::size_t size = 0; size < client_id.size(); ++size)
    CHECK_FALSE(read_client_id(std::string_view(client_id).substr(0, size), secrets));
  for (const char* more : {"=", "==", "A", "AA", ".", " ", ".AAAAAAAAAAAAAAAAAAAAAA"})
    CHECK_FALSE(read_client_id(client_id + more, secrets));
  for (const char* before : {"", ".", "x"}) CHECK_FALSE(read_client_id(before, secrets));
}

TEST_CASE("a client id of an older secret is good while that secret is configured") {
  CHECK(verify_client_id(client_id, std::vector<Secret>{Secret("new"), secret}, now_s));
  CHECK(verify_client_id(client_id, std::vector<Secret>{Secret(), secret, Secret("x")}, now_s));
  CHECK_THAT(refusal(client_id, {Secret("new")}), Contains("fits none"));
  CHECK_THAT(refusal(client_id, {}), Contains("no [broker] secret"));
  CHECK_THAT(refusal(client_id, {Secret()}), Contains("no [broker] secret"));
}

TEST_CASE("a client id is over when its token is, and no reason holds a secret or the proof") {
  CHECK(verify_client_id(client_id, secrets, token.expiry_s - 1));
  CHECK(refusal(client_id, secrets, token.expiry_s) == "the client id expired at 1700003600");
  CHECK(read_client_id(client_id, secrets));
  std::string altered = client_id;
  altered.back() = altered.back() == 'A' ? 'Q' : 'A';
  for (const std::string& id : {text, altered, client_id + "A"}) {
    CHECK_THAT(refusal(id), !Contains("north-star"));
    CHECK_THAT(refusal(id), !Contains(proof_in(client_id).substr(1, 20)));
  }
}

TEST_CASE("no client id is issued for what no token is") {
  ClientToken fields = token;
  fields.client_name = "two words";
  CHECK(issue_client_id(fields, secret).error() == issue_token(fields, secret).error());
  CHECK_FALSE(issue_client_id(token, Secret()));
}

TEST_CASE("a revocation names a client id with its proof or without") {
  CHECK(without_proof(client_id).value() == text);
  CHECK(without_proof(text).value() == text);
  for (const char* who : {"", "acme/video/alice", "acme/video/a.b", "tb1.", "tb1", "alice.b"})
    CHECK(without_proof(who).value() == who);
  // Whoever lost a part of it learns that, and not that nothing was revoked.
  for (const std::string& who :
       {client_id.substr(0, client_id.size() - 1), client_id + "A", text + ".", client_id + ".",
        client_id + proof_in(client_id), std::string("tb1..")})
    CHECK_THAT(without_proof(who).error().message, Contains("altered or cut"));
}
