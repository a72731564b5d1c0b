#include "broker/level.h"

namespace broker {

namespace {

/// percent of limit_octets, rounded up: what must have been used to reach it. No overflow for
/// percent <= 100.
std::uint64_t octets_at(std::uint64_t limit_octets, std::uint64_t percent) {
  return limit_octets / 100 * percent + (limit_octets % 100 * percent + 99) / 100;
}

}  // namespace

std::uint32_t level_of(const AccountLevel& account, std::span<const std::uint32_t> thresholds) {
  if (account.exhausted || account.used_octets >= account.limit_octets) return level_exhausted;
  std::uint32_t level = 0;
  for (const std::uint32_t threshold : thresholds)
    if (account.used_octets >= octets_at(account.limit_octets, threshold)) level = threshold;
  return level;
}

LevelChange level_change(const ToldLevel& told, const AccountLevel& account,
                         std::span<const std::uint32_t> thresholds) {
  const std::uint32_t level = level_of(account, thresholds);
  const bool same_period = told.period == account.period;
  LevelChange change;
  if (told.level == level_exhausted && level != level_exhausted) {
    if (same_period && account.limit_octets <= told.limit_octets &&
        account.used_octets >= octets_at(account.limit_octets, 99)) {
      change.told = told;
      return change;
    }
    change.restored = true;
  }
  const std::uint32_t known = same_period ? told.level : 0;
  // Of a volume of nothing no part is ever used.
  for (const std::uint32_t threshold : thresholds)
    if (account.limit_octets != 0 && threshold > known && threshold <= level)
      change.reached.push_back(threshold);
  if (level == level_exhausted && known != level_exhausted)
    change.reached.push_back(level_exhausted);
  change.told = {account.period, level, account.limit_octets};
  return change;
}

}  // namespace broker
