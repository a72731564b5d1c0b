// The query part of a request target, name=value pairs joined by '&'.
// Owner: values. Threads: any.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "broker/result.h"
#include "http/message.h"

namespace plugin::http {

inline constexpr std::size_t query_parameters_max = 32;

/// Decodes "%41" and '+'. An error for a broken escape, a name that is not in `known`, a name given
/// twice unless it is `repeatable`, and too many parameters.
[[nodiscard]] broker::Result<NamedValues> parse_query(std::string_view query,
                                                      std::span<const std::string_view> known,
                                                      std::string_view repeatable = {});

/// The value of a parameter, if it was given.
[[nodiscard]] std::optional<std::string> parameter(const NamedValues& parameters,
                                                   std::string_view name);

}  // namespace plugin::http
