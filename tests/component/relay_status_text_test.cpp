// A relay's status there and back, and what strangers may send instead of one.
#include "fleet/relay_status_text.h"

#include <catch2/catch.hpp>
#include <random>

using broker::RelayStatus;
using plugin::from_fields;
using plugin::from_json_text;
using plugin::TextFields;
using plugin::to_fields;
using plugin::to_json_text;

namespace {

RelayStatus full() {
  RelayStatus status;
  status.id = "fra1";
  status.incarnation = 0x00c0'ffee'0000'0001;
  status.version = "0.1.0";
  status.domain = "core";
  status.region = "eu-west";
  status.place = broker::Coordinates{50.11, -8.6821};
  status.urls = {"turn:fra1.example.org:3478?transport=udp", "turns:[2001:db8::1]:5349"};
  status.weight = 250;
  status.capacity = broker::BitRate{10'000'000'000};
  status.allocations_max = 65'536;
  status.allocations = 1'234;
  status.octets_per_s = {12'345'678'901, 42};
  status.cpu = 0.3333333333333333;
  status.dropped_packets_per_s = 7;
  status.healthy = false;
  status.reason = "the relay's ledger does not answer";
  status.draining = true;
  status.heartbeat_ms = 1'790'000'000'123;
  return status;
}

RelayStatus plain() {
  RelayStatus status;
  status.id = "r";
  return status;
}

std::string error_with(const std::string& field, const std::string& value) {
  TextFields fields = to_fields(full());
  fields[field] = value;
  const auto status = from_fields(fields);
  return status ? "no error" : status.error().message;
}

}  // namespace

TEST_CASE("a status comes back from its text as it was", "[fleet]") {
  for (const RelayStatus& status : {full(), plain()}) {
    const auto from_hash = from_fields(to_fields(status));
    INFO((from_hash ? "" : from_hash.error().message));
    REQUIRE(from_hash);
    CHECK(from_hash.value() == status);
    const auto from_json = from_json_text(to_json_text(status));
    REQUIRE(from_json);
    CHECK(from_json.value() == status);
  }
  CHECK(to_fields(full()).at("incarnation") == "00c0ffee00000001");
  CHECK(to_fields(full()).at("latitude") == "50.11");
  CHECK_FALSE(to_fields(plain()).contains("capacity"));

  // As long as a status can become.
  RelayStatus longest = full();
  longest.urls.assign(32, "turns:" + std::string(63, 'a') + "." + std::string(63, 'b') + "." +
                              std::string(63, 'c') + ".example:65535?transport=udp");
  longest.version = longest.reason = std::string(300, 'x');
  const auto again = from_json_text(to_json_text(longest));
  REQUIRE(again);
  CHECK(again.value().urls == longest.urls);
  CHECK(again.value().reason == std::string(200, 'x'));
}

TEST_CASE("numbers of any size come back exactly", "[fleet]") {
  std::mt19937_64 engine(20'261'120);
  std::uniform_real_distribution<double> unit(0, 1);
  for (int i = 0; i < 2'000; ++i) {
    RelayStatus status = full();
    status.cpu = i == 0 ? 1e-9 : unit(engine);
    status.place = broker::Coordinates{unit(engine) * 180 - 90, unit(engine) * 360 - 180};
    status.incarnation = engine();
    status.octets_per_s = {engine() >> 1, engine() >> 40};
    const auto again = from_fields(to_fields(status));
    INFO((again ? "" : again.error().message));
    REQUIRE(again);
    REQUIRE(again.value() == status);
  }
}

TEST_CASE("a field that is missing or wrong is named", "[fleet]") {
  for (const auto& [name, value] : to_fields(plain())) {
    TextFields fields = to_fields(plain());
    fields.erase(name);
    const auto status = from_fields(fields);
    CAPTURE(name);
    REQUIRE_FALSE(status);
    CHECK(status.error().message.find("relay status: " + name + ": missing; allowed: ") == 0);
  }
  const std::vector<std::pair<std::string, std::vector<std::string>>> wrong{
      {"v", {"", "2", "1.0", " 1"}},
      {"id", {"", "-a", "a b", std::string(64, 'a'), "a\n"}},
      {"incarnation", {"", "1", "00C0FFEE00000001", "00c0ffee000000010", "0x00000000000001", "g"}},
      {"version", {"a\nb", "\x7f", "\xc3\xa4", std::string(201, 'a')}},
      {"domain", {"", "a/b"}},
      {"region", {"", " "}},
      {"latitude", {"", "90.1", "nan", "1e1", "+1"}},
      {"longitude", {"", "-180.1", "inf"}},
      {"urls", {" ", "http://x", "turn:a  turn:b", "turn:a ", " turn:a", "turn:a,turn:b"}},
      {"weight", {"", "0", "1001", "-1", "1.5", "99999999999999999999"}},
      {"capacity", {"", "0", "10 Gbit/s", "10000000000001"}},
      {"allocations_max", {"0", "4294967296"}},
      {"allocations", {"", "-1", "4294967296"}},
      {"client_to_peer_octets_per_s", {"", "9223372036854775808"}},
      {"peer_to_client_octets_per_s", {"", "1 "}},
      {"cpu", {"", "-0.1", "1.01", "nan", "50%"}},
      {"dropped_packets_per_s", {"", "-1"}},
      {"healthy", {"", "1", "True", "yes"}},
      {"reason", {"\x1b[31m", std::string(201, 'a')}},
      {"draining", {"", "0"}},
      {"heartbeat_ms", {"", "-1", "9223372036854775808"}}};
  for (const auto& [name, values] : wrong)
    for (const std::string& value : values) {
      CAPTURE(name, value);
      const std::string message = error_with(name, value);
      CHECK(message.find("relay status: " + name + ": ") == 0);
      CHECK(message.find("; allowed: ") != std::string::npos);
      CHECK(message.size() < 300);
      CHECK(message.find_first_of("\n\x1b") == std::string::npos);
    }
  std::string urls = "turn:a";
  for (int i = 0; i < 32; ++i) urls += " turn:a";
  CHECK(error_with("urls", urls).find("relay status: urls: ") == 0);
  TextFields half = to_fields(full());
  half.erase("latitude");
  CHECK_FALSE(from_fields(half));
}

TEST_CASE("fields of later versions are passed over, but not without bound", "[fleet]") {
  TextFields fields = to_fields(full());
  fields["moon_phase"] = "waxing\n";
  REQUIRE(from_fields(fields));
  CHECK(from_fields(fields).value() == full());
  fields["big"] = std::string(64'000, 'x');
  CHECK_FALSE(from_fields(fields));
  fields["big"] = "";
  for (int i = 0; i < 64; ++i) fields["f" + std::to_string(i)] = "";
  CHECK_FALSE(from_fields(fields));
}

TEST_CASE("JSON that is no status is refused", "[fleet]") {
  const std::string good = to_json_text(full());
  REQUIRE(from_json_text(good));
  for (std::size_t size = 0; size < good.size(); ++size)
    CHECK_FALSE(from_json_text(good.substr(0, size)));
  for (const std::string& text :
       {std::string("null"), std::string("[]"), std::string("{}"), std::string("7"),
        std::string(R"({"v":1})"), std::string(R"({"v":["1"]})"), std::string("{\"v\":\"\xff\"}"),
        std::string(60'000, '['), std::string(70'000, ' ') + good,
        good.substr(0, good.size() - 1) + R"(,"v":"1"})"}) {
    CAPTURE(text.substr(0, 60));
    CHECK_FALSE(from_json_text(text));
  }
}
