// What really happened in a simulated run, kept beside the code under test, and what must hold of it.
// Owner: Fleet. Threads: one.
//
// After every relayed octet: the octets relayed for an account, over all relays, are at most the limit
// in force + what was forgotten.
//
//  * The limit in force is the highest that any running relay is configured with. When that becomes
//    lower, the earlier one goes on being in force until every relay that was running and knows the
//    account has taken an answer to a report it sent after that moment, or has gone.
//  * Forgotten is 0 until the store loses data, and then the most there was at any grant of: the octets
//    of a share that the ledger's grant of that share does not cover, summed over the shares that
//    nobody could tell the store about. These are
//      - of a relay that is dead, or has been since the store forgot: what it had relayed when it died
//        is on its own disk only, until it returns;
//      - of a relay without contact for the validity time, or that has been since the store forgot, or
//        that could not tell it again within half of that time: what it had relayed when its grants ended;
//      - of an incarnation that has ended: nobody keeps its last word but the store; nor that of an
//        account which a relay had freed (its period over, its client gone) when it died, or when the
//        period after that was over, too.
//    It is bound by what those shares were granted in the time that was forgotten.
//
// When an allocation is admitted: the live ones of its quota, over all relays and periods, are at most
// the highest limit of `allocations` that any running relay is configured with. There is no exception
// for what was forgotten, nor for clocks. After healing no place is held any more.
//
// Not simulated, as the claim does not hold then: the store's wall clock set ahead, while it learns, by
// more than the tenth of the validity time that is there to spare (planted_fault_test.cpp shows it); a
// relay process that stands still beyond its grants' end and relays before its next tick; a master that
// was replaced and does not know it, with replicas = 0; a machine that loses what was written to the
// meter table.
//
// After healing, when every relay is back and every incarnation has ended: the ledger's charged octets
// are exactly those relayed, of each incarnation in each account. Of an ended share that the store
// forgot, they are at least what the store still had, and at most those relayed.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "broker/ports/ledger_store.h"
#include "simulation/world.h"

namespace simulation {

/// What must hold did not.
struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct AccountTruth {
  std::size_t index = 0;
  broker::AccountKey key;
  std::size_t quota = 0;
  std::uint64_t relayed = 0;
  std::uint64_t forgotten = 0;
  std::uint64_t lowered_at = 0;       ///< World::moment()
  std::uint64_t earlier_limit = 0;    ///< still in force, if higher, while `unheard` is not empty
  std::set<std::uint64_t> unheard{};  ///< incarnations that have not answered since it was lowered
};

/// One incarnation.
struct Life {
  enum class State : std::uint8_t { running, dead, ended };
  struct Part {
    bool known = false;                          ///< the relay has had this account
    bool dropped = false;                        ///< and no longer knows what it was
    bool freed = false;                          ///< and has freed it, as the ledger has all of it
    std::uint64_t relayed = 0;                   ///< charged octets, as they went out
    std::uint64_t when_out = 0;                  ///< of it when the relay was last out of contact
    std::optional<std::uint64_t> left_in_store;  ///< settled, then forgotten: what remained of it
  };
  broker::Incarnation who;
  State state = State::running;
  bool out = false;  ///< dead or without contact at some time since the store forgot last
  std::vector<Part> parts;
  std::map<std::size_t, std::uint64_t> live{};  ///< allocations by quota

  Part& part(const AccountTruth& account) {
    if (parts.size() <= account.index) parts.resize(account.index + 1);
    return parts[account.index];
  }
};

class Truth {
 public:
  using ShareOf =
      std::function<broker::Share(const broker::Incarnation&, const broker::AccountKey&)>;
  explicit Truth(World& world) : world_(world) {}

  AccountTruth& account(const broker::AccountKey& key, std::size_t quota);
  [[nodiscard]] const std::deque<AccountTruth>& accounts() const { return accounts_; }
  Life& begin_life(const broker::Incarnation& who);
  Life* life(const broker::Incarnation& who);
  [[nodiscard]] std::uint64_t relayed() const { return relayed_; }

  /// `highest_octets`: of the limits that running relays are configured with for this account's quota.
  void relayed(Life& life, AccountTruth& account, std::uint64_t octets,
               std::uint64_t highest_octets);
  /// An allocation of this quota is let in. `highest`: of the limits that running relays are configured
  /// with; 0: there is none.
  void admitted(Life& life, std::size_t quota, std::uint32_t highest);
  static void closed(Life& life, std::size_t quota) { --life.live[quota]; }
  /// Allocations that were let in to the last place.
  [[nodiscard]] std::uint64_t last_places() const { return last_places_; }
  /// The highest limit was `from_octets` until now.
  void limit_lowered(AccountTruth& account, std::uint64_t from_octets);
  /// An answer to what was told at that moment has been taken.
  void answered(const Life& life, AccountTruth& account, std::uint64_t told);
  void taken_up(Life& life, AccountTruth& account);
  void out_of_contact(Life& life);
  void died(Life& life, const ShareOf& share_of);
  /// `all_told`: by a relay that still knew of the accounts it had freed.
  void ended(Life& life, bool all_told);
  void freed(Life& life, AccountTruth& account);
  /// The relay has dropped what it remembered of freed accounts of this CSP and media type in periods
  /// before this one.
  void dropped_before(Life& life, const broker::AccountKey& earlier, const ShareOf& share_of);

  /// The store has just lost data.
  void store_forgot(const ShareOf& share_of);
  /// It has just granted of this account.
  void granted(const broker::AccountKey& key, const ShareOf& share_of);

  /// After healing.
  void check_settled(const ShareOf& share_of, const std::vector<broker::AccountUsage>& usage);

 private:
  /// What nobody will tell the store again.
  void settle_for_less(Life& life, const ShareOf& share_of);
  [[nodiscard]] std::uint64_t unknown_to(const ShareOf& share_of, Life& life,
                                         const AccountTruth& account);

  World& world_;
  std::map<broker::AccountKey, std::size_t> by_key_;
  std::deque<AccountTruth> accounts_;
  std::deque<Life> lives_;
  std::map<broker::Incarnation, Life*> by_incarnation_;
  std::uint64_t relayed_ = 0;
  std::uint64_t last_places_ = 0;
  bool has_forgotten_ = false;
};

[[nodiscard]] std::string name_of(const broker::AccountKey& key);

}  // namespace simulation
