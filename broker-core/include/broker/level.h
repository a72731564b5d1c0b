// How far an account has used its limit up, and what of that is to be told.
// Owner: pure functions over values. Threads: any.
//
// A level is a percentage: one of the configured thresholds, 100 when the account is exhausted, 0 below
// all of them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace broker {

inline constexpr std::uint32_t level_exhausted = 100;

/// How an account stands.
struct AccountLevel {
  std::string period;  ///< period_name
  std::uint64_t limit_octets = 0;
  std::uint64_t used_octets = 0;
  bool exhausted = false;  ///< nothing is left that the next packet would fit in
};

/// What its watchers know of it.
struct ToldLevel {
  std::string period;
  std::uint32_t level = 0;
  std::uint64_t limit_octets = 0;  ///< when that level was told
  friend bool operator==(const ToldLevel&, const ToldLevel&) = default;
};

/// The highest level that is reached. `thresholds` are 1 .. 99, ascending.
[[nodiscard]] std::uint32_t level_of(const AccountLevel& account,
                                     std::span<const std::uint32_t> thresholds);

/// What to tell, in this order, and what is known then.
struct LevelChange {
  bool restored = false;               ///< an account told to be exhausted may relay again
  std::vector<std::uint32_t> reached;  ///< levels, ascending
  ToldLevel told;
};

/// Each level is told once per period, and again after the account has been below it. An account with
/// a few octets left, too few for its next packet, is not restored by that: it takes another period,
/// a higher limit or a hundredth of the limit.
[[nodiscard]] LevelChange level_change(const ToldLevel& told, const AccountLevel& account,
                                       std::span<const std::uint32_t> thresholds);

}  // namespace broker
