// Small databases in MaxMind's format (https://maxmind.github.io/MaxMind-DB/, version 2.0), for tests.
// Owner: the test. Threads: one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace turntest {

class MmdbWriter {
 public:
  MmdbWriter();

  /// A network that lies in none that was added before, nor around one: "192.0.2.0/24",
  /// "2001:db8::/32". Its record is {"location": {"latitude", "longitude"}}. Throws
  /// std::invalid_argument.
  void add(const std::string& network, double latitude, double longitude);
  /// One whose record is {"country": "XX"}, without a location.
  void add_without_location(const std::string& network);

  /// The whole file.
  [[nodiscard]] std::string bytes() const;

 private:
  struct Node {
    std::int64_t next[2] = {0, 0};  ///< a node's index, 0: nothing, below: -1 - offset of a record
  };
  void insert(const std::string& network, const std::string& record);

  std::vector<Node> nodes_;
  std::string data_;
};

}  // namespace turntest
