// A back end of a CSP's: a small HTTP server on loopback that answers as the test says.
// Owner: the test. Threads: any.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "unique_fd.h"

namespace testing {

struct ReceivedPost {
  std::string path;
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
};

class WebhookReceiver {
 public:
  /// Has a port, and refuses connections until it listens.
  WebhookReceiver();
  ~WebhookReceiver();
  WebhookReceiver(const WebhookReceiver&) = delete;
  WebhookReceiver& operator=(const WebhookReceiver&) = delete;

  void listen();
  [[nodiscard]] std::string url(const std::string& path = "/hook") const;

  static constexpr int hang = 0;  ///< takes the request and never answers
  /// What the next requests are answered with.
  void answer(int status, const std::string& more_headers = "");

  /// Requests so far, whatever was answered; waits until there are that many. Fewer after ten seconds.
  [[nodiscard]] std::vector<ReceivedPost> wait_for(std::size_t count);
  [[nodiscard]] std::vector<ReceivedPost> posts() const;

 private:
  void run();
  void serve(plugin::UniqueFd connection);

  plugin::UniqueFd socket_;
  plugin::UniqueFd stop_;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable received_;
  std::vector<ReceivedPost> posts_;
  int status_ = 200;
  std::string more_headers_;
  std::vector<plugin::UniqueFd> hanging_;
  std::thread thread_;
};

}  // namespace testing
