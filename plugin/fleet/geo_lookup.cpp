#include "fleet/geo_lookup.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "unique_fd.h"

namespace plugin {

namespace {

constexpr off_t database_octets_max = off_t{1} << 30;

broker::Error with_file(const std::string& path, const std::string& what) {
  return broker::Error{'"' + path + "\" " + what};
}

broker::Error unreadable(const std::string& path, int error) {
  return with_file(path, "cannot be read: " + std::generic_category().message(error));
}

/// A copy of the file in memory. libmaxminddb maps what it opens, and a mapped file that somebody
/// cuts short ends the process that reads on.
broker::Result<UniqueFd> copy_of(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) return unreadable(path, errno);
  if (!S_ISREG(status.st_mode)) return with_file(path, "is not a regular file");
  if (status.st_size > database_octets_max) return with_file(path, "is larger than 1 GiB");
  UniqueFd copy(::memfd_create("turnbroker-geoip", MFD_CLOEXEC));
  if (!copy) return unreadable(path, errno);
  for (off_t left = status.st_size; left > 0;) {
    const ssize_t moved =
        ::sendfile(copy.get(), file.get(), nullptr, static_cast<std::size_t>(left));
    if (moved < 0 && errno == EINTR) continue;
    if (moved < 0) return unreadable(path, errno);
    if (moved == 0) break;  // it has become shorter: what lacks is found out below
    left -= moved;
  }
  return copy;
}

/// An address as a socket has it.
struct SocketAddress {
  sockaddr_storage storage{};
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

std::optional<SocketAddress> parse(std::string_view text) {
  const std::string address(text.substr(0, text.find('/')));
  SocketAddress out;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET, address.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    std::memcpy(&out.storage, &v4, sizeof v4);
  } else if (::inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    std::memcpy(&out.storage, &v6, sizeof v6);
  } else {
    return std::nullopt;
  }
  return out;
}

std::optional<double> degrees(MMDB_entry_s& entry, const char* name) {
  const std::array<const char*, 3> path{"location", name, nullptr};
  MMDB_entry_data_s data{};
  if (MMDB_aget_value(&entry, &data, path.data()) != MMDB_SUCCESS || !data.has_data)
    return std::nullopt;
  if (data.type == MMDB_DATA_TYPE_DOUBLE) return data.double_value;
  if (data.type == MMDB_DATA_TYPE_FLOAT) return static_cast<double>(data.float_value);
  return std::nullopt;
}

}  // namespace

void MmdbDeleter::operator()(MMDB_s* database) const {
  MMDB_close(database);
  delete database;
}

broker::Result<std::shared_ptr<const GeoLookup>> GeoLookup::open(const std::string& path) {
  const auto copy = copy_of(path);
  if (!copy) return copy.error();
  auto database = std::make_unique<MMDB_s>();
  const std::string name = "/proc/self/fd/" + std::to_string(copy.value().get());
  const int status = MMDB_open(name.c_str(), MMDB_MODE_MMAP, database.get());
  if (status != MMDB_SUCCESS)
    return with_file(path, std::string("is not an MMDB file: ") + MMDB_strerror(status));
  return std::make_shared<const GeoLookup>(MmdbHandle(database.release()));
}

std::optional<broker::Coordinates> GeoLookup::find(std::string_view address) const {
  const auto socket_address = parse(address);
  if (!socket_address) return std::nullopt;
  int status = MMDB_SUCCESS;
  MMDB_lookup_result_s found =
      MMDB_lookup_sockaddr(database_.get(), socket_address->get(), &status);
  if (status != MMDB_SUCCESS || !found.found_entry) return std::nullopt;
  const auto latitude = degrees(found.entry, "latitude");
  const auto longitude = degrees(found.entry, "longitude");
  if (!latitude || !longitude) return std::nullopt;
  const broker::Coordinates place{*latitude, *longitude};
  if (!broker::on_earth(place)) return std::nullopt;
  return place;
}

}  // namespace plugin
