#include "broker/config_watch.h"

#include <sys/inotify.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>

namespace plugin {

broker::Result<ConfigWatch> ConfigWatch::create() {
  UniqueFd fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!fd) return broker::Error{std::string("cannot watch files: ") + std::strerror(errno)};
  return ConfigWatch(std::move(fd));
}

broker::Status ConfigWatch::watch(const std::vector<std::string>& files) {
  std::set<std::string> directories;
  for (const auto& file : files) {
    const std::filesystem::path path(file);
    const auto parent = path.parent_path();
    directories.insert(parent.empty() ? "." : parent.string());
    std::error_code ignored;
    if (const auto target = std::filesystem::weakly_canonical(path, ignored); !ignored)
      directories.insert(target.parent_path().string());
  }
  for (const int watch : watches_) ::inotify_rm_watch(fd_.get(), watch);
  watches_.clear();
  std::string failed;
  for (const auto& directory : directories) {
    const int watch = ::inotify_add_watch(fd_.get(), directory.c_str(),
                                          IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE |
                                              IN_DELETE | IN_ATTRIB | IN_ONLYDIR);
    if (watch >= 0)
      watches_.push_back(watch);
    else
      failed = "cannot watch " + directory + ": " + std::strerror(errno);
  }
  if (!failed.empty()) return broker::Error{failed};
  return broker::Nothing{};
}

void ConfigWatch::drain() {
  alignas(inotify_event) std::array<char, 4096> events;
  while (::read(fd_.get(), events.data(), events.size()) > 0) {
  }
}

}  // namespace plugin
