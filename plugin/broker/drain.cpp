#include "broker/drain.h"

#include <algorithm>

namespace plugin {

void Drain::begin(std::optional<std::int64_t> deadline_ms, bool stay) {
  active_ = true;
  stay_ = stay;
  deadline_ms_ = deadline_ms;
}

void Drain::begin_by_signal(std::int64_t deadline_ms) {
  begin(std::min(deadline_ms, deadline_ms_.value_or(deadline_ms)), false);
  by_signal_ = true;
}

Drain::Step Drain::step(bool empty, std::int64_t now_ms) const {
  if (!active_) return Step::none;
  const bool over = deadline_ms_ && now_ms >= *deadline_ms_;
  if (stay_) return over && !empty ? Step::cut : Step::none;
  return over || empty ? Step::stop : Step::none;
}

}  // namespace plugin
