#include "config_sandbox.h"

#include <string>

#include "printable.h"

namespace broker {

namespace {

constexpr std::string_view seccomp_allowed = "\"on\", \"required\", \"log\" or \"off\"";

Result<SeccompMode> parse_seccomp(std::string_view text) {
  if (text == "on") return SeccompMode::on;
  if (text == "required") return SeccompMode::required;
  if (text == "log") return SeccompMode::log;
  if (text == "off") return SeccompMode::off;
  return Error{quoted(text) + "; allowed: " + std::string(seccomp_allowed)};
}

}  // namespace

SandboxConfig read_sandbox(const ConfigTable& broker_table) {
  SandboxConfig sandbox;
  const auto table = broker_table.table("sandbox", {"seccomp", "core_dumps"});
  if (!table) return sandbox;
  table->parsed("seccomp", seccomp_allowed, parse_seccomp, sandbox.seccomp);
  table->boolean("core_dumps", sandbox.core_dumps);
  return sandbox;
}

}  // namespace broker
