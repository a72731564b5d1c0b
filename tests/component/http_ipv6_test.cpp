// The HTTP server's bound on connections by IPv6 network. Hidden from a plain run: it needs addresses
// that loopback does not have by itself (with_ipv6_networks).
#include "http_fixture.h"
#include "support/wait_until.h"

using namespace http_test;
using Catch::Matchers::StartsWith;

namespace {

const std::string alice = "2001:db8:0:1::1";
const std::string alice_elsewhere = "2001:db8:0:1:ffff::2";  // in the same /64
const std::string bob = "2001:db8:0:2::1";

}  // namespace

TEST_CASE("connections over IPv6 are counted by the client's /64", "[.ipv6]") {
  Limits limits;
  limits.connections_per_address = 2;
  TestServer server(hello_router(), limits);
  const std::uint16_t port = server.serve_ipv6();
  std::vector<Client> open;
  for (const std::string& from : {alice, alice_elsewhere}) {
    open.emplace_back(port, from).send("GET /who HTTP/1.1\r\nHost: x\r\n\r\n");
    open.back().receive_until("\r\n\r\n" + from + " plain");
  }
  CHECK_THAT(get(port, "/hello", alice), StartsWith("HTTP/1.1 429"));
  CHECK_THAT(get(port, "/hello", alice_elsewhere), StartsWith("HTTP/1.1 429"));
  CHECK_THAT(get(port, "/hello", bob), StartsWith("HTTP/1.1 200"));
  CHECK_THAT(get(port, "/hello", "::1"), StartsWith("HTTP/1.1 200"));
  // IPv4 is no network of IPv6, and each of its addresses counts for itself.
  CHECK_THAT(get(server.port(), "/hello", "127.0.0.2"), StartsWith("HTTP/1.1 200"));

  open.clear();
  for (const std::string& from : {alice, alice_elsewhere})
    CHECK(turntest::wait_until(
        milliseconds(3000), [&] { return get(port, "/hello", from).starts_with("HTTP/1.1 200"); }));
}

TEST_CASE("a trusted proxy's IPv6 address is exempt, its network is not", "[.ipv6]") {
  Limits limits;
  limits.connections_per_address = 1;
  limits.addresses_unbounded = {alice};
  TestServer server(hello_router(), limits);
  const std::uint16_t port = server.serve_ipv6();
  std::vector<Client> open;
  for (const std::string& from : {alice, alice, alice_elsewhere}) {
    open.emplace_back(port, from).send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK_THAT(open.back().receive_until("hello"), StartsWith("HTTP/1.1 200"));
  }
  CHECK_THAT(get(port, "/hello", alice_elsewhere), StartsWith("HTTP/1.1 429"));
  CHECK_THAT(get(port, "/hello", alice), StartsWith("HTTP/1.1 200"));
}
