// The answers of the control interface (ctl/status_json.h) as text for people.
// Owner: pure functions. Threads: any.
//
// They throw nlohmann::json::exception when an answer has not the shape they know.
#pragma once

#include <cstdint>
#include <string>

#include "http/message.h"

namespace plugin::ctl {

[[nodiscard]] std::string usage_report(const http::Json& answer);
[[nodiscard]] std::string allocations_report(const http::Json& answer);
[[nodiscard]] std::string cut_report(const http::Json& answer);
[[nodiscard]] std::string credentials_report(const http::Json& answer);
[[nodiscard]] std::string revoke_report(const http::Json& answer);
[[nodiscard]] std::string reload_report(const http::Json& answer);
[[nodiscard]] std::string drain_report(const http::Json& answer);
[[nodiscard]] std::string status_report(const http::Json& answer);

/// "12.3%": rounded down, so that 100.0% is said of nothing that has something left; "-" without a
/// limit.
[[nodiscard]] std::string percent_used(std::uint64_t used, std::uint64_t limit);

}  // namespace plugin::ctl
