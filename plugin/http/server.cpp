#include "http/server.h"

#include <event2/keyvalq_struct.h>

#include <exception>
#include <new>
#include <string>

namespace plugin::http {

namespace {

std::string_view method_name(evhttp_cmd_type method) {
  switch (method) {
    case EVHTTP_REQ_GET: return "GET";
    case EVHTTP_REQ_POST: return "POST";
    case EVHTTP_REQ_HEAD: return "HEAD";
    case EVHTTP_REQ_PUT: return "PUT";
    case EVHTTP_REQ_DELETE: return "DELETE";
    case EVHTTP_REQ_OPTIONS: return "OPTIONS";
    case EVHTTP_REQ_TRACE: return "TRACE";
    case EVHTTP_REQ_CONNECT: return "CONNECT";
    case EVHTTP_REQ_PATCH: return "PATCH";
  }
  return "";
}

// All that evhttp knows, so that the router and not evhttp refuses a method.
constexpr ev_uint16_t every_method = EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD |
                                     EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS |
                                     EVHTTP_REQ_TRACE | EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH;

Request to_request(evhttp_request* in) {
  Request out;
  out.method = method_name(evhttp_request_get_command(in));
  const evhttp_uri* uri = evhttp_request_get_evhttp_uri(in);
  const char* path = uri != nullptr ? evhttp_uri_get_path(uri) : nullptr;
  const char* query = uri != nullptr ? evhttp_uri_get_query(uri) : nullptr;
  out.path = path != nullptr && *path != '\0' ? path : "/";
  out.query = query != nullptr ? query : "";
  for (const evkeyval* each = evhttp_request_get_input_headers(in)->tqh_first; each != nullptr;
       each = each->next.tqe_next)
    out.headers.emplace_back(each->key, each->value);
  evbuffer* body = evhttp_request_get_input_buffer(in);
  out.body.resize(evbuffer_get_length(body));
  evbuffer_copyout(body, out.body.data(), out.body.size());
  return out;
}

void send(evhttp_request* request, const Response& response, bool with_body) {
  evkeyvalq* headers = evhttp_request_get_output_headers(request);
  evhttp_add_header(headers, "Content-Type", response.content_type.c_str());
  evhttp_add_header(headers, "Content-Length", std::to_string(response.body.size()).c_str());
  for (const auto& [name, value] : response.headers)
    evhttp_add_header(headers, name.c_str(), value.c_str());
  EvbufferHandle body(evbuffer_new());
  if (!body ||
      (with_body && evbuffer_add(body.get(), response.body.data(), response.body.size()) != 0))
    throw std::bad_alloc();
  evhttp_send_reply(request, response.status, std::string(reason_phrase(response.status)).c_str(),
                    body.get());
}

}  // namespace

Server::Server(event_base* base, Router router, const Limits& limits)
    : base_(base),
      router_(std::move(router)),
      http_(evhttp_new(base)),
      guard_((http_ ? base : throw std::bad_alloc()), http_.get(), limits) {
  evhttp_set_max_headers_size(http_.get(), static_cast<ev_ssize_t>(limits.headers_octets_max));
  evhttp_set_max_body_size(http_.get(), static_cast<ev_ssize_t>(limits.body_octets_max));
  evhttp_set_allowed_methods(http_.get(), every_method);
  evhttp_set_gencb(http_.get(), on_request, this);
}

Server::~Server() {
  http_.reset();  // before the guard, whose references its connections' callbacks would look for
}

broker::Status Server::serve(UniqueFd listening_socket) {
  ListenerHandle listener(evconnlistener_new(base_, nullptr, nullptr, LEV_OPT_CLOSE_ON_FREE, 0,
                                             listening_socket.get()));
  if (!listener) return broker::Error{"the event loop cannot listen on the socket"};
  static_cast<void>(listening_socket.release());
  if (evhttp_bind_listener(http_.get(), listener.get()) == nullptr)
    return broker::Error{"the HTTP server cannot listen on the socket"};
  guard_.add_listener(listener.release());
  return broker::Nothing{};
}

void Server::on_request(evhttp_request* request, void* self) noexcept {
  try {
    static_cast<Server*>(self)->answer(request);
  } catch (const std::exception&) {
    evhttp_clear_headers(evhttp_request_get_output_headers(request));
    evhttp_send_error(request, 500, nullptr);
  }
}

void Server::answer(evhttp_request* request) {
  evhttp_request_set_on_complete_cb(request, on_answered, this);
  const Request parsed = to_request(request);
  send(request, router_.route(parsed), parsed.method != "HEAD");
}

void Server::on_answered(evhttp_request* request, void* self) noexcept {
  evhttp_connection* connection = evhttp_request_get_connection(request);
  if (connection != nullptr)
    static_cast<Server*>(self)->guard_.answered(evhttp_connection_get_bufferevent(connection));
}

}  // namespace plugin::http
