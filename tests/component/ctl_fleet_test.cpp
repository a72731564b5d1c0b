// What turnbrokerctl tells of the fleet and of its ledger.
#include "ctl/fleet_json.h"
#include "ctl/handlers.h"
#include "ctl_program.h"
#include "http/message.h"

using namespace ctl_test;
using Catch::Matchers::Contains;
using plugin::http::Json;

namespace {

plugin::RelayView relay_view(const std::string& id, std::int64_t age_ms) {
  plugin::RelayView out;
  out.status.id = id;
  out.age_ms = age_ms;
  return out;
}

std::vector<plugin::RelayView> some_relays() {
  plugin::RelayView fra = relay_view("fra-1", 400);
  fra.self = true;
  fra.status.incarnation = 0xA1;
  fra.status.version = "0.1.0";
  fra.status.domain = "core";
  fra.status.region = "eu";
  fra.status.capacity = broker::BitRate{10'000'000'000};
  fra.status.allocations_max = 65'536;
  fra.status.allocations = 12;
  fra.status.octets_per_s = {12'500'000, 125};
  fra.status.cpu = 0.254;
  fra.status.dropped_packets_per_s = 3;
  plugin::RelayView full = relay_view("fra-2", 1'000);
  full.status.domain = "core";
  full.status.healthy = false;
  full.status.reason = "the relay is full";
  plugin::RelayView leaving = relay_view("iad-1", 2'000);
  leaving.status.allocations = 2;
  leaving.status.draining = true;
  plugin::RelayView silent = relay_view("iad-2", 12'000);
  silent.status.allocations = 70;
  silent.up = false;
  return {fra, full, leaving, silent};
}

plugin::LedgerAccount ledger_account(const std::string& csp, std::uint64_t used) {
  plugin::LedgerAccount out;
  out.books.account = {csp, broker::MediaType::video, 1'793'491'200, ""};
  out.books.totals.charged_octets = used;
  out.books.totals.granted_octets = used + 50;
  out.books.totals.used.octets = {used, 0};
  out.period = "2026-11";
  return out;
}

}  // namespace

TEST_CASE("relays are a table with their state in words") {
  Broker broker;
  broker.control.fleet = some_relays();
  const Ran ran = broker.ask({"relays"});
  CHECK(ran.exit_code == 0);
  CHECK(ran.err.empty());
  CHECK(ran.out ==
        "RELAY    DOMAIN  REGION  STATE                         ALLOCATIONS     CAPACITY     TO "
        "PEER    TO CLIENT  CPU  DROPS/S       HEARD  VERSION\n"
        "fra-1 *  core    eu      healthy                       12 of 65536  10.0 Gbit/s  100 "
        "Mbit/s  1.00 kbit/s  25%        3   0.4 s ago  0.1.0\n"
        "fra-2    core    -       unhealthy: the relay is full            0            -     0 "
        "bit/s      0 bit/s   0%        0   1.0 s ago\n"
        "iad-1    -       -       draining                                2            -     0 "
        "bit/s      0 bit/s   0%        0   2.0 s ago\n"
        "iad-2    -       -       silent                                 70            -     0 "
        "bit/s      0 bit/s   0%        0  12.0 s ago\n");
  const Json json = Json::parse(broker.ask({"relays", "--json"}).out);
  CHECK(json.at("relays")[0] ==
        Json::parse(R"({"relay":"fra-1","self":true,"domain":"core","region":"eu",
            "version":"0.1.0","incarnation":"00000000000000a1","up":true,"healthy":true,
            "reason":null,"draining":false,"allocations":12,"allocations_max":65536,
            "capacity_bits_per_s":10000000000,"client_to_peer_octets_per_s":12500000,
            "peer_to_client_octets_per_s":125,"cpu":0.254,"dropped_packets_per_s":3,
            "heartbeat_age_s":0.4})"));
  CHECK(broker.control.calls() == std::vector<std::string>{"relays", "relays"});
}

TEST_CASE("domains sum up the relays that are up") {
  Broker broker;
  broker.control.fleet = some_relays();
  CHECK(broker.ask({"domains"}).out ==
        "DOMAIN  RELAYS  UP  HEALTHY  DRAINING  ALLOCATIONS     CAPACITY     TO PEER    TO CLIENT\n"
        "-            2   1        1         1            2            -     0 bit/s      0 bit/s\n"
        "core         2   2        1         0  12 of 65536  10.0 Gbit/s  100 Mbit/s  1.00 "
        "kbit/s\n");
  const Json json = Json::parse(broker.ask({"domains", "--json"}).out);
  REQUIRE(json.at("domains").size() == 2);
  CHECK(json.at("domains")[0].at("domain") == nullptr);
  CHECK(json.at("domains")[0].at("capacity_bits_per_s") == nullptr);
}

TEST_CASE("usage --fleet is the ledger's word, with what is granted and not used") {
  Broker broker;
  plugin::LedgerAccount acme = ledger_account("acme", 200);
  acme.limit_octets = 1'000;
  broker.control.ledger.accounts = {acme, ledger_account("bigco", 0)};
  broker.control.ledger.total = 2;
  CHECK(broker.ask({"usage", "--fleet"}).out ==
        "CSP    MEDIA  PERIOD    USED  UNSPENT    LIMIT  USED%  TO PEER  TO CLIENT\n"
        "acme   video  2026-11  200 B     50 B  1.00 kB  20.0%    200 B        0 B\n"
        "bigco  video  2026-11    0 B     50 B        -      -      0 B        0 B\n");
  CHECK(broker.ask({"usage", "--fleet", "--csp", "acme", "--clients", "--json"}).exit_code == 0);
  CHECK(broker.control.calls() ==
        std::vector<std::string>{"ledger usage *", "ledger usage acme clients"});
  CHECK(broker.ask({"usage", "--by-relay"}).exit_code == 2);
}

TEST_CASE("usage --fleet --by-relay has a line for each share, and for what ended ones used") {
  Broker broker;
  plugin::LedgerAccount acme = ledger_account("acme", 200);
  broker::Share share;
  share.charged_octets = 120;
  share.granted_octets = 170;
  share.used.octets = {120, 0};
  acme.books.shares = {{{"fra-1", 0xA1}, share}, {{"", 7}, {}, broker::IncarnationState::unknown}};
  acme.books.account.client = "al\x1b";
  acme.books.damage = {"it is odd"};
  broker.control.ledger.accounts = {acme};
  broker.control.ledger.total = 6'000;
  broker.control.ledger.complete = false;
  CHECK(broker.ask({"usage", "--fleet", "--by-relay"}).out ==
        "CSP   MEDIA  PERIOD   CLIENT  RELAY                          USED  UNSPENT  LIMIT  USED%  "
        "TO PEER  TO CLIENT\n"
        "acme  video  2026-11  al\\x1b  *                             200 B     50 B      -      - "
        "   200 B        0 B  DAMAGED\n"
        "acme  video  2026-11  al\\x1b  fra-1:00000000000000a1        120 B     50 B               "
        "   120 B        0 B\n"
        "acme  video  2026-11  al\\x1b  -:0000000000000007 (unknown)    0 B      0 B               "
        "     0 B        0 B\n"
        "acme  video  2026-11  al\\x1b  (ended)                        80 B      0 B               "
        "    80 B        0 B\n"
        "... and 5999 more; name a CSP to see fewer\n"
        "... the ledger is too large to be looked at whole in one answer; name a CSP\n");
}

TEST_CASE("ledger check says in a word whether it adds up, and exits with 1 when it does not") {
  Broker broker;
  broker.control.check.accounts = 3;
  const Ran good = broker.ask({"ledger", "check"});
  CHECK(good.exit_code == 0);
  CHECK(good.out == "the ledger adds up: 3 accounts, 0 faults, 0 notes\n");

  Broker notes;
  notes.control.check.accounts = 1;
  notes.control.check.notes = 1;
  notes.control.check.findings = {
      {broker::FindingKind::relay_gone, std::nullopt, "iad-1", "relay iad-1 is gone"}};
  const Ran noted = notes.ask({"ledger", "check", "--csp", "acme"});
  CHECK(noted.exit_code == 0);
  CHECK(noted.out ==
        "note   relay iad-1 is gone\nthe ledger adds up: 1 account, 0 faults, 1 note\n");
  CHECK(notes.control.calls() == std::vector<std::string>{"check ledger acme"});

  Broker bad;
  bad.control.check.accounts = 2;
  bad.control.check.faults = 1'200;
  bad.control.check.findings = {{broker::FindingKind::holders_miscounted,
                                 broker::AccountKey{"acme", broker::MediaType::data, 0, "x\x1b"},
                                 "", "it is wrong"}};
  const Ran faulty = bad.ask({"ledger", "check"});
  CHECK(faulty.exit_code == 1);
  CHECK(faulty.err.empty());
  CHECK(faulty.out ==
        "FAULT  acme/data in total client x\\x1b: it is wrong\n... and 1199 more\n"
        "the ledger does not add up: 2 accounts, 1200 faults, 0 notes\n");
  const Ran json = bad.ask({"--json", "ledger", "check"});
  CHECK(json.exit_code == 1);
  const Json document = Json::parse(json.out);
  CHECK(document.at("ok") == false);
  CHECK(document.at("findings")[0].at("kind") == "holders_miscounted");
  CHECK(document.at("findings")[0].at("fault") == true);

  Broker large;
  large.control.check.complete = false;
  const Ran part = large.ask({"ledger", "check"});
  CHECK(part.exit_code == 1);
  CHECK_THAT(part.out, Contains("name a CSP"));
}

TEST_CASE("a ledger that does not answer is said, and so is a command that is none") {
  Broker broker;
  broker.control.error = "no answer";
  const Ran ran = broker.ask({"ledger", "check"});
  CHECK(ran.exit_code == 1);
  CHECK(ran.err == "turnbrokerctl: no answer\n");
  CHECK(broker.ask({"usage", "--fleet"}).exit_code == 1);
  CHECK(broker.ask({"ledger"}).exit_code == 2);
  CHECK(broker.ask({"ledger", "check", "--csp", "Not One"}).exit_code == 1);
}

TEST_CASE("parameters of the fleet's routes are checked before anything is asked") {
  FakeControl control;
  const auto status = [&](const std::string& path, const std::string& query) {
    int found = 0;
    const auto outcome = plugin::admin_routes(control).route(
        {.method = "GET", .path = path, .query = query, .headers = {}, .body = {}}, [&found] {
          return [&found](const plugin::http::Response& response) { found = response.status; };
        });
    if (const auto* response = std::get_if<plugin::http::Response>(&outcome))
      return response->status;
    return found;
  };
  for (const char* path : {"/v1/admin/relays", "/v1/admin/domains", "/metrics"})
    CHECK(status(path, "x=1") == 400);
  CHECK(status("/v1/admin/fleet/usage", "clients=2") == 400);
  CHECK(status("/v1/admin/fleet/usage", "by_relay=yes") == 400);
  CHECK(status("/v1/admin/fleet/usage", "csp=A") == 400);
  CHECK(status("/v1/admin/ledger/check", "clients=1") == 400);
  CHECK(control.calls().empty());
  CHECK(status("/v1/admin/fleet/usage", "csp=a&clients=1&by_relay=1") == 200);
}
