// MetricsView in Prometheus' text format. Volumes are in bytes there, as Prometheus names them; a byte is
// an octet.
// Owner: pure function. Threads: any.
#pragma once

#include <string>

#include "metrics/metrics_view.h"

namespace plugin {

[[nodiscard]] std::string metrics_text(const MetricsView& view);

}  // namespace plugin
