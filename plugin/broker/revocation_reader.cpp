#include "broker/revocation_reader.h"

#include <algorithm>
#include <utility>

#include "broker/credentials.h"

namespace plugin {

RevocationReader::RevocationReader(broker::LedgerLink& link, const Clock& clock, Take take,
                                   Outcome outcome)
    : link_(link), clock_(clock), take_(std::move(take)), outcome_(std::move(outcome)) {}

void RevocationReader::hear() {
  heard_ = true;
  look();
}

void RevocationReader::look() {
  const std::int64_t now_ms = clock_.steady_ms();
  if (reading_ || now_ms < next_ms_) return;
  const bool all = now_ms >= next_all_ms_;
  if (!all && !heard_) return;
  reading_ = true;
  heard_ = false;
  next_ms_ = now_ms + pause_ms;
  const broker::UnixSeconds now_s = clock_.unix_ms() / 1'000;
  // Each is kept for that long from when it was revoked: those that end later are newer.
  const broker::UnixSeconds since_s = read_s_ + broker::credential_ttl_s_max - skew_s;
  link_.revocations(all ? now_s : std::max(now_s, since_s),
                    [this, all, now_s](const broker::Result<std::vector<Revocation>>& list) {
                      take(list, all, now_s);
                    });
}

void RevocationReader::take(const broker::Result<std::vector<Revocation>>& list, bool all,
                            broker::UnixSeconds asked_s) {
  reading_ = false;
  if (!list) {
    heard_ = true;
    next_ms_ = clock_.steady_ms() + again_after_error_ms;
    return outcome_(list.error());
  }
  if (all) next_all_ms_ = clock_.steady_ms() + all_interval_ms;
  read_s_ = asked_s;
  outcome_(broker::Nothing{});
  take_(list.value(), all);
}

}  // namespace plugin
