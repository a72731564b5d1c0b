// What relay threads read of the configuration: one immutable value, replaced whole.
// Owner: SnapshotStore (the broker thread publishes and frees). Threads: relay threads read the
// current one during a hook and keep no pointer to it between hooks.
//
// Freed by quiescence: a relay thread's tick says that it holds nothing older than what it saw
// then.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/config.h"
#include "credit/account.h"

namespace plugin {

struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};

/// Credentials issued at or before the time are refused.
struct Revocations {
  std::unordered_map<std::uint64_t, broker::UnixSeconds> by_who;  ///< key: who_hash
  std::unordered_map<std::string, broker::UnixSeconds, StringHash, std::equal_to<>> by_csp;
  /// Those these were added to, which may be very many; they have none of their own.
  std::shared_ptr<const Revocations> earlier;

  [[nodiscard]] bool empty() const {
    return by_who.empty() && by_csp.empty() && (earlier == nullptr || earlier->empty());
  }
  /// Whether a credential of `csp`, held by `who_hash` and issued at `issued_s`, is revoked.
  [[nodiscard]] bool cover(std::string_view csp, std::uint64_t who_hash,
                           broker::UnixSeconds issued_s) const;
};

struct Snapshot {
  std::shared_ptr<const broker::Config> config;
  std::shared_ptr<const Revocations> revocations;
  /// The current period's account of each (CSP, media type); nullptr where there is no quota.
  std::unordered_map<std::string, std::array<Account*, 3>, StringHash, std::equal_to<>> accounts;
  bool draining = false;  ///< live allocations go on, there are no new ones
};

inline constexpr std::uint32_t relay_threads_max = 256;

class SnapshotStore {
 public:
  /// [relay] During a hook.
  [[nodiscard]] const Snapshot* current() const { return current_.load(std::memory_order_acquire); }

  /// [relay] The thread's first act, each tick, and its last.
  void enter(std::uint32_t relay_thread);
  void quiescent(std::uint32_t relay_thread);
  void leave(std::uint32_t relay_thread);

  /// [broker] Replaces the current snapshot.
  void publish(std::unique_ptr<const Snapshot> snapshot);

  /// [broker] A number that every relay thread will have passed once nothing unpublished by now is
  /// in use: compare with passed().
  [[nodiscard]] std::uint64_t version() const { return version_.load(); }
  [[nodiscard]] std::uint64_t passed() const;
  /// [broker] Frees what no relay thread can still see.
  void collect();

 private:
  static constexpr std::uint64_t absent = UINT64_MAX;
  struct Seen {
    std::atomic<std::uint64_t> version{absent};
  };
  struct Retired {
    std::uint64_t version;
    std::unique_ptr<const Snapshot> snapshot;
  };
  std::atomic<const Snapshot*> current_{nullptr};
  std::atomic<std::uint64_t> version_{0};
  std::unique_ptr<const Snapshot> owned_;
  std::vector<Retired> retired_;
  std::array<Seen, relay_threads_max> seen_;
};

/// Names a credential's holder in few octets, differently in each process. Nobody can choose a name that
/// has another's.
[[nodiscard]] std::uint64_t hash_of_who(std::string_view who);

}  // namespace plugin
