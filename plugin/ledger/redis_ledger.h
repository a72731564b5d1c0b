// The ledger of a fleet: a Redis (or Valkey) server, a master under sentinels, or a cluster.
// Owner: the broker. Threads: the broker thread; nothing blocks.
//
// The rules run in the server as scripts (lua/), so that each call is atomic. Differences from the
// ledger of one machine: a call that names accounts of several shards is several calls, some of which
// may have been taken when it fails; and amounts end at redis_octets_max, which Lua counts exactly.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/config.h"
#include "broker/ports/ledger_link.h"
#include "clock.h"
#include "ledger/ledger_keys.h"
#include "redis/client.h"

namespace plugin {

inline constexpr std::uint64_t redis_octets_max = (std::uint64_t{1} << 53) - 1;  ///< 9 PB

class RedisLedger final : public broker::LedgerLink {
 public:
  /// Client and clock borrowed; they must outlive this.
  RedisLedger(redis::Client& client, const broker::RedisConfig& config, const Clock& clock);

  /// Called when the store may have forgotten what it was told: another server answers, or its data
  /// is gone. Everything is to be reported again.
  void on_forgotten(std::function<void()> tell_again) { tell_again_ = std::move(tell_again); }

  void exchange(const broker::Incarnation& incarnation, std::vector<broker::UsageReport> reports,
                Done<std::vector<broker::Grant>> done) override;
  void end(const broker::Incarnation& incarnation, std::vector<broker::UsageReport> last_reports,
           Done<broker::Nothing> done) override;
  void write_off(const broker::Incarnation& incarnation, Done<broker::Nothing> done) override;
  void open_incarnations(const std::string& relay_id,
                         Done<std::vector<broker::Incarnation>> done) override;
  void usage(broker::UnixSeconds since_s, Done<std::vector<broker::AccountUsage>> done) override;
  void revoke(const std::string& what, broker::UnixSeconds revoked_at_s,
              broker::UnixSeconds forget_after_s, Done<broker::Nothing> done) override;
  void revocations(broker::UnixSeconds now_s,
                   Done<std::vector<broker::LedgerStore::Revocation>> done) override;

  [[nodiscard]] std::uint64_t steps() const override { return steps_; }
  [[nodiscard]] bool is_shared() const override { return true; }
  [[nodiscard]] std::int64_t valid_until_ms() const override;
  /// It learns for 1.1 times the validity time from the first report of any relay, which may have come a look
  /// for a loss and an answer's time before this relay found out.
  [[nodiscard]] std::int64_t learns_ms() const override { return config_.validity_time_ms / 2; }
  /// The configured one, longer in a large fleet.
  [[nodiscard]] std::int64_t report_interval_ms() const override;
  /// How many relays there are.
  void note_relays(std::size_t relays) { relays_ = relays; }
  void look_for_loss() override;
  /// With lost_grant = "refund" also takes back what relays that are gone hold.
  void recall(const broker::AccountKey& account) override;
  void tell_exhausted(const broker::AccountKey& account) override;

 private:
  struct Batch;
  struct Job;
  using Reports = std::vector<broker::UsageReport>;

  enum class Kind : std::uint8_t { report, end, write_off };
  [[nodiscard]] static std::string word_of(Kind kind);
  void send(const broker::Incarnation& incarnation, Reports reports, Kind kind,
            Done<std::vector<broker::Grant>> done);
  void send_shard(const std::shared_ptr<Job>& job, std::size_t shard,
                  const std::vector<std::size_t>& at);
  void take(const std::shared_ptr<Job>& job, std::size_t shard, const std::vector<std::size_t>& at,
            const broker::Result<redis::Answer>& answer);
  static void take_grants(Job& job, const std::vector<std::size_t>& at, const redis::Reply& reply);
  void refund_lost(const broker::AccountKey& account);
  void see_epoch(std::size_t shard, const std::string& epoch);

  redis::Client& client_;
  broker::RedisConfig config_;
  const Clock& clock_;
  std::size_t relays_ = 1;
  std::int64_t next_look_ms_ = 0;
  std::uint64_t steps_ = 0;
  std::function<void()> tell_again_ = [] {};
  std::array<std::string, ledger_keys::shards> epochs_;
  std::array<std::int64_t, ledger_keys::shards>
      seen_ms_;  ///< steady; when each epoch was told last
  /// Answers may come when this is gone.
  std::shared_ptr<RedisLedger*> self_ = std::make_shared<RedisLedger*>(this);
};

}  // namespace plugin
