// fleet-bench: what a fleet of relays costs its Redis. `fleet-bench --help` tells more; scripts/bench
// fleet runs it.
#include <exception>
#include <iostream>

#include "broker_cost.h"
#include "fleet_run.h"
#include "options.h"
#include "saturation.h"

int main(int argc, char** argv) {
  const fleet_bench::Options options = fleet_bench::parse_options(argc, argv);
  try {
    nlohmann::json figures;
    switch (options.job) {
      case fleet_bench::Job::fleet: figures = fleet_bench::run_fleet(options); break;
      case fleet_bench::Job::saturation: figures = fleet_bench::run_saturation(options); break;
      case fleet_bench::Job::broker: figures = fleet_bench::run_broker(options); break;
    }
    std::cout << figures.dump(2) << '\n';
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "fleet-bench: " << error.what() << '\n';
  }
  return 1;
}
