#include "api/event_ring.h"

#include <charconv>

namespace plugin {

std::uint64_t EventRing::add(const Event& event) {
  events_.push_back(event);
  if (events_.size() > events_max_) events_.pop_front();
  return ++last_;
}

std::optional<std::uint64_t> EventRing::number_of(std::string_view id) const {
  if (!id.starts_with(life_) || id.size() <= life_.size() || id[life_.size()] != '-')
    return std::nullopt;
  id.remove_prefix(life_.size() + 1);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
  if (error != std::errc{} || end != id.data() + id.size() || number > last_) return std::nullopt;
  return number;
}

}  // namespace plugin
