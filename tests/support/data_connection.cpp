#include <poll.h>

#include <stdexcept>

#include "support/socket_setup.h"
#include "support/turn_client.h"

namespace turntest {

DataConnection::DataConnection(std::unique_ptr<Transport> transport)
    : transport_(std::move(transport)), stream_(dynamic_cast<StreamTransport*>(transport_.get())) {
  if (stream_ == nullptr) throw std::logic_error("a data connection needs a byte stream");
}

bool DataConnection::write(ByteView octets, Milliseconds timeout) {
  const TimePoint deadline = Clock::now() + timeout;
  while (!octets.empty()) {
    const std::size_t written = stream_->write_some(octets);
    if (written != 0) {
      sent_ += {written, 1};
      octets = octets.subspan(written);
    } else if (closed() || !wait_for(transport_->descriptor(), POLLOUT, deadline)) {
      return false;
    }
  }
  return true;
}

Bytes DataConnection::read_some(Milliseconds timeout) {
  const TimePoint deadline = Clock::now() + timeout;
  Bytes buffer(64 << 10);
  for (;;) {
    const std::size_t size = stream_->read_some(buffer);
    if (size != 0) received_ += {size, 1};
    if (size != 0 || closed() || !wait_for(transport_->descriptor(), POLLIN, deadline)) {
      buffer.resize(size);
      return buffer;
    }
  }
}

bool DataConnection::drain(std::uint64_t octets, Milliseconds timeout) {
  const TimePoint deadline = Clock::now() + timeout;
  while (received_.octets < octets)
    if (read_some(Milliseconds(poll_timeout_ms(deadline))).empty()) return false;
  return true;
}

}  // namespace turntest
