// What the tests of the Redis client share: a client on an event base that runs while the test waits.
// Owner: each test. Threads: the test's.
#pragma once

#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "fake_relay.h"
#include "http/handles.h"
#include "redis/client.h"
#include "support/redis_server.h"

namespace redis_test {

using plugin::redis::Answer;
using plugin::redis::Client;
using plugin::redis::Command;
using plugin::redis::Reply;
using plugin::redis::Server;

inline broker::RedisConfig config_for(std::uint16_t port) {
  broker::RedisConfig config;
  config.addresses.push_back({"127.0.0.1", port, {}});
  return config;
}

inline broker::RedisConfig config_for(const turntest::RedisServer& server) {
  return config_for(server.port());
}

/// A loop with a client. Whatever is awaited has ten seconds.
class Loop {
 public:
  explicit Loop(const broker::RedisConfig& config, const plugin::redis::Tuning& tuning = {}) {
    ::signal(SIGPIPE, SIG_IGN);
    base.reset(event_base_new());
    auto started = Client::start(base.get(), config, clock, host, tuning);
    if (!started) throw std::runtime_error(started.error().message);
    client = std::move(started).value();
    client->on_server([this](const Server& server) { servers.push_back(server); });
  }
  ~Loop() {
    client.reset();
    event_base_loop(base.get(), EVLOOP_NONBLOCK);  // what libevent puts off until it runs again
  }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  template <typename Predicate>
  [[nodiscard]] bool until(Predicate predicate, int timeout_ms = 10'000) {
    const std::int64_t deadline_ms = clock.steady_ms() + timeout_ms;
    while (!predicate()) {
      if (clock.steady_ms() > deadline_ms) return false;
      const timeval soon{0, 10'000};
      event_base_loopexit(base.get(), &soon);
      event_base_loop(base.get(), EVLOOP_ONCE);
    }
    return true;
  }
  [[nodiscard]] bool connected() {
    return until([&] { return client->problem().empty(); });
  }

  /// The answer, or its error; throws when there is none in time.
  broker::Result<Answer> call(Command command) {
    std::optional<broker::Result<Answer>> result;
    client->call(std::move(command),
                 [&](broker::Result<Answer> answer) { result = std::move(answer); });
    return await(result);
  }
  broker::Result<Answer> call(std::vector<std::string> arguments) {
    return call(Command{.arguments = std::move(arguments)});
  }
  /// Of a command with a key, for a cluster.
  broker::Result<Answer> call_for(const std::string& key, std::vector<std::string> arguments) {
    return call(Command{.arguments = std::move(arguments), .routing_key = key});
  }
  broker::Result<Answer> eval(const plugin::redis::Script& script, std::vector<std::string> keys,
                              std::vector<std::string> arguments,
                              const plugin::redis::EvalOptions& options = {}) {
    std::optional<broker::Result<Answer>> result;
    client->eval(
        script, std::move(keys), std::move(arguments),
        [&](broker::Result<Answer> answer) { result = std::move(answer); }, options);
    return await(result);
  }
  broker::Result<Answer> await(std::optional<broker::Result<Answer>>& result) {
    if (!until([&] { return result.has_value(); })) throw std::runtime_error("no answer");
    return *result;
  }

  testing::FakeHost fake_host;
  plugin::Host host{fake_host.table()};
  plugin::Clock clock;
  plugin::http::EventBaseHandle base;
  std::vector<Server> servers;  ///< that became usable
  std::unique_ptr<Client> client;
};

/// The text of a good answer, or "error: ...".
inline std::string text_of(const broker::Result<Answer>& answer) {
  if (!answer) return "error: " + answer.error().message;
  const Reply& reply = answer.value().reply;
  return reply.is_integer() ? std::to_string(reply.integer) : reply.text;
}

/// The error's text; "no error" when there is none.
inline std::string error_of(const broker::Result<Answer>& answer) {
  return answer ? "no error" : answer.error().message;
}

}  // namespace redis_test
