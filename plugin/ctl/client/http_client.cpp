#include "ctl/client/http_client.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <system_error>

#include "ctl/unix_listener.h"
#include "unique_fd.h"

namespace plugin::ctl {

namespace {

using Clock = std::chrono::steady_clock;

// 0 when the socket is ready for `events`, else an errno value.
int wait_for(int fd, short events, Clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return ETIMEDOUT;
    pollfd one{.fd = fd, .events = events, .revents = 0};
    const int ready = ::poll(&one, 1, static_cast<int>(std::min<long>(left.count(), 60'000)));
    if (ready > 0) return 0;
    if (ready < 0 && errno != EINTR) return errno;
  }
}

int connect_to(int fd, const std::string& path, Clock::time_point deadline) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  for (;;) {
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return 0;
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return errno;
    // The server's backlog is full, and a Unix socket cannot be polled for room in it.
    if (Clock::now() >= deadline) return ETIMEDOUT;
    ::poll(nullptr, 0, 10);
  }
}

int send_all(int fd, std::string_view text, Clock::time_point deadline) {
  while (!text.empty()) {
    if (const int failure = wait_for(fd, POLLOUT, deadline)) return failure;
    const ssize_t sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent >= 0)
      text.remove_prefix(static_cast<std::size_t>(sent));
    else if (errno != EINTR && errno != EAGAIN)
      return errno;
  }
  return 0;
}

int receive_all(int fd, std::string& text, Clock::time_point deadline) {
  std::array<char, 64 * 1024> chunk{};
  for (;;) {
    if (const int failure = wait_for(fd, POLLIN, deadline)) return failure;
    const ssize_t got = ::recv(fd, chunk.data(), chunk.size(), 0);
    if (got == 0) return 0;
    if (got > 0)
      text.append(chunk.data(), static_cast<std::size_t>(got));
    else if (errno != EINTR && errno != EAGAIN)
      return errno;
    if (text.size() > answer_octets_max) return EMSGSIZE;
  }
}

std::string request_text(const HttpCall& call) {
  std::string text =
      call.method + " " + call.target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
  if (!call.body.empty()) text += "Content-Type: application/json\r\n";
  if (!call.body.empty() || call.method == "POST")
    text += "Content-Length: " + std::to_string(call.body.size()) + "\r\n";
  return text + "\r\n" + call.body;
}

// The value of a header whose lower-case name is `name`, in the lines after the status line.
std::string header_value(std::string_view head, std::string_view name) {
  for (std::size_t at = head.find("\r\n"); at != std::string_view::npos;
       at = head.find("\r\n", at + 2)) {
    std::string_view line = head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
    if (line.size() <= name.size() || line[name.size()] != ':' ||
        !std::equal(name.begin(), name.end(), line.begin(), [](char wanted, char found) {
          return wanted ==
                 (found >= 'A' && found <= 'Z' ? static_cast<char>(found - 'A' + 'a') : found);
        }))
      continue;
    line.remove_prefix(name.size() + 1);
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    return std::string(line);
  }
  return {};
}

template <typename Number>
bool parse_whole(std::string_view text, Number& number) {
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  return failure == std::errc{} && end == text.data() + text.size();
}

}  // namespace

broker::Result<HttpAnswer> parse_http_answer(const std::string& text) {
  const std::size_t head_end = text.find("\r\n\r\n");
  const bool http = text.starts_with("HTTP/1.") && text.size() > 12 && text[8] == ' ';
  if (text.empty()) return broker::Error{"the connection was closed without an answer"};
  if (!http || head_end == std::string::npos)
    return broker::Error{"the answer is not an HTTP/1.1 response"};
  HttpAnswer answer;
  if (!parse_whole(std::string_view(text).substr(9, 3), answer.status))
    return broker::Error{"the answer has no status"};
  const std::string_view head = std::string_view(text).substr(0, head_end);
  answer.body = text.substr(head_end + 4);
  if (!header_value(head, "transfer-encoding").empty())
    return broker::Error{"the answer has a transfer coding, which is not expected"};
  const std::string length = header_value(head, "content-length");
  std::size_t octets = 0;
  if (!length.empty() && (!parse_whole(length, octets) || octets != answer.body.size()))
    return broker::Error{"the answer was cut short"};
  return answer;
}

broker::Result<HttpAnswer> call_over_unix_socket(const std::string& socket_path,
                                                 const HttpCall& call,
                                                 std::chrono::milliseconds time) {
  const auto fail = [&](std::string_view what, int code) {
    return broker::Error{
        fmt::format("{} {}: {}", what, socket_path, std::generic_category().message(code))};
  };
  if (socket_path.empty() || socket_path.size() > unix_socket_path_octets_max())
    return fail("cannot connect to", ENAMETOOLONG);
  const Clock::time_point deadline = Clock::now() + time;
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail("cannot make a socket for", errno);
  if (const int failure = connect_to(fd.get(), socket_path, deadline))
    return fail("cannot connect to", failure);
  // A server that refuses early closes before it has read everything; its answer is there all the
  // same.
  const int sent = send_all(fd.get(), request_text(call), deadline);
  if (sent != 0 && sent != EPIPE) return fail("cannot send to", sent);
  std::string text;
  if (const int failure = receive_all(fd.get(), text, deadline))
    return fail("no answer from", failure);
  auto answer = parse_http_answer(text);
  if (!answer) return broker::Error{socket_path + ": " + answer.error().message};
  return answer;
}

std::string percent_encoded(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

}  // namespace plugin::ctl
