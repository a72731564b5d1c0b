// A relay's way to the store: one connection at a time, over a network that loses, delays and reorders.
// Owner: Relay. Threads: one.
//
// What it promises is what plugin/ledger/redis_ledger.h and plugin/redis/link.h do: a call is one script
// for each shard; calls wait for a connection as long as the time-out; an answer that does not come in
// time ends the connection, and with it everything that is unanswered; grants are valid for a time from
// when the latest answered command was sent, PING and greeting included; another server, and another
// epoch of a shard, mean that all is to be told again.
//
// What a connection has taken may arrive after it or its relay has ended, behind what a later one
// brought, or twice.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "broker/ports/ledger_link.h"
#include "broker/ports/places_link.h"
#include "simulation/store.h"

namespace simulation {

class Link final : public broker::LedgerLink, public broker::PlacesLink {
 public:
  struct Handlers {
    std::function<void()> tell_again;
    std::function<void(const broker::AccountKey&)> recall;
    std::function<void(const broker::AccountKey&)> tell_exhausted;
    std::function<void(const broker::PlacesKey&)> recall_places;
    /// These were told at World::moment() `told` and have been answered.
    std::function<void(const std::vector<broker::UsageReport>&, std::uint64_t told)> answered;
  };
  /// The relay has just asked the store all that it asks while it starts.
  Link(World& world, Store& store, const plugin::Clock& clock, Handlers handlers, Fault fault);

  /// As the client does, often.
  void tick();
  void set_reachable(bool reachable) { reachable_ = reachable; }
  [[nodiscard]] bool reaches_store() const { return reachable_ && store_.is_up(); }
  void lose_connection();

  void exchange(const broker::Incarnation& who, std::vector<broker::UsageReport> reports,
                LedgerLink::Done<std::vector<broker::Grant>> done) override;
  [[nodiscard]] bool is_shared() const override { return true; }
  [[nodiscard]] std::int64_t valid_until_ms() const override;
  [[nodiscard]] std::int64_t learns_ms() const override { return validity_ms / 2; }
  [[nodiscard]] std::int64_t report_interval_ms() const override {
    return simulation::report_interval_ms;
  }
  void look_for_loss() override;
  void recall(const broker::AccountKey& account) override { handlers_.recall(account); }
  void tell_exhausted(const broker::AccountKey& account) override {
    handlers_.tell_exhausted(account);
  }

  void exchange_places(const broker::Incarnation& who, std::vector<broker::PlacesReport> reports,
                       broker::PlacesLink::Done done) override;
  void recall_places(const broker::PlacesKey& key) override { handlers_.recall_places(key); }
  [[nodiscard]] std::int64_t places_validity_ms() const override { return validity_ms; }

  // The relay asks these of the store while it starts and stops, at once (start_store.h).
  void end(const broker::Incarnation&, std::vector<broker::UsageReport>,
           LedgerLink::Done<broker::Nothing> done) override;
  void write_off(const broker::Incarnation&, LedgerLink::Done<broker::Nothing> done) override;
  void open_incarnations(const std::string&,
                         LedgerLink::Done<std::vector<broker::Incarnation>> done) override;
  void usage(broker::UnixSeconds,
             LedgerLink::Done<std::vector<broker::AccountUsage>> done) override;
  void revoke(const std::string&, broker::UnixSeconds, broker::UnixSeconds,
              LedgerLink::Done<broker::Nothing> done) override;
  void revocations(broker::UnixSeconds,
                   LedgerLink::Done<std::vector<broker::LedgerStore::Revocation>> done) override;

 private:
  struct Job;
  struct Call {
    std::uint64_t id = 0;
    std::shared_ptr<Job> job;  ///< none: PING, or a look at the shard's witness
    bool looks = false;
    std::size_t shard = 0;
    std::vector<std::size_t> at;
    std::int64_t sent_ms = 0;     ///< steady
    std::int64_t give_up_ms = 0;  ///< steady; while it waits for a connection
  };
  using CallPointer = std::shared_ptr<Call>;

  void begin(const std::shared_ptr<Job>& job,
             std::array<std::vector<std::size_t>, Store::shards> by_shard);
  void send(const CallPointer& call);
  [[nodiscard]] std::function<void()> arrival(const CallPointer& call, std::uint64_t connection,
                                              std::uint64_t run, bool copy);
  static broker::Result<Store::Answer> deliver(Store& store, const Call& call);
  void arrive(std::uint64_t connection, std::uint64_t run, const CallPointer& call, bool copy);
  void answer(std::uint64_t connection, const CallPointer& call,
              const broker::Result<Store::Answer>& result);
  void take(const CallPointer& call, const broker::Result<Store::Answer>& result);
  void see_epoch(std::size_t shard, const std::string& epoch);
  void fail(const CallPointer& call, const std::string& why);
  void greet();
  std::int64_t delay_ms() {
    return world_.chance(30) ? world_.between(20, 300) : world_.between(0, 6);
  }

  World& world_;
  Store& store_;
  const plugin::Clock& clock_;
  Handlers handlers_;
  Fault fault_;
  bool connected_;
  bool reachable_ = true;
  bool greeting_ = false;
  std::uint64_t connection_ = 0;
  std::uint64_t run_;       ///< of the server it is connected to
  std::uint64_t last_run_;  ///< of the one it told all to
  std::int64_t ready_ms_;
  std::int64_t last_contact_ms_;
  std::int64_t connect_at_ms_ = 0;  ///< steady
  std::uint64_t calls_ = 0;
  std::list<CallPointer> waiting_;
  std::list<CallPointer> unanswered_;
  std::array<std::string, Store::shards> epochs_;
  std::int64_t next_look_ms_ = 0;
  /// What is under way may come when this is gone.
  std::shared_ptr<Link*> self_ = std::make_shared<Link*>(this);
};

}  // namespace simulation
