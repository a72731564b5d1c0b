#include "webhook_receiver.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <sstream>
#include <stdexcept>

namespace testing {

WebhookReceiver::WebhookReceiver()
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), stop_(::eventfd(0, EFD_CLOEXEC)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(socket_.get(), generic, size) != 0 ||
      ::getsockname(socket_.get(), generic, &size) != 0)
    throw std::runtime_error("the receiver has no port");
  port_ = ntohs(address.sin_port);
}

WebhookReceiver::~WebhookReceiver() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(stop_.get(), &one, sizeof one);
  if (thread_.joinable()) thread_.join();
}

void WebhookReceiver::listen() {
  if (::listen(socket_.get(), 64) != 0) throw std::runtime_error("the receiver cannot listen");
  thread_ = std::thread([this] { run(); });
}

std::string WebhookReceiver::url(const std::string& path) const {
  return "http://127.0.0.1:" + std::to_string(port_) + path;
}

void WebhookReceiver::answer(int status, const std::string& more_headers) {
  const std::lock_guard lock(mutex_);
  status_ = status;
  more_headers_ = more_headers;
}

std::vector<ReceivedPost> WebhookReceiver::wait_for(std::size_t count) {
  std::unique_lock lock(mutex_);
  received_.wait_for(lock, std::chrono::seconds(10), [&] { return posts_.size() >= count; });
  return posts_;
}

std::vector<ReceivedPost> WebhookReceiver::posts() const {
  const std::lock_guard lock(mutex_);
  return posts_;
}

void WebhookReceiver::run() {
  for (;;) {
    pollfd fds[] = {{socket_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    ::poll(fds, 2, -1);
    if (fds[1].revents != 0) return;
    serve(plugin::UniqueFd(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC)));
  }
}

void WebhookReceiver::serve(plugin::UniqueFd connection) {
  std::string text;
  ReceivedPost post;
  std::size_t body_at = std::string::npos;
  std::size_t body_size = 0;
  while (body_at == std::string::npos || text.size() < body_at + body_size) {
    char octets[4096];
    const auto got = ::recv(connection.get(), octets, sizeof octets, 0);
    if (got <= 0) return;
    text.append(octets, static_cast<std::size_t>(got));
    const auto end = text.find("\r\n\r\n");
    if (body_at != std::string::npos || end == std::string::npos) continue;
    body_at = end + 4;
    std::istringstream head(text.substr(0, end));
    std::string method;
    head >> method >> post.path;
    std::string line;
    std::getline(head, line);
    while (std::getline(head, line)) {
      if (!line.empty() && line.back() == '\r') line.pop_back();
      const auto colon = line.find(':');
      std::string name = line.substr(0, colon);
      std::transform(name.begin(), name.end(), name.begin(),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      post.headers[name] = line.substr(std::min(colon + 2, line.size()));
    }
    if (post.headers.contains("content-length"))
      body_size = std::stoul(post.headers["content-length"]);
  }
  post.body = text.substr(body_at, body_size);

  const std::lock_guard lock(mutex_);
  posts_.push_back(std::move(post));
  if (status_ == hang) {
    hanging_.push_back(std::move(connection));
  } else {
    const std::string answer = "HTTP/1.1 " + std::to_string(status_) + " As told\r\n" +
                               more_headers_ + "Connection: close\r\nContent-Length: 0\r\n\r\n";
    [[maybe_unused]] const auto sent =
        ::send(connection.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
  }
  received_.notify_all();
}

}  // namespace testing
