#include "broker/state_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace plugin {

broker::Result<StateDir> StateDir::open(const std::string& path) {
  std::error_code error;
  const auto parent = std::filesystem::path(path).parent_path();
  if (!parent.empty()) std::filesystem::create_directories(parent, error);
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return broker::Error{"cannot create state_dir " + path + ": " + std::strerror(errno)};
  const std::string lock_path = path + "/lock";
  UniqueFd lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock)
    return broker::Error{"cannot write to state_dir " + path + ": " + std::strerror(errno)};
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
    return broker::Error{"state_dir " + path + " is in use by another relay"};
  return StateDir(path, std::move(lock));
}

std::string StateDir::resolve(const std::string& path) const {
  return std::filesystem::path(path).is_absolute() ? path : path_ + "/" + path;
}

}  // namespace plugin
