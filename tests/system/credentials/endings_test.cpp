// How allocations end, and that each end leaves one record with its reason.
#include <catch2/catch.hpp>
#include <ctime>
#include <string>

#include "credentials/operator.h"

using namespace credentials_test;
using namespace turntest;

namespace {

const std::string acme_secret(BrokerRelay::acme_secret);
constexpr std::string_view beta_secret = "beta-secret-of-its-own-01";

std::string two_csps() {
  return csp("acme", "1 GB", "", acme_secret) + csp("beta", "1 GB", "", beta_secret);
}

Credentials acme_user(std::string_view client, std::chrono::seconds ttl = std::chrono::hours(1)) {
  return rest_credentials(acme_secret, "acme/data/" + std::string(client), ttl);
}

Credentials beta_user(std::string_view client, std::chrono::seconds ttl = std::chrono::hours(1)) {
  return rest_credentials(beta_secret, "beta/data/" + std::string(client), ttl);
}

/// For another client, with the same expiry.
Credentials signed_like(const Credentials& credentials, std::string_view client) {
  const std::string& given = credentials.username;
  const std::string username = given.substr(0, given.rfind('/') + 1) + std::string(client);
  return {username, rest_password(acme_secret, username)};
}

std::int64_t expiry_s(const Credentials& credentials) { return std::stoll(credentials.username); }

/// As usage records have it; such texts sort as their times do.
std::string utc(std::int64_t unix_s) {
  const std::time_t time = unix_s;
  std::tm parts{};
  char text[32];
  gmtime_r(&time, &parts);
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.000Z", &parts);
  return text;
}

AllocateOptions mobile() {
  AllocateOptions options;
  options.mobility = true;
  return options;
}

bool gone(BrokerRelay& relay, std::string_view client) {
  return wait_until(promptly, [&] { return !live_row(relay, client); });
}

std::string reason_of(const BrokerRelay& relay, std::string_view client) {
  return record_of(relay, client).at("reason");
}

}  // namespace

TEST_CASE("with strict_expiry the end of a credential is the end of its allocations") {
  BrokerRelay relay(options_with(two_csps(), "strict_expiry = true"));
  const Credentials minted = acme_user("minted", std::chrono::seconds(3));
  const Issued issued = issue(relay, "acme", "data", "issued", "3s");
  Talk longer(as(relay, acme_user("longer")));
  Talk one(as(relay, minted));
  Talk two(as(relay, issued.credentials, TransportKind::tls));
  REQUIRE(one.send(1'000));
  REQUIRE(two.send(2'000));
  // A Refresh does not carry an allocation over the expiry.
  REQUIRE(one.client.refresh(600));

  const auto of_one = record_of(relay, "minted");
  CHECK(of_one.at("end") >= utc(expiry_s(minted)));
  CHECK(of_one.at("end") < utc(expiry_s(minted) + 5));
  CHECK(of_one.at("reason") == "expired");
  CHECK(of_one.at("client_to_peer_octets") == 1'000);
  const auto of_two = record_of(relay, "issued");
  CHECK(of_two.at("reason") == "expired");
  CHECK(of_two.at("client_to_peer_octets") == 2'000);
  CHECK_FALSE(one.send(1, Milliseconds(100)));
  CHECK(try_allocate(relay, minted).code == 401);
  CHECK(try_allocate(relay, issued.credentials).code == 401);
  CHECK(longer.send(1));
  CHECK(live_row(relay, "longer")->at("expiry") != nullptr);
}

TEST_CASE("without strict_expiry an allocation outlives its credential") {
  BrokerRelay relay(options_with(two_csps()));
  const Credentials brief = acme_user("brief", std::chrono::seconds(2));
  Talk talk(as(relay, brief));
  // Another client of the same expiry tells when it is over.
  const Credentials probe = signed_like(brief, "probe");
  REQUIRE(wait_until(patience, [&] { return try_allocate(relay, probe).code == 401; }));
  CHECK(talk.send(1'000));
  CHECK(talk.client.refresh(600));
  CHECK(live_row(relay, "brief"));

  // Switched on later, it ends what is already over.
  std::string text = read_file(relay.config_file());
  text.replace(text.find("[broker]\n"), 9, "[broker]\nstrict_expiry = true\n");
  const TempDir beside;
  std::filesystem::rename(beside.write("turnbroker.toml", text), relay.config_file());
  CHECK(gone(relay, "brief"));
  CHECK(reason_of(relay, "brief") == "expired");
}

TEST_CASE("an operator cuts by id, by client and by CSP, and nothing else ends") {
  auto options = options_with(two_csps());
  options.relay.relay_threads = 3;
  BrokerRelay relay(options);
  Talk one(as(relay, acme_user("one")));
  Talk two(as(relay, acme_user("two"), TransportKind::tcp));
  Talk two_again(as(relay, beta_user("two")));
  Talk three(as(relay, acme_user("three"), TransportKind::dtls));
  Talk four(as(relay, beta_user("four"), TransportKind::tls));
  for (Talk* talk : {&one, &two, &two_again, &three, &four}) REQUIRE(talk->send(100));

  CHECK(relay.ctl_raw({"cut", "no-such-allocation"}).exit.status == 1);
  CHECK(relay.ctl_raw({"cut"}).exit.status == 2);
  CHECK(relay.ctl({"cut", live_row(relay, "one")->at("id")}).at("cut") == 1);
  CHECK(gone(relay, "one"));
  CHECK(reason_of(relay, "one") == "cancelled");
  CHECK(one.wait_silent(promptly));

  CHECK(relay.ctl({"cut", "--client", "two", "--csp", "acme"}).at("cut") == 1);
  CHECK(wait_until(promptly, [&] { return relay.usage().allocations == 1; }));
  CHECK(two_again.send(1));
  CHECK(relay.ctl({"cut", "--client", "two"}).at("cut") == 1);
  CHECK(gone(relay, "two"));
  CHECK(three.send(1));
  CHECK(relay.ctl({"cut", "--csp", "acme"}).at("cut") == 1);
  CHECK(gone(relay, "three"));
  CHECK(reason_of(relay, "three") == "cancelled");
  CHECK(record_of(relay, "three").at("client_to_peer_octets") == 101);
  CHECK(four.send(1));
  CHECK(relay.records().size() == 4);

  // A cut is no ban.
  CHECK(try_allocate(relay, acme_user("one")));
}

TEST_CASE("a revoked client id is ended, refused, and stays so after a restart") {
  BrokerRelay relay(options_with(two_csps()));
  const Issued alice = issue(relay, "acme", "data", "alice");
  const Issued bob = issue(relay, "acme", "data", "bob");
  {
    Talk of_alice(as(relay, alice.credentials));
    Talk of_bob(as(relay, bob.credentials));
    REQUIRE(of_alice.send(123));
    const auto answer = relay.ctl({"revoke", alice.client_id});
    CHECK(answer.at("cut") == 1);
    CHECK(gone(relay, "alice"));
    CHECK(of_alice.wait_silent(promptly));
    const auto record = record_of(relay, "alice");
    CHECK(record.at("reason") == "revoked");
    CHECK(record.at("client_to_peer_octets") == 123);
    CHECK(of_bob.send(1));
  }
  CHECK(try_allocate(relay, alice.credentials).code == 401);
  CHECK(relay.relay().wait_output(alice.token + " refused: revoked", patience));
  CHECK(relay.relay().output().find(alice.client_id) == std::string::npos);
  CHECK(try_allocate(relay, bob.credentials));

  relay.relay().restart();
  CHECK(try_allocate(relay, alice.credentials).code == 401);
  CHECK(try_allocate(relay, bob.credentials));
  // The name is not banned, only what was issued.
  CHECK(wait_until(patience, [&] {
    return try_allocate(relay, issue(relay, "acme", "data", "alice").credentials).ok();
  }));
}

TEST_CASE(
    "a revoked name and a revoked CSP lose what they have, and what is issued later is good") {
  BrokerRelay relay(options_with(two_csps()));
  const Credentials alice = acme_user("alice");
  Talk of_alice(as(relay, alice));
  Talk of_bob(as(relay, acme_user("bob")));
  const Credentials carol = beta_user("carol");
  Talk of_beta(as(relay, carol));
  CHECK(relay.ctl({"revoke", alice.username}).at("cut") == 1);
  CHECK(gone(relay, "alice"));
  CHECK(reason_of(relay, "alice") == "revoked");
  CHECK(try_allocate(relay, alice).code == 401);
  CHECK(of_bob.send(1));

  CHECK(relay.ctl({"revoke", "--csp", "beta"}).at("cut") == 1);
  CHECK(gone(relay, "carol"));
  CHECK(reason_of(relay, "carol") == "revoked");
  CHECK(try_allocate(relay, carol).code == 401);
  CHECK(of_bob.send(1));
  CHECK(relay.ctl_raw({"revoke", "--csp", "nobody"}).exit.status == 1);

  // A CSP's clock may be a minute ahead. Of one that is, what is minted a second later is newer than the
  // revocation; what another mints now may be older.
  const auto longest = std::chrono::hours(1) + std::chrono::minutes(1);
  CHECK(
      wait_until(patience, [&] { return try_allocate(relay, beta_user("carol", longest)).ok(); }));
  CHECK(
      wait_until(patience, [&] { return try_allocate(relay, acme_user("alice", longest)).ok(); }));
  CHECK(try_allocate(relay, acme_user("alice")).code == 401);
  CHECK(try_allocate(relay, alice).code == 401);
}

TEST_CASE("mobility carries an allocation to another connection, but not over a cut") {
  BrokerRelay relay(options_with(two_csps(), "", {"--mobility"}));
  const Credentials alice = acme_user("alice");
  Talk talk(as(relay, alice), mobile());
  REQUIRE(!talk.client.mobility_ticket().empty());
  REQUIRE(talk.send(1'000));

  TurnClient moved(as(relay, alice));
  REQUIRE(moved.refresh_with_ticket(talk.client.mobility_ticket(), 600));
  const auto before = talk.peer.received().packets;
  REQUIRE(moved.send_channel(channel, Bytes(500, 1)));
  REQUIRE(talk.peer.wait_received_packets(before + 1, patience));
  CHECK(live_row(relay, "alice")->at("client_to_peer_octets") == 1'500);

  const Bytes ticket = moved.mobility_ticket();
  REQUIRE(!ticket.empty());
  CHECK(relay.ctl({"cut", "--client", "alice"}).at("cut") == 1);
  CHECK(gone(relay, "alice"));
  CHECK(reason_of(relay, "alice") == "cancelled");
  for (const Bytes& each : {ticket, talk.client.mobility_ticket()}) {
    TurnClient late(as(relay, alice));
    const Outcome outcome = late.refresh_with_ticket(each, 600);
    CAPTURE(outcome);
    CHECK(outcome.kind == Outcome::Kind::error);
    REQUIRE(late.send_channel(channel, Bytes(500, 1)));
    REQUIRE(late.binding());
  }
  REQUIRE(talk.peer.settle());
  CHECK(talk.peer.received().octets == 1'500);
  CHECK_FALSE(live_row(relay, "alice"));
}

TEST_CASE("a mobile allocation whose client is away is cut too, and cannot be resumed") {
  const bool by_quota = GENERATE(false, true);
  CAPTURE(by_quota);
  BrokerRelay relay(options_with(csp("acme", "10 kB", "", acme_secret), "", {"--mobility"}));
  const Credentials alice = acme_user("alice");
  Bytes ticket;
  {
    TurnClient client(as(relay, alice, TransportKind::tcp));
    REQUIRE(client.allocate(mobile()));
    ticket = client.mobility_ticket();
    REQUIRE(!ticket.empty());
  }
  // Its connection has ended; the allocation waits for the client to come back.
  CHECK(live_row(relay, "alice"));
  if (by_quota) {
    Talk spender(as(relay, acme_user("spender")));
    for (int i = 0; i < 10; ++i) REQUIRE(spender.send(1'000));
    CHECK_FALSE(spender.send(1, Milliseconds(50)));
  } else {
    CHECK(relay.ctl({"cut", "--client", "alice"}).at("cut") == 1);
  }
  CHECK(gone(relay, "alice"));
  CHECK(reason_of(relay, "alice") == (by_quota ? "quota_exhausted" : "cancelled"));
  TurnClient late(as(relay, alice));
  CHECK(late.refresh_with_ticket(ticket, 600).kind == Outcome::Kind::error);
  CHECK_FALSE(live_row(relay, "alice"));
}

TEST_CASE("a client's own end, its lifetime's end and the server's end each have their reason") {
  BrokerRelay relay(options_with(two_csps(), "", {"--max-allocate-lifetime=2"}));
  Talk released(as(relay, acme_user("released")));
  Talk idle(as(relay, acme_user("idle"), TransportKind::tcp));
  Talk forgotten(as(relay, acme_user("forgotten")));
  CHECK(forgotten.client.lifetime_s() == 2);
  REQUIRE(released.send(10));
  REQUIRE(forgotten.send(20));
  REQUIRE(released.client.refresh(0));
  CHECK(reason_of(relay, "released") == "released");
  CHECK(record_of(relay, "released").at("client_to_peer_octets") == 10);
  CHECK(reason_of(relay, "forgotten") == "expired");
  CHECK(record_of(relay, "forgotten").at("client_to_peer_octets") == 20);
  CHECK(forgotten.client.refresh(600).code == 437);
  CHECK(reason_of(relay, "idle") == "expired");

  Talk last(as(relay, beta_user("last")));
  REQUIRE(last.send(30));
  const ExitStatus ended = relay.relay().stop();
  CHECK(ended.status == 0);
  CHECK(ended.signal == 0);
  CHECK(reason_of(relay, "last") == "shutdown");
  CHECK(record_of(relay, "last").at("client_to_peer_octets") == 30);
  CHECK(relay.relay().output().find("stopped, everything is settled") != std::string::npos);

  // What was used stays used.
  relay.relay().restart();
  CHECK(relay.usage("beta").used_octets == 30);
  CHECK(relay.usage("acme").used_octets == 30);
  CHECK(relay.records().size() == 4);
}

TEST_CASE("a stream client that closes its connection has released its allocation") {
  const auto transport = GENERATE(TransportKind::tcp, TransportKind::tls);
  BrokerRelay relay(options_with(two_csps()));
  {
    Talk talk(as(relay, acme_user("alice"), transport));
    REQUIRE(talk.send(11));
  }
  CHECK(reason_of(relay, "alice") == "released");
  CHECK(record_of(relay, "alice").at("client_to_peer_octets") == 11);
}
