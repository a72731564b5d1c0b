#include "relay/snapshot.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "broker/mac.h"

namespace plugin {

namespace {

std::array<char, 32> random_key() {
  std::array<char, 32> key{};
  // Without randomness it is a fixed key: a name with another's 64 bits takes many attempts still.
  if (::getrandom(key.data(), key.size(), 0) != static_cast<ssize_t>(key.size())) key.fill(0);
  return key;
}

}  // namespace

std::uint64_t hash_of_who(std::string_view who) {
  // This process's own: nobody can try names out elsewhere.
  static const std::array<char, 32> key = random_key();
  const auto mac = broker::hmac_sha256({key.data(), key.size()}, who);
  std::uint64_t hash = 0;
  // Without OpenSSL's digest nobody is authenticated, whose name could matter.
  if (mac) std::memcpy(&hash, mac->data(), sizeof hash);
  return hash == 0 ? 1 : hash;
}

bool Revocations::cover(std::string_view csp, std::uint64_t who_hash,
                        broker::UnixSeconds issued_s) const {
  const auto who = by_who.find(who_hash);
  if (who != by_who.end() && issued_s <= who->second) return true;
  const auto whole = by_csp.find(csp);
  if (whole != by_csp.end() && issued_s <= whole->second) return true;
  return earlier != nullptr && earlier->cover(csp, who_hash, issued_s);
}

void SnapshotStore::enter(std::uint32_t relay_thread) {
  if (relay_thread < relay_threads_max) seen_[relay_thread].version.store(version_.load());
}

void SnapshotStore::quiescent(std::uint32_t relay_thread) { enter(relay_thread); }

void SnapshotStore::leave(std::uint32_t relay_thread) {
  if (relay_thread < relay_threads_max) seen_[relay_thread].version.store(absent);
}

void SnapshotStore::publish(std::unique_ptr<const Snapshot> snapshot) {
  current_.store(snapshot.get());
  const auto version = version_.fetch_add(1) + 1;
  if (owned_ != nullptr) retired_.push_back({version, std::move(owned_)});
  owned_ = std::move(snapshot);
}

std::uint64_t SnapshotStore::passed() const {
  std::uint64_t oldest = version_.load();
  for (const auto& seen : seen_) oldest = std::min(oldest, seen.version.load());
  return oldest;
}

void SnapshotStore::collect() {
  const auto oldest = passed();
  std::erase_if(retired_, [&](const Retired& entry) { return entry.version <= oldest; });
}

}  // namespace plugin
