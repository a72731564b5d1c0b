// Where an address is, by a database in MaxMind's format (MMDB) that the operator has.
// Owner: shared by pointer, immutable. Threads: open blocks on the file system, so not a relay or HTTP
// thread; find any, without locks.
#pragma once

#include <maxminddb.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "broker/coordinates.h"
#include "broker/result.h"

namespace plugin {

struct MmdbDeleter {
  void operator()(MMDB_s* database) const;
};
using MmdbHandle = std::unique_ptr<MMDB_s, MmdbDeleter>;

class GeoLookup {
 public:
  /// Reads the file whole, so that it may be written over, cut or removed while it is in use. Errors
  /// name the file and what is wrong with it.
  [[nodiscard]] static broker::Result<std::shared_ptr<const GeoLookup>> open(
      const std::string& path);

  explicit GeoLookup(MmdbHandle database) : database_(std::move(database)) {}

  /// Of "192.0.2.1", "2001:db8::1", or a network "2001:db8::/64". nullopt when it is no address, when
  /// the database does not know it, or when what it knows is no place on the earth.
  [[nodiscard]] std::optional<broker::Coordinates> find(std::string_view address) const;

 private:
  MmdbHandle database_;
};

}  // namespace plugin
