#include "records/usage_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

namespace plugin {

namespace {
constexpr std::int64_t first_ms = -62'167'219'200'000;  // 0000-01-01T00:00:00.000Z
constexpr std::int64_t last_ms = 253'402'300'799'999;   // 9999-12-31T23:59:59.999Z
}  // namespace

std::string_view to_string(EndReason reason) {
  switch (reason) {
    case EndReason::released: return "released";
    case EndReason::expired: return "expired";
    case EndReason::quota_exhausted: return "quota_exhausted";
    case EndReason::cancelled: return "cancelled";
    case EndReason::revoked: return "revoked";
    case EndReason::shutdown: return "shutdown";
    case EndReason::recovered: return "recovered";
  }
  return "";
}

std::string format_utc_ms(std::int64_t unix_ms) {
  using namespace std::chrono;
  const sys_time<milliseconds> time{milliseconds{std::clamp(unix_ms, first_ms, last_ms)}};
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{time - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

std::string json_line(const UsageRecord& record) {
  using broker::Direction;
  const auto up = static_cast<std::size_t>(Direction::client_to_peer);
  const auto down = static_cast<std::size_t>(Direction::peer_to_client);
  const nlohmann::ordered_json line{{"relay", record.relay},
                                    {"incarnation", record.incarnation},
                                    {"allocation", record.allocation},
                                    {"csp", record.csp},
                                    {"media", broker::to_string(record.media)},
                                    {"client", record.client},
                                    {"transport", record.transport},
                                    {"client_address", record.client_address},
                                    {"relayed_addresses", record.relayed_addresses},
                                    {"start", format_utc_ms(record.start_ms)},
                                    {"end", format_utc_ms(record.end_ms)},
                                    {"client_to_peer_octets", record.used.octets[up]},
                                    {"peer_to_client_octets", record.used.octets[down]},
                                    {"client_to_peer_packets", record.used.packets[up]},
                                    {"peer_to_client_packets", record.used.packets[down]},
                                    {"reason", to_string(record.reason)}};
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace plugin
