// Every bound of the HTTP server, over real sockets.
#include <sys/resource.h>

#include <fstream>

#include "http_fixture.h"
#include "support/wait_until.h"

using namespace http_test;
using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;

namespace {

constexpr std::string_view problem_type = "Content-Type: application/problem+json\r\n";

struct Served {
  explicit Served(const Limits& limits = {}) : server(hello_router(), limits) {}
  void check_it_still_answers() const {
    CHECK_THAT(get(port(), "/hello"), StartsWith("HTTP/1.1 200 OK"));
  }
  [[nodiscard]] std::uint16_t port() const { return server.port(); }
  TestServer server;
};

void check_problem(const std::string& answer, int status) {
  CHECK_THAT(answer, StartsWith("HTTP/1.1 " + std::to_string(status) + " "));
  CHECK_THAT(answer, Contains(std::string(problem_type)));
  CHECK_THAT(answer, Contains("\"status\":" + std::to_string(status)) && !Contains("<HTML>"));
  const std::size_t head = answer.find("\r\n\r\n");
  REQUIRE(head != std::string::npos);
  CHECK_THAT(answer,
             Contains("Content-Length: " + std::to_string(answer.size() - head - 4) + "\r\n"));
}

/// Puts the bound of open files back when the test ends.
class FileLimitRestored {
 public:
  explicit FileLimitRestored(const rlimit& files) : files_(files) {}
  ~FileLimitRestored() { ::setrlimit(RLIMIT_NOFILE, &files_); }
  FileLimitRestored(const FileLimitRestored&) = delete;
  FileLimitRestored& operator=(const FileLimitRestored&) = delete;

 private:
  rlimit files_;
};

std::size_t resident_octets() {
  std::ifstream file("/proc/self/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  file >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

TEST_CASE("requests that are none are answered with a problem and the connection's end", "[http]") {
  const Served served;
  check_problem(ask(served.port(), "\x16\x03\x01 not HTTP at all\r\n\r\n"), 400);
  check_problem(ask(served.port(), "GET /hello\r\n\r\n"), 400);
  check_problem(ask(served.port(), "GET / HTTP/7.0\r\n\r\n"), 400);
  check_problem(ask(served.port(), "GET /hello HTTP/1.1\r\nno colon\r\n\r\n"), 400);
  check_problem(ask(served.port(), "BREW /hello HTTP/1.1\r\n\r\n"), 501);
  check_problem(ask(served.port(), "POST /echo HTTP/1.1\r\nContent-Length: x\r\n\r\n"), 400);
  check_problem(ask(served.port(),
                    "POST /echo HTTP/1.1\r\nContent-Length: 1\r\n"
                    "Content-Length: 1\r\n\r\nx"),
                400);
  check_problem(ask(served.port(),
                    "POST /echo HTTP/1.1\r\nContent-Length: 1\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"),
                400);
  check_problem(ask(served.port(),
                    "POST /echo HTTP/1.1\r\nContent-Length: 1\r\n"
                    "Expect: wonders\r\n\r\nx"),
                417);
  served.check_it_still_answers();
}

TEST_CASE("a request whose end a proxy may see elsewhere is refused, and its connection ends",
          "[http]") {
  const Served served;
  // In what one of the two takes for a body, the other sees a request.
  const std::string rest = "Host: x\r\n\r\nabcdeGET /who HTTP/1.1\r\nHost: x\r\n\r\n";
  for (std::string head :
       {"POST /echo HTTP/1.1\r\nContent-Length : 5\r\n",
        "POST /echo HTTP/1.1\r\nContent-Length\t: 5\r\n",
        "POST /echo HTTP/1.1\r\nTransfer-Encoding : chunked\r\n",
        "POST /echo HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding : chunked\r\n",
        "POST /echo HTTP/1.1\r\nContent-Length: +5\r\n",
        "POST /echo HTTP/1.1\r\nContent-Length: 5 5\r\n",
        "POST /echo HTTP/1.1\r\nContent-Length:\r\n", "POST /echo HTTP/1.1\r\n: 5\r\n",
        "TRACE /hello HTTP/1.1\r\nContent-Length: 5\r\n",
        "TRACE /hello HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"}) {
    CAPTURE(head);
    const std::string answer = ask(served.port(), head.append(rest));
    CHECK_THAT(answer, StartsWith("HTTP/1.1 400 ") && Contains("Connection: close\r\n"));
    CHECK_THAT(answer, !Contains("HTTP/1.1 200"));
  }
  CHECK_THAT(
      ask(served.port(), "GET /hello HTTP/1.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
      StartsWith("HTTP/1.1 200 "));
  CHECK_THAT(ask(served.port(),
                 "POST /echo HTTP/1.1\r\nContent-Length:  05 \r\nConnection: close\r\n\r\nabcde"),
             EndsWith("\r\n\r\nabcde"));
}

TEST_CASE("a bad request behind a good one is refused after the good one's answer", "[http]") {
  const Served served;
  const std::string text =
      ask(served.port(), "GET /hello HTTP/1.1\r\nHost: x\r\n\r\nGET HTTP/9 \r\n\r\n");
  CHECK_THAT(text, StartsWith("HTTP/1.1 200 OK\r\n") &&
                       Contains("\r\n\r\nhelloHTTP/1.1 400 Bad Request\r\n"));
}

TEST_CASE("the router's own problems are used for what evhttp refuses", "[http]") {
  Router router = hello_router();
  router.set_problem_maker([](int status, std::string_view) {
    return Response{
        .status = status, .content_type = "text/plain", .headers = {{"X-Own", "1"}}, .body = "own"};
  });
  const TestServer server(std::move(router));
  for (const std::string& answer :
       {ask(server.port(), "garbage\r\n\r\n"), get(server.port(), "/nothing")})
    CHECK_THAT(answer, Contains("X-Own: 1\r\n") && EndsWith("\r\n\r\nown"));
}

TEST_CASE("huge headers are refused without being kept", "[http]") {
  const Served served;
  const std::string large(20'000, 'a');
  check_problem(ask(served.port(), "GET /hello HTTP/1.1\r\nX: " + large + "\r\n\r\n"), 400);
  check_problem(ask(served.port(), "GET /" + large + " HTTP/1.1\r\n\r\n"), 400);
  // Without any line's end, as much as the server takes.
  Client endless(served.port());
  endless.send("GET /");
  std::size_t taken = 0;
  for (std::size_t now = large.size(); now == large.size() && taken < 50'000'000; taken += now)
    now = endless.send(large);
  CHECK(taken < 50'000'000);
  served.check_it_still_answers();
}

TEST_CASE("a body of 64 MB is refused, announced or not, and never held", "[http]") {
  const Served served;
  served.check_it_still_answers();
  const std::size_t before = resident_octets();
  const std::string piece(1'000'000, 'x');
  const std::string chunk = "f4240\r\n" + piece + "\r\n";
  for (const bool chunked : {false, true}) {
    Client client(served.port());
    client.send(chunked ? "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                        : "POST /echo HTTP/1.1\r\nContent-Length: 64000000\r\n\r\n");
    const std::string& each = chunked ? chunk : piece;
    for (int i = 0; i < 64; ++i)
      if (client.send(each) < each.size()) break;
    check_problem(client.receive_until_closed(), 413);
  }
  CHECK(resident_octets() < before + 20'000'000);
  served.check_it_still_answers();
}

TEST_CASE("a client that asks before it sends a large body is refused before it", "[http]") {
  const Served served;
  check_problem(ask(served.port(),
                    "POST /echo HTTP/1.1\r\nContent-Length: 64000000\r\n"
                    "Expect: 100-continue\r\n\r\n"),
                413);
  Client small(served.port());
  small.send(
      "POST /echo HTTP/1.1\r\nContent-Length: 2\r\nConnection: close\r\n"
      "Expect: 100-continue\r\n\r\n");
  small.receive_until("HTTP/1.1 100 Continue\r\n\r\n");
  small.send("hi");
  CHECK_THAT(small.receive_until_closed(), StartsWith("HTTP/1.1 200") && EndsWith("\r\n\r\nhi"));
}

TEST_CASE("slow headers, slow bodies and silence end with the request's time", "[http]") {
  const Served served(with_time(300));
  for (const char* start :
       {"", "GET /hello HTTP/1.1\r\nX: ", "POST /echo HTTP/1.1\r\nContent-Length: 100\r\n\r\n",
        "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n"}) {
    Client slow(served.port());
    const auto begin = Clock::now();
    slow.send(start);
    bool closed = false;
    while (!closed && Clock::now() - begin < milliseconds(4000)) {
      if (*start != '\0') slow.send("x");
      try {
        closed = slow.receive_until_closed(milliseconds(20)).empty();
      } catch (const std::runtime_error&) {
      }
    }
    CHECK(closed);
    CHECK(Clock::now() - begin >= milliseconds(250));
    CHECK(Clock::now() - begin < milliseconds(2000));
  }
  served.check_it_still_answers();
}

TEST_CASE("beyond the connections there is 503 for some, and the rest waits", "[http]") {
  Limits limits = with_time(3000);
  limits.connections_max = 4;
  limits.connections_excess_max = 2;
  limits.refusal_time = milliseconds(300);
  const Served served(limits);
  std::vector<Client> regular;
  for (int i = 0; i < 4; ++i) {
    regular.emplace_back(served.port()).send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    regular.back().receive_until("hello");
  }
  for (int i = 0; i < 10; ++i) {
    const std::string refused =
        ask(served.port(), "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n");
    check_problem(refused, 503);
    CHECK_THAT(refused, Contains("Connection: close\r\n") && Contains("Retry-After: 1\r\n"));
  }
  // Silent ones take the places of those that are refused, but not for long.
  Client silent1(served.port());
  Client silent2(served.port());
  const auto start = Clock::now();
  check_problem(get(served.port(), "/hello"), 503);
  CHECK(Clock::now() - start >= milliseconds(200));
  CHECK(Clock::now() - start < milliseconds(2500));
  regular.pop_back();
  CHECK(turntest::wait_until(milliseconds(3000), [&] {
    return get(served.port(), "/hello").starts_with("HTTP/1.1 200");
  }));
}

TEST_CASE("one address cannot take the connections of others", "[http]") {
  Limits limits = with_time(2000);
  limits.connections_max = 20;
  limits.connections_excess_max = 20;
  limits.connections_per_address = 3;
  const Served served(limits);
  std::vector<Client> greedy;
  for (int i = 0; i < 3; ++i) {
    greedy.emplace_back(served.port(), "127.0.0.2").send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    greedy.back().receive_until("hello");
  }
  const std::string refused = get(served.port(), "/hello", "127.0.0.2");
  check_problem(refused, 429);
  CHECK_THAT(refused, Contains("Connection: close\r\n") && Contains("Retry-After: 1\r\n"));
  CHECK_THAT(get(served.port(), "/hello", "127.0.0.3"), StartsWith("HTTP/1.1 200"));
  // More than a few at once are not even told.
  std::vector<Client> more;
  for (int i = 0; i < 10; ++i) more.emplace_back(served.port(), "127.0.0.2");
  CHECK(more.back().receive_until_closed(milliseconds(1000)).empty());
  for (int i = 0; i < 3; ++i)
    CHECK_THAT(get(served.port(), "/hello", "127.0.0.3"), StartsWith("HTTP/1.1 200"));
  greedy.clear();
  more.clear();
  CHECK(turntest::wait_until(milliseconds(3000), [&] {
    return get(served.port(), "/hello", "127.0.0.2").starts_with("HTTP/1.1 200");
  }));
}

TEST_CASE("a proxy's connections are those of many clients and are not counted", "[http]") {
  Limits limits;
  limits.connections_per_address = 2;
  limits.addresses_unbounded = {"127.0.0.2"};
  Served served(limits);
  std::vector<Client> open;
  const auto ask_and_stay = [&](const std::string& from) {
    open.emplace_back(served.port(), from).send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    return open.back().receive_until("\r\n\r\n");
  };
  for (int i = 0; i < 10; ++i) CHECK_THAT(ask_and_stay("127.0.0.2"), StartsWith("HTTP/1.1 200"));
  for (int i = 0; i < 2; ++i) CHECK_THAT(ask_and_stay("127.0.0.3"), StartsWith("HTTP/1.1 200"));
  CHECK_THAT(get(served.port(), "/hello", "127.0.0.3"), StartsWith("HTTP/1.1 429"));

  // No proxy any more, then one again: what came meanwhile counts and goes without a trace.
  limits.addresses_unbounded = {"127.0.0.3"};
  served.server.set_limits(limits);
  CHECK_THAT(get(served.port(), "/hello", "127.0.0.3"), StartsWith("HTTP/1.1 200"));
  for (int i = 0; i < 2; ++i) CHECK_THAT(ask_and_stay("127.0.0.2"), StartsWith("HTTP/1.1 200"));
  CHECK_THAT(get(served.port(), "/hello", "127.0.0.2"), StartsWith("HTTP/1.1 429"));
  open.clear();
  limits.addresses_unbounded.clear();
  served.server.set_limits(limits);
  for (const std::string from : {"127.0.0.2", "127.0.0.3"})
    CHECK(turntest::wait_until(milliseconds(3000), [&] {
      return get(served.port(), "/hello", from).starts_with("HTTP/1.1 200");
    }));
}

TEST_CASE("limits that change count for the connections that come", "[http]") {
  Limits limits;
  Served served(limits);
  Client first(served.port(), "127.0.0.2");
  first.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  first.receive_until("hello");
  limits.connections_per_address = 1;
  served.server.set_limits(limits);
  CHECK_THAT(get(served.port(), "/hello", "127.0.0.2"), StartsWith("HTTP/1.1 429"));
  limits.connections_per_address = 2;
  served.server.set_limits(limits);
  CHECK_THAT(get(served.port(), "/hello", "127.0.0.2"), StartsWith("HTTP/1.1 200"));
}

TEST_CASE("hundreds of idle connections cost little, and go", "[http]") {
  Limits limits = with_time(1500);
  limits.connections_max = 1100;
  const Served served(limits);
  served.check_it_still_answers();
  const std::size_t before = resident_octets();
  std::vector<Client> idle;
  for (int i = 0; i < 400; ++i) idle.emplace_back(served.port());
  served.check_it_still_answers();
  CHECK(resident_octets() < before + 400 * 16'000);
  CHECK(idle.front().receive_until_closed().empty());
  CHECK(idle.back().receive_until_closed().empty());
  served.check_it_still_answers();
}

TEST_CASE("ten thousand idle connections of one address hinder nobody else", "[http]") {
  constexpr int count = 10'000;
  rlimit files{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &files) == 0);
  REQUIRE(files.rlim_max > count + 2'000);
  const FileLimitRestored restored(files);
  rlimit more = files;
  more.rlim_cur = files.rlim_max;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &more) == 0);

  Limits limits;
  limits.connections_max = 1'024;
  limits.connections_per_address = 64;
  const Served served(limits);
  served.check_it_still_answers();
  const std::size_t before = resident_octets();
  std::vector<Client> idle;
  idle.reserve(count);
  for (int i = 0; i < count; ++i) {
    idle.emplace_back(served.port(), "127.0.0.2");
    if (i % 1'000 == 999)
      REQUIRE_THAT(get(served.port(), "/hello", "127.0.0.3"), StartsWith("HTTP/1.1 200"));
  }
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they keep what was freed
  CHECK(resident_octets() < before + 16'000'000);
#else
  CHECK(before != 0);
#endif
}

TEST_CASE("paths and texts that are odd are taken as they are", "[http]") {
  const Served served;
  for (const char* path :
       {"/../hello", "/./hello", "//hello", "/hello/", "/HELLO", "/%68ello", "/hello;x",
        "/hello%00", "/..%2f..%2fetc/passwd", "/\xff\xfe", "*", "/hello\\..\\x", "/%"})
    CHECK_THAT(get(served.port(), path), StartsWith("HTTP/1.1 40"));
  CHECK_THAT(get(served.port(), "/hello?\xff=%ff&&&=#x"), StartsWith("HTTP/1.1 200"));
  CHECK_THAT(get(served.port(), "http://elsewhere.example/hello"), StartsWith("HTTP/1.1 200"));
  const std::string echoed = ask(served.port(),
                                 "POST /echo HTTP/1.1\r\nX: \xff\xfe\r\nContent-Length: 3\r\n"
                                 "Connection: close\r\n\r\n\xff\xfe\x80");
  CHECK_THAT(echoed, StartsWith("HTTP/1.1 200") && EndsWith("\r\n\r\n\xff\xfe\x80"));
  // What cannot be UTF-8 in a JSON document is replaced.
  CHECK_THAT(get(served.port(), "/\xff"), Contains("nothing at /\xef\xbf\xbd"));
}

TEST_CASE("methods other than GET and POST get documented answers", "[http]") {
  const Served served;
  for (const char* method : {"PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"})
    CHECK_THAT(
        ask(served.port(), std::string(method) + " /hello HTTP/1.1\r\nConnection: close\r\n\r\n"),
        StartsWith("HTTP/1.1 405") && Contains("Allow: GET, HEAD\r\n"));
  Client tunnel(served.port());
  tunnel.send("CONNECT example.com:443 HTTP/1.1\r\nConnection: close\r\n\r\n");
  CHECK_THAT(tunnel.receive_until("\r\n\r\n"), StartsWith("HTTP/1.1 40"));
}

TEST_CASE("Connection: close is understood in a list, and HTTP/1.0 closes by itself", "[http]") {
  const Served served;
  CHECK_THAT(ask(served.port(), "GET /hello HTTP/1.1\r\nConnection: upgrade , Close\r\n\r\n"),
             Contains("Connection: close\r\n") && EndsWith("\r\n\r\nhello"));
  CHECK_THAT(ask(served.port(), "GET /hello HTTP/1.0\r\n\r\n"), EndsWith("\r\n\r\nhello"));
  Client kept(served.port());
  kept.send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  kept.receive_until("hello");
  kept.send("GET /hello HTTP/1.0\r\n\r\n");
  CHECK_THAT(kept.receive_until_closed(), EndsWith("\r\n\r\nhello"));
}

TEST_CASE("HEAD has the length of GET's body, and 204 has none", "[http]") {
  Router router = hello_router();
  router.add("OPTIONS", "/hello",
             [](const Request&) { return Response{.status = 204, .headers = {}, .body = {}}; });
  const TestServer server(std::move(router));
  const std::string head = ask(server.port(), "HEAD /hello HTTP/1.1\r\nConnection: close\r\n\r\n");
  CHECK_THAT(head, Contains("Content-Length: 5\r\n") && EndsWith("\r\n\r\n"));
  const std::string none =
      ask(server.port(), "OPTIONS /hello HTTP/1.1\r\nConnection: close\r\n\r\n");
  CHECK_THAT(none, StartsWith("HTTP/1.1 204 No Content\r\n") && !Contains("Content-Length") &&
                       !Contains("Content-Type"));
}

TEST_CASE("a handler learns who asks, over IPv4, IPv6 and IPv4 in IPv6", "[http]") {
  Served served;
  CHECK_THAT(get(served.port(), "/who", "127.0.0.7"), EndsWith("\r\n\r\n127.0.0.7 plain"));
  const plugin::UniqueFd probe(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!probe) return;  // a machine without IPv6
  const std::uint16_t port = served.server.serve_ipv6();
  CHECK_THAT(get(port, "/who", "127.0.0.7"), EndsWith("\r\n\r\n127.0.0.7 plain"));
}

TEST_CASE("a client that resets at any point leaves nothing behind", "[http]") {
  Limits limits;
  limits.connections_max = 4;
  const Served served(limits);
  const std::string request = "POST /echo HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello";
  for (int round = 0; round < 5; ++round)
    for (std::size_t size = 0; size <= request.size(); size += 3) {
      Client client(served.port());
      client.send(std::string_view(request).substr(0, size));
      client.reset();
    }
  // More would wait for ever if one were still counted.
  for (int i = 0; i < 10; ++i) served.check_it_still_answers();
}
