#include "http/request_from.h"

#include <event2/keyvalq_struct.h>

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
}  // namespace

ev_uint16_t every_method() {
  return EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
         EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE | EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH;
}

Request request_from(evhttp_request* request, const Connection& connection) {
  Request out;
  out.method = method_name(evhttp_request_get_command(request));
  const evhttp_uri* uri = evhttp_request_get_evhttp_uri(request);
  const char* path = uri != nullptr ? evhttp_uri_get_path(uri) : nullptr;
  const char* query = uri != nullptr ? evhttp_uri_get_query(uri) : nullptr;
  out.path = path != nullptr && *path != '\0' ? path : "/";
  out.query = query != nullptr ? query : "";
  const evkeyvalq* headers = evhttp_request_get_input_headers(request);
  for (const evkeyval* each = headers->tqh_first; each != nullptr; each = each->next.tqe_next)
    out.headers.emplace_back(each->key, each->value);
  evbuffer* body = evhttp_request_get_input_buffer(request);
  out.body.resize(evbuffer_get_length(body));
  evbuffer_copyout(body, out.body.data(), out.body.size());
  out.remote_address = connection.peer.text;
  out.secure = connection.secure;
  return out;
}

}  // namespace plugin::http
