// A relay's status as flat text: the fields of a Redis hash, or one JSON object of strings.
// Owner: pure functions over values. Threads: any.
//
//   v            "1"; a later version may add fields, which are passed over, but not change these
//   id, version, domain, region, reason                  as RelayStatus has them
//   incarnation  16 hexadecimal digits, lower case
//   urls         separated by one blank
//   latitude, longitude, cpu                             decimal numbers, "50.11"
//   weight, capacity (bit/s), allocations, allocations_max, client_to_peer_octets_per_s,
//   peer_to_client_octets_per_s, dropped_packets_per_s, heartbeat_ms    whole numbers
//   healthy, draining                                    "true" or "false"
//
// domain, region, latitude and longitude, capacity, allocations_max and reason are left out where there
// is none; all others are needed.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/relay_status.h"
#include "broker/result.h"

namespace plugin {

using TextFields = std::map<std::string, std::string, std::less<>>;
/// Names and values in any order, borrowed; of two with one name the later counts. A roster has those of every relay
/// of the fleet, and each relay reads it: without a map and copies that is a third of the work.
using FieldViews = std::vector<std::pair<std::string_view, std::string_view>>;

inline constexpr std::size_t status_octets_max = 64'000;  ///< of names and values, or of the JSON
inline constexpr std::size_t status_fields_max = 64;
inline constexpr std::size_t status_text_octets_max = 200;  ///< of version and reason

/// What is too long in `version` and `reason` is cut; in both what is no printable ASCII becomes '?'.
[[nodiscard]] TextFields to_fields(const broker::RelayStatus& status);
[[nodiscard]] std::string to_json_text(const broker::RelayStatus& status);

/// Whatever comes in: a status that is within all ranges of RelayStatus, or an error that names the
/// field. Never throws but std::bad_alloc.
[[nodiscard]] broker::Result<broker::RelayStatus> from_fields(const FieldViews& fields);
[[nodiscard]] broker::Result<broker::RelayStatus> from_fields(const TextFields& fields);
[[nodiscard]] broker::Result<broker::RelayStatus> from_json_text(std::string_view text);

}  // namespace plugin
