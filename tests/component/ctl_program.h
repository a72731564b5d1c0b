// turnbrokerctl as a child process, and a fake broker that it asks.
// Owner: each test. Threads: as ctl_fixture.h says.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "ctl_fixture.h"

namespace ctl_test {

struct Ran {
  int exit_code = -1;
  std::string out;
  std::string err;
};

/// Reads both pipes until they end; throws when that takes longer than any sane run.
inline void drain(int out, int err, Ran& ran) {
  const auto deadline = Clock::now() + std::chrono::seconds(20);
  std::array<pollfd, 2> pipes{{{out, POLLIN, 0}, {err, POLLIN, 0}}};
  std::array<std::string*, 2> texts{&ran.out, &ran.err};
  while (pipes[0].fd >= 0 || pipes[1].fd >= 0) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
    if (left <= 0 || ::poll(pipes.data(), pipes.size(), static_cast<int>(left)) <= 0)
      throw std::runtime_error("turnbrokerctl does not end");
    for (std::size_t i = 0; i < 2; ++i) {
      if (pipes[i].fd < 0 || pipes[i].revents == 0) continue;
      std::array<char, 65536> chunk{};
      const ssize_t got = ::read(pipes[i].fd, chunk.data(), chunk.size());
      if (got > 0)
        texts[i]->append(chunk.data(), static_cast<std::size_t>(got));
      else
        pipes[i].fd = -1;
    }
  }
}

inline Ran run(std::vector<std::string> arguments, const std::string& environment = "X=1") {
  std::array<int, 2> out{};
  std::array<int, 2> err{};
  REQUIRE(::pipe2(out.data(), O_CLOEXEC) == 0);
  REQUIRE(::pipe2(err.data(), O_CLOEXEC) == 0);
  const plugin::UniqueFd out_end(out[0]);
  const plugin::UniqueFd err_end(err[0]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
  arguments.insert(arguments.begin(), "turnbrokerctl");
  std::vector<char*> argv;
  for (std::string& each : arguments) argv.push_back(each.data());
  argv.push_back(nullptr);
  std::string variable = environment;
  std::array<char*, 2> environ_of_child{variable.data(), nullptr};
  pid_t child = 0;
  const int spawned =
      ::posix_spawn(&child, TURNBROKERCTL, &actions, nullptr, argv.data(), environ_of_child.data());
  posix_spawn_file_actions_destroy(&actions);
  ::close(out[1]);
  ::close(err[1]);
  REQUIRE(spawned == 0);
  Ran ran;
  try {
    drain(out_end.get(), err_end.get(), ran);
  } catch (const std::exception&) {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    throw;
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  ran.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ran;
}

struct Broker {
  turntest::TempDir directory;
  FakeControl control;
  std::string path = directory / "control.sock";
  std::unique_ptr<RunningServer> server;

  Ran ask(std::vector<std::string> arguments) {
    if (!server) server = std::make_unique<RunningServer>(control, path);
    arguments.insert(arguments.begin(), {"--socket", path});
    return run(std::move(arguments));
  }
};

}  // namespace ctl_test
