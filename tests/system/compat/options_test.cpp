// The patched server has the options of the unpatched one, without those of parts that were taken
// out, and two more; it takes or refuses each alike, on the command line and in turnserver.conf.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>

#include "contestant.h"
#include "coturn_tool.h"
#include "likeness.h"

using namespace compat;
using namespace turntest;

namespace {

/// Name to kind of argument, from the table that getopt_long works with: the help leaves some out.
std::map<std::string, std::string> options_of(const std::filesystem::path& source) {
  const std::string text = read_file(source / "src/apps/relay/mainrelay.c");
  const std::size_t begin = text.find("struct myoption long_options[]");
  const std::size_t end = text.find("\n};", begin);
  REQUIRE(begin != std::string::npos);
  REQUIRE(end != std::string::npos);
  const std::string table = text.substr(begin, end - begin);
  std::map<std::string, std::string> options;
  // A row is { "name", kind, NULL, value }.
  for (std::size_t at = table.find("{ \""); at != std::string::npos; at = table.find("{ \"", at)) {
    const std::size_t name = at + 3;
    const std::size_t name_end = table.find('"', name);
    const std::size_t kind = table.find_first_not_of("\", \t", name_end);
    at = table.find(',', kind);
    REQUIRE(at != std::string::npos);
    options[table.substr(name, name_end - name)] = table.substr(kind, at - kind);
  }
  return options;
}

/// Options of parts that the patched server has not: it refuses them, each with a line of its own.
/// test_surface.py is about them.
bool is_removed(const std::string& name) {
  return name == "acme-redirect" || name == "no-cli" || name.rfind("cli-", 0) == 0 ||
         name.rfind("web-admin", 0) == 0;
}

/// Of a database's driver or of the Prometheus exporter: their rows are in either source, and in a
/// program that was built with it.
bool is_of_an_optional_part(const std::string& name) {
  return name == "psql-userdb" || name == "sql-userdb" || name == "mysql-userdb" ||
         name == "mongo-userdb" || name.rfind("prometheus", 0) == 0;
}

struct Attempt {
  std::vector<std::string> arguments;
  std::string config;
};

struct Answer {
  int status = 0;
  int signal = 0;
  std::string output;
};

/// Runs a server that is meant to end by itself: everything here is refused, or ends in --version.
Answer answer_of(Contestant contestant, const Attempt& attempt) {
  const TempDir directory;
  ChildOptions command;
  command.program = binary_of(contestant);
  command.directory = directory.path();
  command.environment = lenient();
  // Before all others, so that no attempt leaves a file elsewhere.
  command.arguments = {"--log-file", "stdout", "-c",
                       directory.write("turnserver.conf", attempt.config + "\n").string()};
  command.arguments.insert(command.arguments.end(), attempt.arguments.begin(),
                           attempt.arguments.end());
  const RunResult result = run_to_end(command);
  std::string output = plain(result.output, {{directory.path().string(), "DIRECTORY"},
                                             {command.program.string(), "turnserver"}});
  return {result.exit.status, result.exit.signal, std::move(output)};
}

std::string text_of(const Attempt& attempt) {
  std::string text;
  for (const std::string& argument : attempt.arguments) text += argument + " ";
  return attempt.config.empty() ? text : text + "with the line " + attempt.config;
}

/// What the usage says is another test's.
std::string without_usage(std::string output) {
  const std::size_t begin = output.find("Usage: turnserver");
  const std::size_t end = output.find(" -h\t\t\t\t\t\tHelp");
  if (begin != std::string::npos && end != std::string::npos) output.erase(begin, end - begin);
  return output;
}

/// The unpatched server breaks some records of its log into lines; ours has each in one.
std::string without_breaks(std::string output) {
  std::erase_if(output, [](char c) { return c == '\n' || c == ' ' || c == ':'; });
  return output;
}

void check_alike(const Attempt& attempt) {
  Answer before = answer_of(Contestant::unpatched, attempt);
  Answer after = answer_of(Contestant::patched, attempt);
  before.output = without_usage(std::move(before.output));
  after.output = without_usage(std::move(after.output));
  INFO(text_of(attempt));
  CHECK(before.status == after.status);
  CHECK(before.signal == after.signal);
  CHECK(without_breaks(before.output) == without_breaks(after.output));
}

}  // namespace

TEST_CASE("the patched server's option table is the unpatched one's, less some, and some more") {
  auto before = options_of(COTURN_UNPATCHED_SOURCE_DIR);
  auto after = options_of(COTURN_SOURCE_DIR);
  CHECK(before.size() > 100);
  CHECK(std::erase_if(before, [](const auto& option) { return is_removed(option.first); }) == 10);
  for (const char* added :
       {"plugin", "plugin-config", "challenge-limit", "stream-limit", "nonce-secret-file",
        "allow-private-peers", "dtls", "tcp-relay", "no-tlsv1_3", "rfc5780", "software-attribute",
        "stun-backward-compatibility"}) {
    INFO(added);
    CHECK(after.erase(added) == 1);
  }
  CHECK(before == after);
}

TEST_CASE("the patched server's help has the plugin, and not what is gone") {
  const Attempt help{{"-h"}, ""};
  const Answer before = answer_of(Contestant::unpatched, help);
  const Answer after = answer_of(Contestant::patched, help);
  CHECK(before.status == after.status);
  const std::string changed = difference(lines_of(before.output, {}), lines_of(after.output, {}));
  INFO(changed);
  // What was taken away comes first, then what was added. Entry by entry it is test_still_coturn.py's.
  const std::string added = changed.substr(changed.find("\n+ ") + 1);
  CHECK(added.find("\n+  --no-cli\t") != std::string::npos);
  CHECK(added.find("\n+  --plugin\t") != std::string::npos);
  CHECK(added.find("\n+  --plugin-config\t") != std::string::npos);
}

TEST_CASE("each option of the unpatched server is taken or refused alike by the patched one") {
  for (const auto& [name, argument] : options_of(COTURN_UNPATCHED_SOURCE_DIR)) {
    if (is_removed(name) || is_of_an_optional_part(name)) continue;
    // What is no peer is refused by the patched server only.
    const std::string some = name.ends_with("-peer-ip") ? "=192.0.2.1" : "=1";
    const std::string value = argument == "required_argument" ? some : "";
    check_alike({{"--" + name + value, "--version"}, ""});
    check_alike({{"--version"}, name + value});
  }
}

TEST_CASE("wrong command lines end the patched server as they end the unpatched one") {
  const std::vector<Attempt> attempts = {
      {{"--no-such-option", "--version"}, ""},
      {{"--version"}, "no-such-option"},
      {{"--version"}, "no-such-option=1"},
      {{"--version"}, "[section]"},
      {{"-Q", "--version"}, ""},
      {{"--no-tls=perhaps", "--version"}, ""},
      {{"--proc-user=nobody-of-that-name", "--version"}, ""},
      {{"--proc-group=nobody-of-that-name", "--version"}, ""},
      {{"-c"}, ""},
      {{"--min-port"}, ""},
      {{"--realm"}, ""},
      {{"-c", "missing.conf", "--version"}, ""},
      {{"stray", "--version"}, ""},
      {{"--bps-capacity=5"}, ""},
      {{"--no-udp-relay", "--no-tcp-relay"}, ""},
      {{"-a", "-z", "--no-tcp-relay"}, ""},
      {{"--no-tcp-relay"}, "lt-cred-mech\nno-auth"},
      {{"--version"}, ""},
  };
  for (const Attempt& attempt : attempts) check_alike(attempt);
}

TEST_CASE("the unpatched server knows nothing of a plugin, the patched one wants its value") {
  for (const char* option : {"--plugin=x", "--plugin-config=x"})
    CHECK(answer_of(Contestant::unpatched, {{option, "--version"}, ""})
              .output.find("unrecognized option") != std::string::npos);
  for (const char* option : {"--plugin", "--plugin-config"}) {
    const Answer answer = answer_of(Contestant::patched, {{option}, ""});
    CHECK(answer.output.find("requires an argument") != std::string::npos);
    CHECK(answer.status != 0);
  }
}
