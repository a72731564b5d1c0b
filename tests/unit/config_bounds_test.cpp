// What a configuration may hold at most, and what happens to a file that wants to exhaust
// something.
#include <catch2/catch.hpp>
#include <functional>
#include <string>
#include <vector>

#include "broker/config.h"
#include "memory_files.h"

using broker::load_config;
using tests::config_files;

namespace {

std::string repeated(const std::string& text, std::size_t times) {
  std::string result;
  for (std::size_t i = 0; i < times; ++i) result += text;
  return result;
}

std::string error_of(const std::string& text) {
  const auto config = load_config("turnbroker.toml", config_files({{"turnbroker.toml", text}}));
  return config ? "no error" : config.error().message;
}

/// `count` files csp.d/N.toml, each with what `content` makes of N, and a main file that includes
/// them.
std::string error_of_included(std::size_t count, const std::function<std::string(int)>& content) {
  tests::MemoryFiles files{{"turnbroker.toml", "[broker]\ninclude = \"csp.d/*.toml\"\n"}};
  for (std::size_t i = 0; i < count; ++i)
    files["csp.d/" + std::to_string(i) + ".toml"] = content(static_cast<int>(i));
  const auto config = load_config("turnbroker.toml", config_files(files));
  return config ? "no error" : config.error().message;
}

std::string csp_number(int number) {
  return "[csp.a" + std::to_string(number) +
         "]\nsecret = \"0123456789abcdef\"\nquota.data = {volume = \"1 B\", period = \"day\"}\n";
}

}  // namespace

TEST_CASE("a main file that cannot be read is named with the reason") {
  CHECK(load_config("etc/turnbroker.toml", config_files({})).error().message ==
        "etc/turnbroker.toml: cannot be read: No such file or directory; allowed: a readable TOML "
        "file of at most 1 MiB");
}

TEST_CASE("a main file with nothing in it is refused, as one that was cut off") {
  for (const char* text : {"", "\n", " \t\r\n\n", "# [csp.acme]", "\xef\xbb\xbf"})
    CHECK(error_of(text) ==
          "turnbroker.toml: nothing is in it; allowed: tables [broker], [relay] and [csp.ID]");
  CHECK(error_of("[broker]\n") == "no error");
}

TEST_CASE("a pattern that cannot be looked for is named with the reason") {
  broker::ConfigFiles files = config_files({{"turnbroker.toml", "[broker]\ninclude = \"d/*\"\n"}});
  files.match = [](const std::string&) -> broker::Result<std::vector<std::string>> {
    return broker::Error{"Permission denied"};
  };
  CHECK(load_config("turnbroker.toml", files).error().message ==
        "turnbroker.toml:2: broker.include: \"d/*\" cannot be looked for: Permission denied; "
        "allowed: a pattern in a readable directory");
}

TEST_CASE("a file of one mebioctet is taken and a larger one is not") {
  const std::string start = "[broker]\n#";
  const std::string comment =
      start + std::string(broker::config_file_octets_max - start.size() - 1, 'x') + "\n";
  CHECK(error_of(comment) == "no error");
  CHECK(error_of(comment + "\n") ==
        "turnbroker.toml: has more than 1048576 octets; allowed: a readable TOML file of at most "
        "1 MiB");
}

TEST_CASE("all files together are bounded") {
  const auto fill = [](int number) {
    const std::string csp = csp_number(number) + "#";
    return csp + std::string(broker::config_file_octets_max - csp.size(), 'x');
  };
  CHECK(error_of_included(15, fill) == "no error");
  CHECK(error_of_included(17, fill).find("makes all files together exceed 16777216 octets") !=
        std::string::npos);
}

TEST_CASE("the number of included files and patterns is bounded") {
  CHECK(error_of_included(broker::include_files_max, csp_number) == "no error");
  CHECK(error_of_included(broker::include_files_max + 1, csp_number)
            .find("makes more than 4096 included files") != std::string::npos);
  const auto patterns = [](std::size_t count) {
    return "[broker]\ninclude = [" + repeated("\"*.none\",", count) + "]\n";
  };
  CHECK(error_of(patterns(broker::include_patterns_max)) == "no error");
  CHECK(error_of(patterns(broker::include_patterns_max + 1)).find("an array of 65; allowed") !=
        std::string::npos);
}

TEST_CASE("an included file that defines no CSP is refused") {
  for (const std::string text : {"", " \n\t\n", "# [csp.acme]\n", "[csp]\n"}) {
    CAPTURE(text);
    const auto second = [&](int number) { return number == 1 ? text : csp_number(number); };
    CHECK(error_of_included(3, second) ==
          "csp.d/1.toml: csp: nothing; allowed: at least one table [csp.ID]");
  }
}

TEST_CASE("the number of relay URIs is bounded") {
  const auto urls = [](std::size_t count) {
    return "[relay]\nurls = [" + repeated("\"turn:relay.example.org\",\n", count) + "]\n";
  };
  CHECK(error_of(urls(broker::relay_urls_max)) == "no error");
  CHECK(error_of(urls(broker::relay_urls_max + 1)).find("an array of 33; allowed") !=
        std::string::npos);
}

TEST_CASE("a secret has sixteen octets at least and a thousand and twenty-four at most") {
  for (const auto& [size, ok] : std::vector<std::pair<std::size_t, bool>>{
           {15, false}, {16, true}, {1024, true}, {1025, false}}) {
    CAPTURE(size);
    CHECK((error_of("[broker]\nsecret = \"" + std::string(size, 's') + "\"\n") == "no error") ==
          ok);
  }
}

TEST_CASE("deep nesting is refused instead of exhausting the stack") {
  const std::size_t many = 200'000;
  for (const std::string& text : {
           "[" + repeated("a.", many) + "a]\n",
           repeated("a.", many) + "a = 1\n",
           repeated("a . ", many) + "a = 1\n",
           repeated("'a'.", many) + "a = 1\n",
           repeated("\"\\\"\".", many) + "a = 1\n",
           "x = '''\n'''\n" + repeated("a.", many) + "a = 1\n",
           "x = \"\"\"a\"\"\"\"\"\n" + repeated("a.", many) + "a = 1\n",
           "x = \"\"\n" + repeated("a.", many) + "a = 1\n",
           "x = " + repeated("[", many),
           "x = " + repeated("{a=", many),
           "x = " + repeated("{'.'.a=", many / 2),
           "x = [\n" + repeated("{a.a.a.a.a.a.a.a = [\n", 30'000),
       }) {
    const std::string error = error_of(text);
    CAPTURE(text.substr(0, 40), error);
    CHECK((error.find("dots outside strings") != std::string::npos ||
           error.find("nested too deep") != std::string::npos));
  }
}

TEST_CASE("dots in strings, comments and on many lines are no nesting") {
  CHECK(error_of("# " + repeated(". ", 100) + "\n[broker]\nrealm = \"" + repeated("a.", 60) +
                 "\" # " + repeated("a.", 60) + "\n") == "no error");
  CHECK(error_of("[relay]\nurls = [" + repeated("'turn:a.b.c.example.org',", 30) + "]\n") ==
        "no error");
  CHECK(error_of("[broker]\nrealm = '''" + repeated("a.", 60) + "'''\n") == "no error");
  CHECK(error_of("[broker]\nrealm = \"\"\"\\\n" + repeated("a.", 60) + "\\\n\"\"\"\n") ==
        "no error");
}

TEST_CASE("many CSPs load") {
  std::string text = "[broker]\nsecret = \"0123456789abcdef\"\n";
  for (int i = 0; i < 4'000; ++i)
    text += "[csp.c" + std::to_string(i) + ".quota.audio]\nvolume = \"1 GB\"\nperiod = \"day\"\n";
  CHECK(error_of(text) == "no error");
}
