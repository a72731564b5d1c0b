#include "broker/config_watch.h"

#include <cerrno>
#include <utility>

namespace plugin {

void ConfigWatch::watch(std::vector<std::string> paths, std::vector<std::string> patterns) {
  paths_ = std::move(paths);
  patterns_ = std::move(patterns);
}

bool ConfigWatch::look() {
  auto now = stamps();
  if (now == seen_) {
    changed_.reset();
    return false;
  }
  if (!changed_) {
    changed_ = std::move(now);
    return false;
  }
  // What the earlier look saw, not this one: what has come since is loaded now or seen again.
  seen_ = std::move(*changed_);
  changed_.reset();
  return true;
}

ConfigWatch::Stamps ConfigWatch::stamps() const {
  Stamps all;
  const auto add = [&all](const std::string& path) {
    struct stat s {};
    if (::stat(path.c_str(), &s) != 0)
      all[path] = {-1, errno};
    else
      all[path] = {static_cast<std::int64_t>(s.st_dev),
                   static_cast<std::int64_t>(s.st_ino),
                   s.st_size,
                   s.st_mtim.tv_sec,
                   s.st_mtim.tv_nsec,
                   s.st_ctim.tv_sec,
                   s.st_ctim.tv_nsec};
  };
  for (const auto& path : paths_) add(path);
  for (const auto& pattern : patterns_)
    if (const auto matches = files_.match(pattern); matches)
      for (const auto& path : matches.value()) add(path);
    else
      all[pattern + ": " + matches.error().message] = {};
  return all;
}

}  // namespace plugin
