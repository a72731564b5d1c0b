#include "meter/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "unique_fd.h"

namespace plugin {

namespace {

broker::Error failed(const std::string& what, const std::string& path, int code = errno) {
  return broker::Error{what + " " + path + ": " + std::strerror(code)};
}

/// Room on the disk for all of it, now: the kernel ends a process with SIGBUS that first stores to a page of a
/// mapped file when there is none any more.
int take_room(int fd, std::size_t size) {
  int code = 0;
  do {
    code = ::posix_fallocate(fd, 0, static_cast<off_t>(size));
  } while (code == EINTR);
  return code;
}

broker::Result<MappedFile> map(int fd, const std::string& path, std::size_t size,
                               MappedFile (*make)(std::byte*, std::size_t)) {
  void* data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (data == MAP_FAILED) return failed("cannot map", path);
  return make(static_cast<std::byte*>(data), size);
}

}  // namespace

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

broker::Result<MappedFile> MappedFile::create(const std::string& path, std::size_t size) {
  const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (fd.get() < 0) return failed("cannot create", path);
  if (const int code = take_room(fd.get(), size); code != 0) {
    // The next start would take it for what an earlier run left.
    ::unlink(path.c_str());
    return failed("cannot make room for " + std::to_string(size) + " octets in", path, code);
  }
  return map(fd.get(), path, size,
             [](std::byte* data, std::size_t length) { return MappedFile(data, length); });
}

broker::Result<MappedFile> MappedFile::open(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (fd.get() < 0) return failed("cannot open", path);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return failed("cannot stat", path);
  if (!S_ISREG(info.st_mode)) return broker::Error{path + " is not a regular file"};
  if (info.st_size <= 0) return broker::Error{path + " is empty"};
  return map(fd.get(), path, static_cast<std::size_t>(info.st_size),
             [](std::byte* data, std::size_t length) { return MappedFile(data, length); });
}

}  // namespace plugin
