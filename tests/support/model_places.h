// The places of a fleet as simply as they can be said: shares in a map, every sum added up anew. The
// Redis script is compared with it, and simulations use it.
// Owner: the test. Threads: one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "broker/places.h"

namespace broker {

class ModelPlaces {
 public:
  /// One answer per report. The caller keeps ended incarnations away.
  Result<std::vector<PlacesAnswer>> exchange(const Incarnation& who,
                                             const std::vector<PlacesReport>& reports) {
    for (const PlacesReport& report : reports)
      if (Status sound = check_places(report); !sound) return sound.error();
    std::vector<PlacesAnswer> answers;
    for (const PlacesReport& report : reports) answers.push_back(settle(who, report));
    return answers;
  }

  /// An incarnation is over: nobody has its places any more.
  void end(const Incarnation& who) {
    for (auto& [key, shares] : shares_) shares.erase(who);
  }

  /// Incarnations of this relay that have reported and not ended; some perhaps twice.
  [[nodiscard]] std::vector<Incarnation> open_incarnations(const std::string& relay_id) const {
    std::vector<Incarnation> open;
    for (const auto& [key, shares] : shares_)
      for (const auto& [who, share] : shares)
        if (who.relay_id == relay_id) open.push_back(who);
    return open;
  }

  /// Over all keys.
  [[nodiscard]] std::uint64_t held() const {
    std::uint64_t sum = 0;
    for (const auto& [key, shares] : shares_)
      for (const auto& [who, share] : shares) sum += share.held;
    return sum;
  }

  [[nodiscard]] std::vector<HolderMark> holders(const PlacesKey& key) const {
    std::vector<HolderMark> found;
    if (const auto shares = shares_.find(key); shares != shares_.end())
      for (const auto& [who, share] : shares->second) found.push_back({who, share.sequence});
    return found;
  }

 private:
  PlacesAnswer settle(const Incarnation& who, const PlacesReport& report) {
    auto& shares = shares_[report.key];
    const bool is_new = report.sequence > shares[who].sequence;
    for (const HolderMark& mark : report.gone)
      if (is_new && mark.who != who && shares.contains(mark.who) &&
          shares[mark.who].sequence == mark.sequence)
        shares.erase(mark.who);
    PlacesOthers others;
    PlacesAnswer answer;
    for (const auto& [other, share] : shares) {
      if (other == who || share.held == 0) continue;
      others.held += share.held;
      ++others.holders;
      if (report.tell_holders) answer.others.push_back({other, share.sequence});
    }
    shares[who] = settle_places(shares[who], report, others);
    answer.held = shares[who].held;
    answer.held_by_others = others.held;
    answer.holders = others.holders;
    return answer;
  }

  std::map<PlacesKey, std::map<Incarnation, PlacesShare>> shares_;
};

}  // namespace broker
