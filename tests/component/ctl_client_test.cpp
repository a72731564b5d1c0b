// turnbrokerctl as an operator or a script runs it.
#include <fstream>

#include "ctl_program.h"
#include "http/message.h"
#include "support/certificate.h"

using namespace ctl_test;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using plugin::http::Json;

namespace {

plugin::AccountStatus used_of(const std::string& csp, broker::MediaType media, std::uint64_t used,
                              std::uint64_t limit, const std::string& client = {}) {
  plugin::AccountStatus out = account(csp, media, client);
  out.limit_octets = limit;
  out.used_octets = used;
  out.used.octets = {used, 0};
  out.allocations = 2;
  out.exhausted = used >= limit;
  return out;
}

// A server that accepts one connection, says `answer`, and closes; or says nothing and waits.
class OddServer {
 public:
  OddServer(const std::string& path, std::string answer, bool waits = false)
      : listener_(std::move(plugin::listen_on_unix_socket(path)).value()),
        thread_([this, answer = std::move(answer), waits] {
          pollfd one{.fd = listener_.fd.get(), .events = POLLIN, .revents = 0};
          if (::poll(&one, 1, 10'000) <= 0) return;
          const plugin::UniqueFd client(
              ::accept4(listener_.fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
          std::array<char, 4096> request{};
          static_cast<void>(::recv(client.get(), request.data(), request.size(), 0));
          static_cast<void>(::send(client.get(), answer.data(), answer.size(), MSG_NOSIGNAL));
          // Until the client gives up.
          if (waits) static_cast<void>(::recv(client.get(), request.data(), request.size(), 0));
        }) {}
  OddServer(const OddServer&) = delete;
  OddServer& operator=(const OddServer&) = delete;
  ~OddServer() { thread_.join(); }

 private:
  plugin::UnixListener listener_;
  std::thread thread_;
};

}  // namespace

TEST_CASE("usage is a table with rounded volumes, percent and a mark for what is exhausted") {
  Broker broker;
  broker.control.accounts = {
      used_of("acme", broker::MediaType::audio, 0, 2'000'000'000),
      used_of("acme", broker::MediaType::video, 1'999'999'999, 2'000'000'000),
      used_of("bigco", broker::MediaType::data, 1500, 1500)};
  const Ran ran = broker.ask({"usage"});
  CHECK(ran.exit_code == 0);
  CHECK(ran.err.empty());
  CHECK(ran.out ==
        "CSP    MEDIA  PERIOD      USED    LIMIT   USED%  TO PEER  TO CLIENT  ALLOCATIONS\n"
        "acme   audio  2026-11      0 B  2.00 GB    0.0%      0 B        0 B            2\n"
        "acme   video  2026-11  2.00 GB  2.00 GB   99.9%  2.00 GB        0 B            2\n"
        "bigco  data   2026-11  1.50 kB  1.50 kB  100.0%  1.50 kB        0 B            2  "
        "EXHAUSTED\n");
}

TEST_CASE("usage of clients has a column for them") {
  Broker broker;
  broker.control.accounts = {used_of("acme", broker::MediaType::audio, 5, 50),
                             used_of("acme", broker::MediaType::audio, 5, 20, "züri")};
  const Ran ran = broker.ask({"usage", "--csp", "acme & sons", "--clients"});
  CHECK(ran.out ==
        "CSP   MEDIA  PERIOD   CLIENT  USED  LIMIT  USED%  TO PEER  TO CLIENT  ALLOCATIONS\n"
        "acme  audio  2026-11  *        5 B   50 B  10.0%      5 B        0 B            2\n"
        "acme  audio  2026-11  züri     5 B   20 B  25.0%      5 B        0 B            2\n");
  CHECK(broker.control.calls() == std::vector<std::string>{"usage acme & sons clients"});
}

TEST_CASE("usage --json is the server's answer") {
  Broker broker;
  broker.control.accounts = {used_of("acme", broker::MediaType::audio, 5, 50)};
  const Ran ran = broker.ask({"--json", "usage"});
  CHECK(ran.exit_code == 0);
  CHECK(Json::parse(ran.out) ==
        Json::parse(R"({"accounts":[{"csp":"acme","media":"audio","period":"2026-11",
                        "limit_octets":50,"used_octets":5,"client_to_peer_octets":5,
                        "peer_to_client_octets":0,"allocations":2,"exhausted":false}]})"));
  CHECK(broker.ask({"usage", "--json"}).out == ran.out);
}

TEST_CASE("nothing to show is said in words") {
  Broker broker;
  CHECK(broker.ask({"usage"}).out == "no accounts\n");
  CHECK(broker.ask({"allocations"}).out == "no allocations\n");
}

TEST_CASE("allocations are a table") {
  Broker broker;
  broker.control.live = {{.id = "9-1",
                          .csp = "acme",
                          .media = broker::MediaType::video,
                          .client = "alice",
                          .client_address = "192.0.2.1:4711",
                          .relayed_addresses = {"198.51.100.1:50000", "[2001:db8::1]:50000"},
                          .transport = "udp",
                          .start_s = 1'790'000'000,
                          .expiry_s = 1'790'003'600,
                          .used = {.octets = {1'000'000, 2'500'000}, .packets = {3, 4}}},
                         allocation("9-2", "b", "")};
  const Ran ran = broker.ask({"allocations", "--csp", "acme"});
  CHECK(ran.exit_code == 0);
  CHECK(
      ran.out ==
      "ID   CSP   MEDIA  CLIENT  TRANSPORT  CLIENT ADDRESS  RELAYED ADDRESS                        "
      " START                 EXPIRY                TO PEER  TO CLIENT\n"
      "9-1  acme  video  alice   udp        192.0.2.1:4711  "
      "198.51.100.1:50000,[2001:db8::1]:50000  2026-09-21T14:13:20Z  2026-09-21T15:13:20Z  1.00 MB "
      "   2.50 MB\n"
      "9-2  b     audio          udp                        -                                      "
      " 2026-09-21T14:13:20Z  -                         0 B        0 B\n");
  CHECK(broker.control.calls() == std::vector<std::string>{"allocations acme"});
}

TEST_CASE("what a client calls itself cannot act on the operator's terminal") {
  Broker broker;
  broker.control.live = {
      allocation("1", "a", "e\x1b[2J\n\\\x7f\xc2\x9b\xe2\x80\xae\xff\xed\xa0\x80ß")};
  const Ran table = broker.ask({"allocations"});
  CHECK_THAT(table.out, Contains("e\\x1b[2J\\x0a\\\\x7f\\u{9b}\\u{202e}"));
  CHECK_THAT(table.out, Contains("ß"));
  const Ran json = broker.ask({"allocations", "--json"});
  for (const char c : json.out) CHECK((c == '\n' || (c >= ' ' && c <= '~')));
  CHECK_THAT(Json::parse(json.out)["allocations"][0]["client"].get<std::string>(),
             StartsWith("e\x1b[2J\n\\\x7f\xc2\x9b\xe2\x80\xae"));
}

TEST_CASE("cut names what to end and says how many ended") {
  Broker broker;
  CHECK(broker.ask({"cut", "9-1"}).out == "1 allocation cut\n");
  CHECK(broker.ask({"cut", "--csp", "acme", "--client", "alice"}).out == "3 allocations cut\n");
  CHECK(Json::parse(broker.ask({"cut", "--client", "alice", "--json"}).out) ==
        Json::parse(R"({"cut":3})"));
  CHECK(broker.control.calls() ==
        std::vector<std::string>{"cut id=9-1 csp= client=", "cut id= csp=acme client=alice",
                                 "cut id= csp= client=alice"});
}

TEST_CASE("credentials are printed for people and for programs") {
  Broker broker;
  const Ran ran = broker.ask(
      {"credentials", "--csp", "acme", "--media", "video", "--client", "alice", "--ttl", "1h"});
  CHECK(ran.out ==
        "username        1790000000:tb1.abc\n"
        "password        cGFzc3dvcmQ=\n"
        "ttl             3600 s\n"
        "uri             turn:relay.example:3478\n"
        "uri             turns:relay.example\n"
        "client id       tb1.abc.AAAAAAAAAAAAAAAAAAAAAA\n");
  const Ran json =
      broker.ask({"credentials", "--csp", "acme", "--media", "data", "--client", "a b", "--json"});
  CHECK(Json::parse(json.out) == Json::parse(R"({"username":"1790000000:tb1.abc",
        "password":"cGFzc3dvcmQ=","ttl":3600,
        "uris":["turn:relay.example:3478","turns:relay.example"],"client_id":"tb1.abc.AAAAAAAAAAAAAAAAAAAAAA"})"));
  CHECK(broker.control.calls() == std::vector<std::string>{"credentials acme video alice 3600",
                                                           "credentials acme data a b 0"});
}

TEST_CASE("revoke, reload and status") {
  Broker broker;
  broker.control.state = {.version = "0.1.0",
                          .relay_id = "r1",
                          .incarnation = "00ff",
                          .started_s = 1'790'000'000,
                          .config_loaded_s = 1'790'000'060,
                          .config_file = "/etc/turnbroker.toml",
                          .config_error = "line 3 is\nbad",
                          .restart_needed = {"relay.id", "broker.store.path"},
                          .allocations = 3,
                          .allocations_max = 65'536,
                          .accounts = 4,
                          .records_written = 5,
                          .store = "sqlite ok"};
  CHECK(broker.ask({"revoke", "tb1.abc"}).out == "tb1.abc revoked, 2 allocations cut\n");
  CHECK(broker.ask({"revoke", "tb1.abc.AAAAAAAAAAAAAAAAAAAAAA"}).out ==
        "tb1.abc revoked, 2 allocations cut\n");
  CHECK(broker.ask({"revoke", "--csp", "acme"}).out == "acme revoked, 2 allocations cut\n");
  CHECK(broker.ask({"reload"}).out ==
        "reloaded; a restart is needed for: relay.id, broker.store.path\n");
  CHECK(broker.ask({"status"}).out ==
        "version         0.1.0\n"
        "relay           r1\n"
        "incarnation     00ff\n"
        "started         2026-09-21T14:13:20Z\n"
        "config file     /etc/turnbroker.toml\n"
        "config loaded   2026-09-21T14:14:20Z\n"
        "config error    line 3 is\\x0abad\n"
        "restart for     relay.id, broker.store.path\n"
        "allocations     3 of 65536\n"
        "accounts        4\n"
        "records written 5\n"
        "store           sqlite ok\n");
}

TEST_CASE("drain says what is left, how long it may take and what comes then") {
  Broker broker;
  broker.control.state.drain = {.draining = true, .stay = true, .until_s = 0, .allocations = 3};
  CHECK(broker.ask({"drain"}).out ==
        "draining, 3 allocations left: until the last allocation has ended, then the server "
        "stops\n");
  CHECK(broker.ask({"drain", "--deadline", "10m", "--stay"}).out ==
        "draining, 3 allocations left: until 2026-09-21T14:23:20Z at the latest, then the server "
        "stays\n");
  CHECK(broker.ask({"drain", "--cancel"}).out == "clients are taken again\n");
  CHECK(Json::parse(broker.ask({"--json", "drain", "--stay"}).out).at("stay") == true);
  CHECK(broker.control.calls() ==
        std::vector<std::string>{"drain 0", "drain 600 stay", "undrain", "drain 0 stay"});
  CHECK_THAT(broker.ask({"status"}).out,
             Contains("draining        until the last allocation has ended, then the server "
                      "stays\n"));
  CHECK(broker.ask({"drain", "--deadline", "25h"}).exit_code == 1);
}

TEST_CASE("what the broker refuses is one line on stderr and exit code 1") {
  Broker broker;
  broker.control.error = "no allocation has the id\n\x1b[31m9-1";
  const Ran ran = broker.ask({"cut", "9-1"});
  CHECK(ran.exit_code == 1);
  CHECK(ran.out.empty());
  CHECK(ran.err == "turnbrokerctl: no allocation has the id\\x0a\\x1b[31m9-1\n");
  CHECK(broker.ask({"cut", "9-1", "--json"}).err == ran.err);
}

TEST_CASE("a server that is not there is exit code 3 and named with the reason") {
  const turntest::TempDir directory;
  const std::string path = directory / "none.sock";
  const Ran missing = run({"--socket", path, "status"});
  CHECK(missing.exit_code == 3);
  CHECK(missing.err ==
        "turnbrokerctl: cannot connect to " + path + ": No such file or directory\n");
  const Ran from_environment = run({"status"}, "TURNBROKER_SOCKET=" + path);
  CHECK(from_environment.exit_code == 3);
  CHECK(from_environment.err == missing.err);
  const Ran too_long = run({"--socket", "/" + std::string(200, 'x'), "status"});
  CHECK(too_long.exit_code == 3);
  CHECK_THAT(too_long.err, Contains("File name too long"));
}

TEST_CASE("answers that are none are exit code 3") {
  const turntest::TempDir directory;
  const std::string path = directory / "odd.sock";
  struct Case {
    std::string answer;
    std::string message;
  };
  const auto [answer, message] = GENERATE(values<Case>(
      {{"", "the connection was closed without an answer"},
       {"SSH-2.0-OpenSSH\r\n\r\n", "the answer is not an HTTP/1.1 response"},
       {"HTTP/1.1 200 OK\r\nContent-Le", "the answer is not an HTTP/1.1 response"},
       {"HTTP/1.1 xyz OK\r\n\r\n{}", "the answer has no status"},
       {"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{}", "the answer was cut short"},
       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "the answer has a transfer coding, which is not expected"},
       {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{]", "it is not JSON"},
       {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "key 'accounts' not found"}}));
  const OddServer server(path, answer);
  const Ran ran = run({"--socket", path, "usage"});
  CHECK(ran.exit_code == 3);
  CHECK(ran.out.empty());
  CHECK_THAT(ran.err, StartsWith("turnbrokerctl: "));
  CHECK_THAT(ran.err, Contains(path));
  CHECK_THAT(ran.err, Contains(message));
}

TEST_CASE("an error without a problem document still tells its status") {
  const turntest::TempDir directory;
  const std::string path = directory / "odd.sock";
  const OddServer server(path, "HTTP/1.1 413 Too Large\r\nContent-Length: 6\r\n\r\n<html>");
  const Ran ran = run({"--socket", path, "usage"});
  CHECK(ran.exit_code == 1);
  CHECK(ran.err == "turnbrokerctl: the server answered with HTTP status 413\n");
}

TEST_CASE("a server that never answers is given up after --timeout") {
  const turntest::TempDir directory;
  const std::string path = directory / "odd.sock";
  const OddServer server(path, "HTTP/1.1 200 OK\r\n", true);
  const Ran ran = run({"--socket", path, "--timeout", "1s", "usage"});
  CHECK(ran.exit_code == 3);
  CHECK(ran.err == "turnbrokerctl: no answer from " + path + ": Connection timed out\n");
}

TEST_CASE("a wrong command line is exit code 2, help is 0") {
  const std::vector<std::vector<std::string>> wrong{
      {},
      {"dance"},
      {"usage", "--nope"},
      {"cut"},
      {"cut", "9-1", "--csp", "acme"},
      {"revoke"},
      {"revoke", "tb1.a", "--csp", "acme"},
      {"credentials", "--csp", "a", "--media", "video"},
      {"credentials", "--csp", "a", "--media", "fax", "--client", "b"},
      {"credentials", "--csp", "a", "--media", "data", "--client", "b", "--ttl", "soon"},
      {"credentials", "--csp", "a", "--media", "data", "--client", "b\xff"},
      {"drain", "--deadline", "soon"},
      {"drain", "--deadline", "0s"},
      {"drain", "--cancel", "--stay"},
      {"drain", "--cancel", "--deadline", "1m"},
      {"check-config"},
      {"--timeout", "x", "status"},
      {"--socket", "a", "--config", "b", "status"},
      {"status", "reload"}};
  for (const auto& arguments : wrong) {
    const Ran ran = run(arguments);
    CAPTURE(arguments, ran.err);
    CHECK(ran.exit_code == 2);
    CHECK(ran.out.empty());
    CHECK_FALSE(ran.err.empty());
  }
  const Ran help = run({"--help"});
  CHECK(help.exit_code == 0);
  CHECK_THAT(help.out, Contains("check-config") && Contains("$TURNBROKER_SOCKET"));
}

TEST_CASE("output that cannot be written is an error") {
  Broker broker;
  broker.ask({"status"});
  const std::string command =
      std::string(TURNBROKERCTL) + " --socket " + broker.path + " status >/dev/full 2>/dev/null";
  const int status = std::system(command.c_str());  // NOLINT: our own words only
  CHECK(WEXITSTATUS(status) == 1);
}

TEST_CASE("check-config needs no server and says what is wrong") {
  const turntest::TempDir directory;
  const std::string good = directory / "good.toml";
  std::ofstream(good) << "[broker]\nsecrets = [\"a-secret-of-some-length\"]\n"
                         "[csp.acme.quota.video]\nvolume = \"500 GB\"\nperiod = \"month\"\n"
                         "[csp.bigco.quota.audio]\nvolume = \"1 GB\"\nperiod = \"day\"\n";
  const Ran ok = run({"check-config", good});
  CAPTURE(ok.err);
  CHECK(ok.exit_code == 0);
  CHECK(ok.out == good + ": ok, 2 CSPs\n");
  const Ran json = run({"check-config", good, "--json"});
  CHECK(Json::parse(json.out) ==
        Json({{"file", good}, {"ok", true}, {"csps", 2}, {"error", nullptr}}));

  const std::string bad = directory / "bad.toml";
  std::ofstream(bad) << "[broker]\nrealm = \"x\"\n[csp.acme.quota.fax]\nvolume = \"1 GB\"\n";
  const Ran refused = run({"check-config", bad});
  CHECK(refused.exit_code == 1);
  CHECK(refused.out.empty());
  CHECK_THAT(refused.err, StartsWith(bad + ":3"));
  const Ran refused_json = run({"check-config", bad, "--json"});
  CHECK(refused_json.exit_code == 1);
  CHECK(Json::parse(refused_json.out).at("ok") == false);
}

TEST_CASE("check-config checks the certificate that the server would start with") {
  const turntest::TempDir directory;
  const auto files = turntest::make_certificate(directory.path());
  std::filesystem::create_directory(directory.path() / "other");
  const auto other = turntest::make_certificate(directory.path() / "other");
  const std::string file = directory / "turnbroker.toml";
  const auto check = [&](const std::string& certificate, const std::string& key) {
    std::ofstream(file) << "[broker.http]\nlisten_tls = \"127.0.0.1:0\"\ncertificate = \""
                        << certificate << "\"\nprivate_key = \"" << key << "\"\n";
    return run({"check-config", file});
  };
  const std::string garbage = directory / "garbage.pem";
  std::ofstream(garbage) << "garbage\n";
  CHECK(check(files.certificate, files.key).exit_code == 0);
  const Ran missing = check(directory / "none.pem", files.key);
  CHECK(missing.exit_code == 1);
  CHECK_THAT(missing.err, StartsWith(file + ":3: broker.http.certificate: "));
  const Ran no_certificate = check(garbage, files.key);
  CHECK(no_certificate.exit_code == 1);
  CHECK(no_certificate.err == "HTTP API: certificate " + garbage + ": holds no such PEM block\n");
  const Ran mismatch = check(files.certificate, other.key);
  CHECK(mismatch.exit_code == 1);
  CHECK(mismatch.err ==
        "HTTP API: private_key " + other.key.string() + ": does not belong to the certificate\n");
}

TEST_CASE("--config takes the socket from the configuration") {
  Broker broker;
  broker.ask({"status"});
  const std::string file = broker.directory / "good.toml";
  std::ofstream(file) << "[broker]\nsecrets = [\"a-secret-of-some-length\"]\nstate_dir = \""
                      << broker.directory.path().native()
                      << "\"\n[csp.acme.quota.video]\nvolume = \"500 GB\"\nperiod = \"month\"\n";
  const Ran ran = run({"--config", file, "usage"});
  CAPTURE(ran.err);
  CHECK(ran.out == "no accounts\n");
  const Ran missing = run({"--config", broker.directory / "missing.toml", "usage"});
  CHECK(missing.exit_code == 1);
  CHECK_THAT(missing.err, Contains("missing.toml") && Contains("No such file or directory"));
}
