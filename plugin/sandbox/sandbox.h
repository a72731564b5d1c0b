// Takes from the process what a relay does not need. The user it runs as, and its capabilities, are coturn's affair
// (proc-user): it binds the ports. Owner: the entry. Threads: main.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "broker/config.h"
#include "broker/result.h"
#include "host.h"
#include "sandbox/seccomp_filter.h"

namespace plugin {

class Sandbox {
 public:
  explicit Sandbox(const Host& host) : host_(host) {}

  /// Before there are threads: no new privileges, no core dumps. The file is the one that `config` came from.
  [[nodiscard]] broker::Status harden(const std::string& config_file,
                                      const broker::SandboxConfig& config);

  /// As the user it will be, before anything is opened: it must be able to read the configuration again, and the
  /// filter must be one that can be loaded. Warns of what is not as it should be.
  [[nodiscard]] broker::Status prepare();

  /// After all is open and all threads run: the filter.
  [[nodiscard]] broker::Status close();

 private:
  Host host_;
  std::string config_file_;
  uid_t user_before_ = 0;  ///< of the process when the configuration was loaded first
  broker::SandboxConfig config_;
  std::optional<SeccompFilter> filter_;
};

}  // namespace plugin
