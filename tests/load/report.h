// What turnload prints.
// Owner: main thread. Threads: one at a time.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "histogram.h"
#include "options.h"
#include "worker.h"

namespace turnload {

using Json = nlohmann::ordered_json;

/// p50, p90, p99, p999 and max in microseconds; null when nothing was measured.
[[nodiscard]] Json latency_json(const Histogram& latency);
[[nodiscard]] Json describe(const Options& options);
[[nodiscard]] Json traffic_report(const Options& options, const std::vector<WorkerResult>& results);
/// As JSON, or as indented "name: value" lines for people.
void print(const Options& options, const Json& report);

}  // namespace turnload
