// A ledger that answers later, for those who have nothing to do before its answer: start, stop, tests.
// Owner: the broker. Threads: the one whose event base it is, and only while that base's loop is not
// running: each call runs it until the answer is there.
#pragma once

#include <event2/event.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/ports/ledger_link.h"
#include "http/handles.h"

namespace plugin {

class WaitingLedger final : public broker::LedgerStore {
 public:
  /// Both borrowed. A call that gets on no further for wait_ms is an error.
  WaitingLedger(event_base* base, broker::LedgerLink& link, std::int64_t wait_ms)
      : base_(base), link_(link), wait_ms_(wait_ms) {}

  [[nodiscard]] broker::Result<std::vector<broker::Grant>> exchange(
      const broker::Incarnation& incarnation,
      const std::vector<broker::UsageReport>& reports) override {
    return wait<std::vector<broker::Grant>>(
        [&](auto done) { link_.exchange(incarnation, reports, std::move(done)); });
  }
  [[nodiscard]] broker::Status end(const broker::Incarnation& incarnation,
                                   const std::vector<broker::UsageReport>& last_reports) override {
    return wait<broker::Nothing>(
        [&](auto done) { link_.end(incarnation, last_reports, std::move(done)); });
  }
  [[nodiscard]] broker::Status write_off(const broker::Incarnation& incarnation) override {
    return wait<broker::Nothing>([&](auto done) { link_.write_off(incarnation, std::move(done)); });
  }
  [[nodiscard]] broker::Result<std::vector<broker::Incarnation>> open_incarnations(
      const std::string& relay_id) override {
    return wait<std::vector<broker::Incarnation>>(
        [&](auto done) { link_.open_incarnations(relay_id, std::move(done)); });
  }
  [[nodiscard]] broker::Result<std::vector<broker::AccountUsage>> usage(
      broker::UnixSeconds since_s) override {
    return wait<std::vector<broker::AccountUsage>>(
        [&](auto done) { link_.usage(since_s, std::move(done)); });
  }
  [[nodiscard]] broker::Status revoke(const std::string& what, broker::UnixSeconds revoked_at_s,
                                      broker::UnixSeconds forget_after_s) override {
    return wait<broker::Nothing>(
        [&](auto done) { link_.revoke(what, revoked_at_s, forget_after_s, std::move(done)); });
  }
  [[nodiscard]] broker::Result<std::vector<Revocation>> revocations(
      broker::UnixSeconds now_s) override {
    return wait<std::vector<Revocation>>(
        [&](auto done) { link_.revocations(now_s, std::move(done)); });
  }

 private:
  template <typename T, typename Call>
  broker::Result<T> wait(Call&& call) {
    // The answer may come after the wait has ended.
    auto answer = std::make_shared<std::optional<broker::Result<T>>>();
    call([answer, base = base_](broker::Result<T> result) {
      *answer = std::move(result);
      ::event_base_loopbreak(base);
    });
    bool over = false;
    const http::EventHandle deadline(::event_new(
        base_, -1, 0, [](int, short, void* flag) { *static_cast<bool*>(flag) = true; }, &over));
    const timeval longest{wait_ms_ / 1'000, wait_ms_ % 1'000 * 1'000};
    ::event_add(deadline.get(), &longest);
    std::uint64_t steps = link_.steps();
    while (!answer->has_value() && !over) {
      ::event_base_loop(base_, EVLOOP_ONCE);
      if (!over || steps == link_.steps()) continue;
      steps = link_.steps();
      over = false;
      ::event_add(deadline.get(), &longest);
    }
    if (answer->has_value()) return std::move(**answer);
    return broker::Error{"no answer within " + std::to_string(wait_ms_ / 1'000) + " s"};
  }

  event_base* base_;
  broker::LedgerLink& link_;
  std::int64_t wait_ms_;
};

}  // namespace plugin
