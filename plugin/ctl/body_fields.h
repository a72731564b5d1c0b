// Reads typed members from a JSON object that a client sent.
// Owner: value. Threads: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/result.h"
#include "http/message.h"

namespace plugin {

/// Take each member once; finish() then reports the first thing that was wrong, in the order taken,
/// and after that members that nobody took.
class BodyFields {
 public:
  /// An error unless the request carries a JSON object, says so in its Content-Type and has no query.
  [[nodiscard]] static broker::Result<BodyFields> parse(const http::Request& request);

  /// A string that is not empty; "" when the member is missing.
  [[nodiscard]] std::string text(std::string_view name);
  [[nodiscard]] std::string required_text(std::string_view name);
  /// A whole number from `least` to `most`.
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view name, std::int64_t least,
                                                    std::int64_t most);
  [[nodiscard]] std::optional<bool> boolean(std::string_view name);
  [[nodiscard]] broker::Status finish() const;

 private:
  explicit BodyFields(http::Json object) : left_(std::move(object)) {}
  [[nodiscard]] std::optional<http::Json> take(std::string_view name);
  void fail(std::string_view name, std::string_view what);

  http::Json left_;
  std::string error_;
};

}  // namespace plugin
