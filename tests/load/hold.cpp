#include <poll.h>
#include <unistd.h>

#include <iostream>

#include "allocation_pool.h"
#include "jobs.h"
#include "report.h"
#include "run_control.h"
#include "support/socket_setup.h"

namespace turnload {

int run_hold(const Options& options) {
  const turntest::Descriptor peer =
      turntest::make_socket(SOCK_DGRAM, options.ipv6 ? 6 : 4, options.peer_address());
  AllocationPool pool(options, turntest::Address::of_socket(peer.get()), 0, options.allocations);
  std::atomic<bool> stop = false;
  const auto hold = [&] {
    pool.open([&] { return stop.load(); });
    Json report = describe(options);
    report["held"] = pool.alive();
    report["errors"] = pool.errors();
    print(options, report);
    std::cout.flush();
    while (!stop && pool.alive() > 0) {
      pollfd entry{STDIN_FILENO, POLLIN, 0};
      char ignored[256];
      if (::poll(&entry, 1, 0) > 0 && ::read(STDIN_FILENO, ignored, sizeof ignored) <= 0) break;
      pool.poll(std::chrono::milliseconds(20));
    }
    pool.release(turntest::Milliseconds(3000));
  };
  run_threads(
      {hold}, [&] { stop = true; }, [] {});
  return pool.opened() > 0 ? 0 : 1;
}

}  // namespace turnload
