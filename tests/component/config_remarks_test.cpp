// What the log says of a configuration that is good, and of a start that fails.
#include "broker/config_remarks.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "broker_fixture.h"
#include "config_files.h"
#include "support/temp_dir.h"
#include "text_count.h"

using namespace testing;
using Catch::Matchers::Contains;
using Catch::Matchers::Equals;
using plugin::remarks_on;

namespace {

std::vector<std::string> remarks(const std::string& file) {
  const auto files = plugin::real_config_files();
  const auto config = broker::load_config(file, files);
  INFO((config ? "" : config.error().message));
  REQUIRE(config);
  return remarks_on(config.value(), files);
}

void set_mode(const std::filesystem::path& path, mode_t mode) {
  REQUIRE(::chmod(path.c_str(), mode) == 0);
}

std::string open_to_all(const std::string& files) {
  return "everybody on this machine may read or change the secrets in " + files +
         "; chmod o-rw takes that away";
}

}  // namespace

TEST_CASE("files with secrets that everybody may read or change are named, and no others") {
  const turntest::TempDir directory;
  const auto path = [&](const char* name) { return (directory / name).string(); };
  directory.write("secret", "0123456789abcdef0\n");
  directory.write("key", "an-api-key-of-acme\n");
  directory.write("acme.toml",
                  "[csp.acme]\nsecret = \"0123456789abcdef1\"\napi_key_file = \"key\"\n"
                  "quota.data = { volume = \"1 GB\", period = \"day\" }\n");
  directory.write("plain.toml",
                  "[csp.plain]\nquota.data = { volume = \"1 GB\", period = \"day\" }\n");
  const std::string main = directory.write(
      "main.toml",
      "[broker]\nsecret_file = \"secret\"\ninclude = [\"acme.toml\", \"plain.toml\"]\n"
      "[broker.http]\nlisten_tls = \"127.0.0.1:0\"\n"
      "certificate = \"cert.pem\"\nprivate_key = \"key.pem\"\n");
  directory.write("cert.pem", "public");
  directory.write("key.pem", "private");
  for (const char* name : {"secret", "key", "acme.toml", "key.pem"}) set_mode(path(name), 0640);
  for (const char* name : {"main.toml", "plain.toml", "cert.pem"}) set_mode(path(name), 0644);
  CHECK(remarks(main).empty());

  set_mode(path("secret"), 0644);
  CHECK_THAT(remarks(main), Equals(std::vector{open_to_all('"' + path("secret") + '"')}));
  set_mode(path("secret"), 0602);
  CHECK_THAT(remarks(main), Equals(std::vector{open_to_all('"' + path("secret") + '"')}));
  set_mode(path("secret"), 0600);
  for (const char* name : {"key", "acme.toml", "key.pem"}) {
    set_mode(path(name), 0644);
    CHECK_THAT(remarks(main), Equals(std::vector{open_to_all('"' + path(name) + '"')}));
    set_mode(path(name), 0640);
  }
}

TEST_CASE("a pattern of include that matches no file is named") {
  const turntest::TempDir directory;
  const std::string main = directory.write("main.toml", "[broker]\ninclude = [\"[ab].toml\"]\n");
  const auto pattern = (directory / "[ab].toml").string();
  CHECK_THAT(remarks(main), Equals(std::vector{"no file matches include = \"" + pattern + '"'}));
  directory.write("a.toml",
                  "[csp.acme]\nsecret = \"0123456789abcdef1\"\n"
                  "quota.data = { volume = \"1 GB\", period = \"day\" }\n");
  set_mode(directory / "a.toml", 0600);
  CHECK(remarks(main).empty());
}

TEST_CASE(
    "open files with secrets are in the log at the start and at a reload, without the secrets") {
  RunningBroker running(acme("1 MB"));
  const std::string file = (running.directory() / "turnbroker.toml").string();
  const auto times = [&] { return count(running.host.log_text(), "secrets in \"" + file + '"'); };
  CHECK(times() == 1);
  running.write_config(acme("2 MB"));
  CHECK(eventually([&] { return times() == 2; }));
  CHECK_THAT(running.host.log_text(), !Contains(acme_secret));
}

TEST_CASE("a start that fails says once what it is about") {
  const auto why = [](const char* in_the_way) {
    RunningBroker running(acme("1 MB"));
    running.stop();
    const auto path = running.directory() / "state" / in_the_way;
    std::filesystem::remove(path);
    std::filesystem::create_directory(path);
    try {
      running.start();
    } catch (const std::runtime_error& error) {
      const std::string what = error.what();
      return what.substr(0, what.find(path.string())) + "PATH" +
             what.substr(what.find(path.string()) + path.string().size());
    }
    return std::string("it has started");
  };
  CHECK(why("usage.jsonl") == "usage records PATH: cannot be opened: Is a directory");
  CHECK(why("control.sock") == "control socket PATH: a file that is not a socket is in its place");
  CHECK(why("ledger.sqlite3") ==
        "PATH: cannot open the ledger: unable to open database file: Is a directory");
}
