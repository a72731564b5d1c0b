// The filter that stands between the process and the kernel (seccomp(2)): what a relay needs is allowed, what only an
// intruder needs ends the process, all else fails with ENOSYS and is logged by the kernel.
//
// Why not end it in any case: a call that nobody foresaw, of a new C library or a name service module, must not cost
// running calls; with ENOSYS libraries fall back to what they used before. Another ABI (32 bits, x32) ends it.
// Owner: value, move-only. Threads: one at a time.
#pragma once

#include <cstdint>
#include <memory>

#include "broker/config.h"
#include "broker/result.h"

namespace plugin {

struct SeccompDeleter {
  void operator()(void* context) const;
};

class SeccompFilter {
 public:
  /// For the machine it runs on, or another one (SCMP_ARCH_AARCH64), for tests. `mode` is not off.
  /// The error says what the kernel or libseccomp lacks.
  [[nodiscard]] static broker::Result<SeccompFilter> make(broker::SeccompMode mode);
  [[nodiscard]] static broker::Result<SeccompFilter> make_for(std::uint32_t architecture,
                                                              broker::SeccompMode mode);

  /// Puts it on all threads of the process, for good.
  [[nodiscard]] broker::Status load();

  /// The filter's program, as an array of sock_filter, to a file. For tests.
  [[nodiscard]] broker::Status export_to(int descriptor) const;

 private:
  using Context = std::unique_ptr<void, SeccompDeleter>;
  SeccompFilter(Context quiet, Context main) : quiet_(std::move(quiet)), main_(std::move(main)) {}

  Context quiet_;  ///< refuses without a line in the log
  Context main_;
};

}  // namespace plugin
