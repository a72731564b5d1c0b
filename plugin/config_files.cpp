#include "config_files.h"

#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string>
#include <system_error>
#include <vector>

namespace plugin {

namespace {

using broker::Error;
using broker::Result;

Error system_error(int number) { return Error{std::generic_category().message(number)}; }

class FileDescriptor {
 public:
  explicit FileDescriptor(int number) : number_(number) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (number_ >= 0) ::close(number_);
  }
  [[nodiscard]] int number() const { return number_; }

 private:
  int number_;
};

class GlobMatches {
 public:
  GlobMatches() = default;
  GlobMatches(const GlobMatches&) = delete;
  GlobMatches& operator=(const GlobMatches&) = delete;
  ~GlobMatches() { ::globfree(&matches_); }
  glob_t* get() { return &matches_; }
  [[nodiscard]] std::vector<std::string> paths() const {
    return {matches_.gl_pathv, matches_.gl_pathv + matches_.gl_pathc};
  }

 private:
  glob_t matches_{};
};

/// glob(3) hands the reason only to a callback without an argument of ours.
thread_local int glob_errno = 0;

int remember_errno(const char*, int number) {
  glob_errno = number;
  return 1;
}

Error not_regular(mode_t mode) {
  if (S_ISDIR(mode)) return Error{"It is a directory, not a regular file"};
  if (S_ISFIFO(mode)) return Error{"It is a FIFO, not a regular file"};
  return Error{"It is not a regular file"};
}

Result<std::string> read_all(int number, std::size_t expected_octets) {
  // One octet more than allowed, so that a file that grew meanwhile is noticed. The room is made at
  // once: growing would leave copies of secrets behind.
  std::string text(std::min(expected_octets, broker::config_file_octets_max) + 1, '\0');
  std::size_t filled = 0;
  for (;;) {
    if (filled == text.size()) {
      if (filled > broker::config_file_octets_max)
        return Error{"It is larger than " + std::to_string(broker::config_file_octets_max) +
                     " octets"};
      text.resize(broker::config_file_octets_max + 1);
    }
    const ssize_t count = ::read(number, text.data() + filled, text.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error(errno);
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
  }
  text.resize(filled);
  return text;
}

Result<std::string> read_file(const std::string& path) {
  if (path.find('\0') != std::string::npos) return system_error(EINVAL);
  // Looked at before it is opened: opening some devices has effects.
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return system_error(errno);
  if (!S_ISREG(status.st_mode)) return not_regular(status.st_mode);
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.number() < 0) return system_error(errno);
  if (::fstat(file.number(), &status) != 0) return system_error(errno);
  if (!S_ISREG(status.st_mode)) return not_regular(status.st_mode);
  return read_all(file.number(), static_cast<std::size_t>(status.st_size));
}

Result<std::vector<std::string>> match_files(const std::string& pattern) {
  if (pattern.find('\0') != std::string::npos) return system_error(EINVAL);
  GlobMatches matches;
  glob_errno = 0;
  switch (::glob(pattern.c_str(), GLOB_ERR | GLOB_NOSORT, remember_errno, matches.get())) {
    case 0: break;
    case GLOB_NOMATCH: return std::vector<std::string>{};
    case GLOB_NOSPACE: return system_error(ENOMEM);
    default: return system_error(glob_errno != 0 ? glob_errno : EIO);
  }
  std::vector<std::string> paths = matches.paths();
  std::sort(paths.begin(), paths.end());  // glob(3) itself sorts by the locale
  return paths;
}

}  // namespace

broker::ConfigFiles real_config_files() { return {read_file, match_files}; }

}  // namespace plugin
