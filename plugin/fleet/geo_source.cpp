#include "fleet/geo_source.h"

#include <utility>

namespace plugin {

GeoSource::Stamp GeoSource::stamp_of(const std::string& path) {
  struct stat s {};
  if (::stat(path.c_str(), &s) != 0) return {};
  // A change of the content changes this time, whatever the file's date says.
  return {s.st_dev, s.st_ino, s.st_size, s.st_ctim.tv_sec, s.st_ctim.tv_nsec};
}

broker::Status GeoSource::follow(const std::string& path) {
  if (path.empty()) {
    path_.clear();
    in_use_.reset();
    return broker::Nothing{};
  }
  const Stamp now = stamp_of(path);
  if (path == path_ && now == tried_) return broker::Nothing{};
  path_ = path;
  tried_ = now;
  auto opened = GeoLookup::open(path);
  if (!opened) return opened.error();
  in_use_ = std::move(opened).value();
  return broker::Nothing{};
}

}  // namespace plugin
