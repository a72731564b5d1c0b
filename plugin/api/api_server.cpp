#include "api/api_server.h"

#include <exception>
#include <utility>

#include "api/events_guard.h"
#include "api/listen.h"
#include "api/routes.h"
#include "api/thread_priority.h"
#include "background_thread.h"

namespace plugin {

namespace {

// On a machine with one or two cores a flood of requests must not take the relay threads' time: ten
// steps leave the API a tenth of a core that they want, and all of one that they do not.
constexpr int api_nice_steps = 10;

http::Limits limits_of(const broker::HttpConfig& config) {
  constexpr std::size_t excess_max = 64;
  http::Limits limits;
  limits.body_octets_max = 16 * 1024;  // the longest request is a few hundred octets
  limits.connections_max = config.connections_max;
  limits.connections_excess_max = excess_max;
  limits.connections_per_address = config.connections_per_address;
  limits.addresses_unbounded = config.trusted_proxies;
  limits.streams_max = config.watchers_max;
  return limits;
}

std::string name_of_certificate(const broker::HttpConfig& config) {
  return config.certificate + '\n' + config.private_key + '\n' + config.tls_digest;
}

}  // namespace

ApiServer::ApiServer(const Host& host, const Clock& clock, const StandingBoard& board,
                     BrokerDesk& desk, const FleetView& fleet)
    : host_(host),
      context_{.board = board, .clock = clock, .desk = desk, .fleet = fleet},
      base_(::event_base_new()),
      loop_(std::make_shared<ThreadLoop>(base_.get())),
      hub_(base_.get(), board, clock, {}, [this](std::uint64_t events) {
        host_.warning("HTTP API: {} events came faster than they could be told and are lost",
                      events);
      }) {
  add_api_routes(router_, context_, loop_);
  router_.add_stream("GET", "/v1/events", guarded_events(context_, hub_));
}

ApiServer::~ApiServer() { stop(); }

broker::Status ApiServer::start(const std::shared_ptr<const broker::Config>& config) {
  hub_.configure(*config);
  server_ = std::make_unique<http::Server>(base_.get(), router_, limits_of(config->http));
  if (!config->http.listen_tls.empty())
    if (auto status = use_certificate(config->http); !status) return status;
  if (auto status = listen(config->http.listen, false); !status) return status;
  if (auto status = listen(config->http.listen_tls, true); !status) return status;
  thread_ = background_thread([this] { run(); });
  return broker::Nothing{};
}

void ApiServer::run() {
  if (auto status = make_thread_nicer(api_nice_steps); !status)
    host_.warning("HTTP API: its thread keeps the relay threads' priority: {}",
                  status.error().message);
  ::event_base_loop(base_.get(), EVLOOP_NO_EXIT_ON_EMPTY);
}

broker::Status ApiServer::listen(const std::vector<std::string>& addresses, bool tls) {
  for (const std::string& address : addresses) {
    auto listener = listen_on_tcp(address);
    if (!listener) return listener.error();
    UniqueFd fd = std::move(listener.value().fd);
    if (auto status = tls ? server_->serve_tls(std::move(fd)) : server_->serve(std::move(fd));
        !status)
      return broker::Error{address + ": " + status.error().message};
    urls_.push_back((tls ? "https://" : "http://") + listener.value().address);
  }
  return broker::Nothing{};
}

void ApiServer::stop() {
  loop_->stop();
  if (thread_.joinable()) thread_.join();
  server_.reset();
  loop_->detach();
}

void ApiServer::configure(const std::shared_ptr<const broker::Config>& config) {
  [[maybe_unused]] const bool posted = loop_->post([this, config] { apply(*config); });
}

broker::Status ApiServer::use_certificate(const broker::HttpConfig& config) {
  auto context = http::TlsContext::load(config.certificate, config.private_key);
  if (!context) return context.error();
  server_->use_tls(std::move(context).value());
  tls_shown_ = name_of_certificate(config);
  return broker::Nothing{};
}

void ApiServer::apply(const broker::Config& whole) {
  const broker::HttpConfig& config = whole.http;
  hub_.configure(whole);
  server_->set_limits(limits_of(config));
  const bool over_tls = !tls_shown_.empty();
  if (!over_tls || config.certificate.empty() || !config.tls_problem.empty() ||
      name_of_certificate(config) == tls_shown_)
    return;
  // Two files are seldom written at the same moment: what does not fit together is not used.
  if (auto status = use_certificate(config); !status)
    host_.error("HTTP API: {}; the earlier certificate stays", status.error().message);
  else
    host_.info("HTTP API: new certificate from {}", config.certificate);
}

}  // namespace plugin
