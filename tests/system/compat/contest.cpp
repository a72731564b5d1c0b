#include "contest.h"

#include <atomic>
#include <stdexcept>
#include <thread>

namespace compat {

using namespace turntest;

EchoPeers::Pair::Pair(int family) {
  constexpr int tries_max = 100;
  for (int attempt = 0; attempt < tries_max; ++attempt) {
    first = std::make_unique<UdpPeer>(UdpPeer::Mode::echo, Address::loopback(family));
    const std::uint16_t next = static_cast<std::uint16_t>(first->address().port + 1);
    if (next == 0) continue;
    try {
      second = std::make_unique<UdpPeer>(UdpPeer::Mode::echo, Address::loopback(family, next));
      return;
    } catch (const std::runtime_error&) {
      // The port is another's.
    }
  }
  throw std::runtime_error("no two free ports in a row");
}

EchoPeers::EchoPeers()
    : ipv4_(4), ipv6_(6), ports_{ipv4_.first->address().port, ipv6_.first->address().port} {}

std::vector<Run> run_all(const std::vector<Task>& tasks, const PeerPorts& peers) {
  std::vector<Run> runs(tasks.size());
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < tasks.size(); i = next++) {
      const Task& task = tasks[i];
      try {
        runs[i] = run_uclient(*task.scenario, task.server->relay(), task.login, peers);
      } catch (const std::exception& error) {
        runs[i].output = error.what();
      }
    }
  };
  std::vector<std::jthread> workers;
  for (int i = 0; i < runs_at_once_max; ++i) workers.emplace_back(work);
  workers.clear();
  return runs;
}

}  // namespace compat
