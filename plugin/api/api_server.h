// The HTTP API of [broker.http]: its thread, its event base, its servers.
// Owner: the broker. Threads: make, start, stop and destroy it on one thread; configure any;
// handlers run on the HTTP thread.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "api/api_context.h"
#include "api/event_hub.h"
#include "api/thread_loop.h"
#include "broker/config.h"
#include "broker/result.h"
#include "host.h"
#include "http/handles.h"
#include "http/router.h"
#include "http/server.h"

namespace plugin {

class ApiServer {
 public:
  /// All but `host` is borrowed and outlives the server. Throws std::bad_alloc, std::system_error.
  ApiServer(const Host& host, const Clock& clock, const StandingBoard& board, BrokerDesk& desk,
            const FleetView& fleet);
  ~ApiServer();
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  /// Where events are to be posted for those who watch; any thread, also after stop().
  [[nodiscard]] EventSink& events() { return hub_; }

  /// Binds every address and loads the certificate; serves once it returns, and `board` must have a
  /// standing. The error names the address or the file.
  [[nodiscard]] broker::Status start(const std::shared_ptr<const broker::Config>& config);
  /// Ends the connections and the thread. What is posted later is refused.
  void stop();

  /// A reloaded configuration: certificates and limits. Addresses stay.
  void configure(const std::shared_ptr<const broker::Config>& config);

  /// Where it serves: "http://127.0.0.1:8080", "https://[::1]:8443".
  [[nodiscard]] const std::vector<std::string>& urls() const { return urls_; }

 private:
  void run();
  [[nodiscard]] broker::Status listen(const std::vector<std::string>& addresses, bool tls);
  [[nodiscard]] broker::Status use_certificate(const broker::HttpConfig& config);
  void apply(const broker::Config& whole);

  Host host_;
  ApiContext context_;
  http::EventBaseHandle base_;
  std::shared_ptr<ThreadLoop> loop_;
  EventHub hub_;
  http::Router router_;
  std::unique_ptr<http::Server> server_;
  std::string tls_shown_;  ///< names the certificate that is shown: its files and their digest
  std::vector<std::string> urls_;
  std::thread thread_;
};

}  // namespace plugin
