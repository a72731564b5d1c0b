#include "options.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdlib>
#include <map>

namespace turnload {
namespace {

constexpr std::size_t payload_octets_max = 65'000;
constexpr std::size_t allocations_max = 100'000;
constexpr std::size_t threads_max = 64;

const std::map<std::string, Direction> directions{{"c2p", Direction::client_to_peer},
                                                  {"p2c", Direction::peer_to_client},
                                                  {"both", Direction::both},
                                                  {"echo", Direction::echo}};
const std::map<std::string, DataMode> modes{{"channel", DataMode::channel},
                                            {"indication", DataMode::indication}};

std::size_t parse_size(std::string_view text) {
  std::size_t size = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  if (error != std::errc{} || end != text.data() + text.size() || size > payload_octets_max)
    throw CLI::ValidationError(
        "--payload", "wants OCTETS or A-B, at most 65000, not \"" + std::string(text) + "\"");
  return size;
}

void parse_payload(const std::string& text, Options& options) {
  const std::size_t dash = text.find('-');
  options.payload_min_octets = parse_size(text.substr(0, dash));
  options.payload_max_octets =
      dash == std::string::npos ? options.payload_min_octets : parse_size(text.substr(dash + 1));
  if (options.payload_min_octets > options.payload_max_octets)
    throw CLI::ValidationError("--payload", "wants the smaller size first");
}

turntest::Address parse_address(const char* option, const std::string& text) {
  const auto address = turntest::Address::parse(text);
  if (!address)
    throw CLI::ValidationError(option, "wants 127.0.0.1:3478 or [::1]:3478, not \"" + text + "\"");
  return *address;
}

/// What is only known as text until the whole command line was read.
struct Texts {
  std::string server, local, peer, transport = "udp", direction = "both", mode = "channel",
                                   payload = "1200";
};

void add_connection_options(CLI::App& app, Options& options, Texts& texts) {
  app.add_option("--server", texts.server, "the relay, as 127.0.0.1:3478 or [::1]:3478")
      ->required();
  app.add_option("--transport", texts.transport, "between client and relay")
      ->check(CLI::IsMember({"udp", "tcp", "tls", "dtls"}))
      ->capture_default_str();
  app.add_option("--user", options.user, "user name; {} becomes the allocation's number")
      ->capture_default_str();
  app.add_option("--password", options.password, "the user's password");
  app.add_option("--user-secret", options.user_secret,
                 "TURN REST secret: the user becomes <expiry>:<user>, the password is derived")
      ->excludes("--password");
  app.add_option("--ttl", options.ttl_s, "seconds until credentials of --user-secret expire")
      ->capture_default_str();
  app.add_option("--local", texts.local, "address the clients bind to, with port 0 [any]");
  app.add_option("--peer", texts.peer,
                 "address the peers bind to, with port 0 [loopback, else the client's own]");
  app.add_flag("--ipv6", options.ipv6, "IPv6 relayed addresses and peers");
  app.add_option("--allocations", options.allocations, "how many (with --cycles: at a time)")
      ->check(CLI::Range(std::size_t{1}, allocations_max))
      ->capture_default_str();
  app.add_option("--threads", options.threads, "threads that generate load")
      ->check(CLI::Range(std::size_t{1}, threads_max))
      ->capture_default_str();
}

void add_traffic_options(CLI::App& app, Options& options, Texts& texts) {
  app.add_option("--payload", texts.payload, "octets per packet, or a range A-B")
      ->capture_default_str();
  app.add_option("--rate", options.rate,
                 "packets/s of all allocations and directions; 0 floods within --window")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--window", options.window_packets,
                 "flood: packets in flight per allocation and direction")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  app.add_flag("--mixed-rates", options.mixed_rates,
               "allocations differ in rate, by 1 to 16, chosen by --seed");
  app.add_option("--seconds", options.seconds, "of sending; 0 with --until-cut: no limit")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--warmup", options.warmup_s,
                 "seconds at the beginning that rates and latencies leave out")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--octets", options.octets_max,
                 "stop when exactly this much payload was sent, both directions together");
  app.add_option("--direction", texts.direction)
      ->check(CLI::IsMember({"c2p", "p2c", "both", "echo"}))
      ->capture_default_str();
  app.add_option("--mode", texts.mode, "ChannelData, or Send and Data indications")
      ->check(CLI::IsMember({"channel", "indication"}))
      ->capture_default_str();
  app.add_flag("--until-cut", options.until_cut, "send until no allocation lives any more");
  app.add_option("--silence", options.silence_ms,
                 "--until-cut: ms without data before an allocation is asked whether it lives")
      ->check(CLI::Range(10, 60000))
      ->capture_default_str();
  app.add_option("--seed", options.seed, "of sizes and mixed rates")->capture_default_str();
}

void finish(Options& options, const Texts& texts) {
  options.server = parse_address("--server", texts.server);
  if (!texts.local.empty()) options.local = parse_address("--local", texts.local);
  if (!texts.peer.empty()) options.peer = parse_address("--peer", texts.peer);
  options.transport = turntest::parse_transport(texts.transport).value();
  options.direction = directions.at(texts.direction);
  options.mode = modes.at(texts.mode);
  parse_payload(texts.payload, options);
  options.threads = std::min(options.threads, options.allocations);
  if (options.seconds == 0 && !options.until_cut && options.octets_max == 0)
    throw CLI::ValidationError("--seconds", "0 wants --until-cut or --octets");
  if (options.seconds != 0 && options.warmup_s >= options.seconds)
    throw CLI::ValidationError("--warmup", "must be shorter than --seconds");
}

}  // namespace

std::string_view to_string(Direction direction) {
  for (const auto& [name, value] : directions)
    if (value == direction) return name;
  return "";
}

std::string_view to_string(DataMode mode) {
  for (const auto& [name, value] : modes)
    if (value == mode) return name;
  return "";
}

Options parse_options(int argc, char** argv) {
  CLI::App app{"Load for a TURN server: clients and their peers in one process."};
  Options options;
  Texts texts;
  bool cycles = false, hold = false;
  add_connection_options(app, options, texts);
  add_traffic_options(app, options, texts);
  app.add_flag("--cycles", cycles,
               "count Allocate, CreatePermission, ChannelBind, Refresh(0) cycles instead");
  app.add_flag("--hold", hold, "open the allocations, print one line, keep them until stdin closes")
      ->excludes("--cycles");
  app.add_flag("--json", options.json, "print the result as one JSON object");
  app.add_flag("--progress", options.progress, "a line per second on stderr");
  try {
    app.parse(argc, argv);
    finish(options, texts);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error) == 0 ? 0 : 2);
  }
  options.job = cycles ? Job::cycles : hold ? Job::hold : Job::traffic;
  return options;
}

turntest::Credentials Options::credentials(std::size_t index) const {
  std::string name = user;
  if (const std::size_t at = name.find("{}"); at != std::string::npos)
    name.replace(at, 2, std::to_string(index));
  if (user_secret.empty()) return {name, password};
  return turntest::rest_credentials(user_secret, name, std::chrono::seconds(ttl_s));
}

turntest::ClientOptions Options::client_options(std::size_t index) const {
  turntest::ClientOptions result;
  result.transport = transport;
  result.server = server;
  result.credentials = credentials(index);
  result.local = local;
  return result;
}

turntest::Address Options::peer_address() const {
  if (peer) return *peer;
  const int family = ipv6 ? 6 : 4;
  if (server.is_loopback() || server.family != family) return turntest::Address::loopback(family);
  turntest::ClientOptions probe;
  probe.server = server;
  return turntest::TurnClient(probe).local_address().with_port(0);
}

}  // namespace turnload
