// The configuration followed while the server runs: edits, SIGHUP, included files, broken files.
#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "credentials/operator.h"

using namespace credentials_test;
using namespace turntest;

namespace {

constexpr std::string_view a_secret = "a-secret-of-its-own-0123",
                           b_secret = "b-secret-of-its-own-0123";

Credentials user_of(std::string_view id, std::string_view secret, std::string_view client) {
  return rest_credentials(secret, std::string(id) + "/data/" + std::string(client));
}

std::string a_with(std::string_view volume) { return csp("a", volume, "", a_secret); }

std::uint64_t limit_of(BrokerRelay& relay, std::string_view id) {
  return relay.usage(id).limit_octets;
}

nlohmann::json status(BrokerRelay& relay) { return relay.ctl({"status"}); }

}  // namespace

TEST_CASE("an edited file is taken up by itself, and one that is held open by SIGHUP") {
  BrokerRelay relay(options_with(a_with("1 MB")));
  CHECK(limit_of(relay, "a") == 1'000'000);
  relay.write_csps(a_with("2 MB"));
  CHECK(wait_until(promptly, [&] { return limit_of(relay, "a") == 2'000'000; }));

  // Written but not closed: SIGHUP tells the server that it has changed.
  std::string text = read_file(relay.config_file());
  text.replace(text.find("2 MB"), 4, "3 MB");
  std::ofstream open(relay.config_file(), std::ios::binary);
  open << text << std::flush;
  relay.relay().process().signal(SIGHUP);
  CHECK(wait_until(promptly, [&] { return limit_of(relay, "a") == 3'000'000; }));
  CHECK(relay.relay().process().running());
  open.close();
  CHECK(relay.relay().wait_output("configuration reloaded: 1 CSPs", patience));
}

TEST_CASE(
    "a broken file changes nothing, and the message names file, line, key and what is wrong") {
  BrokerRelay relay(options_with(a_with("1 MB")));
  Talk talk(as(relay, user_of("a", a_secret, "alice")));
  REQUIRE(talk.send(1'000));
  relay.write_csps(a_with("2 MB") + csp("b", "1 potato", "", b_secret));
  std::string message;
  REQUIRE(wait_until(promptly, [&] {
    const auto answer = status(relay).at("config_error");
    if (answer.is_string()) message = answer;
    return answer.is_string();
  }));
  const std::string text = read_file(relay.config_file());
  const auto line =
      std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(text.find("potato")),
                 '\n') +
      1;
  CHECK_THAT(message, Catch::StartsWith(relay.config_file().string() + ":" + std::to_string(line) +
                                        ": csp.b.quota.data.volume: ") &&
                          Catch::Contains("1 potato") &&
                          Catch::Contains("; allowed: a number and B, kB"));
  CHECK(
      relay.relay().wait_output("configuration not reloaded: " + message.substr(0, 60), patience));
  CHECK(limit_of(relay, "a") == 1'000'000);
  CHECK(talk.send(1));
  CHECK(try_allocate(relay, user_of("b", b_secret, "bob")).code == 401);
  // Asked by hand it says the same, and a check without a server too.
  const RunResult reload = relay.ctl_raw({"reload"});
  CHECK(reload.exit.status == 1);
  CHECK_THAT(reload.output, Catch::Contains(message));
  const RunResult check = relay.ctl_raw({"check-config", relay.config_file().string()});
  CHECK(check.exit.status == 1);
  CHECK_THAT(check.output, Catch::Contains(message));
  // So does SIGHUP, and the server lives.
  relay.relay().process().signal(SIGHUP);
  CHECK(talk.send(1));

  relay.write_csps(a_with("2 MB") + csp("b", "1 MB", "", b_secret));
  CHECK(wait_until(promptly, [&] { return limit_of(relay, "a") == 2'000'000; }));
  CHECK(status(relay).at("config_error") == nullptr);
  CHECK(try_allocate(relay, user_of("b", b_secret, "bob")));
  CHECK(talk.send(1));
  CHECK(relay.relay().output().find(a_secret) == std::string::npos);
}

TEST_CASE("a file put into csp.d adds its CSPs, one taken away ends them") {
  TempDir files;
  files.write("csp.d/a.toml", a_with("1 MB"));
  BrokerRelay relay(options_with("", "include = \"" + (files / "csp.d/*.toml").string() + "\""));
  Talk talk(as(relay, user_of("a", a_secret, "alice")));
  CHECK(try_allocate(relay, user_of("b", b_secret, "bob")).code == 401);

  files.write("csp.d/b.toml", csp("b", "1 MB", "", b_secret));
  CHECK(wait_until(promptly,
                   [&] { return try_allocate(relay, user_of("b", b_secret, "bob")).ok(); }));
  // A file that does not match the pattern is nobody's business.
  files.write("csp.d/c.toml.off", "this is no TOML");
  files.write("csp.d/b.toml", csp("b", "2 MB", "", b_secret));
  CHECK(wait_until(promptly, [&] { return limit_of(relay, "b") == 2'000'000; }));
  CHECK(status(relay).at("config_error") == nullptr);

  // A broken one is named, and the rest stays as it is.
  files.write("csp.d/c.toml", "[csp.c]\nname = \"C\"\nsecret = 17\n");
  REQUIRE(wait_until(promptly, [&] { return status(relay).at("config_error") != nullptr; }));
  CHECK_THAT(status(relay).at("config_error").get<std::string>(),
             Catch::StartsWith((files / "csp.d/c.toml").string() + ":3: csp.c.secret: "));
  CHECK(talk.send(1));
  std::filesystem::remove(files / "csp.d/c.toml");
  CHECK(wait_until(promptly, [&] { return status(relay).at("config_error") == nullptr; }));

  Talk of_b(as(relay, user_of("b", b_secret, "bea")));
  std::filesystem::remove(files / "csp.d/b.toml");
  CHECK(wait_until(promptly, [&] { return !live_row(relay, "bea"); }));
  CHECK(record_of(relay, "bea").at("reason") == "revoked");
  CHECK(try_allocate(relay, user_of("b", b_secret, "bob")).code == 401);
  CHECK(talk.send(1));
}

TEST_CASE("a lowered limit cuts and a raised one revives, both within a second") {
  BrokerRelay relay(options_with(a_with("1 MB")));
  const Credentials alice = user_of("a", a_secret, "alice");
  std::size_t records = 0;
  for (int round = 0; round < rounds(5, 2); ++round) {
    Talk talk(as(relay, alice));
    for (int i = 0; i < 10; ++i) REQUIRE(talk.send(1'000));
    // Above what is used: nothing happens to the call.
    relay.write_csps(a_with(std::to_string(20 + 10 * round) + " kB"));
    REQUIRE(wait_until(promptly, [&] { return limit_of(relay, "a") < 100'000; }));
    REQUIRE(talk.send(1));
    // Below it.
    relay.write_csps(a_with("5 kB"));
    REQUIRE(wait_until(promptly, [&] { return !live_row(relay, "alice"); }));
    CHECK(talk.wait_silent(promptly));
    CHECK(try_allocate(relay, alice).code == 486);
    CHECK(relay.usage("a").exhausted);
    REQUIRE(wait_until(patience, [&] { return relay.records().size() == records + 1; }));
    const auto record = relay.records().back();
    CHECK(record.at("reason") == "quota_exhausted");
    CHECK(record.at("client_to_peer_octets") == 10'001);
    CHECK(relay.usage("a").used_octets == 10'001U * (static_cast<unsigned>(round) + 1));
    ++records;

    relay.write_csps(a_with("1 MB"));
    REQUIRE(wait_until(promptly, [&] { return limit_of(relay, "a") == 1'000'000; }));
    CHECK_FALSE(relay.usage("a").exhausted);
  }
}

TEST_CASE("no call of another CSP loses a packet while one CSP is edited twenty times") {
  TempDir files;
  files.write("csp.d/a.toml", a_with("1 MB"));
  files.write("csp.d/b.toml", csp("b", "1 GB", "", b_secret));
  auto options = options_with("", "include = \"" + (files / "csp.d/*.toml").string() + "\"");
  options.relay.relay_threads = 2;
  BrokerRelay relay(options);
  Talk udp(as(relay, user_of("b", b_secret, "udp")));
  Talk tls(as(relay, user_of("b", b_secret, "tls"), TransportKind::tls));
  std::uint64_t each_way = 0;
  // A step of traffic on both calls, each packet waited for, both ways.
  const auto step = [&] {
    for (Talk* talk : {&udp, &tls}) {
      REQUIRE(talk->send(700));
      const auto before = talk->client.received().packets;
      REQUIRE(talk->peer.send(talk->client.relayed_address(), Bytes(300, 1)));
      REQUIRE(talk->client.wait_received_packets(before + 1, patience));
    }
    ++each_way;
  };
  for (int edit = 1; edit <= 20; ++edit) {
    // Now and then an edit cuts or revives a call of the edited CSP.
    const bool cuts = edit % 4 == 0;
    std::optional<Talk> talk;
    if (edit % 4 == 3) {
      talk.emplace(as(relay, user_of("a", a_secret, "alice")));
      REQUIRE(talk->send(2'000));
    }
    const std::uint64_t limit = cuts ? 1'000 : 1'000'000 + static_cast<std::uint64_t>(edit);
    files.write("csp.d/a.toml", a_with(std::to_string(limit) + " B"));
    REQUIRE(wait_until(promptly, [&] {
      step();
      return limit_of(relay, "a") == limit;
    }));
    if (cuts) CHECK(try_allocate(relay, user_of("a", a_secret, "alice")).code == 486);
  }
  for (Talk* talk : {&udp, &tls}) {
    CHECK(talk->client.sent() == TrafficCount{each_way * 700, each_way});
    CHECK(talk->peer.received() == TrafficCount{each_way * 700, each_way});
    CHECK(talk->client.received() == TrafficCount{each_way * 300, each_way});
    CHECK(talk->peer.kernel_drops() == 0);
    CHECK(talk->client.kernel_drops() == 0);
  }
  CHECK(relay.usage("b").used_octets == 2'000 * each_way);
  CHECK(relay.usage("b").allocations == 2);
}
