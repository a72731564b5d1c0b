// A small blocking HTTP/1.1 client: one request on a connection of its own, with a deadline.
// Owner: each test. Threads: any.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "unique_fd.h"

namespace api_client {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Response {
  int status = 0;
  std::string head;  ///< status line and headers
  std::string body;
};

/// "http://127.0.0.1:PORT/PATH" in its parts.
struct Target {
  std::string host;
  std::uint16_t port = 0;
  std::string path;
};

inline Target target_of(const std::string& url) {
  const std::size_t host = url.find("://") + 3;
  const std::size_t colon = url.find(':', host);
  const std::size_t slash = std::min(url.find('/', colon), url.size());
  return {url.substr(host, colon - host),
          static_cast<std::uint16_t>(std::stoi(url.substr(colon + 1, slash - colon - 1))),
          slash == url.size() ? "/" : url.substr(slash)};
}

inline plugin::UniqueFd connect_to(const Target& target) {
  plugin::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(target.port);
  ::inet_pton(AF_INET, target.host.c_str(), &address.sin_addr);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error("cannot connect to " + target.host);
  return fd;
}

/// What arrives until the server closes.
inline std::string read_all(int fd) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  std::string text;
  std::array<char, 65536> chunk{};
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now())
            .count();
    pollfd one{.fd = fd, .events = POLLIN, .revents = 0};
    if (left <= 0 || ::poll(&one, 1, static_cast<int>(left)) <= 0)
      throw std::runtime_error("the server did not end its answer: " + text);
    const ssize_t got = ::recv(fd, chunk.data(), chunk.size(), 0);
    if (got <= 0) return text;
    text.append(chunk.data(), static_cast<std::size_t>(got));
  }
}

inline Response ask(const std::string& method, const std::string& url, const Headers& headers = {},
                    const std::string& body = {}) {
  const Target target = target_of(url);
  const plugin::UniqueFd fd = connect_to(target);
  std::string request = method + ' ' + target.path + " HTTP/1.1\r\nHost: " + target.host +
                        "\r\nConnection: close\r\n";
  for (const auto& [name, value] : headers) request += name + ": " + value + "\r\n";
  if (!body.empty()) request += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  request += "\r\n" + body;
  if (::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size()))
    throw std::runtime_error("cannot send the request");
  const std::string text = read_all(fd.get());
  const std::size_t end = text.find("\r\n\r\n");
  if (end == std::string::npos || !text.starts_with("HTTP/1.1 "))
    throw std::runtime_error("not an answer: " + text);
  return {std::stoi(text.substr(9, 3)), text.substr(0, end), text.substr(end + 4)};
}

inline Response get(const std::string& url, const Headers& headers = {}) {
  return ask("GET", url, headers);
}

inline Response post(const std::string& url, Headers headers, const std::string& body,
                     const std::string& type = "application/json") {
  headers.emplace_back("Content-Type", type);
  return ask("POST", url, headers, body);
}

}  // namespace api_client
