// The TURN URIs of [relay], by way of load_config.
#include <catch2/catch.hpp>
#include <string>

#include "broker/config.h"
#include "memory_files.h"

namespace {

std::string error_of(const std::string& text) {
  const auto config =
      broker::load_config("turnbroker.toml", tests::config_files({{"turnbroker.toml", text}}));
  return config ? "no error" : config.error().message;
}

}  // namespace

TEST_CASE("TURN URIs are taken as RFC 7065 writes them") {
  const auto uri = [](const std::string& text) {
    return error_of("[relay]\nurls = ['" + text + "']\n");
  };
  for (const std::string text :
       {"turn:example.org", "turns:example.org", "TURN:example.org", "turn:example.org:1",
        "turn:example.org:65535", "turn:example.org?transport=udp", "turns:a-b.c:99?transport=tcp",
        "turn:192.0.2.1", "turn:[2001:db8::1]", "turn:[::ffff:192.0.2.1]:3478?transport=tcp",
        "turn:localhost", "turn:3com.example", "turn:xn--bcher-kva.example."}) {
    CAPTURE(text);
    CHECK(uri(text) == "no error");
  }
  for (const std::string text : {"stun:example.org",
                                 "turn",
                                 "turn:",
                                 "turn::3478",
                                 "turn:example.org:",
                                 "turn:example.org:0",
                                 "turn:example.org:65536",
                                 "turn:example.org:-1",
                                 "turn:example.org:1x",
                                 "turn:a..b",
                                 "turn:-a.b",
                                 "turn:a-.b",
                                 "turn:a_b",
                                 "turn:.",
                                 "turn:user@example.org",
                                 "turn:a b",
                                 "turn:1.2.3",
                                 "turn:1.2.3.4.5",
                                 "turn:256.1.1.1",
                                 "turn:[::1",
                                 "turn:[]",
                                 "turn:[::1]3478",
                                 "turn:[fe80::1%eth0]",
                                 "turn:[192.0.2.1]",
                                 "turn:::1",
                                 "turn:example.org?",
                                 "turn:example.org?transport=",
                                 "turn:example.org?transport=UDP",
                                 "turn:example.org?transport=udp&x=y",
                                 "turn:example.org#x"}) {
    CAPTURE(text);
    CHECK(uri(text).find("relay.urls[0]: ") != std::string::npos);
  }
  CHECK(uri("turn:" + std::string(63, 'a') + ".example") == "no error");
  CHECK(uri("turn:" + std::string(64, 'a') + ".example") != "no error");
}

TEST_CASE("a relay says where it stands and what it can carry") {
  const auto relay_of = [](const std::string& text) {
    const auto config = broker::load_config(
        "turnbroker.toml", tests::config_files({{"turnbroker.toml", "[relay]\n" + text}}));
    INFO((config ? "" : config.error().message));
    REQUIRE(config);
    return config.value().relay;
  };
  const auto relay = relay_of(
      "domain = 'core'\nregion = 'eu-west'\nlatitude = 50.11\nlongitude = -8\nweight = 250\n"
      "capacity = '10 Gbit/s'\n");
  CHECK(relay.domain == "core");
  CHECK(relay.region == "eu-west");
  CHECK(relay.place == broker::Coordinates{50.11, -8});
  CHECK(relay.weight == 250);
  CHECK(relay.capacity == broker::BitRate{10'000'000'000});
  const auto plain = relay_of("");
  CHECK(plain.domain.empty());
  CHECK_FALSE(plain.place);
  CHECK(plain.weight == 100);
  CHECK_FALSE(plain.capacity);
}

TEST_CASE("a CSP says which relays its clients get") {
  const auto rules_of = [](const std::string& text) {
    const auto config = broker::load_config(
        "/etc/turnbroker.toml",
        tests::config_files(
            {{"/etc/turnbroker.toml",
              "[broker]\ngeoip_database = 'geo.mmdb'\n[csp.acme]\nsecret = "
              "'0123456789abcdef'\n" +
                  text + "[csp.acme.quota.data]\nvolume = '1 GB'\nperiod = 'day'\n"}}));
    INFO((config ? "" : config.error().message));
    REQUIRE(config);
    CHECK(config.value().geoip_database == "/etc/geo.mmdb");
    return config.value().csps.at("acme").selection;
  };
  CHECK(rules_of("") == broker::SelectionRules{});
  const broker::SelectionRules all{.strategy = broker::SelectionStrategy::nearest,
                                   .domains = {"core", "Edge.2"},
                                   .sticky = true,
                                   .fallbacks = 0};
  CHECK(rules_of("selection = 'nearest'\ndomains = ['core', 'Edge.2']\nsticky = true\n"
                 "fallbacks = 0\n") == all);
  CHECK(rules_of("selection = 'round-robin'\n").strategy == broker::SelectionStrategy::round_robin);
  CHECK(rules_of("selection = 'least-load'\n").strategy == broker::SelectionStrategy::least_load);
}
