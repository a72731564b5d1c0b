// A mapped file has its room on the disk before anything is stored to it.
#include "meter/mapped_file.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>

#include "support/temp_dir.h"

using plugin::MappedFile;

namespace {

constexpr std::size_t size = std::size_t{1} << 20;

/// As on a disk that has no more room than that, for this process and as long as it lives.
class FileLimit {
 public:
  explicit FileLimit(rlim_t octets) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
    const rlimit limit{octets, before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  FileLimit(const FileLimit&) = delete;
  FileLimit& operator=(const FileLimit&) = delete;
  ~FileLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  void (*handler_)(int);
  rlimit before_{};
};

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
  const FileLimit limit(size / 2);
  const auto file = MappedFile::create(path, size);
  REQUIRE_FALSE(file);
  CHECK(file.error().message ==
        "cannot make room for 1048576 octets in " + path + ": File too large");
  CHECK_FALSE(std::filesystem::exists(path));
}
