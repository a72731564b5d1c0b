// Answers that come later, and answers that have no end.
#include <atomic>

#include "http_fixture.h"
#include "support/wait_until.h"

using namespace http_test;
using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;
using plugin::http::Answer;
using plugin::http::Streaming;
using plugin::http::StreamWriter;

namespace {

constexpr std::string_view get_later = "GET /later HTTP/1.1\r\nHost: x\r\n\r\n";
constexpr std::string_view get_stream = "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n";

/// What handlers were given. Touched on the server's thread only, but for the counts.
struct Given {
  std::vector<Answer> answers;
  std::vector<std::shared_ptr<StreamWriter>> streams;
  std::atomic<std::size_t> answer_count = 0;
  std::atomic<std::size_t> stream_count = 0;

  [[nodiscard]] bool has_answers(std::size_t count) const {
    return turntest::wait_until(milliseconds(5000), [&] { return answer_count == count; });
  }
  [[nodiscard]] bool has_streams(std::size_t count) const {
    return turntest::wait_until(milliseconds(5000), [&] { return stream_count == count; });
  }
};

Router later_router(Given& given) {
  Router router = hello_router();
  router.add_deferred("GET", "/later", [&given](const Request&, Answer answer) {
    given.answers.push_back(std::move(answer));
    ++given.answer_count;
  });
  router.add_deferred("GET", "/now", [](const Request&, const Answer& answer) {
    answer({.headers = {}, .body = "at once"});
    answer({.headers = {}, .body = "and again"});
  });
  router.add_deferred("GET", "/throws", [](const Request&, const Answer&) {
    throw std::runtime_error("a secret detail");
  });
  router.add_deferred("GET", "/answers-and-throws", [](const Request&, const Answer& answer) {
    answer({.headers = {}, .body = "answered"});
    throw std::runtime_error("a secret detail");
  });
  router.add_stream("GET", "/stream", [&given](const Request& request) {
    if (request.query == "no")
      return std::variant<Response, Streaming>(Response{.status = 403, .headers = {}, .body = {}});
    return std::variant<Response, Streaming>(
        Streaming{.content_type = "text/event-stream",
                  .headers = {{"Cache-Control", "no-store"}},
                  .opened = [&given](std::shared_ptr<StreamWriter> stream) {
                    stream->write(": hello\n\n");
                    given.streams.push_back(std::move(stream));
                    ++given.stream_count;
                  }});
  });
  return router;
}

struct Served {
  explicit Served(const Limits& limits = {}) : server(later_router(given), limits) {}
  ~Served() { server.destroy_server(); }
  void check_it_still_answers() const {
    CHECK_THAT(get(server.port(), "/hello"), StartsWith("HTTP/1.1 200 OK"));
  }
  void answer(std::size_t which, const std::string& body) {
    server.on_loop([&] { given.answers.at(which)({.headers = {}, .body = body}); });
  }
  bool write(std::size_t which, std::string_view text) {
    bool written = false;
    server.on_loop([&] { written = given.streams.at(which)->write(text); });
    return written;
  }
  bool gone(std::size_t which) {
    bool is_gone = false;
    server.on_loop([&] { is_gone = given.streams.at(which)->gone(); });
    return is_gone;
  }

  Given given;
  TestServer server;
};

}  // namespace

TEST_CASE("a deferred answer comes when it is given, and its connection goes on", "[http]") {
  Served served;
  Client client(served.server.port());
  // The second request is there already, and waits.
  client.send(std::string(get_later) + "GET /hello HTTP/1.1\r\nConnection: close\r\n\r\n");
  REQUIRE(served.given.has_answers(1));
  served.check_it_still_answers();
  served.answer(0, "late");
  served.answer(0, "a second time");
  const std::string text = client.receive_until_closed();
  CHECK_THAT(text, StartsWith("HTTP/1.1 200 OK\r\n") && Contains("\r\n\r\nlateHTTP/1.1 200 OK"));
  CHECK_THAT(text, EndsWith("\r\n\r\nhello") && !Contains("second"));
}

TEST_CASE("a deferred handler may answer at once, once, and may throw", "[http]") {
  const Served served;
  CHECK_THAT(get(served.server.port(), "/now"), EndsWith("\r\n\r\nat once"));
  CHECK_THAT(get(served.server.port(), "/throws"),
             StartsWith("HTTP/1.1 500 ") && !Contains("secret"));
  CHECK_THAT(get(served.server.port(), "/answers-and-throws"), EndsWith("\r\n\r\nanswered"));
}

TEST_CASE("a deferred answer to a client that has left does nothing", "[http]") {
  Served served;
  {
    Client leaves(served.server.port());
    leaves.send(get_later);
    REQUIRE(served.given.has_answers(1));
    leaves.reset();
  }
  served.answer(0, std::string(1'000'000, 'x'));
  served.answer(0, "again");
  served.check_it_still_answers();
}

TEST_CASE("a client that has finished sending gets its deferred answer", "[http]") {
  Served served;
  Client client(served.server.port());
  client.send("GET /later HTTP/1.1\r\nConnection: close\r\n\r\n");
  client.finish_sending();
  REQUIRE(served.given.has_answers(1));
  served.answer(0, "late");
  CHECK_THAT(client.receive_until_closed(), EndsWith("\r\n\r\nlate"));
}

TEST_CASE("what is not answered within the request's time is answered 503", "[http]") {
  Served served(with_time(300));
  Client client(served.server.port());
  client.send("GET /later HTTP/1.1\r\nConnection: close\r\n\r\n");
  const std::string text = client.receive_until_closed();
  CHECK_THAT(text, StartsWith("HTTP/1.1 503 ") && Contains("took too long"));
  served.answer(0, "far too late");
  served.check_it_still_answers();
}

TEST_CASE("answers and streams that outlive the server do nothing", "[http]") {
  Served served;
  Client waits(served.server.port());
  waits.send(get_later);
  Client watches(served.server.port());
  watches.send(get_stream);
  REQUIRE(served.given.has_answers(1));
  REQUIRE(served.given.has_streams(1));
  served.server.destroy_server();
  CHECK(waits.receive_until_closed().empty());
  CHECK_THAT(watches.receive_until_closed(), Contains(": hello"));
  served.answer(0, "late");
  CHECK(served.gone(0));
  CHECK_FALSE(served.write(0, "late"));
  served.server.on_loop([&] { served.given.streams.at(0)->close(); });
}

TEST_CASE("a stream is written to beyond the request's time, until it is closed", "[http]") {
  Served served(with_time(300));
  Client client(served.server.port());
  const auto start = Clock::now();
  client.send(get_stream);
  std::string text = client.receive_until(": hello\n\n");
  CHECK_THAT(text, StartsWith("HTTP/1.1 200 OK\r\n") && Contains("Connection: close\r\n") &&
                       Contains("Content-Type: text/event-stream\r\n") &&
                       Contains("Cache-Control: no-store\r\n") &&
                       Contains("Transfer-Encoding: chunked\r\n"));
  // Another connection's end shows that the time is over, and counted.
  Client silent(served.server.port());
  CHECK(silent.receive_until_closed().empty());
  CHECK(Clock::now() - start >= milliseconds(300));
  CHECK(served.write(0, "data: 1\n\n"));
  client.receive_until("9\r\ndata: 1\n\n\r\n");
  served.server.on_loop([&] { served.given.streams.at(0)->close(); });
  CHECK(client.receive_until_closed() == "0\r\n\r\n");
  CHECK(served.gone(0));
  CHECK_FALSE(served.write(0, "more"));
}

TEST_CASE("a stream notices that its client has left", "[http]") {
  Served served;
  {
    Client client(served.server.port());
    client.send(get_stream);
    client.receive_until(": hello");
  }
  CHECK(turntest::wait_until(milliseconds(5000), [&] { return served.gone(0); }));
  CHECK_FALSE(served.write(0, "data: 1\n\n"));
  served.check_it_still_answers();
}

TEST_CASE("a stream to a reader that does not read is ended, and holds little memory", "[http]") {
  Limits limits;
  limits.stream_unread_octets_max = 10'000;
  Served served(limits);
  Client deaf(served.server.port(), "127.0.0.1", 4096);
  deaf.send(get_stream);
  REQUIRE(served.given.has_streams(1));
  const std::string event(1000, 'x');
  std::size_t written = 0;
  while (written < 100'000'000 && served.write(0, event)) written += event.size();
  // The bound, and what the kernel takes on both sides.
  CHECK(written >= 5'000);
  CHECK(written < 2'000'000);
  CHECK(served.gone(0));
  CHECK_FALSE(served.write(0, "x"));
  CHECK(deaf.receive_until_closed().size() <= written + 1000 + written / 10);
  served.check_it_still_answers();
}

TEST_CASE("what a client sends into a stream is not kept", "[http]") {
  Served served;
  Client client(served.server.port());
  client.send(get_stream);
  REQUIRE(served.given.has_streams(1));
  const std::string flood(1'000'000, 'x');
  std::size_t taken = 0;
  for (int i = 0; i < 60; ++i) {
    const std::size_t now = client.send(flood, milliseconds(200));
    taken += now;
    if (now < flood.size()) break;
  }
  CHECK(taken < 20'000'000);  // the kernel's buffers
  CHECK(served.write(0, "data: 1\n\n"));
  served.check_it_still_answers();
}

TEST_CASE("streams have a number of their own, and leave the connections free", "[http]") {
  Limits limits;
  limits.streams_max = 3;
  limits.connections_max = 1;
  Served served(limits);
  std::vector<Client> watchers;
  for (std::size_t i = 1; i <= 3; ++i) {
    watchers.emplace_back(served.server.port()).send(get_stream);
    REQUIRE(served.given.has_streams(i));
  }
  const std::string refused =
      ask(served.server.port(), "GET /stream HTTP/1.1\r\nConnection: close\r\n\r\n");
  CHECK_THAT(refused, StartsWith("HTTP/1.1 503 ") && Contains("Retry-After: 1\r\n"));
  served.check_it_still_answers();
  watchers.pop_back();
  CHECK(turntest::wait_until(milliseconds(5000), [&] { return served.gone(2); }));
  Client next(served.server.port());
  next.send(get_stream);
  CHECK_THAT(next.receive_until(": hello"), StartsWith("HTTP/1.1 200 "));
}

TEST_CASE("a stream may be refused, and HEAD gets its head only", "[http]") {
  const Served served;
  CHECK_THAT(get(served.server.port(), "/stream?no"), StartsWith("HTTP/1.1 403 "));
  const std::string head = ask(served.server.port(), "HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK_THAT(head,
             StartsWith("HTTP/1.1 200 ") && Contains("text/event-stream") && EndsWith("\r\n\r\n"));
  CHECK(served.given.stream_count == 0);
}

TEST_CASE("a stream over HTTP/1.0 has no chunks and ends with the connection", "[http]") {
  Served served;
  Client old(served.server.port());
  old.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK_THAT(old.receive_until(": hello\n\n"), EndsWith("\r\n\r\n: hello\n\n"));
  served.server.on_loop([&] { served.given.streams.at(0)->close(); });
  CHECK(old.receive_until_closed().empty());
}
