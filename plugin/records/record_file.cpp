#include "records/record_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

namespace plugin {

namespace {

constexpr mode_t file_mode = S_IRUSR | S_IWUSR | S_IRGRP;

ssize_t write_once(int fd, std::string_view text) {
  ssize_t written = 0;
  do {
    written = ::write(fd, text.data(), text.size());
  } while (written < 0 && errno == EINTR);
  return written;
}

bool shorten_by(int fd, ssize_t octets) {
  struct stat file {};
  return ::fstat(fd, &file) == 0 && file.st_size >= octets &&
         ::ftruncate(fd, file.st_size - octets) == 0;
}

// A new file has exactly file_mode, whatever the umask; an old one keeps what its owner gave it.
UniqueFd open_or_create(const std::string& path) {
  // O_NONBLOCK: a FIFO in the file's place must not stop the broker thread.
  constexpr int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NONBLOCK;
  UniqueFd fd(::open(path.c_str(), flags | O_CREAT | O_EXCL, file_mode));
  if (fd)
    static_cast<void>(::fchmod(fd.get(), file_mode));
  else if (errno == EEXIST)
    fd.reset(::open(path.c_str(), flags | O_CREAT, file_mode));
  return fd;
}

}  // namespace

broker::Error RecordFile::error(std::string_view what, int code) const {
  return broker::Error{"usage records " + path_ + ": " + std::string(what) + ": " +
                       std::generic_category().message(code)};
}

std::string RecordFile::rotated(std::uint32_t number) const {
  return number == 0 ? path_ : path_ + "." + std::to_string(number);
}

void RecordFile::set_rotation(std::uint64_t rotate_octets, std::uint32_t keep) {
  rotate_octets_ = rotate_octets;
  keep_ = keep;
}

bool RecordFile::is_at_path() {
  struct stat ours {};
  struct stat there {};
  if (!fd_ || ::fstat(fd_.get(), &ours) != 0 || ::stat(path_.c_str(), &there) != 0 ||
      ours.st_dev != there.st_dev || ours.st_ino != there.st_ino)
    return false;
  // Asked for anew each time, because logrotate's copytruncate may have emptied it.
  if (regular_) size_octets_ = static_cast<std::uint64_t>(ours.st_size);
  return true;
}

broker::Status RecordFile::open() {
  if (is_at_path()) return broker::Nothing{};
  fd_ = open_or_create(path_);
  if (!fd_) return error("cannot be opened", errno);
  struct stat file {};
  if (::fstat(fd_.get(), &file) != 0) {
    const int code = errno;
    fd_.reset();
    return error("cannot be examined", code);
  }
  regular_ = S_ISREG(file.st_mode);
  if (!regular_ && !S_ISCHR(file.st_mode)) {
    fd_.reset();
    return broker::Error{"usage records " + path_ + ": is not a regular file"};
  }
  size_octets_ = regular_ ? static_cast<std::uint64_t>(file.st_size) : 0;
  if (auto finished = finish_last_line(); !finished) {
    fd_.reset();
    return finished;
  }
  return broker::Nothing{};
}

broker::Status RecordFile::finish_last_line() {
  if (size_octets_ == 0) return broker::Nothing{};
  char last = '\n';
  if (::pread(fd_.get(), &last, 1, static_cast<off_t>(size_octets_ - 1)) < 0)
    return error("cannot be read", errno);
  if (last == '\n') return broker::Nothing{};
  if (write_once(fd_.get(), "\n") != 1) return error("cannot be written", errno);
  ++size_octets_;
  return broker::Nothing{};
}

broker::Status RecordFile::append(std::string_view lines) {
  const ssize_t written = write_once(fd_.get(), lines);
  if (written == static_cast<ssize_t>(lines.size())) {
    if (regular_) size_octets_ += lines.size();
    return broker::Nothing{};
  }
  const int code = written < 0 ? errno : ENOSPC;
  // A short write is the last room of a disk or of a file size limit. Half a line may not stay;
  // when it cannot be taken back, opening the file anew ends it.
  if (regular_ && written > 0 && !shorten_by(fd_.get(), written)) fd_.reset();
  return error("cannot be written", code);
}

bool RecordFile::has_room_for(std::uint64_t octets) const {
  return !regular_ || size_octets_ + octets <= rotate_octets_;
}

broker::Status RecordFile::rotate() {
  // Only as far as there is no gap, so that a PATH that cannot be moved does not push the older
  // files out one by one with every try.
  std::uint32_t number = 1;
  while (number < keep_ && ::access(rotated(number).c_str(), F_OK) == 0) ++number;
  for (; number > 0; --number) {
    if (std::rename(rotated(number - 1).c_str(), rotated(number).c_str()) != 0 && errno != ENOENT)
      return error("cannot be rotated", errno);
  }
  // Rotated files that an earlier, larger `keep` allowed.
  for (number = keep_ + 1; ::unlink(rotated(number).c_str()) == 0;) ++number;
  fd_.reset();
  return broker::Nothing{};
}

}  // namespace plugin
