// What the keys of the Redis ledger are called.
// Owner: pure functions. Threads: any.
//
// An account's CSP and media type decide its shard, and all keys of a shard are in one slot of a
// cluster: a script can take the reports of many accounts at once, and a witness can tell whether the
// server still is the one that knew them. No key begins with "turn/": coturn deletes such keys.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "broker/account.h"
#include "broker/places.h"
#include "broker/ports/ledger_store.h"

namespace plugin::ledger_keys {

inline constexpr std::size_t shards = 16;

[[nodiscard]] std::size_t shard_of(const broker::AccountKey& account);
[[nodiscard]] std::size_t shard_of(const broker::PlacesKey& key);

/// What all keys of a shard begin with, and `rest`.
[[nodiscard]] std::string in_shard(std::size_t shard, std::string_view rest);
[[nodiscard]] std::string witness(std::size_t shard);
[[nodiscard]] std::string open_incarnations(std::size_t shard, const std::string& relay_id);
[[nodiscard]] std::string ended_incarnations(std::size_t shard, const std::string& relay_id);
[[nodiscard]] std::string accounts_of(std::size_t shard, const broker::Incarnation& incarnation);
[[nodiscard]] std::string all_accounts(std::size_t shard);
[[nodiscard]] std::string account(const broker::AccountKey& account);
/// In the shard of its CSP's and media type's accounts.
[[nodiscard]] std::string places(const broker::PlacesKey& key);
[[nodiscard]] std::string revoked_since();
[[nodiscard]] std::string revoked_until();

/// "relay:00000000000000a1".
[[nodiscard]] std::string name_of(const broker::Incarnation& incarnation);
/// nullopt: not one.
[[nodiscard]] std::optional<broker::Incarnation> incarnation_of(std::string_view name);
/// The account of an account's key; nullopt: not one.
[[nodiscard]] std::optional<broker::AccountKey> account_of(std::string_view key);

}  // namespace plugin::ledger_keys
