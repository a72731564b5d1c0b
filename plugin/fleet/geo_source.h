// The geographic database in use, as the configuration and its file change.
// Owner: the broker. Threads: the broker thread; what get() returns any.
#pragma once

#include <sys/stat.h>

#include <memory>
#include <string>

#include "broker/result.h"
#include "fleet/geo_lookup.h"

namespace plugin {

class GeoSource {
 public:
  /// Opens the file if it is another one than before, or has changed; an empty path means none. When
  /// it cannot be used, the one in use stays and the error is told, once for each state of the file.
  [[nodiscard]] broker::Status follow(const std::string& path);

  /// null: there is none.
  [[nodiscard]] const std::shared_ptr<const GeoLookup>& get() const { return in_use_; }

 private:
  struct Stamp {
    dev_t device = 0;
    ino_t inode = 0;
    off_t octets = 0;
    std::int64_t changed_s = 0;
    std::int64_t changed_ns = 0;
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };
  [[nodiscard]] static Stamp stamp_of(const std::string& path);

  std::string path_;
  Stamp tried_;
  std::shared_ptr<const GeoLookup> in_use_;
};

}  // namespace plugin
