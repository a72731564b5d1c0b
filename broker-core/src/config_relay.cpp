#include "config_relay.h"

#include "broker/turn_uri.h"
#include "config_names.h"

namespace broker {

namespace {

/// Half a place is none.
std::optional<Coordinates> read_place(const ConfigTable& table) {
  const bool latitude = table.find("latitude") != nullptr;
  const bool longitude = table.find("longitude") != nullptr;
  if (!latitude && !longitude) return std::nullopt;
  Coordinates place;
  table.number("latitude", place.latitude_deg, 90);
  table.number("longitude", place.longitude_deg, 180);
  if (!latitude) table.report_missing("latitude", "both latitude and longitude, or neither");
  if (!longitude) table.report_missing("longitude", "both latitude and longitude, or neither");
  return place;
}

}  // namespace

RelayConfig read_relay(const ConfigTable& root) {
  constexpr std::size_t url_octets_max = 300;
  RelayConfig relay;
  const std::optional<ConfigTable> table = root.table(
      "relay", {"id", "urls", "domain", "region", "latitude", "longitude", "weight", "capacity"});
  if (!table) return relay;
  table->parsed("id", relay_id_allowed, check_relay_id, relay.id);
  const std::string allowed =
      "an array of at most " + std::to_string(relay_urls_max) +
      " TURN URIs (RFC 7065), such as \"turn:relay.example.org:3478?transport=udp\"";
  for (const auto& item : table->texts("urls", allowed, url_octets_max, relay_urls_max)) {
    const Status status = check_turn_uri(item.text);
    if (!status) root.load().report(item.place, status.error().message);
    relay.urls.push_back(item.text);
  }
  table->parsed("domain", place_name_allowed, check_place_name, relay.domain);
  table->parsed("region", place_name_allowed, check_place_name, relay.region);
  relay.place = read_place(*table);
  table->integer("weight", relay.weight, 1, relay_weight_max);
  table->parsed("capacity", "a rate such as \"10 Gbit/s\"", parse_bit_rate, relay.capacity);
  return relay;
}

}  // namespace broker
