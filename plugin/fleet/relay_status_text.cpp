#include "fleet/relay_status_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <system_error>
#include <utility>

#include "broker/config.h"
#include "broker/names.h"
#include "broker/turn_uri.h"
#include "http/json_object.h"

namespace plugin {

namespace {

using broker::RelayStatus;

constexpr std::string_view format_version = "1";
constexpr std::uint64_t bit_rate_max = 10'000'000'000'000;
constexpr std::size_t incarnation_digits = 16;

std::string shown(std::string_view text) {
  std::string out(text.substr(0, status_text_octets_max));
  for (char& c : out)
    if (c < ' ' || c > '~') c = '?';
  return out;
}

/// The shortest text that from_chars reads back as the same number.
std::string number_text(double value) {
  std::array<char, 400> out{};
  const auto end =
      std::to_chars(out.data(), out.data() + out.size(), value, std::chars_format::fixed).ptr;
  return {out.data(), end};
}

std::string hex_text(std::uint64_t value) {
  std::array<char, incarnation_digits> out{};
  const auto end = std::to_chars(out.data(), out.data() + out.size(), value, 16).ptr;
  const std::string digits(out.data(), end);
  return std::string(incarnation_digits - digits.size(), '0') + digits;
}

/// Reads fields until one is wrong; then all that follows reads nothing.
class Reader {
 public:
  explicit Reader(const FieldViews& fields) : fields_(fields) {}

  [[nodiscard]] const std::optional<broker::Error>& problem() const { return problem_; }

  void fail(std::string_view name, std::string_view allowed) {
    if (problem_) return;
    const std::string_view* found = look_up(name);
    constexpr std::size_t shown_octets_max = 32;
    problem_ = broker::Error{
        "relay status: " + std::string(name) + ": " +
        (found == nullptr ? "missing" : '"' + broker::for_log(*found, shown_octets_max) + '"') +
        "; allowed: " + std::string(allowed)};
  }

  /// null when it is missing, which is a problem when it is needed.
  const std::string_view* find(std::string_view name, bool needed) {
    const std::string_view* found = look_up(name);
    if (found == nullptr && needed) fail(name, "a value");
    return found;
  }

  [[nodiscard]] bool has(std::string_view name) const { return look_up(name) != nullptr; }

  std::uint64_t whole(std::string_view name, std::uint64_t min, std::uint64_t max, int base = 10) {
    const std::string_view* text = find(name, true);
    if (text == nullptr) return 0;
    std::uint64_t value = 0;
    const char* const last = text->data() + text->size();
    const auto [end, error] = std::from_chars(text->data(), last, value, base);
    if (error != std::errc{} || end != last || value < min || value > max)
      fail(name, "a whole number from " + std::to_string(min) + " to " + std::to_string(max));
    return value;
  }

  double real(std::string_view name, double min, double max) {
    const std::string_view* text = find(name, true);
    if (text == nullptr) return 0;
    const auto value = broker::parse_degrees(*text, max);
    if (!value || *value < min)
      fail(name, "a number from " + number_text(min) + " to " + number_text(max));
    return value.value_or(0);
  }

  bool boolean(std::string_view name) {
    const std::string_view* text = find(name, true);
    if (text != nullptr && *text != "true" && *text != "false") fail(name, "true or false");
    return text != nullptr && *text == "true";
  }

  std::string name(std::string_view field, bool needed) {
    const std::string_view* text = find(field, needed);
    if (text == nullptr) return "";
    if (!broker::is_relay_id(*text)) fail(field, "1 to 63 of A-Z a-z 0-9 _ . -");
    return std::string(*text);
  }

  std::string text(std::string_view field, bool needed) {
    const std::string_view* text = find(field, needed);
    if (text == nullptr) return "";
    if (text->size() > status_text_octets_max || shown(*text) != *text)
      fail(field, "at most 200 octets of printable ASCII");
    return std::string(*text);
  }

  std::vector<std::string> urls() {
    std::vector<std::string> out;
    const std::string_view* text = find("urls", true);
    if (text == nullptr || text->empty()) return out;
    std::string_view rest = *text;
    while (!problem_) {
      const std::string_view url = rest.substr(0, rest.find(' '));
      if (out.size() == broker::relay_urls_max || !broker::check_turn_uri(url))
        fail("urls", "at most 32 TURN URIs (RFC 7065), one blank between two");
      out.emplace_back(url);
      if (url.size() == rest.size()) break;
      rest.remove_prefix(url.size() + 1);
    }
    return out;
  }

 private:
  [[nodiscard]] const std::string_view* look_up(std::string_view name) const {
    const auto found = std::find_if(fields_.rbegin(), fields_.rend(),
                                    [&](const auto& field) { return field.first == name; });
    return found == fields_.rend() ? nullptr : &found->second;
  }

  const FieldViews& fields_;
  std::optional<broker::Error> problem_;
};

std::optional<broker::Error> check_size(const FieldViews& fields) {
  std::size_t octets = 0;
  for (const auto& [name, value] : fields) octets += name.size() + value.size();
  if (fields.size() > status_fields_max || octets > status_octets_max)
    return broker::Error{"relay status: more than 64 fields or 64'000 octets"};
  return std::nullopt;
}

}  // namespace

TextFields to_fields(const RelayStatus& status) {
  const auto boolean = [](bool value) { return value ? "true" : "false"; };
  TextFields out{{"v", std::string(format_version)},
                 {"id", status.id},
                 {"incarnation", hex_text(status.incarnation)},
                 {"version", shown(status.version)},
                 {"weight", std::to_string(status.weight)},
                 {"allocations", std::to_string(status.allocations)},
                 {"client_to_peer_octets_per_s", std::to_string(status.octets_per_s[0])},
                 {"peer_to_client_octets_per_s", std::to_string(status.octets_per_s[1])},
                 {"cpu", number_text(status.cpu)},
                 {"dropped_packets_per_s", std::to_string(status.dropped_packets_per_s)},
                 {"healthy", boolean(status.healthy)},
                 {"draining", boolean(status.draining)},
                 {"heartbeat_ms", std::to_string(status.heartbeat_ms)}};
  std::string& urls = out["urls"];
  for (const std::string& url : status.urls) urls += (urls.empty() ? "" : " ") + url;
  if (!status.domain.empty()) out["domain"] = status.domain;
  if (!status.region.empty()) out["region"] = status.region;
  if (!status.reason.empty()) out["reason"] = shown(status.reason);
  if (status.place) {
    out["latitude"] = number_text(status.place->latitude_deg);
    out["longitude"] = number_text(status.place->longitude_deg);
  }
  if (status.capacity) out["capacity"] = std::to_string(status.capacity->bits_per_s);
  if (status.allocations_max) out["allocations_max"] = std::to_string(*status.allocations_max);
  return out;
}

broker::Result<RelayStatus> from_fields(const TextFields& fields) {
  return from_fields(FieldViews(fields.begin(), fields.end()));
}

broker::Result<RelayStatus> from_fields(const FieldViews& fields) {
  if (auto problem = check_size(fields)) return *problem;
  Reader reader(fields);
  if (const std::string_view* version = reader.find("v", true);
      version && *version != format_version)
    reader.fail("v", "1");
  RelayStatus out;
  out.id = reader.name("id", true);
  out.incarnation = reader.whole("incarnation", 0, UINT64_MAX, 16);
  if (!reader.problem() && hex_text(out.incarnation) != *reader.find("incarnation", true))
    reader.fail("incarnation", "16 hexadecimal digits, lower case");
  out.version = reader.text("version", true);
  out.domain = reader.name("domain", false);
  out.region = reader.name("region", false);
  if (reader.has("latitude") || reader.has("longitude"))
    out.place = broker::Coordinates{
        reader.real("latitude", -broker::latitude_deg_max, broker::latitude_deg_max),
        reader.real("longitude", -broker::longitude_deg_max, broker::longitude_deg_max)};
  out.urls = reader.urls();
  out.weight = static_cast<std::uint32_t>(reader.whole("weight", 1, broker::relay_weight_max));
  if (reader.has("capacity"))
    out.capacity = broker::BitRate{reader.whole("capacity", 1, bit_rate_max)};
  if (reader.has("allocations_max"))
    out.allocations_max = reader.whole("allocations_max", 1, UINT32_MAX);
  out.allocations = reader.whole("allocations", 0, UINT32_MAX);
  out.octets_per_s = {reader.whole("client_to_peer_octets_per_s", 0, broker::octets_max),
                      reader.whole("peer_to_client_octets_per_s", 0, broker::octets_max)};
  out.cpu = reader.real("cpu", 0, 1);
  out.dropped_packets_per_s = reader.whole("dropped_packets_per_s", 0, broker::octets_max);
  out.healthy = reader.boolean("healthy");
  out.reason = reader.text("reason", false);
  out.draining = reader.boolean("draining");
  out.heartbeat_ms = static_cast<std::int64_t>(reader.whole("heartbeat_ms", 0, INT64_MAX));
  if (reader.problem()) return *reader.problem();
  return out;
}

std::string to_json_text(const RelayStatus& status) { return http::Json(to_fields(status)).dump(); }

broker::Result<RelayStatus> from_json_text(std::string_view text) {
  if (text.size() > status_octets_max)
    return broker::Error{"relay status: more than 64'000 octets"};
  const auto object = http::parse_flat_object(text);
  if (!object) return broker::Error{"relay status: " + object.error().message};
  TextFields fields;
  for (const auto& [name, value] : object.value().items()) {
    if (!value.is_string())
      return broker::Error{"relay status: " + broker::for_log(name, 32) + " is not a string"};
    fields.emplace(name, value.get<std::string>());
  }
  return from_fields(fields);
}

}  // namespace plugin
