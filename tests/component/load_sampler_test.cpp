// Loads from counters that the tests set, and from the real kernel.
#include "fleet/load_sampler.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <catch2/catch.hpp>
#include <chrono>

#include "fleet/udp_drops.h"
#include "unique_fd.h"

using plugin::LoadSampler;
using plugin::UdpDrops;

namespace {

constexpr std::int64_t second_us = 1'000'000;

struct Machine {
  std::int64_t now_us = 5 * second_us;
  std::int64_t cpu_us = 123;
  unsigned cores = 4;
  std::optional<UdpDrops> drops = UdpDrops{};
  std::int64_t drops_cost_us = 0;
  int looks = 0;

  LoadSampler sampler() {
    return LoadSampler({[this] { return cpu_us; }, [this] { return cores; },
                        [this] {
                          ++looks;
                          now_us += drops_cost_us;
                          return drops;
                        }},
                       [this] { return now_us; });
  }
};

}  // namespace

TEST_CASE("a load is the mean since the sample before", "[fleet]") {
  Machine machine;
  LoadSampler sampler = machine.sampler();
  const auto first = sampler.sample({1'000'000, 2'000'000});
  CHECK(first.cpu == 0);
  CHECK(first.octets_per_s == std::array<std::uint64_t, 2>{0, 0});

  machine.now_us += 2 * second_us;
  machine.cpu_us += 4 * second_us;
  const auto second = sampler.sample({1'500'000, 2'000'100});
  CHECK(second.cpu == Approx(0.5));
  CHECK(second.octets_per_s == std::array<std::uint64_t, 2>{250'000, 50});

  // Forgotten accounts make the sum smaller; then it goes on from there.
  machine.now_us += second_us;
  const auto third = sampler.sample({100, 2'000'200});
  CHECK(third.cpu == 0);
  CHECK(third.octets_per_s == std::array<std::uint64_t, 2>{0, 100});
  machine.now_us += second_us;
  CHECK(sampler.sample({300, 2'000'200}).octets_per_s == std::array<std::uint64_t, 2>{200, 0});

  // No time, no rate: the last one stands.
  machine.now_us += 100;
  CHECK(sampler.sample({900'000, 2'000'200}).octets_per_s == std::array<std::uint64_t, 2>{200, 0});

  // More than there is cannot be.
  machine.now_us += second_us;
  machine.cpu_us += 100 * second_us;
  CHECK(sampler.sample({300, 2'000'200}).cpu == 1);
  machine.cores = 0;
  machine.now_us += second_us;
  CHECK(sampler.sample({300, 2'000'200}).cpu == 0);
}

TEST_CASE("drops are counted by socket, whatever sockets come and go", "[fleet]") {
  Machine machine;
  machine.drops = UdpDrops{{1, 1'000}, {2, 50}};
  LoadSampler sampler = machine.sampler();
  CHECK(sampler.sample({}).dropped_packets_per_s == 0);
  machine.now_us += 5 * second_us;
  machine.drops = UdpDrops{{2, 80}, {3, 20}};  // 1 is closed, 3 is new
  CHECK(sampler.sample({}).dropped_packets_per_s == 10);
  machine.now_us += second_us;
  machine.drops = UdpDrops{{2, 9'000}};
  CHECK(sampler.sample({}).dropped_packets_per_s == 10);  // not looked at so soon
  machine.now_us += 4 * second_us;
  machine.drops = UdpDrops{{2, 80}};
  CHECK(sampler.sample({}).dropped_packets_per_s == 0);
  machine.now_us += 5 * second_us;
  machine.drops.reset();
  CHECK(sampler.sample({}).dropped_packets_per_s == 0);
  machine.now_us += 5 * second_us;
  machine.drops = UdpDrops{{2, 5'000}};
  CHECK(sampler.sample({}).dropped_packets_per_s == 0);  // over what time nobody knows
}

TEST_CASE("what takes long to look at is looked at less often", "[fleet]") {
  Machine machine;
  machine.drops_cost_us = second_us / 10;
  LoadSampler sampler = machine.sampler();
  const std::int64_t began_us = machine.now_us;
  while (machine.now_us < began_us + 100 * second_us) {
    static_cast<void>(sampler.sample({}));
    machine.now_us += second_us;
  }
  CHECK(machine.looks >= 9);
  CHECK(machine.looks <= 11);
}

TEST_CASE("the kernel's table is read by column, and only of the sockets that are asked for",
          "[fleet]") {
  const std::string table =
      "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
      "inode ref pointer drops             \n"
      "  123: 0100007F:0DA5 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 "
      "4242 2 0000000000000000 17         \n"
      "  124: 0100007F:0DA6 00000000:0000 07 00000000:00000000 00:00000000 00000000  1000        0 "
      "4243 2 0000000000000000 99\n";
  CHECK(plugin::parse_udp_drops(table, {4242}) == UdpDrops{{4242, 17}});
  CHECK(plugin::parse_udp_drops(table, {4242, 4243}) == UdpDrops{{4242, 17}, {4243, 99}});
  CHECK(plugin::parse_udp_drops(table, {1}).empty());
  for (std::size_t size = 0; size < table.size(); ++size)
    CHECK(plugin::parse_udp_drops(table.substr(0, size), {4242, 4243}).size() <= 2);
}

TEST_CASE("a socket of this process that overflows is seen", "[fleet]") {
  const plugin::UniqueFd receiver(::socket(AF_INET, SOCK_DGRAM, 0));
  const plugin::UniqueFd sender(::socket(AF_INET, SOCK_DGRAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  const int least = 1;
  REQUIRE(::setsockopt(receiver.get(), SOL_SOCKET, SO_RCVBUF, &least, sizeof least) == 0);
  REQUIRE(::bind(receiver.get(), any, sizeof address) == 0);
  REQUIRE(::getsockname(receiver.get(), any, &length) == 0);
  struct stat status {};
  REQUIRE(::fstat(receiver.get(), &status) == 0);
  const std::string payload(1'000, 'x');
  for (int i = 0; i < 200; ++i)
    static_cast<void>(::sendto(sender.get(), payload.data(), payload.size(), 0, any, length));
  const auto drops = plugin::own_udp_drops();
  if (!drops) {
    WARN("/proc/net/udp cannot be read here");
    return;
  }
  REQUIRE(drops->contains(status.st_ino));
  CHECK(drops->at(status.st_ino) > 100);
}

TEST_CASE("this process's own time and cores are told", "[fleet]") {
  const auto sources = plugin::system_load_sources();
  CHECK(sources.cores() >= 1);
  const std::int64_t before_us = sources.cpu_us();
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  std::uint64_t sum = 0;
  while (sources.cpu_us() < before_us + 20'000 && std::chrono::steady_clock::now() < until) ++sum;
  CHECK(sum > 0);
  CHECK(sources.cpu_us() >= before_us + 20'000);
}
