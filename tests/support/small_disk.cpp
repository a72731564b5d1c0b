#include "support/small_disk.h"

#include <sched.h>
#include <sys/mount.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>

namespace turntest {

namespace {

constexpr const char* tmpdir = "TMPDIR";

void need(bool done, const char* what) {
  if (!done) throw NoSmallDisk(std::string(what) + ": " + std::strerror(errno));
}

}  // namespace

SmallDisk::SmallDisk(std::size_t octets) {
  need(::unshare(CLONE_NEWNS) == 0, "no mount namespace");
  need(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "no private mounts");
  const std::string size = "size=" + std::to_string(octets);
  need(::mount("none", path().c_str(), "tmpfs", 0, size.c_str()) == 0, "no tmpfs");
  if (const char* before = std::getenv(tmpdir)) tmpdir_before_ = before;
  ::setenv(tmpdir, path().c_str(), 1);
}

SmallDisk::~SmallDisk() {
  if (tmpdir_before_.empty())
    ::unsetenv(tmpdir);
  else
    ::setenv(tmpdir, tmpdir_before_.c_str(), 1);
  ::umount2(path().c_str(), MNT_DETACH);
}

void SmallDisk::fill() const {
  std::ofstream file(path() / "fill", std::ios::binary);
  // Unbuffered, so that the last octet that fits is there, too.
  file.rdbuf()->pubsetbuf(nullptr, 0);
  const std::array<char, 4096> page{};
  while (file.write(page.data(), page.size()))
    ;
}

void SmallDisk::free_again() const { std::filesystem::remove(path() / "fill"); }

}  // namespace turntest
