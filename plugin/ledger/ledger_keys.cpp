#include "ledger/ledger_keys.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>

#include "broker/names.h"

namespace plugin::ledger_keys {

namespace {

template <typename Number>
std::optional<Number> number_of(std::string_view text, int base) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// Up to the next colon, which goes too; nullopt when there is none.
std::optional<std::string_view> take_word(std::string_view& text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto word = text.substr(0, colon);
  text.remove_prefix(colon + 1);
  return word;
}

}  // namespace

std::string in_shard(std::size_t shard, std::string_view rest) {
  return fmt::format("turnbroker:{{tb{}}}:{}", shard, rest);
}

std::size_t shard_of(const broker::AccountKey& account) {
  // FNV-1a: to be the same in every relay, whatever it was built with.
  std::uint64_t hash = 14695981039346656037ULL;
  const auto add = [&](std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  };
  add(account.csp);
  add(":");
  add(broker::to_string(account.media));
  return static_cast<std::size_t>((hash ^ (hash >> 32)) % shards);
}

std::size_t shard_of(const broker::PlacesKey& key) {
  return shard_of(broker::AccountKey{key.csp, key.media, 0, ""});
}

std::string witness(std::size_t shard) { return in_shard(shard, "store"); }

std::string open_incarnations(std::size_t shard, const std::string& relay_id) {
  return in_shard(shard, "open:" + relay_id);
}

std::string ended_incarnations(std::size_t shard, const std::string& relay_id) {
  return in_shard(shard, "ended:" + relay_id);
}

std::string accounts_of(std::size_t shard, const broker::Incarnation& incarnation) {
  return in_shard(shard, "shares:" + name_of(incarnation));
}

std::string all_accounts(std::size_t shard) { return in_shard(shard, "accounts"); }

std::string account(const broker::AccountKey& account) {
  return in_shard(shard_of(account),
                  fmt::format("account:{}:{}:{}:{}", account.csp, broker::to_string(account.media),
                              account.period_start_s, account.client));
}

std::string places(const broker::PlacesKey& key) {
  return in_shard(shard_of(key),
                  fmt::format("places:{}:{}", key.csp, broker::to_string(key.media)));
}

std::string revoked_since() { return in_shard(0, "revoked:since"); }
std::string revoked_until() { return in_shard(0, "revoked:until"); }

std::string name_of(const broker::Incarnation& incarnation) {
  return fmt::format("{}:{:016x}", incarnation.relay_id, incarnation.id);
}

std::optional<broker::Incarnation> incarnation_of(std::string_view name) {
  const auto relay_id = take_word(name);
  const auto id = number_of<std::uint64_t>(name, 16);
  if (!relay_id || !id || *id == 0 || !broker::is_relay_id(*relay_id)) return std::nullopt;
  return broker::Incarnation{std::string(*relay_id), *id};
}

std::optional<broker::AccountKey> account_of(std::string_view key) {
  constexpr std::string_view mark = "}:account:";
  const auto at = key.find(mark);
  if (at == std::string_view::npos) return std::nullopt;
  key.remove_prefix(at + mark.size());
  const auto csp = take_word(key);
  const auto media = csp ? take_word(key) : std::nullopt;
  const auto start = media ? take_word(key) : std::nullopt;
  if (!start) return std::nullopt;
  const auto media_type = broker::parse_media_type(*media);
  const auto start_s = number_of<std::int64_t>(*start, 10);
  if (!media_type || !start_s) return std::nullopt;
  return broker::AccountKey{std::string(*csp), *media_type, *start_s, std::string(key)};
}

}  // namespace plugin::ledger_keys
