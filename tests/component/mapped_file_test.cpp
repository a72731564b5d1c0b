// A mapped file has its room on the disk before anything is stored to it.
#include "meter/mapped_file.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "support/file_size_limit.h"
#include "support/temp_dir.h"

using plugin::MappedFile;

namespace {

constexpr std::size_t size = std::size_t{1} << 20;

}  // namespace

TEST_CASE("a mapped file has no holes") {
  const turntest::TempDir directory;
  const std::string path = directory / "file";
  const auto file = MappedFile::create(path, size);
  REQUIRE(file);
  struct stat found {};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  CHECK(static_cast<std::size_t>(found.st_size) == size);
  CHECK(static_cast<std::size_t>(found.st_blocks) * 512 >= size);
}

TEST_CASE("a mapped file without room is an error that names it, and leaves nothing behind") {
  const turntest::TempDir directory;
  const std::string path = directory / "file";
  const turntest::FileSizeLimit limit(size / 2);
  const auto file = MappedFile::create(path, size);
  REQUIRE_FALSE(file);
  CHECK(file.error().message ==
        "cannot make room for 1048576 octets in " + path + ": File too large");
  CHECK_FALSE(std::filesystem::exists(path));
}
