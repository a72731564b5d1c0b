#include "ctl/unix_listener.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace plugin {

namespace {

constexpr int backlog_max = 64;

broker::Error error_of(const std::string& path, std::string_view what, int code) {
  return broker::Error{"control socket " + path + ": " + std::string(what) + ": " +
                       std::generic_category().message(code)};
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

int bind_to(int fd, const sockaddr_un& address) {
  return ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
}

UniqueFd new_socket() {
  return UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

// Nothing when the file is a socket that nobody listens on any more.
broker::Status check_that_it_is_stale(const std::string& path, const sockaddr_un& address) {
  struct stat file {};
  if (::lstat(path.c_str(), &file) != 0)
    return errno == ENOENT ? broker::Status(broker::Nothing{})
                           : broker::Status(error_of(path, "cannot be examined", errno));
  if (!S_ISSOCK(file.st_mode))
    return broker::Error{"control socket " + path +
                         ": a file that is not a socket is in its place"};
  const UniqueFd probe = new_socket();
  if (!probe) return error_of(path, "cannot be examined", errno);
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
      errno == EAGAIN)
    return broker::Error{"control socket " + path + ": another process is listening on it"};
  if (errno != ECONNREFUSED && errno != ENOENT)
    return error_of(path, "cannot find out whether it is in use", errno);
  return broker::Nothing{};
}

// Two processes that start at once must not both find the same stale file and remove each other's
// new one, so the directory is locked while the name changes hands.
broker::Result<UniqueFd> lock_directory(const std::string& path) {
  std::string directory = std::filesystem::path(path).parent_path().string();
  if (directory.empty()) directory = ".";
  UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return error_of(path, "cannot open its directory", errno);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
    return error_of(path, "cannot lock its directory", errno);
  return fd;
}

}  // namespace

std::size_t unix_socket_path_octets_max() { return sizeof(sockaddr_un::sun_path) - 1; }

UnixSocketFile::UnixSocketFile(UnixSocketFile&& other) noexcept
    : path_(std::exchange(other.path_, {})), device_(other.device_), inode_(other.inode_) {}

UnixSocketFile& UnixSocketFile::operator=(UnixSocketFile&& other) noexcept {
  if (this != &other) {
    remove();
    path_ = std::exchange(other.path_, {});
    device_ = other.device_;
    inode_ = other.inode_;
  }
  return *this;
}

void UnixSocketFile::remove() {
  struct stat file {};
  if (!path_.empty() && ::lstat(path_.c_str(), &file) == 0 && file.st_dev == device_ &&
      file.st_ino == inode_)
    ::unlink(path_.c_str());
  path_.clear();
}

broker::Result<UnixListener> listen_on_unix_socket(const std::string& path) {
  if (path.empty() || path.size() > unix_socket_path_octets_max() ||
      path.find('\0') != std::string::npos)
    return broker::Error{"control socket " + path + ": its path has " +
                         std::to_string(path.size()) + " octets; allowed: 1 to " +
                         std::to_string(unix_socket_path_octets_max())};
  const auto lock = lock_directory(path);
  if (!lock) return lock.error();

  UnixListener listener{new_socket(), {}};
  // Linux gives the file the mode of the socket; so there is no moment in which others may connect,
  // and the umask, which all threads share, stays as it is.
  if (!listener.fd || ::fchmod(listener.fd.get(), S_IRUSR | S_IWUSR) != 0)
    return error_of(path, "cannot be created", errno);
  const sockaddr_un address = address_of(path);
  int failure = bind_to(listener.fd.get(), address);
  if (failure == EADDRINUSE) {
    if (auto stale = check_that_it_is_stale(path, address); !stale) return stale.error();
    if (::unlink(path.c_str()) != 0 && errno != ENOENT)
      return error_of(path, "the one a dead process left cannot be removed", errno);
    failure = bind_to(listener.fd.get(), address);
  }
  if (failure != 0) return error_of(path, "cannot be bound", failure);
  struct stat file {};
  if (::lstat(path.c_str(), &file) != 0) return error_of(path, "cannot be examined", errno);
  listener.file = UnixSocketFile(path, file.st_dev, file.st_ino);
  if (::listen(listener.fd.get(), backlog_max) != 0)
    return error_of(path, "cannot be listened on", errno);
  return listener;
}

}  // namespace plugin
