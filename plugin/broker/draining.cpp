// How the broker lets its calls run out (broker.h, broker/drain.h).
#include <fmt/format.h>

#include "broker/broker.h"
#include "broker/cutter.h"

namespace plugin {

bool Broker::stop_wanted() {
  if (board_.get()->config->drain_time_s == 0) return true;
  drain_asked_.store(true);
  inbox_.wake();
  return false;
}

void Broker::drain_by_signal() {
  if (stop_told_) return;
  drain_.begin_by_signal(clock_.steady_ms() + config_->drain_time_s * 1'000);
  tell_drain();
}

broker::Status Broker::check_drain() const {
  if (stop_told_) return broker::Error{"the server is stopping"};
  if (drain_.by_signal())
    return broker::Error{"a signal has told the server to stop; a second one stops it at once"};
  return broker::Nothing{};
}

broker::Result<DrainStatus> Broker::drain(const DrainRequest& request) {
  if (auto status = check_drain(); !status) return status.error();
  std::optional<std::int64_t> deadline_ms;
  if (request.deadline_s != 0) deadline_ms = clock_.steady_ms() + request.deadline_s * 1'000;
  drain_.begin(deadline_ms, request.stay);
  tell_drain();
  return drain_status();
}

broker::Result<DrainStatus> Broker::undrain() {
  if (auto status = check_drain(); !status) return status.error();
  if (!drain_.active()) return broker::Error{"the relay is not draining"};
  drain_.cancel();
  tell_drain();
  return drain_status();
}

DrainStatus Broker::drain_status() const {
  DrainStatus status;
  status.draining = drain_.active();
  status.stay = drain_.stay();
  if (const auto deadline_ms = drain_.deadline_ms())
    status.until_s = (clock_.unix_ms() + *deadline_ms - clock_.steady_ms()) / 1'000;
  status.allocations = live_allocations();
  return status;
}

/// Who sends clients hears of it before who refuses them.
void Broker::tell_drain() {
  publish_standing();
  tell_fleet();
  drain_version_ = snapshots_.version() + 1;
  publish();
  const DrainStatus now = drain_status();
  if (!now.draining) {
    host_.info("no longer draining: clients are taken again");
    return;
  }
  host_.info("draining: {} allocations are left{}; then the server {}", now.allocations,
             now.until_s == 0 ? "" : ", at most until " + broker::format_utc(now.until_s),
             now.stay ? "stays" : "stops");
}

void Broker::look_at_drain() {
  if (!drain_.active() || stop_told_) return;
  // A relay thread that may not have seen it yet could be letting somebody in; whom it asks the
  // broker about is answered before it counts.
  const bool seen = snapshots_.passed() >= drain_version_;
  serve_admissions();
  const std::uint64_t left = live_allocations();
  switch (drain_.step(seen && waiting_.empty() && left == 0, clock_.steady_ms())) {
    case Drain::Step::none: return;
    case Drain::Step::cut:
      plugin::cut(host_, *table_, TURN_CLOSE_SHUTDOWN, [](const AllocationSlot&) { return true; });
      return;
    case Drain::Step::stop:
      // The host may not have begun to listen: it is asked again.
      stop_told_ = host_.stop_server() == TURN_SERVICE_OK;
      if (!stop_told_) return;
      if (left == 0)
        host_.info("drained: the server stops");
      else
        host_.warning("the time to drain is over: {} allocations are ended", left);
      return;
  }
}

}  // namespace plugin
