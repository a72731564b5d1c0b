#include "http/html_page.h"

#include <event2/bufferevent_ssl.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

namespace plugin::http {

namespace {

constexpr std::string_view line_begin{"HTTP/1."};
constexpr std::size_t status_offset = 9;
constexpr std::size_t status_octets = 3;

// A socket's bufferevent allows nobody else to take from the front of its output, or even to look;
// one over TLS relies on it that everybody may.
class Thawed {
 public:
  explicit Thawed(bufferevent* buffers)
      : output_(bufferevent_get_output(buffers)),
        was_frozen_(bufferevent_openssl_get_ssl(buffers) == nullptr) {
    if (was_frozen_) evbuffer_unfreeze(output_, 1);
  }
  Thawed(const Thawed&) = delete;
  Thawed& operator=(const Thawed&) = delete;
  ~Thawed() {
    if (was_frozen_) evbuffer_freeze(output_, 1);
  }

 private:
  evbuffer* output_;
  bool was_frozen_;
};

// 0 when there is no status line.
int status_at(bufferevent* buffers, std::size_t offset) {
  evbuffer* output = bufferevent_get_output(buffers);
  std::array<char, status_offset + status_octets> start{};
  evbuffer_ptr at{};
  if (evbuffer_get_length(output) < offset + start.size() ||
      evbuffer_ptr_set(output, &at, offset, EVBUFFER_PTR_SET) != 0)
    return 0;
  const Thawed thawed(buffers);
  if (evbuffer_copyout_from(output, &at, start.data(), start.size()) !=
          static_cast<ev_ssize_t>(start.size()) ||
      !std::equal(line_begin.begin(), line_begin.end(), start.begin()))
    return 0;
  int status = 0;
  std::from_chars(start.data() + status_offset, start.data() + start.size(), status);
  return status;
}

std::string detail_of(int status, const Limits& limits) {
  switch (status) {
    case 413:
      return "the body has more than " + std::to_string(limits.body_octets_max) +
             " octets, or is not chunked as it should be";
    case 417: return "the only expectation that can be met is 100-continue";
    case 501: return "the method is not known here";
    default: break;
  }
  return "this is no HTTP/1.1 request, or its request line and headers have more than " +
         std::to_string(limits.headers_octets_max) + " octets";
}

std::string page_text(const Response& response) {
  std::string text = "HTTP/1.1 " + std::to_string(response.status) + " ";
  text.append(reason_phrase(response.status)).append("\r\n");
  for (const auto& [name, value] : response.headers)
    text.append(name).append(": ").append(value).append("\r\n");
  return text + "Content-Type: " + response.content_type +
         "\r\nContent-Length: " + std::to_string(response.body.size()) +
         "\r\nConnection: close\r\n\r\n" + response.body;
}

}  // namespace

bool begins_html_page(bufferevent* buffers, std::size_t offset) {
  return status_at(buffers, offset) >= 400;
}

void replace_html_page(bufferevent* buffers, std::size_t offset, const Router& problems,
                       const Limits& limits) {
  evbuffer* output = bufferevent_get_output(buffers);
  const int status = status_at(buffers, offset);
  if (status < 400) return;
  const std::string page = page_text(problems.problem(status, detail_of(status, limits)));
  std::string before(offset, '\0');
  {
    const Thawed thawed(buffers);
    evbuffer_copyout(output, before.data(), before.size());
    evbuffer_drain(output, evbuffer_get_length(output));
  }
  evbuffer_add(output, before.data(), before.size());
  evbuffer_add(output, page.data(), page.size());
}

}  // namespace plugin::http
