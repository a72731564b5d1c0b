// The answers about the fleet and its ledger (ctl/fleet_json.h) as text for people.
// Owner: pure functions. Threads: any.
//
// They throw nlohmann::json::exception when an answer has not the shape they know.
#pragma once

#include <string>

#include "http/message.h"

namespace plugin::ctl {

[[nodiscard]] std::string relays_report(const http::Json& answer);
[[nodiscard]] std::string domains_report(const http::Json& answer);
[[nodiscard]] std::string fleet_usage_report(const http::Json& answer);
/// A line for each finding, faults first, and one that sums them up.
[[nodiscard]] std::string ledger_check_report(const http::Json& answer);
[[nodiscard]] bool ledger_is_good(const http::Json& answer);

}  // namespace plugin::ctl
