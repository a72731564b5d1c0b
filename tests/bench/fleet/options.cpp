#include "options.h"

#include <CLI/CLI.hpp>
#include <cstdlib>

namespace fleet_bench {

namespace {

constexpr double seconds_max = 3'600;

void add_load(CLI::App& job, Options& options) {
  job.add_option("--relays", options.relays)->check(CLI::Range(1, 1'000))->capture_default_str();
  job.add_option("--accounts", options.accounts, "in the configuration")
      ->check(CLI::Range(3, 1'000'000))
      ->capture_default_str();
  job.add_option("--rate", options.relay_bit_s, "of each relay, bit/s")
      ->check(CLI::Range(1e5, 1e11))
      ->capture_default_str();
  job.add_option("--seed", options.seed)->capture_default_str();
}

void add_times(CLI::App& job, Options& options) {
  job.add_option("--seconds", options.seconds, "of the measurement")
      ->check(CLI::Range(0.1, seconds_max))
      ->capture_default_str();
  job.add_option("--warmup", options.warmup_s, "s before it, all relays being there")
      ->check(CLI::Range(0.0, seconds_max))
      ->capture_default_str();
}

}  // namespace

Options parse_options(int argc, char** argv) {
  Options options;
  CLI::App app{"Measures what a fleet costs its Redis, and prints one JSON object"};
  app.require_subcommand(1);
  auto* fleet = app.add_subcommand("fleet", "simulated relays with real exchanges");
  add_load(*fleet, options);
  add_times(*fleet, options);
  fleet->add_option("--report-interval", options.report_interval_s, "s, as it is configured")
      ->check(CLI::Range(1.0, seconds_max))
      ->capture_default_str();
  fleet->add_option("--without", options.without, "leaves parts of the relays out")
      ->check(CLI::IsMember({"registry", "usage", "records"}));
  auto* saturation = app.add_subcommand("saturation", "as many exchanges as the server takes");
  add_load(*saturation, options);
  add_times(*saturation, options);
  saturation->add_option("--reports", options.reports, "in one exchange")
      ->check(CLI::Range(1, 128))
      ->capture_default_str();
  saturation->add_option("--exchanges-per-s", options.exchanges_per_s, "0: as many as it takes")
      ->check(CLI::Range(0.0, 1e7))
      ->capture_default_str();
  auto* broker = app.add_subcommand("broker", "the broker thread of one relay");
  add_load(*broker, options);
  add_times(*broker, options);
  for (auto* job : {fleet, broker})
    job->add_option("--spread", options.spread_s, "s in which the first calls begin")
        ->check(CLI::Range(0.0, seconds_max))
        ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error));
  }
  options.job = fleet->parsed() ? Job::fleet : saturation->parsed() ? Job::saturation : Job::broker;
  return options;
}

}  // namespace fleet_bench
