#include "http/reply.h"

#include <algorithm>
#include <new>
#include <string>

namespace plugin::http {

namespace {

// evhttp knows "close" only where it is the whole header.
bool wants_close(evhttp_request* request) {
  const char* text = evhttp_find_header(evhttp_request_get_input_headers(request), "Connection");
  std::string_view list = text != nullptr ? text : "";
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    std::string_view token = list.substr(0, end);
    list.remove_prefix(std::min(end + 1, list.size()));
    while (!token.empty() && (token.front() == ' ' || token.front() == '\t'))
      token.remove_prefix(1);
    while (!token.empty() && (token.back() == ' ' || token.back() == '\t')) token.remove_suffix(1);
    if (equal_without_case(token, "close")) return true;
  }
  return false;
}

// RFC 9110, sections 8.6 and 15.4.5.
bool may_have_content(int status) { return status != 204 && status != 304; }

std::string phrase(int status) { return std::string(reason_phrase(status)); }

void add_headers(evkeyvalq* out, const Response& response) {
  if (may_have_content(response.status) && !response.content_type.empty())
    evhttp_add_header(out, "Content-Type", response.content_type.c_str());
  for (const auto& [name, value] : response.headers)
    evhttp_add_header(out, name.c_str(), value.c_str());
}

}  // namespace

void reply(evhttp_request* request, Connection& connection, const Response& response) {
  const std::string& content = response.body;
  const bool with_body =
      evhttp_request_get_command(request) != EVHTTP_REQ_HEAD && may_have_content(response.status);
  EvbufferHandle body(evbuffer_new());
  if (!body || (with_body && evbuffer_add(body.get(), content.data(), content.size()) != 0))
    throw std::bad_alloc();
  evkeyvalq* headers = evhttp_request_get_output_headers(request);
  add_headers(headers, response);
  if (may_have_content(response.status))
    evhttp_add_header(headers, "Content-Length", std::to_string(content.size()).c_str());
  if (connection.standing != Standing::regular || wants_close(request))
    evhttp_add_header(headers, "Connection", "close");
  connection.answering = true;
  evhttp_send_reply(request, response.status, phrase(response.status).c_str(), body.get());
}

void reply_with_stream(evhttp_request* request, Connection& connection, const Response& head) {
  evkeyvalq* headers = evhttp_request_get_output_headers(request);
  evhttp_add_header(headers, "Connection", "close");
  add_headers(headers, head);
  connection.answering = true;
  evhttp_send_reply_start(request, head.status, phrase(head.status).c_str());
}

}  // namespace plugin::http
