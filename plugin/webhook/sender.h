// HTTP POSTs, many at once, with libcurl.
// Owner: Webhooks. Threads: one thread; wake() any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace plugin {

struct SenderLimits {
  std::int64_t connect_ms = 5'000;
  std::int64_t total_ms = 10'000;  ///< of one request
  std::size_t requests_max = 256;  ///< at once
  std::size_t answer_octets_max =
      65'536;  ///< that are read; of what they say only the status counts
};

struct SendRequest {
  std::string url;  ///< http: or https:; may hold a secret, and is never logged
  std::string body;
  std::vector<std::string> headers;  ///< "Name: value"
};

struct SendOutcome {
  std::string key;
  std::string problem;  ///< empty: the answer was 2xx. Else one that holds no part of the URL
};

class Sender {
 public:
  /// Throws std::bad_alloc.
  explicit Sender(const SenderLimits& limits = {});
  ~Sender();
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  [[nodiscard]] bool has_room() const { return transfers_.size() < limits_.requests_max; }
  /// Starts a request; one per key at a time. False when libcurl cannot.
  [[nodiscard]] bool start(const std::string& key, const SendRequest& request);
  /// Ends a request without an outcome.
  void cancel(const std::string& key);

  /// Waits until a request gets on, wake(), or the time is over.
  void wait(std::int64_t timeout_ms);
  /// Makes requests get on. Those that have ended.
  [[nodiscard]] std::vector<SendOutcome> perform();
  void wake();

 private:
  struct Curl;
  struct Transfer;

  SenderLimits limits_;
  std::unique_ptr<Curl> curl_;
  std::map<std::string, std::unique_ptr<Transfer>> transfers_;
};

}  // namespace plugin
