#include "redis/link.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <utility>

#include "redis/greeting.h"
#include "redis/refusal.h"

namespace plugin::redis {

namespace {

/// A connection that lasted as long was no failed attempt.
constexpr std::int64_t settled_ms = 2'000;

/// Waiting for replicas ends before the answer is overdue, even behind another wait.
std::int64_t wait_ms(const broker::RedisConfig& config) { return config.timeout_ms / 3; }

void run_ended(evutil_socket_t, short, void* work) {
  (*static_cast<std::function<void()>*>(work))();
}

}  // namespace

std::string encode(const std::vector<std::string>& arguments) {
  constexpr std::size_t overhead_octets = 24;
  std::size_t octets = overhead_octets;
  for (const std::string& argument : arguments) octets += argument.size() + overhead_octets;
  std::string wire;
  wire.reserve(octets);  // once, as the wiping of a password reaches one copy only
  wire += '*' + std::to_string(arguments.size()) + "\r\n";
  for (const std::string& argument : arguments)
    wire.append("$" + std::to_string(argument.size()) + "\r\n").append(argument).append("\r\n");
  return wire;
}

Link::Link(const LinkWorld& world, Kind kind, Handlers handlers)
    : world_(world),
      kind_(kind),
      handlers_(std::move(handlers)),
      backoff_(world.random, world.tuning.backoff_min_ms, world.tuning.backoff_max_ms),
      replicas_(
          [this](std::uint32_t replicas, auto on_reply) {
            write(
                {"WAIT", std::to_string(replicas), std::to_string(wait_ms(world_.config))},
                [on_reply](const broker::Result<Reply>& reply, std::int64_t) { on_reply(reply); });
          },
          wait_ms(world.config)),
      end_([this] { ended(); }),
      ending_(event_new(world.base, -1, 0, run_ended, &end_)) {
  if (!ending_) throw std::bad_alloc();
}

void Link::keep(const Endpoint& endpoint, bool fresh) {
  const bool other = endpoint != endpoint_;
  resting_ = false;
  endpoint_ = endpoint;
  if (state_ == State::waiting && (connect_at_ms_ == 0 || (fresh && other)))
    open();
  else if (state_ != State::waiting && other)
    end("another server took its place");
}

void Link::rest() {
  resting_ = true;
  connect_at_ms_ = 0;
  end("");
}

void Link::drop(const std::string& why) { end(why); }

void Link::open() {
  state_ = State::connecting;
  opened_ms_ = world_.clock.steady_ms();
  listening_ = false;
  pinged_ = false;
  overdue_ = false;
  server_ = {endpoint_.name(), {}, {}};
  reader_ = std::make_unique<ReplyReader>();
  auto stream = Stream::open(world_.base, endpoint_, world_.tls,
                             {.connected = [this] { greet(); },
                              .received = [this](std::string_view octets) { received(octets); },
                              .ended = [this](const std::string& why) { end(why); }});
  if (!stream) return end(stream.error().message);
  stream_ = std::move(stream).value();
}

void Link::greet() {
  if (state_ != State::connecting) return;
  state_ = State::greeting;
  const bool sentinel = kind_ == Kind::sentinel;
  const broker::RedisConfig& config = world_.config;
  auto steps = greeting({
      .username = sentinel ? config.sentinel_username : config.username,
      .password = sentinel ? config.sentinel_password : config.password,
      .database = sentinel ? 0 : config.database,
      .check_master = kind_ == Kind::master,
      .identify = !sentinel,
  });
  greeting_left_ = steps.size();
  for (GreetingStep& step : steps) {
    write(step.arguments,
          [this, check = step.check](const broker::Result<Reply>& reply, std::int64_t sent_ms) {
            if (!reply) return;
            if (const auto wrong = check(reply.value(), server_)) return end(*wrong);
            if (--greeting_left_ != 0) return;
            last_contact_ms_ = std::max(last_contact_ms_, sent_ms);
            greeted();
          });
    for (std::string& argument : step.arguments)  // one of them may be the password
      OPENSSL_cleanse(argument.data(), argument.size());
  }
}

void Link::greeted() {
  state_ = State::ready;
  ready_ms_ = world_.clock.steady_ms();
  heard_ms_ = ready_ms_;
  problem_.clear();
  trouble_.clear();
  if (kind_ != Kind::listener) stands();
  handlers_.ready(*this);
}

void Link::stands() {
  if (!std::exchange(told_problem_, {}).empty())
    world_.host.info("Redis {}: connected again", name());
}

std::string Link::name() const {
  return endpoint_.name() + (kind_ == Kind::listener ? " (subscriptions)" : "");
}

void Link::send(const std::vector<std::string>& arguments, OnReply on_reply) {
  write(arguments, std::move(on_reply));
}

void Link::write(const std::vector<std::string>& arguments, OnReply on_reply) {
  expected_.push_back({std::move(on_reply), world_.clock.steady_ms()});
  std::string wire = encode(arguments);
  stream_->write(wire);
  if (state_ == State::greeting) OPENSSL_cleanse(wire.data(), wire.size());
}

void Link::listen(const std::vector<std::string>& subscription) {
  listening_ = true;
  subscription_.clear();
  for (const std::string& word : subscription) subscription_ += word + ' ';
  stream_->write(encode(subscription));
}

void Link::received(std::string_view octets) {
  if (state_ == State::ending) return;
  heard_ms_ = world_.clock.steady_ms();
  overdue_ = false;
  reader_->feed(octets);
  while (state_ != State::ending) {
    auto reply = reader_->next();
    if (!reply) return end(reply.error().message);
    if (!reply.value()) return;
    take(*std::move(reply).value());
  }
}

void Link::take(Reply reply) {
  if (listening_) {
    pinged_ = false;
    if (reply.is_error()) return end(subscription_ + "is refused: " + one_line(reply.text));
    if (handlers_.pushed) handlers_.pushed(*this, reply);
    return;
  }
  if (expected_.empty()) return end("it sent a reply that nobody asked for");
  const Expected expected = std::move(expected_.front());
  expected_.pop_front();
  if (state_ == State::ready) last_contact_ms_ = std::max(last_contact_ms_, expected.sent_ms);
  expected.on_reply(std::move(reply), expected.sent_ms);
}

/// A master that became a replica answers PING as before, though others count on its successor.
void Link::ping() {
  const bool master = kind_ == Kind::master;
  write({master ? "ROLE" : "PING"},
        [this, master](const broker::Result<Reply>& reply, std::int64_t) {
          if (!reply) return;
          if (reply.value().is_error()) return end(one_line(reply.value().text));
          if (master && !says_master(reply.value())) end(std::string(no_master));
        });
}

void Link::tick() {
  const std::int64_t now_ms = world_.clock.steady_ms();
  switch (state_) {
    case State::waiting:
      if (connect_at_ms_ != 0 && now_ms >= connect_at_ms_) open();
      break;
    case State::connecting:
    case State::greeting:
      if (now_ms - opened_ms_ > world_.config.connect_timeout_ms)
        end_overdue("no connection within " + std::to_string(world_.config.connect_timeout_ms) +
                    " ms");
      break;
    case State::ready:
      if (listening_)
        tick_listening(now_ms);
      else
        tick_ready(now_ms);
      break;
    case State::ending: break;
  }
}

void Link::tick_ready(std::int64_t now_ms) {
  if (!expected_.empty() && now_ms - expected_.front().sent_ms > world_.config.timeout_ms)
    return end_overdue("no answer within " + std::to_string(world_.config.timeout_ms) + " ms");
  if (expected_.empty() &&
      now_ms - std::max(last_contact_ms_, ready_ms_) >= world_.tuning.ping_interval_ms)
    ping();
}

void Link::tick_listening(std::int64_t now_ms) {
  if (pinged_ && now_ms - pinged_ms_ > world_.config.timeout_ms)
    return end_overdue("no answer within " + std::to_string(world_.config.timeout_ms) + " ms");
  if (pinged_ || now_ms - heard_ms_ < world_.tuning.ping_interval_ms) return;
  pinged_ = true;
  pinged_ms_ = now_ms;
  stream_->write(encode({"PING"}));
}

/// At the second look: the first one may have come late, before what has arrived meanwhile is read.
void Link::end_overdue(const std::string& why) {
  if (std::exchange(overdue_, true)) end(why);
}

void Link::end(const std::string& why) {
  if (state_ == State::waiting || state_ == State::ending) return;
  if (state_ == State::ready && world_.clock.steady_ms() - ready_ms_ >= settled_ms)
    backoff_.reset();
  state_ = State::ending;
  problem_ = why;
  event_active(ending_.get(), EV_TIMEOUT, 0);
}

void Link::ended() {
  stream_.reset();
  reader_.reset();
  state_ = State::waiting;
  connect_at_ms_ = resting_ ? 0 : world_.clock.steady_ms() + backoff_.next_ms();
  const broker::Error error{problem()};
  if (!problem_.empty() && std::exchange(told_problem_, problem_) != problem_)
    world_.host.warning("Redis {}", error.message);
  const std::deque<Expected> unanswered = std::exchange(expected_, {});
  for (const Expected& expected : unanswered) expected.on_reply(error, expected.sent_ms);
  replicas_.fail(error);
  handlers_.lost(*this);
}

std::string Link::problem() const {
  if (state_ == State::ready) return trouble_.empty() ? "" : server_.name + ": " + trouble_;
  return name() + ": " + (problem_.empty() ? "not connected yet" : problem_);
}

}  // namespace plugin::redis
