// How the accounts stand, as the broker thread tells the HTTP thread: whole, immutable but for the octets
// used, replaced when an account's standing changes otherwise.
// Owner: shared by pointer. Threads: published by the broker thread, read by any.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "broker/account.h"
#include "broker/config.h"
#include "broker/media_type.h"
#include "relay/snapshot.h"

namespace plugin {

class GeoLookup;

/// A number that the broker thread keeps up to date while others hold it.
class LiveOctets {
 public:
  using Cell = std::atomic<std::uint64_t>;
  LiveOctets(std::uint64_t octets = 0) : cell_(std::make_shared<const Cell>(octets)) {}
  explicit LiveOctets(std::shared_ptr<const Cell> cell) : cell_(std::move(cell)) {}
  [[nodiscard]] std::uint64_t get() const { return cell_->load(std::memory_order_relaxed); }

 private:
  std::shared_ptr<const Cell> cell_;
};

struct AccountStanding {
  std::uint64_t limit_octets = 0;
  LiveOctets used_octets;  ///< the part that is charged; what was relayed a moment ago may lack
  bool exhausted = false;
  std::string period;                    ///< broker::period_name
  broker::UnixSeconds period_end_s = 0;  ///< Unix time; 0: the period never ends
};

/// A client name of a CSP and a media type, whose quota has `per_client`.
struct ClientOfCsp {
  std::string csp;
  broker::MediaType media = broker::MediaType::audio;
  std::string client;
  friend auto operator<=>(const ClientOfCsp&, const ClientOfCsp&) = default;
};

struct Standing {
  std::shared_ptr<const broker::Config> config;
  std::shared_ptr<const Revocations> revocations;
  /// By CSP, then by media type; nullopt where the CSP has no quota.
  std::map<std::string, std::array<std::optional<AccountStanding>, 3>, std::less<>> accounts;
  /// Clients whose own part is exhausted while the CSP's account may not be; no others.
  std::map<ClientOfCsp, AccountStanding> exhausted_clients;
  /// Where addresses are; null: nobody knows.
  std::shared_ptr<const GeoLookup> geo;
  /// Why this relay would admit nobody now (its ledger fails, it is full); empty: it does.
  std::string unhealthy;
  bool draining = false;  ///< its calls go on, new ones go elsewhere

  [[nodiscard]] const AccountStanding* account(std::string_view csp,
                                               broker::MediaType media) const {
    const auto found = accounts.find(csp);
    if (found == accounts.end()) return nullptr;
    const auto& standing = found->second[static_cast<std::size_t>(media)];
    return standing ? &*standing : nullptr;
  }
};

class StandingBoard {
 public:
  void publish(std::shared_ptr<const Standing> standing) {
    const std::lock_guard lock(mutex_);
    standing_ = std::move(standing);
  }
  /// Never null once the broker has started.
  [[nodiscard]] std::shared_ptr<const Standing> get() const {
    const std::lock_guard lock(mutex_);
    return standing_;
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Standing> standing_;
};

}  // namespace plugin
