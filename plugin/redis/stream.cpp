#include "redis/stream.h"

#include <arpa/inet.h>
#include <event2/bufferevent_ssl.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace plugin::redis {

namespace {

constexpr std::size_t chunk_octets = 16'384;

/// The socket address of a path or of a numeric host; 0 when it is a name.
socklen_t socket_address(const Endpoint& endpoint, sockaddr_storage& out) {
  if (!endpoint.path.empty()) {
    auto& address = reinterpret_cast<sockaddr_un&>(out);
    address.sun_family = AF_UNIX;
    if (endpoint.path.size() >= sizeof address.sun_path) return 0;
    std::memcpy(address.sun_path, endpoint.path.c_str(), endpoint.path.size() + 1);
    return sizeof address;
  }
  auto& ipv4 = reinterpret_cast<sockaddr_in&>(out);
  if (::inet_pton(AF_INET, endpoint.host.c_str(), &ipv4.sin_addr) == 1) {
    ipv4.sin_family = AF_INET;
    ipv4.sin_port = htons(endpoint.port);
    return sizeof ipv4;
  }
  auto& ipv6 = reinterpret_cast<sockaddr_in6&>(out);
  if (::inet_pton(AF_INET6, endpoint.host.c_str(), &ipv6.sin6_addr) == 1) {
    ipv6.sin6_family = AF_INET6;
    ipv6.sin6_port = htons(endpoint.port);
    return sizeof ipv6;
  }
  return 0;
}

}  // namespace

broker::Result<std::unique_ptr<Stream>> Stream::open(event_base* base, const Endpoint& endpoint,
                                                     const ClientTls* tls, Handlers handlers) {
  std::unique_ptr<Stream> stream(new Stream(std::move(handlers)));
  const broker::Status status = stream->connect(base, endpoint, tls);
  if (!status) return status.error();
  return stream;
}

Stream::~Stream() {
  if (buffer_ != nullptr) bufferevent_free(buffer_);
}

broker::Status Stream::connect(event_base* base, const Endpoint& endpoint, const ClientTls* tls) {
  // Deferred: then no callback runs before open() has returned, or from within write().
  constexpr int options = BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS;
  if (tls != nullptr) {
    http::SslHandle ssl = tls->new_connection(endpoint.host);
    if (!ssl) return broker::Error{"TLS cannot be set up for this host"};
    ssl_ = ssl.get();
    buffer_ = bufferevent_openssl_socket_new(base, -1, ssl_, BUFFEREVENT_SSL_CONNECTING, options);
    if (buffer_ != nullptr) {
      (void)ssl.release();  // its bufferevent frees it
      bufferevent_openssl_set_allow_dirty_shutdown(buffer_, 1);
    }
  } else {
    buffer_ = bufferevent_socket_new(base, -1, options);
  }
  if (buffer_ == nullptr) return broker::Error{"memory is short for a connection"};
  bufferevent_setcb(buffer_, on_read, nullptr, on_event, this);
  bufferevent_enable(buffer_, EV_READ | EV_WRITE);
  sockaddr_storage address{};
  const socklen_t size = socket_address(endpoint, address);
  errno = 0;
  const bool begun =
      size != 0 ? bufferevent_socket_connect(buffer_, reinterpret_cast<sockaddr*>(&address),
                                             static_cast<int>(size)) == 0
                : connect_by_name(base, endpoint);
  if (begun) return broker::Nothing{};
  return broker::Error{errno != 0 ? std::generic_category().message(errno)
                                  : std::string("cannot be connected to")};
}

/// The resolver is made anew each time, so that it knows /etc/hosts and /etc/resolv.conf as they are
/// now. It goes on without either.
bool Stream::connect_by_name(event_base* base, const Endpoint& endpoint) {
  dns_.reset(evdns_base_new(base, EVDNS_BASE_DISABLE_WHEN_INACTIVE));
  if (!dns_) return false;
  evdns_base_resolv_conf_parse(dns_.get(), DNS_OPTIONS_ALL, "/etc/resolv.conf");
  errno = 0;
  return bufferevent_socket_connect_hostname(buffer_, dns_.get(), AF_UNSPEC, endpoint.host.c_str(),
                                             endpoint.port) == 0;
}

void Stream::write(std::string_view octets) {
  bufferevent_write(buffer_, octets.data(), octets.size());
}

void Stream::on_read(bufferevent* event, void* self) {
  auto& stream = *static_cast<Stream*>(self);
  std::array<char, chunk_octets> chunk{};
  while (const std::size_t size = bufferevent_read(event, chunk.data(), chunk.size()))
    stream.handlers_.received({chunk.data(), size});
}

void Stream::on_event(bufferevent* event, short what, void* self) {
  auto& stream = *static_cast<Stream*>(self);
  if ((what & BEV_EVENT_CONNECTED) != 0) {
    const int yes = 1;  // a refusal (of a Unix socket) does no harm
    ::setsockopt(bufferevent_getfd(event), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    stream.handlers_.connected();
    return;
  }
  const std::string why = stream.why(what);
  bufferevent_disable(event, EV_READ | EV_WRITE);
  bufferevent_setcb(event, nullptr, nullptr, nullptr, nullptr);
  stream.handlers_.ended(why);
}

std::string Stream::why(short what) const {
  const int error = EVUTIL_SOCKET_ERROR();
  if (const int dns = bufferevent_socket_get_dns_error(buffer_); dns != 0)
    return std::string("its name cannot be resolved: ") + evutil_gai_strerror(dns);
  if (ssl_ != nullptr)
    if (std::string failure = tls_failure(ssl_, bufferevent_get_openssl_error(buffer_));
        !failure.empty())
      return failure;
  if ((what & BEV_EVENT_EOF) != 0 || error == 0) return "it closed the connection";
  return std::generic_category().message(error);
}

}  // namespace plugin::redis
