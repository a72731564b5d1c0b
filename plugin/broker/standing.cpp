// How the broker tells other threads how the accounts stand (api/standing.h, broker.h).
#include "api/standing.h"

#include "broker/broker.h"

namespace plugin {

namespace {

constexpr std::int64_t standing_ms = 200;         ///< while octets are relayed
constexpr std::int64_t idle_standing_ms = 1'000;  ///< else; other relays may spend

/// Whether the quota is gone; a ledger out of reach is another matter (unhealthy).
bool is_exhausted(const Account& account) {
  const Stage stage = account.stage.load();
  return stage == Stage::exhausted || stage == Stage::closed;
}

class Digest {
 public:
  void add(std::uint64_t value) { digest_ = (digest_ ^ value) * 1099511628211ULL; }
  [[nodiscard]] std::uint64_t value() const { return digest_; }

 private:
  std::uint64_t digest_ = 14695981039346656037ULL;
};

}  // namespace

std::string Broker::unhealthy() const {
  if (!settler_->store_error().empty()) return "the relay's ledger does not answer";
  if (settler_->is_learning())
    return "the ledger may have forgotten grants and waits for all relays to report";
  const TableHeader& header = table_->header();
  // Asked at every wake: where slots were never used there is room, and nothing to count.
  const bool full =
      header.allocations_high.load(std::memory_order_relaxed) >= header.allocations_max &&
      live_allocations() >= header.allocations_max;
  return full ? "the relay is full" : "";
}

std::uint64_t Broker::standing_shape() const {
  Digest digest;
  digest.add(reinterpret_cast<std::uintptr_t>(config_.get()));
  digest.add(reinterpret_cast<std::uintptr_t>(revocations_.get()));
  digest.add(reinterpret_cast<std::uintptr_t>(geo_.get().get()));
  digest.add(std::hash<std::string>{}(unhealthy()));
  digest.add(drain_.active() ? 1 : 0);
  digest.add(book_->changes());
  return digest.value();
}

void Broker::tell_standing() {
  if (standing_shape() != told_shape_) return publish_standing();
  const std::int64_t now_ms = clock_.steady_ms();
  if (now_ms < next_standing_ms_) return;
  settler_->collect_if_older(standing_ms);
  bool relaying = false;
  book_->for_each_active([&](const Account& account) {
    relaying = relaying || account.live.load() != 0;
    tell_used(account);
  });
  next_standing_ms_ = now_ms + (relaying ? standing_ms : idle_standing_ms);
}

void Broker::tell_used(const Account& account) const {
  account.told_used->store(
      settler_->totals()[account.slot].charged_octets + account.others_charged_octets,
      std::memory_order_relaxed);
}

void Broker::publish_standing() {
  settler_->collect();
  auto standing = std::make_shared<Standing>();
  standing->config = config_;
  standing->revocations = revocations_;
  standing->geo = geo_.get();
  standing->unhealthy = unhealthy();
  standing->draining = drain_.active();
  book_->for_each([&](const Account& account) {
    const auto& key = account.key;
    if (account.stage.load() == Stage::over || quota_of(key) == nullptr) return;
    tell_used(account);
    AccountStanding out;
    out.limit_octets = account.limit_octets.load();
    out.used_octets = LiveOctets(account.told_used);
    out.exhausted = is_exhausted(account);
    out.period = broker::period_name(account.period_kind, key.period_start_s);
    if (account.period.end_s != broker::period_never_ends) out.period_end_s = account.period.end_s;
    if (key.client.empty())
      standing->accounts[key.csp][static_cast<std::size_t>(key.media)] = std::move(out);
    else if (out.exhausted)
      standing->exhausted_clients.emplace(ClientOfCsp{key.csp, key.media, key.client},
                                          std::move(out));
  });
  told_shape_ = standing_shape();
  next_standing_ms_ = clock_.steady_ms() + standing_ms;
  board_.publish(std::move(standing));
}

}  // namespace plugin
