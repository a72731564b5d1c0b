// Whether another relay of the fleet has this one's id (broker.h).
#include <algorithm>

#include "broker/broker.h"

namespace plugin {

namespace {
/// Longer than the registry remembers a relay that tells nothing.
constexpr std::int64_t silence_ms = 15'000;
}  // namespace

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
    const timeval pause{0, 200'000};
    const auto rest = [&] {
      ::event_base_loopexit(base_.get(), &pause);
      ::event_base_loop(base_.get(), 0);
    };
    if (!told->value()) {
      if (clock_.steady_ms() >= deadline_ms) return told->value().error();
      rest();
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
    rest();
  }
}

}  // namespace plugin
