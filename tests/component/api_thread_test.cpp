// The thread of the HTTP API among the others of its process.
#include <sys/resource.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "api_client.h"
#include "fake_relay.h"

using testing::eventually;
using testing::RunningBroker;

namespace {

/// The 19th value of proc(5)'s stat; the second one is a name that may hold blanks.
int nice_of(const std::filesystem::path& task) {
  std::ifstream file(task / "stat");
  std::string line;
  std::getline(file, line);
  std::istringstream values(line.substr(std::min(line.rfind(')') + 1, line.size())));
  std::string skipped;
  for (int number = 3; number < 19; ++number) values >> skipped;
  int nice = -1;
  values >> nice;
  return nice;
}

/// How many threads have which nice value.
std::map<int, int> threads_by_nice() {
  std::map<int, int> out;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task"))
    ++out[nice_of(task.path())];
  return out;
}

}  // namespace

TEST_CASE("the API's thread, and no other, gives way to the relay threads", "[api]") {
  const auto before = threads_by_nice();
  const int own = ::getpriority(PRIO_PROCESS, 0);
  const int lower = std::min(own + 10, 19);
  if (lower == own) return;  // the tests run with the lowest priority there is
  RunningBroker running("[broker.http]\nlisten = \"127.0.0.1:0\"\n");
  // It has served a request, so it has been through its start.
  REQUIRE(api_client::get(running.broker().api_urls().at(0) + "/healthz").status == 200);
  auto during = threads_by_nice();
  CHECK(during[lower] == 1);
  CHECK(during[own] > before.at(own));  // the broker's own threads
  CHECK(running.host.log_text().find("keeps the relay threads' priority") == std::string::npos);
}
