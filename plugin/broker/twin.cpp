// Whether another relay of the fleet has this one's id (broker.h).
#include <algorithm>
#include <utility>

#include "broker/broker.h"

namespace plugin {

namespace {
/// Longer than the registry remembers a relay that tells nothing.
constexpr std::int64_t silence_ms = 15'000;

void rest(event_base* base) {
  const timeval pause{0, 200'000};
  ::event_base_loopexit(base, &pause);
  ::event_base_loop(base, 0);
}

}  // namespace

/// Of two relays that start at the same time the second waits until the first can be seen, by refuse_twin().
broker::Status Broker::claim_id(const std::string& token) {
  if (registry_ == nullptr) return broker::Nothing{};
  const std::int64_t deadline_ms = clock_.steady_ms() + silence_ms;
  for (bool told = false;; rest(base_.get())) {
    const auto claimed = std::make_shared<std::optional<broker::Result<bool>>>();
    registry_->claim(config_->relay.id, token,
                     [claimed](broker::Result<bool> answer) { *claimed = std::move(answer); });
    while (!claimed->has_value()) ::event_base_loop(base_.get(), EVLOOP_ONCE);
    const auto& answer = claimed->value();
    if (answer && answer.value()) return broker::Nothing{};
    if (clock_.steady_ms() >= deadline_ms)
      return answer ? broker::Error{"other relays of the fleet start with the id " +
                                    config_->relay.id + ", too: give each its own [relay] id"}
                    : answer.error();
    if (answer && !std::exchange(told, true))
      host_.info("another relay starts with the id {}: waiting for it", config_->relay.id);
  }
}

/// Of incarnations that left no meter table here one may be another relay's that has the same id by mistake:
/// to end it would take its grants from under its calls. One that still tells of itself is alive; a dead
/// one is forgotten by the registry after some seconds.
broker::Status Broker::refuse_twin(const std::vector<broker::Incarnation>& open) {
  if (redis_ == nullptr || open.empty()) return broker::Nothing{};
  using Told = std::optional<Registry::Told>;
  std::optional<Told> first;
  const std::int64_t deadline_ms = clock_.steady_ms() + silence_ms;
  for (;;) {
    const auto told = std::make_shared<std::optional<broker::Result<Told>>>();
    Registry::ask_told(*redis_, config_->relay.id,
                       [told](broker::Result<Told> answer) { *told = std::move(answer); });
    while (!told->has_value()) ::event_base_loop(base_.get(), EVLOOP_ONCE);
    if (!told->value()) {
      if (clock_.steady_ms() >= deadline_ms) return told->value().error();
      rest(base_.get());
      continue;
    }
    const Told& now = told->value().value();
    const bool is_open = now && std::any_of(open.begin(), open.end(), [&](const auto& other) {
                           return other.id == now->incarnation;
                         });
    if (!is_open) return broker::Nothing{};
    if (!first) {
      first = now;
      host_.info("the fleet knows a relay {}: waiting to see whether it is still there",
                 config_->relay.id);
    }
    if (*first != now || clock_.steady_ms() >= deadline_ms)
      return broker::Error{"another relay of the fleet has the id " + config_->relay.id +
                           ", too, and is alive: give each its own [relay] id"};
    rest(base_.get());
  }
}

}  // namespace plugin
