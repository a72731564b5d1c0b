// The directory of a relay's state: whose it is, and that it is one relay's at a time.
#include "broker/state_dir.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "support/temp_dir.h"

using plugin::StateDir;

namespace {

mode_t mode_of(const std::string& path) {
  struct stat found {};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  return found.st_mode & 07777U;
}

}  // namespace

TEST_CASE("a state directory that is made is its owner's alone, one that is there keeps its mode") {
  const turntest::TempDir directory;
  const std::string path = directory / "a/state";
  const mode_t before = ::umask(0);
  CHECK(StateDir::open(path));
  ::umask(before);
  CHECK(mode_of(path) == 0700U);
  REQUIRE(::chmod(path.c_str(), 0750) == 0);
  CHECK(StateDir::open(path));
  CHECK(mode_of(path) == 0750U);
}

TEST_CASE("a state directory is one relay's at a time") {
  const turntest::TempDir directory;
  const std::string path = directory / "state";
  const auto held = StateDir::open(path);
  REQUIRE(held);
  const auto second = StateDir::open(path);
  REQUIRE_FALSE(second);
  CHECK(second.error().message == "state_dir " + path + " is in use by another relay");
}
