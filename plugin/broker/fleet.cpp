// What the broker tells the fleet of itself, and where its clients are (broker.h).
#include <algorithm>
#include <chrono>

#include "broker/broker.h"
#include "ledger/ledger_keys.h"
#include "version.h"

namespace plugin {

namespace {

/// Rates are of the machine, whatever clock decides on periods.
std::int64_t machine_steady_us() {
  using namespace std::chrono;
  return duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count();
}

}  // namespace

Broker::Broker(Host host, const Clock& clock)
    : host_(host),
      clock_(clock),
      revocations_read_(host_, "the relay cannot read what is revoked (" +
                                   ledger_keys::revoked_until() + ", " +
                                   ledger_keys::revoked_since() + ")"),
      load_(system_load_sources(), machine_steady_us) {}

std::uint64_t Broker::live_allocations() const {
  std::uint64_t live = 0;
  book_->for_each_active([&](const Account& account) {
    if (account.key.client.empty()) live += account.live.load();
  });
  return live;
}

void Broker::follow_geo(const broker::Config& config) {
  if (auto status = geo_.follow(config.geoip_database); !status)
    host_.error("{}: {}; {}", config.geoip_origin.text, status.error().message,
                geo_.get() == nullptr ? "clients are not located" : "the one in use stays");
}

void Broker::tell_fleet() {
  std::array<std::uint64_t, 2> octets{};
  book_->for_each([&](const Account& account) {
    if (!account.key.client.empty() || account.slot >= settler_->totals().size()) return;
    const auto& used = settler_->totals()[account.slot].used;
    for (std::size_t d = 0; d < octets.size(); ++d) octets.at(d) += used.octets[d];
  });
  const LoadSample load = load_.sample(octets);
  const broker::RelayConfig& config = config_->relay;
  broker::RelayStatus self;
  self.id = table_->header().relay_id;
  self.incarnation = table_->header().incarnation;
  self.version = version;
  self.domain = config.domain;
  self.region = config.region;
  self.place = config.place;
  self.urls = config.urls;
  self.weight = config.weight;
  self.capacity = config.capacity;
  self.allocations_max = table_->header().allocations_max;
  self.allocations = live_allocations();
  self.octets_per_s = load.octets_per_s;
  self.cpu = load.cpu;
  self.dropped_packets_per_s = load.dropped_packets_per_s;
  self.reason = unhealthy();
  self.healthy = self.reason.empty();
  self.draining = drain_.active();
  self.heartbeat_ms = std::max(clock_.unix_ms(), fleet_.get()->self.heartbeat_ms + 1);
  if (registry_ != nullptr) {
    // Others are not to send clients here until the next beat would tell them.
    if (self.draining != fleet_.get()->self.draining) registry_->beat(self);
    registry_->look(self);
  }
  fleet_.tell_self(std::move(self));
}

void Broker::tell_usage() {
  if (redis_ == nullptr) return;
  if (record_stream_ != nullptr) record_stream_->look();
  const std::int64_t now_ms = clock_.steady_ms();
  if (now_ms < next_usage_ms_) return;
  next_usage_ms_ = now_ms + link_->report_interval_ms();
  const auto accounts = usage(std::nullopt, false);
  if (accounts) usage_teller_->tell(clock_.unix_ms(), accounts.value(), allocations(std::nullopt));
}

void Broker::finish_telling() {
  if (record_stream_ == nullptr) return;
  constexpr std::int64_t longest_ms = 2'000;
  const timeval step{0, 20'000};
  const std::int64_t end_ms = clock_.steady_ms() + longest_ms;
  // What is not told by then is told by the next start.
  for (record_stream_->flush(); !record_stream_->is_idle() && clock_.steady_ms() < end_ms;
       record_stream_->is_idle() ? record_stream_->flush() : void()) {
    ::event_base_loopexit(base_.get(), &step);
    ::event_base_loop(base_.get(), EVLOOP_ONCE);
  }
}

}  // namespace plugin
