// The names an operator gives: of CSPs, of the relay, of where it stands.
// Owner: pure functions. Threads: any.
#pragma once

#include <string>
#include <string_view>

#include "broker/result.h"

namespace broker {

inline constexpr std::string_view csp_id_allowed =
    "1 to 63 of a-z 0-9 _ . - with a letter or digit first";
inline constexpr std::string_view relay_id_allowed =
    "1 to 63 of A-Z a-z 0-9 _ . - with a letter or digit first";

inline constexpr std::string_view place_name_allowed =
    "1 to 63 of A-Z a-z 0-9 _ . - with a letter or digit first, such as \"eu-west\"";

/// The name itself, or an error that reads "\"...\"; allowed: ...".
[[nodiscard]] Result<std::string> check_csp_id(std::string_view id);
[[nodiscard]] Result<std::string> check_relay_id(std::string_view id);
/// Of a domain or a region.
[[nodiscard]] Result<std::string> check_place_name(std::string_view name);

}  // namespace broker
