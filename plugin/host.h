// The host's services, as the plugin uses them.
// Owner: the entry; the host's table outlives the plugin. Threads: any.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>

#include "turn_plugin.h"

namespace plugin {

class Host {
 public:
  explicit Host(const turn_host* table) : table_(table) {}

  template <typename... Args>
  void info(fmt::format_string<Args...> format, Args&&... args) const {
    log(TURN_LOG_INFO, fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void warning(fmt::format_string<Args...> format, Args&&... args) const {
    log(TURN_LOG_WARNING, fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void error(fmt::format_string<Args...> format, Args&&... args) const {
    log(TURN_LOG_ERROR, fmt::format(format, std::forward<Args>(args)...));
  }

  void log(turn_log_level level, const std::string& text) const {
    const std::string line = "turnbroker: " + text;
    table_->log(level, line.c_str());
  }

  turn_service_result cancel(std::uint64_t allocation_id, turn_close_reason reason) const {
    return table_->cancel_allocation(allocation_id, reason);
  }

  turn_service_result complete(std::uint64_t request_id, turn_verdict verdict,
                               const turn_allocation_answer& answer) const {
    return table_->complete_allocation(request_id, verdict, &answer);
  }

  [[nodiscard]] turn_service_result stop_server() const { return table_->stop_server(); }

 private:
  const turn_host* table_;
};

}  // namespace plugin
