// The control socket as a file: who may open it, and what happens to what is already there.
#include <sys/file.h>
#include <sys/stat.h>

#include <fstream>

#include "ctl/unix_listener.h"
#include "ctl_fixture.h"

using namespace ctl_test;
using Catch::Matchers::Contains;

namespace {

struct stat file_at(const std::string& path) {
  struct stat file {};
  REQUIRE(::lstat(path.c_str(), &file) == 0);
  return file;
}

// What a process leaves that was killed: a name with nobody behind it.
void leave_stale_socket(const std::string& path) {
  const plugin::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
}

std::string error_of(const std::string& path) {
  const auto listener = plugin::listen_on_unix_socket(path);
  return listener ? "" : listener.error().message;
}

}  // namespace

TEST_CASE("the control socket has mode 0600 even with an umask of 0, which stays as it was") {
  const turntest::TempDir directory;
  const std::string path = directory / "control.sock";
  const mode_t before = ::umask(0);
  const auto listener = plugin::listen_on_unix_socket(path);
  CHECK(::umask(before) == 0);
  REQUIRE(listener);
  CHECK(S_ISSOCK(file_at(path).st_mode));
  CHECK((file_at(path).st_mode & 07777U) == 0600U);
}

TEST_CASE("the control socket answers while the server lives and its file goes with it") {
  const turntest::TempDir directory;
  const std::string path = directory / "control.sock";
  FakeControl control;
  {
    const RunningServer server(control, path);
    CHECK_THAT(get_status(path), Contains("HTTP/1.1 200 OK"));
  }
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("the socket file of a dead process is replaced") {
  const turntest::TempDir directory;
  const std::string path = directory / "control.sock";
  leave_stale_socket(path);
  FakeControl control;
  const RunningServer server(control, path);
  CHECK_THAT(get_status(path), Contains("HTTP/1.1 200 OK"));
}

TEST_CASE("the socket of a living process is an error and stays in use") {
  const turntest::TempDir directory;
  const std::string path = directory / "control.sock";
  FakeControl control;
  const RunningServer server(control, path);
  CHECK(error_of(path) == "control socket " + path + ": another process is listening on it");
  CHECK_THAT(get_status(path), Contains("HTTP/1.1 200 OK"));
}

TEST_CASE("a file that is no socket is not replaced by the control socket") {
  const turntest::TempDir directory;
  const std::string path = directory / "control.sock";
  std::ofstream(path) << "precious";
  CHECK(error_of(path) ==
        "control socket " + path + ": a file that is not a socket is in its place");
  CHECK(std::filesystem::file_size(path) == 8);
}

TEST_CASE("a control socket's path that does not fit a socket address is named with its limit") {
  const turntest::TempDir directory;
  const std::string path = directory / std::string(120, 'x');
  CHECK_THAT(error_of(path), Contains("its path has " + std::to_string(path.size()) +
                                      " octets; allowed: 1 to 107"));
  const std::string longest = directory / std::string(plugin::unix_socket_path_octets_max() -
                                                          directory.path().native().size() - 1,
                                                      'y');
  CHECK(error_of(longest).empty());
}

TEST_CASE(
    "a control socket in a directory that does not exist is an error with the system's reason") {
  const turntest::TempDir directory;
  const std::string path = directory / "missing/control.sock";
  CHECK(error_of(path) ==
        "control socket " + path + ": cannot open its directory: No such file or directory");
}

TEST_CASE("a socket file that took the name meanwhile is left alone") {
  const turntest::TempDir directory;
  const std::string path = directory / "control.sock";
  {
    const auto listener = plugin::listen_on_unix_socket(path);
    REQUIRE(listener);
    // Renamed, not removed, so that the new file cannot get the old one's inode number.
    std::filesystem::rename(path, directory / "moved.sock");
    leave_stale_socket(path);
  }
  CHECK(std::filesystem::exists(path));
}

TEST_CASE("of two processes that start at once one does not take the socket from the other") {
  const turntest::TempDir directory;
  const plugin::UniqueFd other(::open(directory.path().c_str(), O_RDONLY | O_DIRECTORY));
  REQUIRE(::flock(other.get(), LOCK_EX) == 0);
  CHECK_THAT(error_of(directory / "control.sock"), Contains("cannot lock its directory"));
}
