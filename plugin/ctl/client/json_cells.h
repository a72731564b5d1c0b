// Members of an answer as cells of a table.
// Owner: pure functions. Threads: any. They throw nlohmann::json::exception for a member that is not there
// or of another type.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/message.h"

namespace plugin::ctl {

/// "-" for null.
[[nodiscard]] std::string text(const http::Json& row, const char* name);
[[nodiscard]] std::uint64_t number(const http::Json& row, const char* name);
/// "1.50 GB"; "-" for null.
[[nodiscard]] std::string volume(const http::Json& row, const char* name);
/// "12.3 Mbit/s" of octets per second.
[[nodiscard]] std::string rate(const http::Json& row, const char* name);
/// "3 allocations"
[[nodiscard]] std::string counted(std::uint64_t count, std::string_view what);

/// "900 bit/s", "64.0 kbit/s", "1.50 Gbit/s".
[[nodiscard]] std::string bits_text(double bits_per_s);

}  // namespace plugin::ctl
