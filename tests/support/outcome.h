// How a request to the server ended.
// Owner: regular value. Threads: any.
#pragma once

#include <iosfwd>
#include <string>

namespace turntest {

struct Outcome {
  enum class Kind { success, error, timed_out, closed };

  Kind kind = Kind::timed_out;
  int code = 0;        ///< of an error response (300 .. 699); 0 otherwise
  std::string reason;  ///< the error response's phrase, or why the connection closed

  [[nodiscard]] bool ok() const { return kind == Kind::success; }
  explicit operator bool() const { return ok(); }
  /// "success", "error 486 (Allocation Quota Reached)", "no answer in time", "connection closed
  /// (…)".
  [[nodiscard]] std::string to_string() const;
};

std::ostream& operator<<(std::ostream& out, const Outcome& outcome);

}  // namespace turntest
