// One connection as a stream of octets: TCP, a Unix socket, TLS over TCP. Names are resolved without
// blocking. Owner: a Link. Threads: the one that runs the event base.
#pragma once

#include <event2/dns.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "broker/result.h"
#include "http/handles.h"
#include "redis/client_tls.h"
#include "redis/endpoint.h"

namespace plugin::redis {

class Stream {
 public:
  /// Called from the event base, never from within a member. The stream must not be destroyed there.
  struct Handlers {
    std::function<void()> connected;  ///< and the TLS handshake done
    std::function<void(std::string_view octets)> received;
    std::function<void(const std::string& why)> ended;  ///< once; nothing comes after it
  };

  /// Begins to connect. An error: the system refuses at once.
  [[nodiscard]] static broker::Result<std::unique_ptr<Stream>> open(event_base* base,
                                                                    const Endpoint& endpoint,
                                                                    const ClientTls* tls,
                                                                    Handlers handlers);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  void write(std::string_view octets);

 private:
  struct FreeDns {
    void operator()(evdns_base* dns) const { evdns_base_free(dns, 1); }
  };

  explicit Stream(Handlers handlers) : handlers_(std::move(handlers)) {}
  [[nodiscard]] broker::Status connect(event_base* base, const Endpoint& endpoint,
                                       const ClientTls* tls);
  [[nodiscard]] bool connect_by_name(event_base* base, const Endpoint& endpoint);
  static void on_read(bufferevent* event, void* self);
  static void on_event(bufferevent* event, short what, void* self);
  [[nodiscard]] std::string why(short what) const;

  Handlers handlers_;
  std::unique_ptr<evdns_base, FreeDns> dns_;
  bufferevent* buffer_ = nullptr;  ///< owned; freed before dns_
  SSL* ssl_ = nullptr;             ///< buffer_'s
};

}  // namespace plugin::redis
