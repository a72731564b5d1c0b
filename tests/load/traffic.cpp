#include <barrier>
#include <iostream>
#include <memory>
#include <random>

#include "jobs.h"
#include "report.h"
#include "run_control.h"
#include "worker.h"

namespace turnload {
namespace {

/// From the last allocation's opening to the first packet.
constexpr turntest::Milliseconds start_delay{20};

void print_progress(std::uint64_t octets, std::uint64_t before) {
  std::cerr << "relayed " << static_cast<double>(octets / 10'000) / 100 << " MB, "
            << static_cast<double>((octets - before) * 8 / 10'000) / 100 << " Mbit/s" << std::endl;
}

}  // namespace

int run_traffic(const Options& options) {
  Shared shared(options);
  shared.tag = std::random_device{}();
  std::vector<std::unique_ptr<Worker>> workers;
  for (std::size_t i = 0; i < options.threads; ++i) {
    const std::size_t first = options.allocations * i / options.threads;
    const std::size_t end = options.allocations * (i + 1) / options.threads;
    workers.push_back(std::make_unique<Worker>(options, shared, first, end - first));
  }
  TimePoint start{};
  std::barrier all_open(static_cast<std::ptrdiff_t>(workers.size()),
                        [&start]() noexcept { start = Clock::now() + start_delay; });
  std::vector<WorkerResult> results(workers.size());
  std::vector<std::function<void()>> functions;
  for (std::size_t i = 0; i < workers.size(); ++i) {
    functions.emplace_back([&, i] {
      try {
        workers[i]->open_allocations();
      } catch (...) {
        shared.stop = true;
        all_open.arrive_and_drop();
        throw;
      }
      all_open.arrive_and_wait();
      results[i] = workers[i]->run(start);
    });
  }
  std::uint64_t before = 0;
  run_threads(
      std::move(functions), [&] { shared.stop = true; },
      [&] {
        const std::uint64_t octets = shared.received_octets.load();
        if (options.progress) print_progress(octets, before);
        before = octets;
      });
  const Json report = traffic_report(options, results);
  print(options, report);
  return report["opened"].get<std::size_t>() > 0 ? 0 : 1;
}

}  // namespace turnload
