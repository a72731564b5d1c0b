// How the accounts stand, as the broker thread tells the HTTP thread: whole, immutable, replaced when
// an account's standing changes and at least four times a second while octets are relayed.
// Owner: shared by pointer. Threads: published by the broker thread, read by any.
#pragma once

#include <array>
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

struct AccountStanding {
  std::uint64_t limit_octets = 0;
  std::uint64_t used_octets =
      0;  ///< the part that is charged; what was relayed a moment ago may lack
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
