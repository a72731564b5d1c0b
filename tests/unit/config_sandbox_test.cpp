// [broker.sandbox], by way of load_config.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "broker/config.h"
#include "memory_files.h"

using broker::SeccompMode;

namespace {

broker::Config must_load(const std::string& sandbox) {
  const auto config = broker::load_config(
      "turnbroker.toml",
      tests::config_files(
          {{"turnbroker.toml", "[broker]\nsecret = \"broker-secret-number-1\"\n" + sandbox}}));
  INFO((config ? std::string() : config.error().message));
  REQUIRE(config);
  return config.value();
}

}  // namespace

TEST_CASE("the process is confined and not dumped unless the configuration says otherwise") {
  CHECK(must_load("").sandbox == broker::SandboxConfig{SeccompMode::on, false});
  CHECK(must_load("[broker.sandbox]\n").sandbox == broker::SandboxConfig{SeccompMode::on, false});
}

TEST_CASE("every key of the sandbox arrives") {
  const std::vector<std::pair<std::string, SeccompMode>> modes{{"on", SeccompMode::on},
                                                               {"required", SeccompMode::required},
                                                               {"log", SeccompMode::log},
                                                               {"off", SeccompMode::off}};
  for (const auto& [text, mode] : modes)
    CHECK(must_load("[broker.sandbox]\nseccomp = \"" + text + "\"\ncore_dumps = true\n").sandbox ==
          broker::SandboxConfig{mode, true});
}

TEST_CASE("a sandbox does not change while the server runs") {
  const auto running = must_load("");
  CHECK(broker::restart_needed(running, must_load("[broker.sandbox]\nseccomp = \"off\"\n")) ==
        std::vector<std::string>{"broker.sandbox"});
  CHECK(broker::restart_needed(running, must_load("[broker.sandbox]\nseccomp = \"on\"\n")).empty());
}
