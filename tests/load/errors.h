// How often what went wrong: error codes as text ("486"), "timed_out", "closed", "connect".
// Owner: a worker; merged by the report. Threads: one at a time.
#pragma once

#include <map>
#include <string>

#include "support/outcome.h"

namespace turnload {

using ErrorCounts = std::map<std::string, std::uint64_t>;

[[nodiscard]] inline std::string error_name(const turntest::Outcome& outcome) {
  using Kind = turntest::Outcome::Kind;
  switch (outcome.kind) {
    case Kind::success: return "success";
    case Kind::error: return std::to_string(outcome.code);
    case Kind::timed_out: return "timed_out";
    case Kind::closed: return "closed";
  }
  return "";
}

}  // namespace turnload
