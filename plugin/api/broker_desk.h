// Where other threads ask the broker thread for something.
// Owner: implemented by the broker. Threads: any.
#pragma once

#include <functional>

#include "ctl/control.h"

namespace plugin {

class BrokerDesk {
 public:
  virtual ~BrokerDesk() = default;
  /// Runs `work` on the broker thread soon, in the order of the calls. False, and it is not run,
  /// when too much is waiting already or the broker is stopping.
  [[nodiscard]] virtual bool post(std::function<void(Control&)> work) = 0;
};

}  // namespace plugin
