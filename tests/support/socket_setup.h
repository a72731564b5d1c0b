// Making sockets for tests.
// Owner: free functions. Threads: any. Errors are thrown as std::system_error that names the
// address.
#pragma once

#include <functional>
#include <optional>

#include "support/address.h"
#include "support/bytes.h"
#include "support/descriptor.h"

namespace turntest {

/// Non-blocking, close-on-exec; `type` is SOCK_DGRAM or SOCK_STREAM. Bound when `local` is given.
[[nodiscard]] Descriptor make_socket(int type, int family, const std::optional<Address>& local);

/// SO_RCVBUFFORCE and SO_SNDBUFFORCE, or the unforced ones for a user who may not.
void set_buffers(const Descriptor& socket, int octets);

/// Datagrams dropped because the receive buffer was full.
[[nodiscard]] std::uint64_t kernel_drops(int descriptor);

/// Waits for `events` (POLLIN | POLLOUT); false at the deadline.
bool wait_for(int descriptor, short events, TimePoint deadline);

/// Throws std::system_error with errno and "what: ADDRESS".
[[noreturn]] void throw_errno(std::string_view what, const Address& address);

/// Calls `function` once on each processor that it may run on, one after the other. The loopback
/// interface keeps the order of packets for each processor only, so what a marker is to follow may
/// have been sent on any.
void on_every_cpu(const std::function<void()>& function);

/// Raises the soft limit of open files to at least `wanted`, the hard one too where allowed.
/// False when that many are not to be had.
bool raise_descriptor_limit(std::size_t wanted);

}  // namespace turntest
