#include "support/tcp_peer.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "support/socket_setup.h"

namespace turntest {

TcpPeer::TcpPeer(Mode mode, const Address& local)
    : mode_(mode),
      listener_(make_socket(SOCK_STREAM, local.family, local)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      address_(Address::of_socket(listener_.get())) {
  if (::listen(listener_.get(), 128) != 0) throw_errno("cannot listen on", address_);
  thread_ = std::thread([this] { run(); });
}

TcpPeer::~TcpPeer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake();
  thread_.join();
}

void TcpPeer::wake() { ::eventfd_write(wake_.get(), 1); }

void TcpPeer::run() {
  for (;;) {
    std::vector<pollfd> entries{{listener_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    std::vector<ConnectionNumber> numbers;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      for (const auto& [number, connection] : connections_) {
        const bool writes = connection.unsent_start < connection.unsent.size();
        entries.push_back(
            {connection.socket.get(), static_cast<short>(POLLIN | (writes ? POLLOUT : 0)), 0});
        numbers.push_back(number);
      }
    }
    ::poll(entries.data(), entries.size(), -1);
    eventfd_t ignored = 0;
    ::eventfd_read(wake_.get(), &ignored);
    if (entries[0].revents != 0) accept_all();
    {
      const std::lock_guard lock(mutex_);
      for (std::size_t i = 0; i < numbers.size(); ++i) {
        const auto found = connections_.find(numbers[i]);
        if (!serve(found->second, entries[i + 2].revents)) connections_.erase(found);
      }
    }
    changed_.notify();
  }
}

void TcpPeer::accept_all() {
  for (;;) {
    Descriptor socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket.valid()) return;
    const std::lock_guard lock(mutex_);
    if (connections_.size() < connections_max) add(std::move(socket));
  }
}

TcpPeer::ConnectionNumber TcpPeer::add(Descriptor socket) {
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  connections_[++last_].socket = std::move(socket);
  return last_;
}

bool TcpPeer::serve(Connection& connection, short events) {
  if ((events & (POLLIN | POLLHUP | POLLERR)) != 0) {
    static thread_local Bytes buffer(64 << 10);
    const ssize_t size = ::recv(connection.socket.get(), buffer.data(), buffer.size(), 0);
    if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) return false;
    if (size > 0) {
      const ByteView octets = ByteView(buffer).first(static_cast<std::size_t>(size));
      received_ += {octets.size(), 1};
      if (mode_ == Mode::echo)
        connection.unsent.insert(connection.unsent.end(), octets.begin(), octets.end());
    }
  }
  write_some(connection);
  return true;
}

void TcpPeer::write_some(Connection& connection) {
  while (connection.unsent_start < connection.unsent.size()) {
    const ByteView rest = ByteView(connection.unsent).subspan(connection.unsent_start);
    const ssize_t size =
        ::send(connection.socket.get(), rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size <= 0) return;
    connection.unsent_start += static_cast<std::size_t>(size);
    sent_ += {static_cast<std::uint64_t>(size), 1};
  }
  connection.unsent.clear();
  connection.unsent_start = 0;
  if (connection.finish && !std::exchange(connection.finished, true))
    ::shutdown(connection.socket.get(), SHUT_WR);
}

TcpPeer::ConnectionNumber TcpPeer::connect_to(const Address& relayed, Milliseconds timeout) {
  const TimePoint deadline = Clock::now() + timeout;
  Descriptor socket = make_socket(SOCK_STREAM, address_.family, address_.with_port(0));
  const SocketAddress to(relayed);
  if (::connect(socket.get(), to.get(), to.size) != 0) {
    if (errno != EINPROGRESS) throw_errno("the peer cannot connect to", relayed);
    int error = ETIMEDOUT;
    socklen_t size = sizeof error;
    if (wait_for(socket.get(), POLLOUT, deadline))
      ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    errno = error;
    if (error != 0) throw_errno("the peer cannot connect to", relayed);
  }
  ConnectionNumber number = 0;
  {
    const std::lock_guard lock(mutex_);
    number = add(std::move(socket));
  }
  wake();
  return number;
}

bool TcpPeer::send(ConnectionNumber number, ByteView octets) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = connections_.find(number);
    if (found == connections_.end()) return false;
    Bytes& unsent = found->second.unsent;
    if (unsent.size() + octets.size() > unsent_octets_max) return false;
    unsent.insert(unsent.end(), octets.begin(), octets.end());
  }
  wake();
  return true;
}

void TcpPeer::finish_writing(ConnectionNumber number) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = connections_.find(number);
    if (found != connections_.end()) found->second.finish = true;
  }
  wake();
}

TrafficCount TcpPeer::received() const {
  const std::lock_guard lock(mutex_);
  return received_;
}

TrafficCount TcpPeer::sent() const {
  const std::lock_guard lock(mutex_);
  return sent_;
}

std::uint64_t TcpPeer::connections_ever() const {
  const std::lock_guard lock(mutex_);
  return last_;
}

std::size_t TcpPeer::connections_open() const {
  const std::lock_guard lock(mutex_);
  return connections_.size();
}

bool TcpPeer::wait_connections(std::uint64_t connections, Milliseconds timeout) {
  return wait_until(
      timeout, [&] { return connections_ever() >= connections; }, &changed_);
}

bool TcpPeer::wait_received_octets(std::uint64_t octets, Milliseconds timeout) {
  return wait_until(
      timeout, [&] { return received().octets >= octets; }, &changed_);
}

bool TcpPeer::wait_sent_octets(std::uint64_t octets, Milliseconds timeout) {
  return wait_until(
      timeout, [&] { return sent().octets >= octets; }, &changed_);
}

bool TcpPeer::wait_all_closed(Milliseconds timeout) {
  return wait_until(
      timeout, [&] { return connections_open() == 0; }, &changed_);
}

}  // namespace turntest
