// Each file of broken-configs/ says in its first line what load_config answers to it. Lines "#@
// NAME" begin further files.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "broker/config.h"
#include "memory_files.h"

namespace {

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::set<std::filesystem::path> broken_configs() {
  std::set<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(BROKEN_CONFIGS_DIR))
    if (entry.path().extension() == ".toml") paths.insert(entry.path());
  return paths;
}

}  // namespace

TEST_CASE("every broken configuration is refused with its own message") {
  constexpr std::string_view mark = "# expected: ";
  const auto paths = broken_configs();
  CHECK(paths.size() >= 50);
  std::set<std::string> messages;
  for (const auto& path : paths) {
    CAPTURE(path.filename().string());
    const std::string text = content_of(path);
    REQUIRE(text.starts_with(mark));
    const std::string expected = text.substr(mark.size(), text.find('\n') - mark.size());
    const auto config =
        broker::load_config("turnbroker.toml", tests::config_files(tests::split_files(text)));
    REQUIRE_FALSE(config);
    CHECK(config.error().message == expected);
    CHECK(expected.find("; allowed: ") != std::string::npos);
    CHECK(expected.find('\n') == std::string::npos);
    // The secrets that stand in those files.
    for (const std::string secret : {"0123456789abc", "hunter2", "31415926", "correct-horse"})
      CHECK(expected.find(secret) == std::string::npos);
  }
}

TEST_CASE("a broken configuration is refused wherever it is cut off") {
  // Not the messages but that there is an answer, and the same one each time.
  for (const auto& path : broken_configs()) {
    const std::string text = content_of(path);
    if (text.size() > 600) continue;
    for (std::size_t size = 0; size < text.size(); ++size) {
      const auto files = tests::config_files(tests::split_files(text.substr(0, size)));
      const auto first = broker::load_config("turnbroker.toml", files);
      const auto second = broker::load_config("turnbroker.toml", files);
      REQUIRE(first.ok() == second.ok());
      if (!first) REQUIRE(first.error() == second.error());
    }
  }
}
