#include "redis/client.h"

#include <openssl/rand.h>

#include <algorithm>
#include <iterator>
#include <new>
#include <utility>

#include "redis/dispatcher.h"
#include "redis/listener.h"
#include "redis/route.h"
#include "redis/slot.h"

namespace plugin::redis {

namespace {

constexpr std::int64_t tick_ms_min = 5;
constexpr std::int64_t tick_ms_max = 100;

/// Often enough for the shortest of the times that are watched.
std::int64_t tick_ms(const broker::RedisConfig& config, const Tuning& tuning) {
  constexpr std::int64_t part = 5;
  const std::int64_t shortest =
      std::min({config.timeout_ms, config.connect_timeout_ms, tuning.ping_interval_ms});
  return std::clamp(shortest / part, tick_ms_min, tick_ms_max);
}

std::uint64_t seed_of(const Tuning& tuning) {
  std::uint64_t seed = tuning.seed;
  if (seed == 0) RAND_bytes(reinterpret_cast<unsigned char*>(&seed), sizeof seed);
  return seed;
}

}  // namespace

class Client::Parts {
 public:
  Parts(event_base* base, const broker::RedisConfig& config, std::optional<ClientTls> tls,
        const Clock& clock, const Host& host, const Tuning& tuning)
      : config_(config),
        tuning_(tuning),
        tls_(std::move(tls)),
        random_(seed_of(tuning)),
        world_{base, config_, clock, host, tuning_, tls_ ? &*tls_ : nullptr, random_},
        dispatcher_(world_),
        route_(make_route(world_, {.usable = [this](Link& link) { usable(link); },
                                   .changed = [this] { dispatcher_.flush(); }})),
        ticker_(event_new(base, -1, EV_PERSIST, on_tick, this)) {
    dispatcher_.use(*route_);
    const std::int64_t ms = tick_ms(config_, tuning_);
    const timeval interval{ms / 1'000, static_cast<suseconds_t>(ms % 1'000 * 1'000)};
    if (!ticker_ || event_add(ticker_.get(), &interval) != 0) throw std::bad_alloc();
    route_->tick();
  }

  Dispatcher& dispatcher() { return dispatcher_; }
  [[nodiscard]] Route& route() const { return *route_; }
  [[nodiscard]] std::string subscription_problem() const {
    return listener_ ? listener_->problem() : "";
  }
  void on_server(std::function<void(const Server&)> handler) { on_server_ = std::move(handler); }
  void listen(std::vector<std::string> channels, OnMessage on_message,
              std::function<void()> on_subscribed) {
    listener_ = std::make_unique<Listener>(world_, *route_, std::move(channels),
                                           std::move(on_message), std::move(on_subscribed));
  }

 private:
  static void on_tick(evutil_socket_t, short, void* self) { static_cast<Parts*>(self)->tick(); }

  void tick() {
    route_->tick();
    if (listener_) listener_->tick();
    dispatcher_.flush();
  }

  void usable(Link& link) {
    if (on_server_) on_server_(link.server());
    dispatcher_.flush();
  }

  const broker::RedisConfig config_;
  const Tuning tuning_;
  const std::optional<ClientTls> tls_;
  Random random_;
  const LinkWorld world_;
  std::function<void(const Server&)> on_server_;
  Dispatcher dispatcher_;
  std::unique_ptr<Route> route_;
  std::unique_ptr<Listener> listener_;
  http::EventHandle ticker_;
};

broker::Result<std::unique_ptr<Client>> Client::start(event_base* base,
                                                      const broker::RedisConfig& config,
                                                      const Clock& clock, const Host& host,
                                                      const Tuning& tuning) {
  if (config.addresses.empty()) return broker::Error{"broker.store.url: no server is given"};
  std::optional<ClientTls> tls;
  if (config.tls) {
    auto loaded = ClientTls::load(config);
    if (!loaded) return loaded.error();
    tls = std::move(loaded).value();
  }
  return std::unique_ptr<Client>(
      new Client(std::make_unique<Parts>(base, config, std::move(tls), clock, host, tuning)));
}

Client::Client(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Client::~Client() = default;

void Client::call(Command command, Done done) {
  if (command.arguments.empty()) return done(broker::Error{"a Redis command without a name"});
  parts_->dispatcher().submit(std::move(command), nullptr, std::move(done));
}

void Client::eval(const Script& script, std::vector<std::string> keys,
                  std::vector<std::string> arguments, Done done, const EvalOptions& options) {
  Command command;
  command.routing_key = keys.empty() ? "" : keys.front();
  command.replicas_wanted = options.replicas_wanted;
  command.arguments = {"EVALSHA", script.sha1, std::to_string(keys.size())};
  std::move(keys.begin(), keys.end(), std::back_inserter(command.arguments));
  if (options.run_id_argument)
    command.run_id_argument = command.arguments.size() + *options.run_id_argument;
  std::move(arguments.begin(), arguments.end(), std::back_inserter(command.arguments));
  parts_->dispatcher().submit(std::move(command), &script, std::move(done));
}

void Client::on_server(std::function<void(const Server&)> handler) {
  parts_->on_server(std::move(handler));
}

void Client::subscribe(std::vector<std::string> channels, OnMessage on_message,
                       std::function<void()> on_subscribed) {
  if (channels.empty() || channels.size() > channels_max) return;
  parts_->listen(std::move(channels), std::move(on_message), std::move(on_subscribed));
}

std::string Client::subscription_problem() const { return parts_->subscription_problem(); }

bool Client::reaches(const std::string& key) const {
  return parts_->route().pick(slot_of(key)) != nullptr;
}

std::string Client::problem() const { return parts_->route().problem(); }

std::int64_t Client::last_contact_ms() const { return parts_->route().last_contact_ms(); }

}  // namespace plugin::redis
