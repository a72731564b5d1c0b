#include "support/net_namespace.h"

#include <unistd.h>

#include "support/child_process.h"

namespace turntest {

namespace {

constexpr const char* ip_program = "/usr/sbin/ip";

RunResult run_ip(std::vector<std::string> arguments) {
  return run_to_end({.program = ip_program,
                     .arguments = std::move(arguments),
                     .directory = ".",
                     .environment = {}});
}

void ip(std::vector<std::string> arguments) {
  const RunResult result = run_ip(std::move(arguments));
  if (result.exit.status != 0 || result.exit.signal != 0) throw NoNetNamespace(result.output);
}

}  // namespace

NetNamespace::NetNamespace() : name_("tb" + std::to_string(::getpid())) {
  if (::access(ip_program, X_OK) != 0)
    throw NoNetNamespace(std::string(ip_program) + " cannot be run");
  try {
    make();
  } catch (...) {
    remove();
    throw;
  }
}

NetNamespace::~NetNamespace() { remove(); }

void NetNamespace::make() const {
  ip({"netns", "add", name_});
  ip({"-n", name_, "link", "set", "lo", "up"});
  for (std::size_t link = 0; link < links; ++link) {
    const std::string outside = device(link, false), inside = device(link, true);
    ip({"link", "add", outside, "type", "veth", "peer", "name", inside, "netns", name_});
    ip({"addr", "add", outer(link) + "/30", "dev", outside});
    ip({"-n", name_, "addr", "add", inner(link) + "/30", "dev", inside});
    ip({"link", "set", outside, "up"});
    ip({"-n", name_, "link", "set", inside, "up"});
  }
}

void NetNamespace::remove() const {
  // The other end goes with it.
  for (std::size_t link = 0; link < links; ++link)
    (void)run_ip({"link", "del", device(link, false)});
  (void)run_ip({"netns", "del", name_});
}

std::vector<std::string> NetNamespace::wrapper() const {
  return {ip_program, "netns", "exec", name_};
}

void NetNamespace::cut(std::size_t link) const { ip({"link", "set", device(link, false), "down"}); }

void NetNamespace::heal(std::size_t link) const { ip({"link", "set", device(link, false), "up"}); }

/// Of 198.18.0.0/15, which is set aside for tests: eight addresses for each process that may run here.
std::string NetNamespace::address(std::size_t link, unsigned host) const {
  constexpr unsigned blocks = 1U << 14U, addresses = 8;
  const unsigned at = static_cast<unsigned>(::getpid()) % blocks * addresses +
                      static_cast<unsigned>(link) * 4 + host;
  return "198." + std::to_string(18 + (at >> 16U)) + "." + std::to_string(at >> 8U & 255U) + "." +
         std::to_string(at & 255U);
}

std::string NetNamespace::device(std::size_t link, bool inside) const {
  return name_ + (inside ? "i" : "o") + std::to_string(link);
}

}  // namespace turntest
