// A program started by a test: its output is captured, it is ended by its pid and never outlives
// the thread that started it. Owner: the test. Threads: has one of its own that reads the output;
// members from one thread at a time.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/bytes.h"

namespace turntest {

struct ChildOptions {
  std::filesystem::path program;
  std::vector<std::string> arguments{};
  std::filesystem::path directory = ".";
  std::map<std::string, std::string> environment{};  ///< on top of ours
  bool keep_stdin_open = false;                      ///< see close_stdin()
};

/// exited with a status, or ended by a signal; the other is 0.
struct ExitStatus {
  int status = 0;
  int signal = 0;
};

class ChildProcess {
 public:
  /// What the output is cut to; its oldest part goes first.
  static constexpr std::size_t output_octets_max = 16 << 20;

  /// Throws std::runtime_error when the program cannot be started.
  explicit ChildProcess(const ChildOptions& options);
  /// Kills what still runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool running();
  void signal(int number) const;
  void close_stdin();
  /// nullopt at the deadline.
  std::optional<ExitStatus> wait_exit(Milliseconds timeout);
  /// SIGKILL, and waits until it is gone.
  void kill();
  /// SIGTERM, and SIGKILL when that did not do within `timeout`: long, as the kernel may take its time to
  /// free what a process held.
  ExitStatus stop(Milliseconds timeout = Milliseconds(60000));

  /// stdout and stderr as they came; complete once wait_exit() succeeded.
  [[nodiscard]] std::string output() const;
  /// True once the output holds `text`; false at the deadline or when the program ended without it.
  bool wait_output(std::string_view text, Milliseconds timeout);

  [[nodiscard]] std::uint64_t rss_octets() const;
  [[nodiscard]] double cpu_seconds() const;
  [[nodiscard]] std::size_t open_descriptors() const;

 private:
  struct Output;
  pid_t pid_ = -1;
  int stdin_ = -1;
  std::optional<ExitStatus> exited_;
  std::unique_ptr<Output> output_;
};

struct RunResult {
  ExitStatus exit;
  std::string output;
};

/// Runs a program to its end. Throws std::runtime_error, with its output, when it does not end in
/// time.
[[nodiscard]] RunResult run_to_end(const ChildOptions& options,
                                   Milliseconds timeout = Milliseconds(30000));

}  // namespace turntest
