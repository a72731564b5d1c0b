#include "support/child_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "support/descriptor.h"
#include "support/temp_dir.h"
#include "support/wait_until.h"

extern char** environ;

namespace turntest {

struct ChildProcess::Output {
  Descriptor pipe;
  mutable std::mutex mutex;
  std::string text;    ///< guarded by mutex
  bool ended = false;  ///< guarded by mutex
  Event changed;
  std::thread reader;

  void read_all() {
    char buffer[16384];
    for (;;) {
      const ssize_t size = ::read(pipe.get(), buffer, sizeof buffer);
      if (size < 0 && errno == EINTR) continue;
      {
        const std::lock_guard lock(mutex);
        if (size > 0) text.append(buffer, static_cast<std::size_t>(size));
        if (text.size() > output_octets_max) text.erase(0, text.size() - output_octets_max);
        ended = size <= 0;
      }
      changed.notify();
      if (size <= 0) return;
    }
  }
};

namespace {

struct Pipe {
  Descriptor reads, writes;
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
      throw std::system_error(errno, std::generic_category(), "no pipe");
    reads = Descriptor(ends[0]);
    writes = Descriptor(ends[1]);
  }
};

/// Everything exec needs, made before fork: between fork and exec nothing may allocate.
struct Image {
  std::vector<std::string> arguments, environment;
  std::vector<char*> argv, envp;

  explicit Image(const ChildOptions& options) : arguments(options.arguments) {
    arguments.insert(arguments.begin(), options.program.string());
    std::map<std::string, std::string> variables = options.environment;
    for (char** entry = environ; *entry != nullptr; ++entry) {
      const std::string text = *entry;
      variables.emplace(text.substr(0, text.find('=')), text.substr(text.find('=') + 1));
    }
    for (const auto& [name, value] : variables) environment.push_back(name + "=" + value);
    for (std::string& text : arguments) argv.push_back(text.data());
    for (std::string& text : environment) envp.push_back(text.data());
    argv.push_back(nullptr);
    envp.push_back(nullptr);
  }
};

}  // namespace

ChildProcess::ChildProcess(const ChildOptions& options) : output_(std::make_unique<Output>()) {
  Image image(options);
  Pipe out, in, failure;
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "cannot fork");
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    sigset_t none;
    ::sigemptyset(&none);
    ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    ::dup2(in.reads.get(), STDIN_FILENO);
    ::dup2(out.writes.get(), STDOUT_FILENO);
    ::dup2(out.writes.get(), STDERR_FILENO);
    if (::chdir(options.directory.c_str()) == 0)
      ::execve(options.program.c_str(), image.argv.data(), image.envp.data());
    const int error = errno;
    if (::write(failure.writes.get(), &error, sizeof error) < 0) ::_exit(126);
    ::_exit(127);
  }
  out.writes.reset();
  in.reads.reset();
  failure.writes.reset();
  int error = 0;
  if (::read(failure.reads.get(), &error, sizeof error) == sizeof error) {
    ::waitpid(pid_, nullptr, 0);
    throw std::system_error(error, std::generic_category(),
                            "cannot start " + options.program.string());
  }
  if (options.keep_stdin_open) stdin_ = ::fcntl(in.writes.get(), F_DUPFD_CLOEXEC, 0);
  output_->pipe = std::move(out.reads);
  output_->reader = std::thread([output = output_.get()] { output->read_all(); });
}

ChildProcess::~ChildProcess() {
  kill();
  close_stdin();
  output_->reader.join();
}

void ChildProcess::close_stdin() {
  if (stdin_ >= 0) ::close(stdin_);
  stdin_ = -1;
}

bool ChildProcess::running() {
  if (exited_) return false;
  int status = 0;
  const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
  if (ended == 0) return true;
  exited_ = ended != pid_         ? ExitStatus{}
            : WIFSIGNALED(status) ? ExitStatus{0, WTERMSIG(status)}
                                  : ExitStatus{WEXITSTATUS(status), 0};
  return false;
}

void ChildProcess::signal(int number) const {
  if (!exited_) ::kill(pid_, number);
}

std::optional<ExitStatus> ChildProcess::wait_exit(Milliseconds timeout) {
  const TimePoint deadline = Clock::now() + timeout;
  if (!wait_until(timeout, [&] { return !running(); })) return std::nullopt;
  // A grandchild may hold the pipe open; then the output is what there is by the deadline.
  wait_until(
      Milliseconds(poll_timeout_ms(deadline)),
      [&] {
        const std::lock_guard lock(output_->mutex);
        return output_->ended;
      },
      &output_->changed);
  return exited_;
}

void ChildProcess::kill() {
  if (!running()) return;
  ::kill(pid_, SIGKILL);
  wait_until(Milliseconds(60000), [&] { return !running(); });
}

ExitStatus ChildProcess::stop(Milliseconds timeout) {
  signal(SIGTERM);
  if (!wait_exit(timeout)) kill();
  return exited_.value_or(ExitStatus{0, SIGKILL});
}

std::string ChildProcess::output() const {
  const std::lock_guard lock(output_->mutex);
  return output_->text;
}

bool ChildProcess::wait_output(std::string_view text, Milliseconds timeout) {
  bool found = false;
  wait_until(
      timeout,
      [&] {
        const std::lock_guard lock(output_->mutex);
        found = output_->text.find(text) != std::string::npos;
        return found || output_->ended;
      },
      &output_->changed);
  return found;
}

std::uint64_t ChildProcess::rss_octets() const {
  const std::string statm = read_file("/proc/" + std::to_string(pid_) + "/statm");
  const std::size_t blank = statm.find(' ');
  if (blank == std::string::npos) return 0;
  return std::stoull(statm.substr(blank + 1)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

double ChildProcess::cpu_seconds() const {
  // The program's name, in parentheses, may hold anything; the numbers follow the last parenthesis.
  const std::string stat = read_file("/proc/" + std::to_string(pid_) + "/stat");
  std::size_t at = stat.rfind(')');
  if (at == std::string::npos) return 0;
  double ticks = 0;
  for (int field = 3; field <= 15; ++field) {
    at = stat.find(' ', at + 1);
    if (at == std::string::npos) return 0;
    if (field >= 14) ticks += std::stod(stat.substr(at));
  }
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

std::size_t ChildProcess::open_descriptors() const {
  std::error_code error;
  std::size_t count = 0;
  const std::filesystem::path directory = "/proc/" + std::to_string(pid_) + "/fd";
  for (auto entry = std::filesystem::directory_iterator(directory, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error))
    ++count;
  return count;
}

RunResult run_to_end(const ChildOptions& options, Milliseconds timeout) {
  ChildProcess child(options);
  const auto exit = child.wait_exit(timeout);
  if (!exit)
    throw std::runtime_error(options.program.string() + " did not end in time; its output:\n" +
                             child.output());
  return {*exit, child.output()};
}

}  // namespace turntest
