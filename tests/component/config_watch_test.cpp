// What an editor, a package manager and an orchestrator do to files is seen, once, after a look's rest.
#include "broker/config_watch.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>

#include "config_files.h"
#include "support/temp_dir.h"

namespace {

namespace fs = std::filesystem;

void write(const fs::path& file, const std::string& text) { std::ofstream(file) << text; }

struct Watched {
  turntest::TempDir directory;
  fs::path main{directory.path() / "main.toml"};
  fs::path included{directory.path() / "csp.d"};
  plugin::ConfigWatch watch{plugin::real_config_files()};

  Watched() {
    fs::create_directory(included);
    write(main, "one");
    write(included / "a.toml", "a");
    watch.watch({main, included / "a.toml"}, {included / "*.toml"});
    // Not seen before: it may have changed since it was loaded.
    CHECK_FALSE(watch.look());
    CHECK(watch.look());
    CHECK_FALSE(watch.look());
  }

  /// The change is told at the second look after it, and not again.
  void told_once() {
    CHECK_FALSE(watch.look());
    CHECK(watch.look());
    CHECK_FALSE(watch.look());
    CHECK_FALSE(watch.look());
  }
};

}  // namespace

TEST_CASE("every way to change a configuration is seen") {
  Watched files;
  SECTION("written in place") { write(files.main, "another"); }
  SECTION("renamed over, with the same size") {
    write(files.main.string() + ".new", "two");
    fs::rename(files.main.string() + ".new", files.main);
  }
  SECTION("a file that the pattern matches comes") { write(files.included / "b.toml", "b"); }
  SECTION("a file that the pattern matched goes") { fs::remove(files.included / "a.toml"); }
  SECTION("the main file goes") { fs::remove(files.main); }
  SECTION("the directory of the pattern goes") { fs::remove_all(files.included); }
  SECTION("permissions change") { fs::permissions(files.main, fs::perms::owner_read); }
  files.told_once();
}

TEST_CASE("a symbolic link that moves is a change, as is a change behind it") {
  Watched files;
  const fs::path directory(files.directory.path());
  for (const char* version : {"v1", "v2"}) {
    fs::create_directory(directory / version);
    write(directory / version / "x.toml", version);
  }
  fs::create_directory_symlink(directory / "v1", directory / "current");
  files.watch.watch({directory / "current" / "x.toml"}, {});
  files.told_once();

  fs::create_directory_symlink(directory / "v2", directory / "next");
  fs::rename(directory / "next", directory / "current");
  files.told_once();

  write(directory / "v2" / "x.toml", "longer than before");
  files.told_once();
}

TEST_CASE("what is not watched is not told") {
  Watched files;
  write(files.included / "notes.txt", "n");
  write(files.directory.path() / "other.toml", "o");
  for (int i = 0; i < 4; ++i) CHECK_FALSE(files.watch.look());
}

TEST_CASE(
    "a directory that is never quiet is loaded all the same, and last when it is quiet again") {
  Watched files;
  std::string text = "x";
  int told = 0;
  for (int i = 0; i < 10; ++i) {
    write(files.main, text += "x");
    told += files.watch.look() ? 1 : 0;
  }
  CHECK(told == 5);
  write(files.main, text += "x");
  files.told_once();
}
