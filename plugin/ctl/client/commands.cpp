#include "ctl/client/commands.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "api/usable_config.h"
#include "broker/config.h"
#include "config_files.h"
#include "ctl/client/terminal_text.h"

namespace plugin::ctl {

namespace {

using http::Json;

// ASCII only: what is in a name cannot act on a terminal, and a program reads the same.
std::string json_text(const Json& value) {
  return value.dump(2, ' ', true, Json::error_handler_t::replace) + "\n";
}

ExitCode print(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0)
    return ExitCode::ok;
  std::perror("turnbrokerctl: cannot write to the standard output");
  return ExitCode::refused;
}

broker::Result<std::string> socket_path(const CommandLine& line) {
  if (!line.socket.empty()) return line.socket;
  if (!line.config.empty()) {
    const auto config = broker::load_config(line.config, real_config_files());
    if (!config) return config.error();
    return (std::filesystem::path(config.value().state_dir) / config.value().control_socket)
        .string();
  }
  const char* from_environment = std::getenv("TURNBROKER_SOCKET");
  if (from_environment != nullptr && *from_environment != '\0')
    return std::string(from_environment);
  const broker::Config defaults;
  return defaults.state_dir + "/" + defaults.control_socket;
}

// "no allocation has the id 7"; the title of such a problem is only what its HTTP status is called.
std::string refusal(const HttpAnswer& answer, const Json& document) {
  if (!document.is_object() || !document.contains("title"))
    return fmt::format("the server answered with HTTP status {}", answer.status);
  const auto member = [&](const char* name) {
    const Json value = document.value(name, Json());
    return value.is_string() ? value.get<std::string>() : std::string();
  };
  const std::string detail = member("detail");
  return detail.empty() ? member("title") : detail;
}

}  // namespace

void complain(std::string_view what) {
  fmt::print(stderr, "turnbrokerctl: {}\n", terminal_text(what));
}

ExitCode ask_server(const CommandLine& line, const AskServer& command) {
  const auto socket = socket_path(line);
  if (!socket) {
    complain(socket.error().message);
    return ExitCode::refused;
  }
  const auto answer = call_over_unix_socket(socket.value(), command.call, line.timeout);
  if (!answer) {
    complain(answer.error().message);
    return ExitCode::unreachable;
  }
  const Json document = Json::parse(answer.value().body, nullptr, false);
  if (answer.value().status < 200 || answer.value().status > 299) {
    complain(refusal(answer.value(), document));
    return ExitCode::refused;
  }
  try {
    if (document.is_discarded()) throw std::runtime_error("it is not JSON");
    const bool good = command.is_good == nullptr || command.is_good(document);
    const ExitCode printed = print(line.json ? json_text(document) : command.report(document));
    return good ? printed : ExitCode::refused;
  } catch (const std::exception& error) {
    complain(fmt::format("cannot understand the answer from {}: {}", socket.value(), error.what()));
    return ExitCode::unreachable;
  }
}

ExitCode check_config(const CommandLine& line, const CheckConfig& command) {
  const auto config = load_usable_config(command.file);
  if (line.json) {
    const ExitCode printed =
        print(json_text({{"file", command.file},
                         {"ok", config.ok()},
                         {"csps", config ? Json(config.value().csps.size()) : Json(nullptr)},
                         {"error", config ? Json(nullptr) : Json(config.error().message)}}));
    return config ? printed : ExitCode::refused;
  }
  if (!config) {
    fmt::print(stderr, "{}\n", terminal_text(config.error().message));
    return ExitCode::refused;
  }
  const std::size_t csps = config.value().csps.size();
  return print(
      fmt::format("{}: ok, {} CSP{}\n", terminal_text(command.file), csps, csps == 1 ? "" : "s"));
}

}  // namespace plugin::ctl
