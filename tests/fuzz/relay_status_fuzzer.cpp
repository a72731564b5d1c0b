// Any octets as a relay's status in JSON, and as the fields of a hash: a name and a value a line. What is
// accepted must be within its ranges, and come back from its own text as it was.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "broker/config.h"
#include "broker/names.h"
#include "fleet/relay_status_text.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check(const broker::Result<broker::RelayStatus>& read) {
  if (!read) {
    require(!read.error().message.empty() && read.error().message.size() < 1'000);
    return;
  }
  const broker::RelayStatus& status = read.value();
  require(broker::is_relay_id(status.id));
  require(status.urls.size() <= broker::relay_urls_max);
  require(status.weight >= 1 && status.weight <= broker::relay_weight_max);
  require(status.cpu >= 0 && status.cpu <= 1);
  require(!status.place || broker::on_earth(*status.place));
  require(std::isfinite(broker::load_of(status, UINT32_MAX)));
  const auto from_fields = plugin::from_fields(plugin::to_fields(status));
  require(from_fields.ok() && from_fields.value() == status);
  const auto from_json = plugin::from_json_text(plugin::to_json_text(status));
  require(from_json.ok() && from_json.value() == status);
}

plugin::TextFields fields_of(std::string_view text) {
  plugin::TextFields fields;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(line.size() < text.size() ? line.size() + 1 : line.size());
    const std::string_view name = line.substr(0, line.find(' '));
    fields.emplace(name, line.substr(name.size() < line.size() ? name.size() + 1 : line.size()));
  }
  return fields;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check(plugin::from_json_text(input));
  check(plugin::from_fields(fields_of(input)));
  return 0;
}
