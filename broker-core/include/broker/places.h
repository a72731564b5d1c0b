// The rules of allocation places: how many allocations of a CSP's media type may be live at once over
// all relays that share a ledger (`allocations` in [csp.X.quota.M]).
// Owner: pure functions over values. Threads: any.
//
// A relay admits an allocation only into a place that it holds, and the sum of all places held never
// grows beyond the limit: as octets are, places are debited when they are granted. Other than octets
// they are a level, not a total: a place is given back when its allocation has ended. They belong to
// (CSP, media type), not to a period, since allocations live on from one period into the next.
//
// A relay's places are good for the validity time after it asked for the report that was answered
// last: then its allocations in them have been ended. So what a relay holds that has not reported for
// longer may be given to others (SilentHolders says when).
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "broker/media_type.h"
#include "broker/ports/ledger_store.h"
#include "broker/result.h"

namespace broker {

/// Places of one key are counted together.
struct PlacesKey {
  std::string csp;  ///< 1 .. csp_id_octets_max octets
  MediaType media = MediaType::audio;
  friend auto operator<=>(const PlacesKey&, const PlacesKey&) = default;
};

/// Places at most, in any amount here.
inline constexpr std::uint64_t places_max = std::uint64_t{1} << 31;

/// What a holder's last report was: when it is the same later, nothing was heard of it since.
struct HolderMark {
  Incarnation who;
  std::uint64_t sequence = 0;
  friend bool operator==(const HolderMark&, const HolderMark&) = default;
};

/// One incarnation's word about one key. Places, 0 .. places_max.
struct PlacesReport {
  PlacesKey key;
  std::uint64_t limit = 0;   ///< that this relay is configured with
  std::uint64_t kept = 0;    ///< >= its live allocations
  std::uint64_t wanted = 0;  ///< on top of kept; 0 just reports
  /// Rises with every report of this incarnation, never 0: a late or repeated one changes nothing.
  std::uint64_t sequence = 0;
  /// Others that have been silent for longer than their places are good. Each loses them if its last
  /// report still is the one of the mark.
  std::vector<HolderMark> gone{};
  bool tell_holders = false;  ///< the answer is to name the others that hold places
};

/// What the ledger holds of one incarnation in one key.
struct PlacesShare {
  std::uint64_t held = 0;
  std::uint64_t sequence = 0;  ///< of the latest report that was taken
  friend bool operator==(const PlacesShare&, const PlacesShare&) = default;
};

/// Without the reporting incarnation.
struct PlacesOthers {
  std::uint64_t held = 0;
  std::uint64_t holders = 0;  ///< shares with held > 0
};

/// What the ledger answers.
struct PlacesAnswer {
  std::uint64_t held = 0;  ///< by the reporter now
  std::uint64_t held_by_others = 0;
  std::uint64_t holders = 0;  ///< others that hold some
  /// When it was asked for; at most holders_told_max of them, in any order.
  std::vector<HolderMark> others{};
  /// The store may have forgotten what relays hold: it grants nothing until all have reported, or
  /// what they hold has ended.
  bool learning = false;
};

inline constexpr std::size_t holders_told_max = 512;

/// A share after a report: kept + min(wanted, what the limit leaves). What is kept is recorded also
/// beyond the limit, when that was lowered or the store had forgotten. A report whose sequence is
/// not newer than the stored one changes nothing. Precondition: check_places(report).ok().
[[nodiscard]] PlacesShare settle_places(const PlacesShare& stored, const PlacesReport& report,
                                        const PlacesOthers& others);

/// Whether all amounts and the key are within their bounds; the error names them.
[[nodiscard]] Status check_places(const PlacesReport& report);

/// How many spare places a relay may keep while `remaining` are held by nobody: an even share of a
/// quarter of them, so that admissions need no exchange each. 0 near the limit: then a place is asked
/// for with each allocation and given back with its end, lest one be stranded on an idle relay.
[[nodiscard]] std::uint64_t spare_places(std::uint64_t remaining, std::uint64_t other_holders);

}  // namespace broker
