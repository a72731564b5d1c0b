// Whether the relay lets its calls run out, how long, and what comes then.
// Owner: the broker. Threads: the broker thread. A value; times are a steady clock's, in
// milliseconds.
#pragma once

#include <cstdint>
#include <optional>

namespace plugin {

class Drain {
 public:
  /// What is to be done now.
  enum class Step : std::uint8_t {
    none,
    cut,   ///< the time is over, and the server stays: what is left is to be ended
    stop,  ///< no allocation is left, or the time is over: the host is to be asked to stop
  };

  /// Takes the place of what was asked before. Without a deadline it takes as long as it takes.
  void begin(std::optional<std::int64_t> deadline_ms, bool stay);
  /// The server was told to stop: it does not stay, and no deadline becomes later. There is no way
  /// back.
  void begin_by_signal(std::int64_t deadline_ms);
  /// Clients are taken again.
  void cancel() { *this = Drain(); }

  [[nodiscard]] bool active() const { return active_; }
  [[nodiscard]] bool stay() const { return stay_; }
  [[nodiscard]] bool by_signal() const { return by_signal_; }
  [[nodiscard]] std::optional<std::int64_t> deadline_ms() const { return deadline_ms_; }

  /// `empty`: there is no allocation, nor can there be another one.
  [[nodiscard]] Step step(bool empty, std::int64_t now_ms) const;

 private:
  bool active_ = false;
  bool stay_ = false;
  bool by_signal_ = false;
  std::optional<std::int64_t> deadline_ms_;
};

}  // namespace plugin
