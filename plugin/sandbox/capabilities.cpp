#include "sandbox/capabilities.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace plugin {

bool drop_thread_capabilities() {
  // The C library has no function for it.
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (::syscall(SYS_capget, &header, data) != 0) return false;
  const std::uint32_t kept =
      ::geteuid() == 0 ? std::uint32_t{1} << CAP_DAC_OVERRIDE : std::uint32_t{0};
  if ((data[0].permitted & ~kept) == 0 && data[1].permitted == 0) return true;
  data[0].permitted &= kept;
  data[0].effective = data[0].permitted;
  data[0].inheritable = 0;
  data[1] = {};
  return ::syscall(SYS_capset, &header, data) == 0;
}

}  // namespace plugin
