#include "config_files.h"
#include "support/temp_dir.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

std::string error_of(const std::string& path) {
  const auto content = plugin::real_config_files().read(path);
  return content ? "no error" : content.error().message;
}

}  // namespace

TEST_CASE("a regular file is read octet for octet") {
  const turntest::TempDir directory;
  for (const std::string& content : {std::string(), std::string("a\0b\r\n\xff", 6),
                                     std::string(broker::config_file_octets_max, 'x')}) {
    directory.write("file", content);
    const auto read = plugin::real_config_files().read(directory / "file");
    REQUIRE(read);
    CHECK(read.value() == content);
  }
}

TEST_CASE("a file whose size is not told is read as well") {
  // Files of procfs say that they are empty.
  const auto read = plugin::real_config_files().read("/proc/self/status");
  REQUIRE(read);
  CHECK(read.value().starts_with("Name:"));
}

TEST_CASE("a file larger than one mebioctet is refused") {
  const turntest::TempDir directory;
  directory.write("file", std::string(broker::config_file_octets_max + 1, 'x'));
  CHECK(error_of(directory / "file") == "It is larger than 1048576 octets");
}

TEST_CASE("what is not a regular file is refused and never waited for") {
  const turntest::TempDir directory;
  REQUIRE(::mkfifo((directory / "fifo").c_str(), 0600) == 0);
  CHECK(error_of(directory / "fifo") == "It is a FIFO, not a regular file");
  CHECK(error_of(directory / "") == "It is a directory, not a regular file");
  CHECK(error_of("/dev/zero") == "It is not a regular file");
}

TEST_CASE("a file that cannot be opened is refused with the system's reason") {
  const turntest::TempDir directory;
  directory.write("file", "x");
  CHECK(error_of(directory / "none") == "No such file or directory");
  CHECK(error_of(directory / "file/none") == "Not a directory");
  CHECK(error_of(std::string("file\0name", 9)) == "Invalid argument");
  REQUIRE(::symlink("loop", (directory / "loop").c_str()) == 0);
  CHECK(error_of(directory / "loop") == "Too many levels of symbolic links");
}

TEST_CASE("patterns match as in a shell, in the order of octets") {
  const turntest::TempDir directory;
  for (const std::string name : {"b.toml", "a.toml", "Z.toml", ".hidden.toml", "a.toml~", "c.txt"})
    directory.write(name, "");
  const auto files = plugin::real_config_files();
  const auto found = files.match(directory / "*.toml");
  REQUIRE(found);
  CHECK(found.value() ==
        std::vector<std::string>{directory / "Z.toml", directory / "a.toml", directory / "b.toml"});
  const auto one = files.match(directory / "c.txt");
  REQUIRE(one);
  CHECK(one.value() == std::vector<std::string>{directory / "c.txt"});
  const auto none = files.match(directory / "*.none");
  REQUIRE(none);
  CHECK(none.value().empty());
}

TEST_CASE("a pattern in a directory that is not there is an error") {
  const turntest::TempDir directory;
  const auto found = plugin::real_config_files().match(directory / "csp.d/*.toml");
  REQUIRE_FALSE(found);
  CHECK(found.error().message == "No such file or directory");
}

TEST_CASE("a configuration with includes and secret files loads from the file system") {
  const turntest::TempDir directory;
  std::filesystem::create_directory(directory / "csp.d");
  directory.write("turnbroker.toml", "[broker]\ninclude = \"csp.d/*.toml\"\n");
  directory.write("csp.d/acme.toml",
                  "[csp.acme]\nsecret_file = \"acme.secret\"\n"
                  "quota.video = { volume = \"5 GB\", period = \"month\" }\n");
  directory.write("csp.d/acme.secret", "0123456789abcdef\n");
  const auto config =
      broker::load_config(directory / "turnbroker.toml", plugin::real_config_files());
  INFO((config ? std::string() : config.error().message));
  REQUIRE(config);
  CHECK(config.value().csps.at("acme").secrets == std::vector{broker::Secret("0123456789abcdef")});
  CHECK(config.value().files == std::vector<std::string>{directory / "turnbroker.toml",
                                                         directory / "csp.d/acme.toml",
                                                         directory / "csp.d/acme.secret"});
}
