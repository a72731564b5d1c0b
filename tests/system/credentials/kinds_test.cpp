// The three kinds of credentials, what is refused, and what the log says of it.
#include <array>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "credentials/operator.h"
#include "support/wait_until.h"

using namespace credentials_test;
using namespace turntest;

namespace {

const std::string acme_secret(BrokerRelay::acme_secret);
constexpr std::string_view beta_secret = "beta-secret-of-its-own-01";

std::string two_csps() {
  return csp("acme", "1 GB", "", acme_secret) + csp("beta", "1 GB", "", beta_secret, "video") +
         csp("gamma", "1 GB", "", "", "audio");
}

Credentials signed_with(std::string_view secret, std::string username) {
  std::string password = rest_password(secret, username);
  return {std::move(username), std::move(password)};
}

/// An expiry in an hour, as it stands before a colon.
std::string in_an_hour() {
  const std::string username = rest_credentials("", "").username;
  return username.substr(0, username.find(':'));
}

void check_nothing_secret(const std::string& output, const std::vector<std::string>& secrets) {
  for (const std::string& secret : secrets) {
    INFO("the server printed a secret or password");
    CHECK(output.find(secret) == std::string::npos);
  }
}

struct Refused {
  std::string what;
  Credentials credentials;
  std::string line;  ///< a part of the log line that tells an operator why
};

std::vector<Refused> refused_credentials(BrokerRelay& relay) {
  const std::string expiry = in_an_hour();
  const Issued issued = issue(relay, "acme", "data", "alice");
  std::vector<Refused> all;
  const auto add = [&](std::string what, Credentials credentials, std::string line) {
    all.push_back({std::move(what), std::move(credentials), std::move(line)});
  };
  const auto minted = [&](const std::string& username) {
    return signed_with(acme_secret, username);
  };
  add("an expired credential", rest_credentials(acme_secret, "acme/data/a", std::chrono::hours(-1)),
      "the credential expired at ");
  add("an unknown CSP", minted(expiry + ":nobody/data/alice"), "unknown CSP \"nobody\"");
  add("an unknown media type", minted(expiry + ":acme/smell/alice"),
      "unknown media type \"smell\"; it is audio, video or data");
  add("a media type without quota", minted(expiry + ":acme/video/alice"),
      "CSP \"acme\" has no quota for media type \"video\"");
  add("no client name", minted(expiry + ":acme/data/"), "the client name is empty");
  add("no expiry", minted("acme/data/alice"), "the username lacks its expiry");
  add("an expiry that is none", minted("soon:acme/data/alice"),
      "the expiry \"soon\" is not a Unix time");
  add("an expiry beyond all numbers", minted("9999999999999999999:acme/data/alice"),
      "the expiry \"9999999999999999999\" is not a Unix time");
  const std::string too_late = std::to_string(std::stoll(expiry) + 120);
  add("an expiry beyond credential_ttl", minted(too_late + ":acme/data/alice"),
      "the credential expires at " + too_late + "; with [broker] credential_ttl (3600 s");
  add("a CSP that has no secret", minted(expiry + ":gamma/audio/alice"),
      "CSP \"gamma\" has no secret of its own");
  add("another CSP's secret", minted(expiry + ":beta/video/alice"),
      ":beta/video/alice> credentials are incorrect");
  add("a tampered password", {expiry + ":acme/data/tampered", "cGFzc3dvcmQtdGhhdC1pcy1ub25l"},
      ":acme/data/tampered> credentials are incorrect");
  add("a stretched expiry",
      {std::to_string(std::stoll(expiry) + 60) + ":acme/data/stretched",
       minted(expiry + ":acme/data/stretched").password},
      ":acme/data/stretched> credentials are incorrect");

  std::string altered = issued.token;
  char& letter = altered[altered.size() / 2];
  letter = letter == 'A' ? 'B' : 'A';
  add("an altered client id", signed_with(broker_secret, expiry + ":" + altered),
      "the client id's signature fits none of the [broker] secrets");
  add("a client id that was cut",
      signed_with(broker_secret, expiry + ":" + issued.token.substr(0, 20)),
      "the client id is too short");
  add("a client id with its proof", signed_with(broker_secret, expiry + ":" + issued.client_id),
      "the client id is not base64url");
  add("a client id that is none", signed_with(broker_secret, expiry + ":tb1.!"),
      "the client id is not base64url");
  add("a client id with a CSP's password", signed_with(acme_secret, issued.credentials.username),
      issued.token + "> credentials are incorrect");
  add("a name that nobody issued", signed_with(acme_secret, expiry + ":carol"),
      "not issued by the broker or a CSP, and [broker] default_csp is not set");
  add("a bare name", {"carol", "carols-own-password"},
      "user carol refused: not issued by the broker or a CSP");
  return all;
}

}  // namespace

TEST_CASE("each kind of credential is admitted, and metered under its own account") {
  BrokerRelay relay(options_with(
      two_csps() + csp("guests", "1 GB"), "default_csp = \"guests\"",
      {"--lt-cred-mech", "--user=bob:bobs-own-password", "--user=eve:eves-own-password"}));
  const Issued issued = issue(relay, "beta", "video", "alice");
  const Credentials minted = rest_credentials(acme_secret, "acme/data/carol/of/a/room");
  Talk by_broker(as(relay, issued.credentials));
  Talk by_csp(as(relay, minted));
  Talk by_coturn(as(relay, {"bob", "bobs-own-password"}));
  REQUIRE(by_broker.send(100));
  REQUIRE(by_csp.send(200));
  REQUIRE(by_coturn.send(300));
  CHECK(relay.usage("beta", "video").used_octets == 100);
  CHECK(relay.usage("acme", "data").used_octets == 200);
  CHECK(relay.usage("guests", "data").used_octets == 300);

  const auto row = live_row(relay, "alice");
  REQUIRE(row);
  CHECK(row->at("csp") == "beta");
  CHECK(row->at("media") == "video");
  CHECK(row->at("transport") == "udp");
  CHECK(row->at("client_address") == by_broker.client.local_address().to_string());
  CHECK(row->at("relayed_addresses") ==
        nlohmann::json{by_broker.client.relayed_address().to_string()});
  REQUIRE(live_row(relay, "carol/of/a/room"));
  REQUIRE(live_row(relay, "bob"));
  CHECK(live_row(relay, "bob")->at("expiry") == nullptr);

  // A user of coturn's with a wrong password, and one it does not know.
  CHECK(try_allocate(relay, {"eve", "not-eves-password"}).code == 401);
  CHECK(try_allocate(relay, {"mallory", "bobs-own-password"}).code == 401);
  CHECK(relay.usage("guests", "data").allocations == 1);

  REQUIRE(relay.relay().stop().status == 0);
  CHECK(record_of(relay, "alice").at("csp") == "beta");
  CHECK(record_of(relay, "carol/of/a/room").at("client_to_peer_octets") == 200);
  CHECK(record_of(relay, "bob").at("csp") == "guests");
  check_nothing_secret(
      relay.relay().output(),
      {acme_secret, std::string(broker_secret), std::string(beta_secret), minted.password,
       issued.credentials.password, "bobs-own-password", "eves-own-password", "not-eves-password"});
}

TEST_CASE("what is wrong with a credential is refused with 401 and told in the log") {
  BrokerRelay relay(options_with(two_csps()));
  std::vector<std::string> secrets{acme_secret, std::string(broker_secret),
                                   std::string(beta_secret)};
  for (const Refused& refused : refused_credentials(relay)) {
    CAPTURE(refused.what, refused.credentials.username);
    const Outcome outcome = try_allocate(relay, refused.credentials);
    CHECK(outcome.kind == Outcome::Kind::error);
    CHECK(outcome.code == 401);
    CAPTURE(refused.line);
    // Ten records a second at most are about what clients send; one that was left out is told the next time.
    CHECK(wait_until(patience, [&] {
      if (relay.relay().wait_output(refused.line, Milliseconds(200))) return true;
      CHECK(try_allocate(relay, refused.credentials).code == 401);
      return false;
    }));
    secrets.push_back(refused.credentials.password);
  }
  const auto usage = relay.ctl({"usage"});
  for (const auto& account : usage.at("accounts")) CHECK(account.at("allocations") == 0);
  CHECK(relay.records().empty());
  // Still, a good one is admitted.
  CHECK(try_allocate(relay, rest_credentials(acme_secret, "acme/data/alice")));
  check_nothing_secret(relay.relay().output(), secrets);
}

TEST_CASE("without default_csp the users of coturn's own mechanisms are refused") {
  BrokerRelay relay(options_with(two_csps(), "", {"--lt-cred-mech", "--user=bob:bobs-password-1"}));
  CHECK(try_allocate(relay, {"bob", "bobs-password-1"}).code == 401);
  CHECK(
      relay.relay().wait_output("user bob refused: not issued by the broker or a CSP, and "
                                "[broker] default_csp is not set",
                                patience));
  check_nothing_secret(relay.relay().output(), {"bobs-password-1"});
}

TEST_CASE("every one of eight secrets is valid, and no other") {
  std::string secrets;
  std::vector<std::string> all;
  for (int i = 0; i < 8; ++i) {
    all.push_back("one-of-eight-secrets-" + std::to_string(i));
    secrets.append("\"").append(all.back()).append("\", ");
  }
  const std::string toml = "[csp.acme]\nsecrets = [" + secrets +
                           "]\n[csp.acme.quota.data]\nvolume = \"1 GB\"\nperiod = \"day\"\n";
  BrokerRelay relay(options_with(toml));
  for (const std::string& secret : all)
    CHECK(try_allocate(relay, rest_credentials(secret, "acme/data/alice")));
  CHECK(try_allocate(relay, rest_credentials("one-of-eight-secrets-8", "acme/data/alice")).code ==
        401);
  check_nothing_secret(relay.relay().output(), all);
}

TEST_CASE("secrets are rotated by editing a file, and live allocations stay") {
  const std::string old_secret = "the-old-secret-0123456789";
  const std::string new_secret = "the-new-secret-0123456789";
  TempDir files;
  files.write("acme.secrets", old_secret + "\n");
  const std::string toml = "[csp.acme]\nsecret_file = \"" + (files / "acme.secrets").string() +
                           "\"\n[csp.acme.quota.data]\nvolume = \"1 GB\"\nperiod = \"day\"\n";
  BrokerRelay relay(options_with(toml));
  const Credentials with_old = rest_credentials(old_secret, "acme/data/old");
  const Credentials with_new = rest_credentials(new_secret, "acme/data/new");
  Talk live(as(relay, with_old));
  CHECK(try_allocate(relay, with_new).code == 401);

  files.write("acme.secrets", new_secret + "\n" + old_secret + "\n");
  CHECK(wait_until(promptly, [&] { return try_allocate(relay, with_new).ok(); }));
  CHECK(try_allocate(relay, with_old));

  files.write("acme.secrets", new_secret + "\n");
  CHECK(wait_until(promptly, [&] { return try_allocate(relay, with_old).code == 401; }));
  CHECK(try_allocate(relay, with_new));
  CHECK(live.send(10));
  CHECK(live.client.refresh(600));
  check_nothing_secret(relay.relay().output(),
                       {old_secret, new_secret, with_old.password, with_new.password});
}

TEST_CASE("the broker's own secrets are rotated alike, and sign new client ids with the newest") {
  TempDir files;
  const std::string file = (files / "broker.secrets").string();
  files.write("broker.secrets", "the-second-secret-0123456789\n");
  BrokerRelay relay(options_with(csp("acme", "1 GB"), "secret_file = \"" + file + "\""));
  // [broker] secret comes first: it signs.
  const Issued issued = issue(relay, "acme", "data", "alice");
  CHECK(issued.credentials.password == rest_password(broker_secret, issued.credentials.username));
  CHECK(try_allocate(relay, issued.credentials));

  // The first is taken out of the file; what it signed is no longer valid.
  std::string text = read_file(relay.config_file());
  const std::string line = "secret = \"" + std::string(broker_secret) + "\"\n";
  REQUIRE(text.find(line) != std::string::npos);
  text.erase(text.find(line), line.size());
  files.write("turnbroker.toml", text);
  std::filesystem::rename(files / "turnbroker.toml", relay.config_file());
  CHECK(wait_until(promptly, [&] { return try_allocate(relay, issued.credentials).code == 401; }));
  const Issued later = issue(relay, "acme", "data", "alice");
  CHECK(later.credentials.password ==
        rest_password("the-second-secret-0123456789", later.credentials.username));
  CHECK(try_allocate(relay, later.credentials));
  check_nothing_secret(relay.relay().output(),
                       {std::string(broker_secret), "the-second-secret-0123456789",
                        later.credentials.password, issued.credentials.password});
}
