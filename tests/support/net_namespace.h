// A network namespace with two links to ours, one of which can be cut: for a server that loses sight of
// another while its clients still reach it. Needs the right to make one.
// Owner: the test; namespace and links go with it, after the processes in them. Threads: one.
#pragma once

#include <array>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

namespace turntest {

/// The machine does not let us: a reason to skip a test, not to fail it.
struct NoNetNamespace : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class NetNamespace {
 public:
  static constexpr std::size_t links = 2;

  /// Throws NoNetNamespace with what `ip` says.
  NetNamespace();
  ~NetNamespace();
  NetNamespace(const NetNamespace&) = delete;
  NetNamespace& operator=(const NetNamespace&) = delete;

  /// What a program's command line begins with to run in it.
  [[nodiscard]] std::vector<std::string> wrapper() const;
  /// IPv4 addresses of a link's ends.
  [[nodiscard]] std::string outer(std::size_t link) const { return address(link, 1); }
  [[nodiscard]] std::string inner(std::size_t link) const { return address(link, 2); }
  /// Nothing passes any more, and nobody is told.
  void cut(std::size_t link) const;
  void heal(std::size_t link) const;

 private:
  [[nodiscard]] std::string address(std::size_t link, unsigned host) const;
  [[nodiscard]] std::string device(std::size_t link, bool inside) const;
  void make() const;
  void remove() const;

  std::string name_;
};

}  // namespace turntest
