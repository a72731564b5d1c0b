#include "broker/names.h"

#include <algorithm>

#include "utf8.h"

namespace broker {

namespace {

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_joiner(char c) { return c == '_' || c == '.' || c == '-'; }

/// `word` is in lower case; the text's case does not count, in ASCII and without a locale.
bool holds_word(std::string_view text, std::string_view word) {
  const auto same = [](char in_text, char in_word) {
    return (is_upper(in_text) ? static_cast<char>(in_text - 'A' + 'a') : in_text) == in_word;
  };
  return std::search(text.begin(), text.end(), word.begin(), word.end(), same) != text.end();
}

void append_hex(std::string& line, std::string_view octets) {
  static constexpr std::string_view digits = "0123456789abcdef";
  for (const char c : octets) {
    const auto octet = static_cast<unsigned char>(c);
    line += "\\x";
    line += digits[octet >> 4];
    line += digits[octet & 15];
  }
}

/// One code point, or one octet that belongs to none, as for_log shows it.
std::string shown(std::string_view octets, std::uint32_t code_point, bool valid) {
  std::string text;
  if (!valid) {
    append_hex(text, octets);
  } else if (code_point == '\n') {
    text = "\\n";
  } else if (code_point == '\r') {
    text = "\\r";
  } else if (code_point == '\t') {
    text = "\\t";
  } else if (code_point == '"' || code_point == '\'' || code_point == '\\') {
    text = {'\\', static_cast<char>(code_point)};
  } else if (is_control(code_point)) {
    append_hex(text, octets);
  } else {
    text = octets;
  }
  return text;
}

}  // namespace

Status check_client_name(std::string_view name) {
  if (name.empty()) return Error{"the client name is empty"};
  if (name.size() > client_name_octets_max)
    return Error{"the client name has " + std::to_string(name.size()) + " octets; at most " +
                 std::to_string(client_name_octets_max) + " are allowed"};
  for (std::size_t at = 0; at < name.size();) {
    const CodePoint point = first_code_point(name.substr(at));
    if (point.octets == 0) return Error{"the client name is not valid UTF-8"};
    if (is_control(point.value)) return Error{"the client name holds a control character"};
    if (is_blank(point.value)) return Error{"the client name holds a blank"};
    if (point.value == '"' || point.value == '\'' || point.value == '\\')
      return Error{"the client name holds a quote or a backslash"};
    at += point.octets;
  }
  if (holds_word(name, "union") && holds_word(name, "select"))
    return Error{
        "the client name holds both \"union\" and \"select\", which coturn takes for an attack"};
  return Nothing{};
}

bool is_csp_id(std::string_view id) {
  return !id.empty() && id.size() <= csp_id_octets_max && (is_lower(id[0]) || is_digit(id[0])) &&
         std::all_of(id.begin(), id.end(),
                     [](char c) { return is_lower(c) || is_digit(c) || is_joiner(c); });
}

bool is_relay_id(std::string_view id) {
  const auto is_plain = [](char c) { return is_lower(c) || is_upper(c) || is_digit(c); };
  return !id.empty() && id.size() <= relay_id_octets_max && is_plain(id[0]) &&
         std::all_of(id.begin(), id.end(), [&](char c) { return is_plain(c) || is_joiner(c); });
}

std::string for_log(std::string_view text, std::size_t octets_max) {
  static constexpr std::string_view ellipsis = "...";
  std::string line;
  std::size_t cut_at = 0;  // where the line must end for the ellipsis to fit behind it
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = first_code_point(text.substr(at));
    const std::size_t octets = std::max<std::size_t>(point.octets, 1);
    line += shown(text.substr(at, octets), point.value, point.octets != 0);
    at += octets;
    if (line.size() + ellipsis.size() <= octets_max) cut_at = line.size();
    if (line.size() > octets_max) {
      line.resize(cut_at);
      line += ellipsis.substr(0, octets_max);
      break;
    }
  }
  return line;
}

}  // namespace broker
