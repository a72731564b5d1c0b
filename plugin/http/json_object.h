// The JSON that a client may send: an object of plain values.
// Owner: pure function. Threads: any.
#pragma once

#include <string_view>

#include "broker/result.h"
#include "http/message.h"

namespace plugin::http {

/// A body that is a JSON object in UTF-8. An error for a member that is given twice, of which others
/// on the way may have read the other one, and for one that is an array or an object. Its text shows
/// no value.
[[nodiscard]] broker::Result<Json> parse_flat_object(std::string_view body);

}  // namespace plugin::http
