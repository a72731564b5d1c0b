#include "http/html_page.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

namespace plugin::http {

namespace {

constexpr std::string_view line_begin{"HTTP/1."};
constexpr std::size_t status_offset = 9;
constexpr std::size_t status_octets = 3;

// A bufferevent allows nobody else to take from the front of its output, or even to look.
class Thawed {
 public:
  explicit Thawed(evbuffer* buffer) : buffer_(buffer) { evbuffer_unfreeze(buffer_, 1); }
  Thawed(const Thawed&) = delete;
  Thawed& operator=(const Thawed&) = delete;
  ~Thawed() { evbuffer_freeze(buffer_, 1); }

 private:
  evbuffer* buffer_;
};

// 0 when there is no status line.
int status_at(evbuffer* output, std::size_t offset) {
  std::array<char, status_offset + status_octets> start{};
  evbuffer_ptr at{};
  if (evbuffer_get_length(output) < offset + start.size() ||
      evbuffer_ptr_set(output, &at, offset, EVBUFFER_PTR_SET) != 0)
    return 0;
  const Thawed thawed(output);
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

bool begins_html_page(evbuffer* output, std::size_t offset) {
  return status_at(output, offset) >= 400;
}

void replace_html_page(evbuffer* output, std::size_t offset, const Router& problems,
                       const Limits& limits) {
  const int status = status_at(output, offset);
  if (status < 400) return;
  const std::string page = page_text(problems.problem(status, detail_of(status, limits)));
  std::string before(offset, '\0');
  {
    const Thawed thawed(output);
    evbuffer_copyout(output, before.data(), before.size());
    evbuffer_drain(output, evbuffer_get_length(output));
  }
  evbuffer_add(output, before.data(), before.size());
  evbuffer_add(output, page.data(), page.size());
}

}  // namespace plugin::http
