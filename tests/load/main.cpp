// turnload: generates load for a TURN server and measures what arrives. `turnload --help` tells
// more.
#include <exception>
#include <iostream>

#include "jobs.h"
#include "support/socket_setup.h"

int main(int argc, char** argv) {
  try {
    const turnload::Options options = turnload::parse_options(argc, argv);
    if (!turntest::raise_descriptor_limit(options.allocations + 256)) {
      std::cerr << "turnload: not enough file descriptors for " << options.allocations
                << " allocations; see ulimit -n\n";
      return 1;
    }
    switch (options.job) {
      case turnload::Job::traffic: return turnload::run_traffic(options);
      case turnload::Job::cycles: return turnload::run_cycles(options);
      case turnload::Job::hold: return turnload::run_hold(options);
    }
  } catch (const std::exception& error) {
    std::cerr << "turnload: " << error.what() << '\n';
  }
  return 1;
}
