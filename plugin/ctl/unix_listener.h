// A listening Unix socket and its name in the file system.
// Owner: value, move-only; the name is removed with it. Threads: one at a time.
#pragma once

#include <sys/types.h>

#include <string>

#include "broker/result.h"
#include "unique_fd.h"

namespace plugin {

/// Longest path a Unix socket can have, without the terminating NUL.
[[nodiscard]] std::size_t unix_socket_path_octets_max();

/// The file of a bound socket. Removes it unless another file has taken the name meanwhile.
class UnixSocketFile {
 public:
  UnixSocketFile() = default;
  UnixSocketFile(std::string path, dev_t device, ino_t inode)
      : path_(std::move(path)), device_(device), inode_(inode) {}
  UnixSocketFile(UnixSocketFile&& other) noexcept;
  UnixSocketFile& operator=(UnixSocketFile&& other) noexcept;
  UnixSocketFile(const UnixSocketFile&) = delete;
  UnixSocketFile& operator=(const UnixSocketFile&) = delete;
  ~UnixSocketFile() { remove(); }

 private:
  void remove();

  std::string path_;  ///< empty: none
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

struct UnixListener {
  UniqueFd fd;  ///< listening, non-blocking, close-on-exec
  UnixSocketFile file;
};

/// Binds with mode 0600 from the first moment on. The socket of a dead process is replaced; a live
/// one, and a file that is no socket, is an error.
[[nodiscard]] broker::Result<UnixListener> listen_on_unix_socket(const std::string& path);

}  // namespace plugin
