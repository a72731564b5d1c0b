#include "support/udp_peer.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>

#include "support/datagram_batch.h"
#include "support/socket_setup.h"

namespace turntest {

UdpPeer::UdpPeer(Mode mode, const Address& local)
    : mode_(mode),
      socket_(make_socket(SOCK_DGRAM, local.family, local)),
      marker_(make_socket(SOCK_DGRAM, local.family, local.with_port(0))),
      stop_(::eventfd(0, EFD_CLOEXEC)),
      address_(Address::of_socket(socket_.get())),
      marker_address_(Address::of_socket(marker_.get())) {
  set_buffers(socket_, buffer_octets);
  thread_ = std::thread([this] { run(); });
}

UdpPeer::~UdpPeer() {
  stopping_ = true;
  ::eventfd_write(stop_.get(), 1);
  thread_.join();
}

void UdpPeer::run() {
  DatagramBatch& batch = DatagramBatch::of_this_thread();
  pollfd entries[3] = {
      {socket_.get(), POLLIN, 0}, {marker_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
  while (!stopping_) {
    // What reached socket_ before a marker reached marker_ is taken before the marker counts.
    const std::uint64_t markers = take_markers();
    for (std::size_t count = 1; count != 0 && !stopping_;) {
      count = batch.receive(socket_.get(), true);
      if (count != 0) take_batch(count);
    }
    if (markers != 0) {
      {
        const std::lock_guard lock(mutex_);
        markers_seen_ += markers;
      }
      changed_.notify();
    }
    ::poll(entries, 3, -1);
  }
}

std::uint64_t UdpPeer::take_markers() {
  std::uint64_t markers = 0;
  char ignored = 0;
  while (::recv(marker_.get(), &ignored, 1, MSG_DONTWAIT) >= 0) ++markers;
  return markers;
}

void UdpPeer::take_batch(std::size_t count) {
  DatagramBatch& batch = DatagramBatch::of_this_thread();
  TrafficCount echoed;
  Handler handler;
  {
    const std::lock_guard lock(mutex_);
    handler = handler_;
  }
  TrafficCount received;
  std::array<Address, DatagramBatch::messages_max> senders;
  for (std::size_t i = 0; i < count; ++i) {
    senders[i] = Address::from_sockaddr(batch.sender(i));
    const ByteView payload = batch.datagram(i);
    received += {payload.size(), 1};
    if (handler) handler(senders[i], payload);
    if (mode_ == Mode::echo) {
      const SocketAddress to(senders[i]);
      if (::sendto(socket_.get(), payload.data(), payload.size(), 0, to.get(), to.size) >= 0)
        echoed += {payload.size(), 1};
    }
  }
  {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < count; ++i)
      received_from_[senders[i]] += {batch.datagram(i).size(), 1};
    received_ += received;
    sent_ += echoed;
  }
  changed_.notify();
}

bool UdpPeer::send(const Address& to, ByteView payload) {
  const SocketAddress address(to);
  if (::sendto(socket_.get(), payload.data(), payload.size(), MSG_DONTWAIT, address.get(),
               address.size) < 0)
    return false;
  const std::lock_guard lock(mutex_);
  sent_ += {payload.size(), 1};
  return true;
}

std::uint64_t UdpPeer::send_many(const Address& to, ByteView payload, std::uint64_t packets) {
  SocketAddress address(to);
  iovec vector{const_cast<std::uint8_t*>(payload.data()), payload.size()};
  std::array<mmsghdr, DatagramBatch::messages_max> messages{};
  for (mmsghdr& message : messages) {
    message.msg_hdr.msg_name = address.get();
    message.msg_hdr.msg_namelen = address.size;
    message.msg_hdr.msg_iov = &vector;
    message.msg_hdr.msg_iovlen = 1;
  }
  std::uint64_t taken = 0;
  while (taken < packets) {
    const auto count =
        static_cast<unsigned>(std::min<std::uint64_t>(messages.size(), packets - taken));
    const int sent = ::sendmmsg(socket_.get(), messages.data(), count, MSG_DONTWAIT);
    if (sent > 0)
      taken += static_cast<std::uint64_t>(sent);
    else if (errno != EINTR)
      break;
  }
  const std::lock_guard lock(mutex_);
  sent_ += {taken * payload.size(), taken};
  return taken;
}

void UdpPeer::on_data(Handler handler) {
  const std::lock_guard lock(mutex_);
  handler_ = std::move(handler);
}

TrafficCount UdpPeer::received() const {
  const std::lock_guard lock(mutex_);
  return received_;
}

TrafficCount UdpPeer::sent() const {
  const std::lock_guard lock(mutex_);
  return sent_;
}

TrafficCount UdpPeer::received_from(const Address& remote) const {
  const std::lock_guard lock(mutex_);
  const auto found = received_from_.find(remote);
  return found == received_from_.end() ? TrafficCount{} : found->second;
}

bool UdpPeer::wait_received_packets(std::uint64_t packets, Milliseconds timeout) {
  return wait_until(
      timeout, [&] { return received().packets >= packets; }, &changed_);
}

bool UdpPeer::wait_received_octets(std::uint64_t octets, Milliseconds timeout) {
  return wait_until(
      timeout, [&] { return received().octets >= octets; }, &changed_);
}

bool UdpPeer::settle(Milliseconds timeout) {
  const SocketAddress to(marker_address_);
  std::uint64_t wanted = 0;
  on_every_cpu([&] {
    if (::sendto(marker_.get(), "", 0, 0, to.get(), to.size) < 0) return;
    const std::lock_guard lock(mutex_);
    wanted = ++markers_sent_;
  });
  return wanted != 0 && wait_until(
                            timeout,
                            [&] {
                              const std::lock_guard lock(mutex_);
                              return markers_seen_ >= wanted;
                            },
                            &changed_);
}

std::uint64_t UdpPeer::kernel_drops() const { return turntest::kernel_drops(socket_.get()); }

}  // namespace turntest
