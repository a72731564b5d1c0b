#include "fake_redis.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <utility>

#include "http_fixture.h"

namespace redis_test {

namespace {

constexpr int look_ms = 5;

/// Takes "*N\r\n$L\r\n...\r\n" off the front; nullopt when it is not whole yet.
std::optional<FakeRedis::Words> take_command(std::string& text) {
  std::size_t at = 0;
  const auto number = [&](char mark) -> std::optional<std::size_t> {
    const std::size_t end = text.find("\r\n", at);
    if (end == std::string::npos || text[at] != mark) return std::nullopt;
    std::size_t value = 0;
    std::from_chars(text.data() + at + 1, text.data() + end, value);
    at = end + 2;
    return value;
  };
  const auto count = number('*');
  if (!count) return std::nullopt;
  FakeRedis::Words words;
  for (std::size_t i = 0; i < *count; ++i) {
    const auto size = number('$');
    if (!size || text.size() < at + *size + 2) return std::nullopt;
    words.push_back(text.substr(at, *size));
    at += *size + 2;
  }
  text.erase(0, at);
  return words;
}

std::string healthy(const FakeRedis::Words& command) {
  if (command[0] == "PING") return "+PONG\r\n";
  if (command[0] == "ROLE") return "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n";
  if (command[0] != "INFO") return "+OK\r\n";
  const std::string info = "# Server\r\nredis_version:7.0.15\r\nrun_id:0123456789abcdef\r\n";
  return '$' + std::to_string(info.size()) + "\r\n" + info + "\r\n";
}

}  // namespace

FakeRedis::FakeRedis(Script script)
    : script_(std::move(script)),
      listener_(http_test::listen_on_loopback(port_)),
      thread_([this] { serve(); }) {}

FakeRedis::~FakeRedis() {
  stop_ = true;
  thread_.join();
}

void FakeRedis::play(Script script) {
  const std::lock_guard lock(mutex_);
  script_ = std::move(script);
}

std::size_t FakeRedis::count(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(
      std::count_if(commands_.begin(), commands_.end(),
                    [&](const Words& command) { return command.at(0) == name; }));
}

std::string FakeRedis::answer(const Words& command) {
  const std::lock_guard lock(mutex_);
  commands_.push_back(command);
  return script_(command).value_or(healthy(command));
}

void FakeRedis::serve() {
  std::map<int, std::pair<plugin::UniqueFd, std::string>> clients;  // with what is not whole yet
  std::array<char, 65'536> chunk{};
  while (!stop_) {
    std::vector<pollfd> watched{{.fd = listener_.get(), .events = POLLIN, .revents = 0}};
    for (const auto& [fd, client] : clients)
      watched.push_back({.fd = fd, .events = POLLIN, .revents = 0});
    if (::poll(watched.data(), watched.size(), look_ms) <= 0) continue;
    for (const pollfd& one : watched) {
      if (one.revents == 0) continue;
      if (one.fd == listener_.get()) {
        plugin::UniqueFd fd(::accept4(one.fd, nullptr, nullptr, SOCK_CLOEXEC));
        const int number = fd.get();
        if (number >= 0) clients.emplace(number, std::pair(std::move(fd), std::string()));
        ++connections_;
        continue;
      }
      auto& [fd, text] = clients.at(one.fd);
      const ssize_t got = ::recv(one.fd, chunk.data(), chunk.size(), 0);
      if (got > 0) text.append(chunk.data(), static_cast<std::size_t>(got));
      std::string out;
      while (auto command = got > 0 ? take_command(text) : std::nullopt) out += answer(*command);
      // A client that hangs up amid a long answer is part of some tests.
      for (std::size_t sent = 0; sent < out.size();) {
        const ssize_t now = ::send(one.fd, out.data() + sent, out.size() - sent, MSG_NOSIGNAL);
        if (now <= 0) break;
        sent += static_cast<std::size_t>(now);
      }
      if (got <= 0) clients.erase(one.fd);
    }
  }
}

}  // namespace redis_test
