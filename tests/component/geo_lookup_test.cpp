// Places of addresses, from databases that the tests write, and databases that are none.
#include "fleet/geo_lookup.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "fleet/geo_source.h"
#include "support/mmdb_writer.h"
#include "support/temp_dir.h"

using broker::Coordinates;
using plugin::GeoLookup;
using plugin::GeoSource;

namespace {

std::string sample() {
  turntest::MmdbWriter writer;
  writer.add("192.0.2.0/24", 52.52, 13.4);
  writer.add("198.51.100.128/25", -33.87, 151.21);
  writer.add("2001:db8::/32", 35.68, 139.69);
  writer.add("203.0.113.0/25", 91, 0);
  writer.add_without_location("203.0.113.128/25");
  return writer.bytes();
}

std::string error_of(const std::string& path) {
  const auto opened = GeoLookup::open(path);
  return opened ? "no error" : opened.error().message;
}

}  // namespace

TEST_CASE("an address is found where its network is", "[geo]") {
  const turntest::TempDir directory;
  const auto opened = GeoLookup::open(directory.write("geo.mmdb", sample()));
  INFO((opened ? "" : opened.error().message));
  REQUIRE(opened);
  const GeoLookup& geo = *opened.value();
  constexpr Coordinates berlin{52.52, 13.4};
  constexpr Coordinates tokyo{35.68, 139.69};
  CHECK(geo.find("192.0.2.0") == berlin);
  CHECK(geo.find("192.0.2.255") == berlin);
  CHECK(geo.find("198.51.100.200") == Coordinates{-33.87, 151.21});
  CHECK(geo.find("2001:db8::1") == tokyo);
  CHECK(geo.find("2001:db8:1:2::/64") == tokyo);
  // Unknown, no place on the earth, no location, no address.
  for (const std::string address :
       {"192.0.3.1", "198.51.100.127", "2001:db9::1", "203.0.113.1", "203.0.113.200", "", "alice",
        "192.0.2", "192.0.2.1 ", "::/", "/"}) {
    CAPTURE(address);
    CHECK_FALSE(geo.find(address));
  }
}

TEST_CASE("a database may be written over and removed while it is in use", "[geo]") {
  const turntest::TempDir directory;
  const auto path = directory.write("geo.mmdb", sample());
  const auto opened = GeoLookup::open(path);
  REQUIRE(opened);
  std::filesystem::resize_file(path, 0);
  CHECK(opened.value()->find("192.0.2.1"));
  std::filesystem::remove(path);
  CHECK(opened.value()->find("198.51.100.200"));
}

TEST_CASE("what is no database is refused with the file's name", "[geo]") {
  const turntest::TempDir directory;
  const std::string path = directory / "geo.mmdb";
  CHECK(error_of(path) == "\"" + path + "\" cannot be read: No such file or directory");
  CHECK(error_of(directory.path()) ==
        "\"" + directory.path().string() + "\" is not a regular file");
  const std::string whole = sample();
  for (const std::string& text :
       {std::string(), std::string("not a database"), std::string(100'000, '\0'),
        whole.substr(0, whole.size() / 2), std::string("\xab\xcd\xefMaxMind.com")}) {
    const auto file = directory.write("bad.mmdb", text);
    CHECK(error_of(file).find("\"" + file.string() + "\" is not an MMDB file: ") == 0);
  }
}

TEST_CASE("a damaged database gives no place or a wrong one, and nothing worse", "[geo]") {
  const turntest::TempDir directory;
  const std::string whole = sample();
  std::size_t usable = 0;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 0xff);
    const auto opened = GeoLookup::open(directory.write("damaged.mmdb", damaged));
    if (!opened) continue;
    ++usable;
    for (const char* address : {"192.0.2.1", "198.51.100.200", "2001:db8::1", "8.8.8.8"})
      if (const auto place = opened.value()->find(address)) CHECK(broker::on_earth(*place));
  }
  CHECK(usable > whole.size() / 2);
}

TEST_CASE("a database is opened when its file changes, and the one in use outlives a bad one",
          "[geo]") {
  const turntest::TempDir directory;
  const std::string path = directory.write("geo.mmdb", sample());
  GeoSource source;
  REQUIRE(source.follow(path));
  const auto first = source.get();
  REQUIRE(first != nullptr);
  REQUIRE(source.follow(path));
  CHECK(source.get() == first);

  directory.write("geo.mmdb", "damaged");
  CHECK_FALSE(source.follow(path));
  CHECK(source.get() == first);
  CHECK(source.follow(path));  // told once

  turntest::MmdbWriter other;
  other.add("192.0.2.0/24", 1, 2);
  directory.write("geo.mmdb", other.bytes());
  REQUIRE(source.follow(path));
  CHECK(source.get()->find("192.0.2.1") == Coordinates{1, 2});
  CHECK(first->find("192.0.2.1") == Coordinates{52.52, 13.4});

  std::filesystem::remove(path);
  CHECK_FALSE(source.follow(path));
  CHECK(source.get() != nullptr);
  REQUIRE(source.follow(""));
  CHECK(source.get() == nullptr);
}
