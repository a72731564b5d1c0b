// A request whose handler answers later.
// Owner: shared by the connection and the Answer that was given to the handler. Threads: the thread
// that runs the event base; the last reference may go on any.
#pragma once

#include "http/connection.h"
#include "http/router.h"

namespace plugin::http {

class PendingAnswer : public OpenAnswer {
 public:
  PendingAnswer(evhttp_request* request, Connection& connection, const Router& problems)
      : request_(request), connection_(connection), problems_(problems) {}

  /// The first one counts.
  void answer(const Response& response);
  [[nodiscard]] bool answered() const { return request_ == nullptr; }
  /// From now on an answer does nothing; somebody else answers.
  void abandon() { request_ = nullptr; }
  /// Its handler has returned, and the request waits.
  void wait();

  void connection_gone() noexcept override;
  bool out_of_time() override;

 private:
  evhttp_request* request_;  ///< null as soon as it is answered or gone
  Connection& connection_;   ///< there while request_ is
  const Router& problems_;   ///< alike
};

/// evhttp frees its request with the connection, unless it has left it to us.
void free_if_left_to_us(evhttp_request* request);

}  // namespace plugin::http
