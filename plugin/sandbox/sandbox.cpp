#include "sandbox/sandbox.h"

#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "api/usable_config.h"
#include "sandbox/capabilities.h"
#include "sandbox/hardening.h"
#include "sandbox/name_service.h"

namespace plugin {

namespace {

/// LeakSanitizer traces the process from within.
bool may_be_traced(const broker::SandboxConfig& config) {
  return config.core_dumps || is_sanitized();
}

}  // namespace

broker::Status Sandbox::harden(const std::string& config_file,
                               const broker::SandboxConfig& config) {
  config_file_ = config_file;
  config_ = config;
  user_before_ = ::geteuid();
  if (!is_sanitized())
    if (auto status = take_no_new_privileges(); !status) return status.error();
  if (may_be_traced(config_)) return broker::Nothing{};
  return forbid_core_dumps();
}

broker::Status Sandbox::prepare() {
  const uid_t user = ::geteuid();
  if (user == 0) host_.warning("runs as root: name a user of its own with --proc-user");
  if (user != user_before_)
    if (auto loaded = load_usable_config(config_file_); !loaded)
      return broker::Error{"user " + std::to_string(user) +
                           " of --proc-user could not load a change of the configuration: " +
                           loaded.error().message};
  // With user or group the kernel has changed what may be dumped to the system's default.
  if (auto status = may_be_traced(config_) ? allow_core_dumps() : forbid_core_dumps(); !status)
    return status.error();

  if (config_.seccomp == broker::SeccompMode::off) {
    host_.info("seccomp: off, as configured");
    return broker::Nothing{};
  }
  const bool required = config_.seccomp == broker::SeccompMode::required;
  if (is_sanitized()) {
    if (required)
      return broker::Error{
          "[broker.sandbox] seccomp = \"required\" in a build with a sanitizer, which needs more"};
    host_.info("seccomp: off, as this is a build with a sanitizer");
    return broker::Nothing{};
  }
  auto filter = SeccompFilter::make(config_.seccomp);
  if (filter) {
    filter_.emplace(std::move(filter).value());
  } else {
    if (required) return broker::Error{"[broker.sandbox] seccomp: " + filter.error().message};
    host_.warning("seccomp: off: {}", filter.error().message);
  }
  return broker::Nothing{};
}

broker::Status Sandbox::close() {
  if (!drop_thread_capabilities())
    return broker::Error{"cannot drop capabilities: " + std::generic_category().message(errno)};
  if (!filter_) return broker::Nothing{};
  load_name_service_modules();
  if (auto status = filter_->load(); !status) {
    if (config_.seccomp == broker::SeccompMode::required)
      return broker::Error{"[broker.sandbox] seccomp: " + status.error().message};
    host_.warning("seccomp: off: {}", status.error().message);
  } else if (config_.seccomp == broker::SeccompMode::log) {
    host_.warning("seccomp: only logs what it would refuse");
  } else {
    host_.info("seccomp: on");
  }
  filter_.reset();
  return broker::Nothing{};
}

}  // namespace plugin
