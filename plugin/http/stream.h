// An answer that has no end of its own, such as Server-Sent Events.
// Owner: shared by the server and whoever writes; the server lets go when the client does.
// Threads: the server's.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "http/message.h"

namespace plugin::http {

class StreamWriter {
 public:
  StreamWriter() = default;
  StreamWriter(const StreamWriter&) = delete;
  StreamWriter& operator=(const StreamWriter&) = delete;
  virtual ~StreamWriter() = default;

  /// False, and nothing is written any more, when the client has gone or reads so slowly that more
  /// than the server's bound is waiting for it.
  virtual bool write(std::string_view octets) = 0;
  /// How many octets write() would take now. Who has more keeps them until the client has read.
  [[nodiscard]] virtual std::size_t room() const = 0;
  /// Ends the answer, and the connection.
  virtual void close() = 0;
  [[nodiscard]] virtual bool gone() const = 0;
};

/// What a handler wants streamed. The status is 200.
struct Streaming {
  std::string content_type;
  NamedValues headers;
  /// Called once, when the head of the answer is on its way.
  std::function<void(std::shared_ptr<StreamWriter>)> opened;
};

}  // namespace plugin::http
