// What a client asks for: by query, by form or by JSON, all the same to a handler.
// Owner: values. Threads: any.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "broker/result.h"
#include "http/message.h"

namespace plugin {

/// The parameters of the query and of the body (application/x-www-form-urlencoded, or a JSON object
/// of strings and whole numbers) together. An error for a name that is not in `known`, one that is
/// given twice, another Content-Type, and what cannot be parsed. Its text shows no value.
[[nodiscard]] broker::Result<http::NamedValues> read_parameters(
    const http::Request& request, std::span<const std::string_view> known);

}  // namespace plugin
