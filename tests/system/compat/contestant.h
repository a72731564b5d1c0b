// The three servers that have to behave alike: coturn as it was, coturn with our patches, and that
// with the plugin, which meters coturn's own users under default_csp.
//
// Owner: the test. Threads: a Server's members one at a time; its addresses are constant.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "broker_relay.h"

namespace compat {

enum class Contestant { unpatched, patched, with_plugin };
inline constexpr Contestant contestants[] = {Contestant::unpatched, Contestant::patched,
                                             Contestant::with_plugin};

[[nodiscard]] std::string to_string(Contestant contestant);
[[nodiscard]] std::filesystem::path binary_of(Contestant contestant);

struct ServerOptions {
  /// Lines of turnserver.conf. Without a way to authenticate the patched server does not start.
  std::string config = "lt-cred-mech";
  std::vector<std::string> arguments = {};  ///< more of the command line
  std::string realm = "north.gov";
  int relay_threads = 2;
};

class Server {
 public:
  static constexpr std::string_view csp = "residents";

  Server(Contestant contestant, const ServerOptions& options);

  [[nodiscard]] Contestant contestant() const { return contestant_; }
  [[nodiscard]] turntest::RelayProcess& relay() { return broker_ ? broker_->relay() : *relay_; }
  /// The end of what it printed: what a sanitizer or a crash has to say.
  [[nodiscard]] std::string last_words();
  /// Throws unless this is the one with the plugin.
  [[nodiscard]] turntest::BrokerRelay& broker();

 private:
  Contestant contestant_;
  std::unique_ptr<turntest::RelayProcess> relay_;
  std::unique_ptr<turntest::BrokerRelay> broker_;
};

/// One of each, in the order of `contestants`.
[[nodiscard]] std::vector<std::unique_ptr<Server>> start_all(const ServerOptions& options);

}  // namespace compat
