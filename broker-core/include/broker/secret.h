// A secret: compared in constant time, wiped when it goes, never printed.
// Owner: value type. Threads: as safe as std::string.
#pragma once

#include <string>
#include <string_view>

namespace broker {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view text) : text_(text) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept;
  Secret& operator=(const Secret& other);
  Secret& operator=(Secret&& other) noexcept;
  ~Secret();

  /// Borrowed; to be handed to a MAC, never to a log.
  [[nodiscard]] std::string_view reveal() const { return text_; }
  [[nodiscard]] bool empty() const { return text_.empty(); }

  /// Constant time for equal lengths.
  friend bool operator==(const Secret& a, const Secret& b);

 private:
  std::string text_;
};

/// True when both have the same length and octets; takes the same time wherever they differ.
[[nodiscard]] bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace broker
