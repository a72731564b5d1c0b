#include "config_names.h"

#include <algorithm>
#include <cstddef>

#include "printable.h"

namespace broker {

namespace {

constexpr std::size_t id_octets_max = 63;

Result<std::string> check_id(std::string_view id, bool capitals, std::string_view allowed) {
  const auto letter_or_digit = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (capitals && c >= 'A' && c <= 'Z');
  };
  const auto fits = [&](char c) { return letter_or_digit(c) || c == '_' || c == '.' || c == '-'; };
  if (!id.empty() && id.size() <= id_octets_max && letter_or_digit(id.front()) &&
      std::all_of(id.begin(), id.end(), fits))
    return std::string(id);
  return Error{quoted(id) + "; allowed: " + std::string(allowed)};
}

}  // namespace

Result<std::string> check_csp_id(std::string_view id) {
  return check_id(id, false, csp_id_allowed);
}

Result<std::string> check_relay_id(std::string_view id) {
  return check_id(id, true, relay_id_allowed);
}

Result<std::string> check_place_name(std::string_view name) {
  return check_id(name, true, place_name_allowed);
}

}  // namespace broker
