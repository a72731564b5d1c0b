#include "http/server.h"

#include <exception>
#include <new>
#include <string>

#include "http/framing.h"
#include "http/open_stream.h"
#include "http/pending_answer.h"
#include "http/reply.h"
#include "http/request_from.h"

namespace plugin::http {

Server::Server(event_base* base, Router router, const Limits& limits)
    : base_(base),
      router_(std::move(router)),
      guard_(base, limits, router_),
      plain_(new_evhttp()),
      over_tls_(new_evhttp()) {
  guard_.watch_over(plain_.get(), nullptr);
  guard_.watch_over(over_tls_.get(), &tls_);
  set_limits(limits);
}

Server::~Server() {
  // Before the guard, whose connections they tell of their end.
  over_tls_.reset();
  plain_.reset();
}

void Server::set_limits(const Limits& limits) {
  guard_.set_limits(limits);
  for (evhttp* http : {plain_.get(), over_tls_.get()}) {
    evhttp_set_max_headers_size(http, static_cast<ev_ssize_t>(limits.headers_octets_max));
    evhttp_set_max_body_size(http, static_cast<ev_ssize_t>(limits.body_octets_max));
  }
}

EvhttpHandle Server::new_evhttp() {
  EvhttpHandle http(evhttp_new(base_));
  if (!http) throw std::bad_alloc();
  evhttp_set_allowed_methods(http.get(), every_method());
  evhttp_set_gencb(http.get(), on_request, this);
  return http;
}

broker::Status Server::serve(UniqueFd listening_socket) {
  return serve_on(plain_.get(), std::move(listening_socket));
}

broker::Status Server::serve_tls(UniqueFd listening_socket) {
  return serve_on(over_tls_.get(), std::move(listening_socket));
}

broker::Status Server::serve_on(evhttp* http, UniqueFd listening_socket) {
  ListenerHandle listener(evconnlistener_new(base_, nullptr, nullptr, LEV_OPT_CLOSE_ON_FREE, 0,
                                             listening_socket.get()));
  if (!listener) return broker::Error{"the event loop cannot listen on the socket"};
  static_cast<void>(listening_socket.release());
  if (evhttp_bind_listener(http, listener.get()) == nullptr)
    return broker::Error{"the HTTP server cannot listen on the socket"};
  guard_.add_listener(listener.release());
  return broker::Nothing{};
}

void Server::on_request(evhttp_request* request, void* self) noexcept {
  auto& server = *static_cast<Server*>(self);
  Connection* connection =
      server.guard_.find(evhttp_connection_get_bufferevent(evhttp_request_get_connection(request)));
  try {
    if (connection == nullptr) throw std::bad_alloc();  // it could not be taken in
    evhttp_request_set_on_complete_cb(request, on_answered, self);
    if (connection->standing == Standing::regular)
      server.answer(request, *connection);
    else
      server.refuse(request, *connection);
  } catch (const std::exception&) {
    evhttp_clear_headers(evhttp_request_get_output_headers(request));
    evhttp_send_error(request, 500, nullptr);
  }
}

void Server::answer(evhttp_request* request, Connection& connection) {
  std::shared_ptr<PendingAnswer> pending;
  const auto later = [&]() -> Answer {
    pending = std::make_shared<PendingAnswer>(request, connection, router_);
    return [kept = pending](const Response& response) { kept->answer(response); };
  };
  const Request asked = request_from(request, connection);
  if (const auto problem = framing_problem(asked)) {
    Response refusal = router_.problem(400, *problem);
    refusal.headers.emplace_back("Connection", "close");
    return reply(request, connection, refusal);
  }
  Outcome outcome = router_.route(asked, later);
  if (pending && pending->answered()) return;
  if (std::holds_alternative<Later>(outcome)) {
    pending->wait();
    connection.open_answer = std::move(pending);
    return;
  }
  if (pending) pending->abandon();
  if (auto* streaming = std::get_if<Streaming>(&outcome))
    stream(request, connection, std::move(*streaming));
  else
    reply(request, connection, std::get<Response>(outcome));
}

void Server::stream(evhttp_request* request, Connection& connection, Streaming streaming) {
  const Response head{.content_type = std::move(streaming.content_type),
                      .headers = std::move(streaming.headers),
                      .body = {}};
  if (evhttp_request_get_command(request) == EVHTTP_REQ_HEAD) {
    reply_with_stream(request, connection, head);
    evhttp_send_reply_end(request);
    return;
  }
  if (!guard_.begin_stream(connection))
    return reply(request, connection, busy(503, "there are too many streams now"));
  const auto open = std::make_shared<OpenStream>(request, connection);
  connection.open_answer = open;
  reply_with_stream(request, connection, head);
  try {
    streaming.opened(open);
  } catch (const std::exception&) {
    open->close();
  }
}

void Server::refuse(evhttp_request* request, Connection& connection) {
  reply(request, connection,
        connection.standing == Standing::beyond_address
            ? busy(429, "there are too many connections from your address now")
            : busy(503, "there are too many connections now"));
}

Response Server::busy(int status, std::string_view detail) const {
  Response response = router_.problem(status, detail);
  for (const auto& [name, value] : response.headers)
    if (equal_without_case(name, "Retry-After")) return response;
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

void Server::on_answered(evhttp_request* request, void* self) noexcept {
  auto& guard = static_cast<Server*>(self)->guard_;
  evhttp_connection* http = evhttp_request_get_connection(request);
  Connection* connection =
      http != nullptr ? guard.find(evhttp_connection_get_bufferevent(http)) : nullptr;
  if (connection != nullptr) guard.answered(*connection);
}

}  // namespace plugin::http
