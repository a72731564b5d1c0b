#include "redis/refusal.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "redis/slot.h"

namespace plugin::redis {

namespace {

constexpr std::size_t shown_octets_max = 256;

constexpr std::array<std::pair<std::string_view, Refusal>, 15> codes{{
    {"NOSCRIPT", Refusal::no_script},
    {"MOVED", Refusal::moved},
    {"ASK", Refusal::ask},
    {"TRYAGAIN", Refusal::later},
    {"CLUSTERDOWN", Refusal::later},
    {"LOADING", Refusal::wrong_server},
    {"READONLY", Refusal::wrong_server},
    {"MASTERDOWN", Refusal::wrong_server},
    {"OOM", Refusal::unwilling},
    {"NOAUTH", Refusal::unwilling},
    {"WRONGPASS", Refusal::unwilling},
    {"NOPERM", Refusal::unwilling},
    {"MISCONF", Refusal::unwilling},
    {"NOREPLICAS", Refusal::unwilling},
    {"BUSY", Refusal::unwilling},
}};

std::string_view first_word(std::string_view text) { return text.substr(0, text.find(' ')); }

}  // namespace

Refusal refusal_of(std::string_view text) {
  for (const auto& [code, refusal] : codes)
    if (first_word(text) == code) return refusal;
  // Redis up to 6.2: "ERR Error running script (call to f_...): @user_script:1: -READONLY You can't..."
  if (text.find("-READONLY ") != std::string_view::npos) return Refusal::wrong_server;
  if (text.find("-OOM ") != std::string_view::npos) return Refusal::unwilling;
  return Refusal::other;
}

std::optional<Redirection> parse_redirection(std::string_view text,
                                             const std::string& fallback_host) {
  const std::size_t first = text.find(' ');
  const std::size_t second = text.find(' ', first == std::string_view::npos ? first : first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const std::string_view number = text.substr(first + 1, second - first - 1);
  std::uint16_t slot = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), slot);
  if (error != std::errc() || end != number.data() + number.size() || slot >= slots)
    return std::nullopt;
  auto to = parse_endpoint(first_word(text.substr(second + 1)), fallback_host);
  if (!to) return std::nullopt;
  return Redirection{slot, std::move(*to)};
}

std::string one_line(std::string_view text) {
  std::string line(text.substr(0, shown_octets_max));
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return line + (text.size() > shown_octets_max ? "..." : "");
}

std::string error_code(std::string_view text) {
  const std::string_view word = first_word(text);
  for (const auto& [code, refusal] : codes)
    if (word == code) return std::string(word);
  return "ERR";
}

}  // namespace plugin::redis
