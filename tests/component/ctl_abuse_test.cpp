// Clients of the control socket that do not behave.
#include <random>

#include "ctl_fixture.h"

using namespace ctl_test;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

namespace {

struct Served {
  explicit Served(const plugin::http::Limits& limits = {})
      : path(directory / "control.sock"), server(control, path, limits) {}

  void check_it_still_answers() const {
    CHECK_THAT(get_status(path), StartsWith("HTTP/1.1 200 OK"));
  }

  turntest::TempDir directory;
  FakeControl control;
  std::string path;
  RunningServer server;
};

plugin::http::Limits with_time(int ms) {
  plugin::http::Limits limits;
  limits.request_time = milliseconds(ms);
  return limits;
}

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1))
    ++found;
  return found;
}

}  // namespace

TEST_CASE("garbage on the control socket gets 400 and the connection ends") {
  const Served served;
  CHECK_THAT(ask(served.path, "\x16\x03\x01 not HTTP at all\r\n\r\n"),
             Contains(" 400 Bad Request"));
  CHECK_THAT(ask(served.path, "GET /v1/admin/status\r\n\r\n"), Contains(" 400 Bad Request"));
  CHECK_THAT(ask(served.path, "GET / HTTP/7.0\r\n\r\n"), Contains(" 400 Bad Request"));
  CHECK_THAT(ask(served.path, "BREW /v1/admin/status HTTP/1.1\r\nConnection: close\r\n\r\n"),
             StartsWith("HTTP/1.1 501"));
  served.check_it_still_answers();
}

TEST_CASE("random octets never end the server") {
  const Served served(with_time(500));
  std::mt19937 random(20'261'120);  // NOLINT: the same octets in every run
  const std::string seed =
      "POST /v1/admin/cut?x=%41&y HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
      "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\nContent-Length: 12\r\n\r\n"
      "c\r\n{\"id\": \"7\"}\n\r\n0\r\n\r\nGET / HTTP/1.0\r\n\r\n";
  for (int round = 0; round < 400; ++round) {
    std::string text = seed;
    const int changes = std::uniform_int_distribution(1, 12)(random);
    for (int i = 0; i < changes; ++i) {
      const auto at = std::uniform_int_distribution<std::size_t>(0, text.size() - 1)(random);
      switch (std::uniform_int_distribution(0, 3)(random)) {
        case 0: text[at] = static_cast<char>(std::uniform_int_distribution(0, 255)(random)); break;
        case 1: text.erase(at, 1 + at % 7); break;
        case 2: text.insert(at, text.substr(at / 2, 1 + at % 23)); break;
        case 3: text.insert(at, "\r\n"); break;
      }
    }
    Client connection(served.path);
    connection.send(text);
    connection.finish_sending();
    CHECK_NOTHROW(connection.receive_until_closed());
  }
  served.check_it_still_answers();
}

TEST_CASE("a client that says nothing is dropped when its time is over") {
  const Served served(with_time(300));
  Client silent(served.path);
  const auto start = Clock::now();
  CHECK(silent.receive_until_closed().empty());
  CHECK(Clock::now() - start >= milliseconds(250));
  served.check_it_still_answers();
}

TEST_CASE("headers that trickle in do not extend a request's time") {
  const Served served(with_time(400));
  Client slow(served.path);
  const auto start = Clock::now();
  std::size_t sent = slow.send("GET /v1/admin/status HTTP/1.1\r\nX: ");
  // One octet each 20 ms; each wait ends at once when the server closes.
  bool closed = false;
  while (!closed && Clock::now() - start < milliseconds(4000)) {
    sent += slow.send("x");
    try {
      closed = slow.receive_until_closed(milliseconds(20)).empty();
    } catch (const std::runtime_error&) {
    }
  }
  CHECK(closed);
  CHECK(sent > 40);
  CHECK(Clock::now() - start >= milliseconds(350));
  CHECK(Clock::now() - start < milliseconds(2000));
  served.check_it_still_answers();
}

TEST_CASE("a body that never comes ends with the request's time") {
  const Served served(with_time(300));
  Client half(served.path);
  half.send("POST /v1/admin/cut HTTP/1.1\r\nContent-Length: 20\r\n\r\n{\"id\"");
  CHECK(half.receive_until_closed().empty());
  CHECK(served.control.calls().empty());
  served.check_it_still_answers();
}

TEST_CASE("a client that closes its half at once still gets its answer or an end") {
  const Served served;
  Client half(served.path);
  half.send("GET /v1/admin/status HTTP/1.1\r\nConnection: close\r\n\r\n");
  half.finish_sending();
  CHECK_NOTHROW(half.receive_until_closed());
  served.check_it_still_answers();
}

TEST_CASE("headers above the limit are refused") {
  const Served served;
  const std::string large(20'000, 'a');
  CHECK_THAT(ask(served.path, "GET /v1/admin/status HTTP/1.1\r\nX: " + large + "\r\n\r\n"),
             Contains(" 400 Bad Request"));
  std::string many = "GET /v1/admin/status HTTP/1.1\r\n";
  for (int i = 0; i < 6000; ++i) many += "A: b\r\n";
  CHECK_THAT(ask(served.path, many + "\r\n"), Contains(" 400 Bad Request"));
  CHECK_THAT(ask(served.path, "GET /" + large + " HTTP/1.1\r\n\r\n"), Contains(" 400 Bad Request"));
  CHECK(served.control.calls().empty());
  served.check_it_still_answers();
}

TEST_CASE("bodies above the limit are refused, announced or not") {
  const Served served;
  CHECK_THAT(
      ask(served.path, "POST /v1/admin/cut HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n{\"id\": "),
      Contains(" 413 "));
  CHECK_THAT(ask(served.path,
                 "POST /v1/admin/cut HTTP/1.1\r\nContent-Length: "
                 "99999999999999999999999999\r\n\r\n{}"),
             Contains(" 4"));
  CHECK_THAT(ask(served.path, "POST /v1/admin/cut HTTP/1.1\r\nContent-Length: -1\r\n\r\n{}"),
             Contains(" 400 "));
  const std::string chunk = "4000\r\n" + std::string(0x4000, ' ') + "\r\n";
  std::string chunked = "POST /v1/admin/cut HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 6; ++i) chunked += chunk;
  CHECK_THAT(ask(served.path, chunked), Contains(" 413 "));
  CHECK(served.control.calls().empty());
  served.check_it_still_answers();
}

TEST_CASE("a body of exactly the limit is taken") {
  plugin::http::Limits limits;
  limits.body_octets_max = 1000;
  const Served served(limits);
  std::string body = R"({"id": "7"})";
  body.resize(1000, ' ');
  const std::string head =
      "POST /v1/admin/cut HTTP/1.1\r\nContent-Type: application/json\r\nConnection: close\r\n";
  CHECK_THAT(ask(served.path, head + "Content-Length: 1000\r\n\r\n" + body),
             StartsWith("HTTP/1.1 200 OK"));
  CHECK_THAT(ask(served.path, head + "Content-Length: 1001\r\n\r\n" + body + " "),
             StartsWith("HTTP/1.1 413"));
}

TEST_CASE("pipelined requests are answered one by one in their order") {
  const Served served;
  std::string all;
  for (int i = 0; i < 50; ++i)
    all += "GET /v1/admin/usage?csp=c" + std::to_string(i) + " HTTP/1.1\r\n\r\n";
  all += "GET /nothing HTTP/1.1\r\nConnection: close\r\n\r\n";
  const std::string answers = ask(served.path, all);
  CHECK(count(answers, "HTTP/1.1 200 OK\r\n") == 50);
  CHECK(answers.find("HTTP/1.1 404 Not Found") > answers.rfind("HTTP/1.1 200 OK"));
  const auto calls = served.control.calls();
  REQUIRE(calls.size() == 50);
  for (std::size_t i = 0; i < 50; ++i) CHECK(calls[i] == "usage c" + std::to_string(i));
}

TEST_CASE("a client that sends requests and reads no answer cannot make the server buffer them") {
  Served served(with_time(2000));
  for (int i = 0; i < 2000; ++i)
    served.control.accounts.push_back(account("acme", broker::MediaType::audio));
  Client deaf(served.path);
  std::string requests;
  for (int i = 0; i < 2000; ++i) requests += "GET /v1/admin/usage HTTP/1.1\r\n\r\n";
  std::size_t taken = 0;
  for (int i = 0; i < 300; ++i) {
    const std::size_t now = deaf.send(requests, milliseconds(300));
    taken += now;
    if (now < requests.size()) break;
  }
  // The kernel's socket buffers, and what the limits allow to be read ahead.
  CHECK(taken < 4'000'000);
  served.check_it_still_answers();
}

TEST_CASE("connections above the limit wait until others end") {
  plugin::http::Limits limits = with_time(700);
  limits.connections_max = 4;
  const Served served(limits);
  std::vector<std::unique_ptr<Client>> silent;
  for (int i = 0; i < 4; ++i) silent.push_back(std::make_unique<Client>(served.path));
  const auto start = Clock::now();
  served.check_it_still_answers();
  CHECK(Clock::now() - start >= milliseconds(400));
  for (const auto& each : silent) CHECK(each->receive_until_closed().empty());
  // And the places are free again: more than the limit, one after the other.
  for (int i = 0; i < 20; ++i) served.check_it_still_answers();
}

TEST_CASE("a connection may live longer than one request's time when it keeps asking") {
  const Served served(with_time(600));
  Client connection(served.path);
  const auto start = Clock::now();
  std::string text;
  while (Clock::now() - start < milliseconds(1500)) {
    REQUIRE(connection.send("GET /v1/admin/status HTTP/1.1\r\n\r\n") > 0);
    try {
      text += connection.receive_until_closed(milliseconds(100));
      FAIL("the server closed the connection");
    } catch (const std::runtime_error&) {
    }
  }
  CHECK(served.control.calls().size() > 8);
}

TEST_CASE("HEAD gets the headers of GET and no body") {
  const Served served;
  const std::string answer =
      ask(served.path, "HEAD /v1/admin/status HTTP/1.1\r\nConnection: close\r\n\r\n");
  CHECK_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  CHECK_THAT(answer, Contains("Content-Length: "));
  CHECK_THAT(answer, !Contains("Content-Length: 0"));
  CHECK(answer.find("\r\n\r\n") == answer.size() - 4);
}

TEST_CASE("unknown routes and methods get problem documents") {
  const Served served;
  const std::string missing =
      ask(served.path, "GET /v1/admin/nothing HTTP/1.1\r\nConnection: close\r\n\r\n");
  CHECK_THAT(missing, StartsWith("HTTP/1.1 404 Not Found\r\n"));
  CHECK_THAT(missing, Contains("Content-Type: application/problem+json\r\n"));
  CHECK_THAT(missing, Contains(R"({"type":"about:blank","title":"Not Found","status":404,)"
                               R"("detail":"there is nothing at /v1/admin/nothing"})"));
  const std::string wrong =
      ask(served.path, "DELETE /v1/admin/usage HTTP/1.1\r\nConnection: close\r\n\r\n");
  CHECK_THAT(wrong, StartsWith("HTTP/1.1 405 Method Not Allowed\r\n"));
  CHECK_THAT(wrong, Contains("Allow: GET, HEAD\r\n"));
  CHECK_THAT(ask(served.path, "GET /v1/admin/cut HTTP/1.1\r\nConnection: close\r\n\r\n"),
             Contains("Allow: POST\r\n"));
}

TEST_CASE("the server goes while clients are connected") {
  const turntest::TempDir directory;
  const std::string path = directory / "control.sock";
  FakeControl control;
  auto server = std::make_unique<RunningServer>(control, path);
  Client silent(path);
  Client half(path);
  half.send("POST /v1/admin/cut HTTP/1.1\r\nContent-Length: 20\r\n\r\n{");
  get_status(path);
  server.reset();
  CHECK(silent.receive_until_closed().empty());
  CHECK(half.receive_until_closed().empty());
}
