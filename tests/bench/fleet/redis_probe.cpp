#include "redis_probe.h"

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace fleet_bench {

namespace {

std::uint64_t whole(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

double decimal(std::string_view text) { return std::strtod(std::string(text).c_str(), nullptr); }

/// "calls=21,usec=175,..."
std::uint64_t field(std::string_view text, std::string_view name) {
  const auto at = text.find(name);
  return at == std::string_view::npos ? 0 : whole(text.substr(at + name.size()));
}

}  // namespace

ServerState state_in(const std::string& info) {
  constexpr std::string_view command = "cmdstat_";
  ServerState state;
  state.at_us = std::chrono::duration_cast<std::chrono::microseconds>(
                    std::chrono::steady_clock::now().time_since_epoch())
                    .count();
  std::string_view rest = info;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find("\r\n"));
    rest.remove_prefix(std::min(line.size() + 2, rest.size()));
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = line.substr(colon + 1);
    if (name == "used_cpu_user_main_thread" || name == "used_cpu_sys_main_thread")
      state.main_cpu_s += decimal(value);
    else if (name == "used_cpu_user_children" || name == "used_cpu_sys_children")
      state.children_cpu_s += decimal(value);
    else if (name == "total_commands_processed")
      state.commands = whole(value);
    else if (name == "total_net_input_bytes")
      state.received_octets = whole(value);
    else if (name == "total_net_output_bytes")
      state.sent_octets = whole(value);
    else if (name == "used_memory")
      state.memory_octets = whole(value);
    else if (name.starts_with(command))
      state.by_command[std::string(name.substr(command.size()))] = {field(value, "calls="),
                                                                    field(value, "usec=")};
  }
  return state;
}

void ask_state(plugin::redis::Client& client, std::function<void(const ServerState*)> done) {
  plugin::redis::Command command;
  command.arguments = {"INFO", "all"};
  client.call(std::move(command),
              [done = std::move(done)](const broker::Result<plugin::redis::Answer>& answer) {
                if (!answer) return done(nullptr);
                const ServerState state = state_in(answer.value().reply.text);
                done(&state);
              });
}

}  // namespace fleet_bench
