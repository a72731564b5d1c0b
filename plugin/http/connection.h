// What is known of one connection beside what evhttp knows.
// Owner: ConnectionGuard. Threads: the thread that runs the event base.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "http/handles.h"
#include "http/peer_address.h"

namespace plugin::http {

/// Why a connection is there, and so what it counts against.
enum class Standing : std::uint8_t {
  fresh,           ///< accepted a moment ago, not looked at yet
  regular,         ///< may ask
  beyond_total,    ///< there to be told 503
  beyond_address,  ///< there to be told 429
  stream,          ///< carries an answer without end
  closing,         ///< evhttp has let go of it; what still arrives is thrown away
};
inline constexpr std::size_t standings = 6;

/// An answer that is not there yet, or not whole.
class OpenAnswer {
 public:
  OpenAnswer() = default;
  OpenAnswer(const OpenAnswer&) = delete;
  OpenAnswer& operator=(const OpenAnswer&) = delete;
  virtual ~OpenAnswer() = default;

  /// The connection ends now; evhttp's request must not be touched after this.
  virtual void connection_gone() noexcept = 0;
  /// The request's time is over. True when the client is being told so.
  virtual bool out_of_time() = 0;
};

class ConnectionGuard;

struct Connection {
  using Clock = std::chrono::steady_clock;

  Connection(ConnectionGuard& its_guard, bufferevent* borrowed, bool over_tls)
      : guard(its_guard), reference(borrowed), secure(over_tls) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() {
    if (output_watch != nullptr)
      evbuffer_remove_cb_entry(bufferevent_get_output(reference.get()), output_watch);
  }

  [[nodiscard]] bufferevent* buffers() const { return reference.get(); }

  ConnectionGuard& guard;
  BuffereventReference reference;
  bool secure;
  evhttp_connection* http = nullptr;  ///< evhttp's; null before it is looked at, and when closing
  evbuffer_cb_entry* output_watch = nullptr;
  Clock::time_point deadline;
  PeerAddress peer;
  bool of_network = false;  ///< counted among those of its network
  Standing standing = Standing::fresh;
  bool answering = false;                ///< what is written is ours, not a page of evhttp's
  bool doomed = false;                   ///< to be ended as soon as nothing of evhttp's runs
  std::optional<std::size_t> html_page;  ///< where in the output evhttp began a page of its own
  bool refused = false;                  ///< evhttp has refused what it read, and ends
  std::shared_ptr<OpenAnswer> open_answer;
};

}  // namespace plugin::http
