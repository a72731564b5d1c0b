#include "http/pending_answer.h"

#include <utility>

#include "http/reply.h"

namespace plugin::http {

void free_if_left_to_us(evhttp_request* request) {
  if (evhttp_request_get_connection(request) == nullptr) evhttp_request_free(request);
}

void PendingAnswer::answer(const Response& response) {
  evhttp_request* request = std::exchange(request_, nullptr);
  if (request != nullptr) reply(request, connection_, response);
}

void PendingAnswer::wait() {
  // evhttp has stopped reading, but a TLS connection may have to read in order to write, and evhttp
  // ends the process when it is told of input now. Sending the answer sets this back.
  bufferevent_data_cb on_read = nullptr;
  bufferevent_data_cb on_write = nullptr;
  bufferevent_event_cb on_event = nullptr;
  void* argument = nullptr;
  bufferevent* buffers = connection_.buffers();
  bufferevent_getcb(buffers, &on_read, &on_write, &on_event, &argument);
  bufferevent_setcb(buffers, nullptr, on_write, on_event, argument);
}

void PendingAnswer::connection_gone() noexcept {
  evhttp_request* request = std::exchange(request_, nullptr);
  if (request != nullptr) free_if_left_to_us(request);
}

bool PendingAnswer::out_of_time() {
  if (answered()) return false;
  answer(problems_.problem(503, "the answer took too long inside the relay"));
  return true;
}

}  // namespace plugin::http
