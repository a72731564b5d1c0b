// A relay process: the plugin's accounts, meters and settler, and who calls them.
// Owner: Relay. Threads: one.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/account_book.h"
#include "broker/idle_accounts.h"
#include "broker/places_keeper.h"
#include "broker/settler.h"
#include "relay/relay_side.h"
#include "simulation/link.h"
#include "simulation/store.h"
#include "simulation/truth.h"

namespace simulation {

/// What all relays of a run share. The functions are the fleet's.
struct Place {
  World& world;
  Store& store;
  Truth& truth;
  Fault fault = Fault::none;
  std::int64_t period_s = 60;
  /// Of the relays that run, for this account.
  std::function<std::uint64_t(const AccountTruth&)> highest_limit;
  /// Told to the other relays, perhaps.
  std::function<void(const broker::AccountKey&)> recall;
  std::function<void(const broker::AccountKey&)> tell_exhausted;
  std::function<void(const broker::PlacesKey&)> recall_places;
  /// Of the relays that run; 0: there is none.
  std::function<std::uint32_t(std::size_t quota)> highest_allocations;

  [[nodiscard]] Truth::ShareOf share_of() const {
    return [this](const auto& who, const auto& key) { return store.share_of(who, key); };
  }
};

/// What a relay is configured with, by quota.
struct Limits {
  std::vector<std::uint64_t> octets;
  std::vector<std::uint32_t> allocations;  ///< 0: any number
};

class Process {
 public:
  /// One quota per media type; the first has a part for each client name.
  static constexpr std::size_t quotas = 2;
  static constexpr std::size_t clients = 3;
  static constexpr std::size_t allocations_max = 12;
  [[nodiscard]] static std::uint64_t limit_of(const broker::AccountKey& key, std::uint64_t limit) {
    return key.client.empty() ? limit : limit / clients + 1;
  }

  Process(const Place& place, plugin::MeterTable table, const plugin::Clock& clock,
          const broker::Incarnation& who, Limits limits);

  // The relay threads.
  void relay_traffic();
  void open_allocation();
  void close_allocation();
  void close_all();

  // The broker thread.
  void tick();
  void wake();
  /// What its configuration says; apply_limit() is when the broker acts on it.
  void set_limit(std::size_t quota, const Limits& limits) {
    limits_.octets[quota] = limits.octets[quota];
    limits_.allocations[quota] = limits.allocations[quota];
  }
  void apply_limit(std::size_t quota);
  void give_back(const broker::AccountKey& key);
  void give_places_back(const broker::PlacesKey& key);
  void hear_exhausted(const broker::AccountKey& key);
  [[nodiscard]] std::vector<broker::UsageReport> last_reports();

  [[nodiscard]] Link& link() { return link_; }
  [[nodiscard]] Life& life() { return life_; }
  [[nodiscard]] std::uint64_t limit(std::size_t quota) const { return limits_.octets[quota]; }
  [[nodiscard]] std::uint32_t allocations(std::size_t quota) const {
    return limits_.allocations[quota];
  }

 private:
  struct Allocation {
    turn_meter* meter = nullptr;
    std::uint64_t id = 0;
    std::size_t quota = 0;
    std::string client;
    bool cancelled = false;
  };

  /// An allocation that waits for a place.
  struct Waiting {
    std::size_t quota = 0;
    std::string client;
    std::int64_t since_ms = 0;
  };

  bool relay_packet(Allocation& allocation, turn_direction direction, std::uint64_t octets,
                    bool stream);
  bool charge(Allocation& allocation, turn_direction direction, std::uint64_t octets,
              std::uint64_t useful);
  void sent(const Allocation& allocation, std::uint64_t octets);
  [[nodiscard]] bool open(const Waiting& wanted);
  void close(std::size_t at);
  void close_cancelled();

  plugin::Account* account_for(std::size_t quota, const std::string& client);
  void serve_credit();
  void serve_admissions();
  void cut_lapsed();
  void cut(const std::function<bool(const plugin::AllocationSlot&)>& chosen);
  void cut_refusing();
  void roll_periods();
  void every_second();
  void fold_closed();
  [[nodiscard]] bool refuses(const plugin::Account* account) const;

  Place place_;
  const plugin::Clock& clock_;
  plugin::Host host_;
  plugin::MeterTable table_;
  Limits limits_;
  plugin::AccountIndex index_;
  plugin::AccountBook book_;
  plugin::SnapshotStore snapshots_;
  plugin::Inbox inbox_;
  Life& life_;
  Link link_;
  plugin::Settler settler_;
  plugin::IdleAccounts idle_;
  plugin::PlacesBook places_;
  plugin::PlacesKeeper keeper_;
  plugin::RelaySide side_;
  std::vector<AccountTruth*> truths_;  ///< by account slot
  std::vector<Allocation> allocations_;
  std::vector<Waiting> waiting_;
  std::uint64_t ids_ = 0;
  std::int64_t next_second_ms_ = 0;
};

}  // namespace simulation
