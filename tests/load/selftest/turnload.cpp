// The program turnload against a real turnserver.
#include <catch2/catch.hpp>
#include <csignal>
#include <nlohmann/json.hpp>

#include "support/child_process.h"
#include "support/relay_process.h"

namespace turnload {
namespace {

using namespace turntest;
using Arguments = std::vector<std::string>;
constexpr Milliseconds patience{30000};

RelayProcess& shared_relay() {
  static RelayProcess relay;
  return relay;
}

ChildOptions command(const RelayProcess& relay, TransportKind transport, int family,
                     const Arguments& more) {
  ChildOptions options;
  options.program = TURNLOAD_BINARY;
  options.arguments = {"--server",      relay.address(transport, family).to_string(),
                       "--transport",   std::string(to_string(transport)),
                       "--user-secret", relay.options().secret,
                       "--json"};
  options.arguments.insert(options.arguments.end(), more.begin(), more.end());
  return options;
}

nlohmann::json result_of(const RunResult& run) {
  INFO(run.output);
  REQUIRE(run.exit.status == 0);
  REQUIRE(run.exit.signal == 0);
  return nlohmann::json::parse(run.output);
}

TEST_CASE("turnload sends exactly --octets and says exactly what arrived, on every path") {
  const auto transport = GENERATE(from_range(all_transports));
  const std::string mode = GENERATE("channel", "indication");
  const bool ipv6 = GENERATE(false, true);
  CAPTURE(to_string(transport), mode, ipv6);
  Arguments arguments{"--octets", "100003", "--payload", "0-1300",        "--rate",
                      "2000",     "--mode", mode,        "--allocations", "3"};
  if (ipv6) arguments.emplace_back("--ipv6");
  const auto result =
      result_of(run_to_end(command(shared_relay(), transport, ipv6 ? 6 : 4, arguments), patience));
  CAPTURE(result.dump());
  CHECK(result["opened"] == 3);
  const auto& to_peer = result["client_to_peer"];
  const auto& to_client = result["peer_to_client"];
  CHECK(to_peer["sent_octets"].get<int>() + to_client["sent_octets"].get<int>() == 100003);
  CHECK(to_peer["received_octets"] == to_peer["sent_octets"]);
  CHECK(to_client["received_octets"] == to_client["sent_octets"]);
  CHECK(to_peer["received_packets"] == to_peer["sent_packets"]);
  CHECK(to_client["received_packets"] == to_client["sent_packets"]);
  CHECK(result["received_octets"] == 100003);
  CHECK(result["own_kernel_drops"] == 0);
  CHECK(result["foreign_packets"] == 0);
}

TEST_CASE("echoed packets are counted both ways") {
  const auto result = result_of(run_to_end(
      command(shared_relay(), TransportKind::udp, 4,
              {"--direction", "echo", "--octets", "40000", "--rate", "400", "--payload", "200"}),
      patience));
  CAPTURE(result.dump());
  CHECK(result["client_to_peer"]["sent_packets"] == 200);
  CHECK(result["peer_to_client"]["received_octets"] == 200 * 200);
  CHECK(result["peer_to_client"]["latency_us"]["count"] == 200);
}

TEST_CASE("a flood relays far more than an open loop's default, over several threads") {
  const auto result =
      result_of(run_to_end(command(shared_relay(), TransportKind::udp, 4,
                                   {"--rate", "0", "--seconds", "0.5", "--allocations", "8",
                                    "--threads", "2", "--mixed-rates", "--window", "8"}),
                           patience));
  CAPTURE(result.dump());
  CHECK(result["client_to_peer"]["received_packets"] > 1000);
  CHECK(result["peer_to_client"]["received_packets"] > 1000);
}

TEST_CASE("cycles are completed without errors") {
  const auto transport = GENERATE(TransportKind::udp, TransportKind::tcp);
  const RelayProcess relay;  // one that remembers no 5-tuple of another process
  const auto result = result_of(
      run_to_end(command(relay, transport, 4,
                         {"--cycles", "--seconds", "0.5", "--allocations", "4", "--threads", "2"}),
                 patience));
  CAPTURE(result.dump());
  CHECK(result["cycles"] > 10);
  CHECK(result["errors"].empty());
}

TEST_CASE("held allocations are kept until stdin closes") {
  ChildOptions options =
      command(shared_relay(), TransportKind::udp, 4, {"--hold", "--allocations", "50"});
  options.keep_stdin_open = true;
  ChildProcess child(options);
  REQUIRE(child.wait_output("\"held\":50", patience));
  CHECK(child.running());
  child.close_stdin();
  const auto exit = child.wait_exit(patience);
  REQUIRE(exit);
  CHECK(exit->status == 0);
}

TEST_CASE("--until-cut ends when the connections close") {
  RelayProcess relay;
  ChildProcess child(
      command(relay, TransportKind::tcp, 4,
              {"--until-cut", "--seconds", "0", "--allocations", "5", "--progress"}));
  REQUIRE(child.wait_output("relayed", patience));
  relay.kill();
  REQUIRE(child.wait_exit(patience));
  INFO(child.output());
  CHECK(child.output().find("\"alive_at_end\":0") != std::string::npos);
  CHECK(child.output().find("\"errors\":{\"closed\":5}") != std::string::npos);
}

TEST_CASE("--until-cut ends when the relay knows the allocations no more") {
  RelayProcess relay;
  ChildProcess child(
      command(relay, TransportKind::udp, 4,
              {"--until-cut", "--seconds", "0", "--allocations", "5", "--progress"}));
  REQUIRE(child.wait_output("relayed", patience));
  relay.restart();
  REQUIRE(child.wait_exit(patience));
  INFO(child.output());
  CHECK(child.output().find("\"errors\":{\"437\":5}") != std::string::npos);
}

TEST_CASE("an interrupted turnload still reports") {
  ChildProcess child(command(shared_relay(), TransportKind::udp, 4,
                             {"--seconds", "60", "--progress", "--rate", "100"}));
  REQUIRE(child.wait_output("relayed", patience));
  child.signal(SIGTERM);
  const auto exit = child.wait_exit(patience);
  REQUIRE(exit);
  CHECK(exit->status == 0);
  CHECK(child.output().find("\"client_to_peer\"") != std::string::npos);
}

TEST_CASE("refused credentials are reported by code, and end with status 1") {
  ChildOptions options = command(shared_relay(), TransportKind::udp, 4, {"--seconds", "1"});
  options.arguments[5] = "another secret";
  const RunResult run = run_to_end(options, patience);
  CHECK(run.exit.status == 1);
  CHECK(nlohmann::json::parse(run.output)["errors"]["401"] == 1);
}

TEST_CASE("wrong options end with status 2 and name the option") {
  const auto [option, value] = GENERATE(table<std::string, std::string>({{"--payload", "9-1"},
                                                                         {"--payload", "66000"},
                                                                         {"--direction", "up"},
                                                                         {"--rate", "-1"},
                                                                         {"--allocations", "0"},
                                                                         {"--peer", "localhost"},
                                                                         {"--local", "localhost"},
                                                                         {"--seconds", "0"}}));
  CAPTURE(option, value);
  const RunResult run =
      run_to_end(command(shared_relay(), TransportKind::udp, 4, {option, value}), patience);
  CHECK(run.exit.status == 2);
  CHECK(run.output.find(option) != std::string::npos);
}

}  // namespace
}  // namespace turnload
