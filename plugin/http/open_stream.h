// A stream over one of evhttp's connections.
// Owner: shared by the connection and whoever writes. Threads: the thread that runs the event base.
#pragma once

#include "http/connection.h"
#include "http/stream.h"

namespace plugin::http {

class OpenStream : public StreamWriter,
                   public OpenAnswer,
                   public std::enable_shared_from_this<OpenStream> {
 public:
  OpenStream(evhttp_request* request, Connection& connection);

  bool write(std::string_view octets) override;
  [[nodiscard]] std::size_t room() const override;
  void close() override;
  [[nodiscard]] bool gone() const override { return !open_; }

  void connection_gone() noexcept override;
  bool out_of_time() override { return false; }

 private:
  void end_when_written();

  bool open_ = true;         ///< may be written to
  evhttp_request* request_;  ///< null as soon as evhttp ends or has ended it
  Connection& connection_;   ///< there while request_ is
  EvbufferHandle chunk_;
  EventHandle closing_;               ///< looks whether all is written
  std::shared_ptr<OpenStream> self_;  ///< while it looks
  bool was_written_ = false;          ///< at the last look
  int looks_ = 0;
};

}  // namespace plugin::http
