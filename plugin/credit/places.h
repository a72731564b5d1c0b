// How many allocations of a CSP's media type this relay may have at once: places, of which each live
// allocation takes one (broker/places.h).
// Owner: the broker (PlacesBook). Threads: relay threads take and return; the broker thread alone
// changes how many are held. No locks. Nothing here is touched per packet.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "broker/places.h"
#include "broker/silent_holders.h"

namespace plugin {

class Places {
 public:
  explicit Places(broker::PlacesKey places_key) : key(std::move(places_key)) {}

  const broker::PlacesKey key;

  enum class Taken : std::uint8_t { no, yes, yes_and_low };
  /// A place for an allocation; yes_and_low: once, when the broker should get more. [any]
  [[nodiscard]] Taken take();
  /// The end of an allocation that took one. True: the broker is to pass the place on. [any]
  [[nodiscard]] bool give_back();
  /// Whether to wait when there is none: others may have some to spare. [any]
  [[nodiscard]] bool may_get_more() const { return shared.load() && live() < limit.load(); }

  [[nodiscard]] std::uint32_t live() const { return live_of(word_.load()); }
  /// Places that are held; `unlimited` when there is no limit.
  [[nodiscard]] std::uint32_t held() const { return held_of(word_.load()); }
  [[nodiscard]] std::uint32_t spare() const;
  [[nodiscard]] bool is_limited() const { return held() != unlimited; }

  // The broker thread only.
  static constexpr std::uint32_t unlimited = 0x7fff'ffff;
  /// Where nobody shares them: as many as the limit says, also when more are live.
  void hold(std::uint32_t count);
  /// Only those with a live allocation in them.
  void hold_live();
  void add(std::uint32_t count);
  /// Gives up spare places beyond so many.
  void keep_spare(std::uint32_t most);
  /// While passing on, a place is no longer held once its allocation has ended.
  void pass_on(bool on);
  [[nodiscard]] bool passes_on() const { return (word_.load() & pass_on_bit) != 0; }

  std::atomic<std::uint32_t> limit{0};  ///< 0: none. The broker writes.
  std::atomic<bool> shared{false};      ///< with other relays. The broker writes.
  std::atomic<std::uint32_t> low_water{0};
  std::atomic<bool> refill_asked{false};

  bool active = false;             ///< the keeper looks at it
  std::uint32_t waiting = 0;       ///< allocations that wait for one
  bool refuse = false;             ///< those that wait now: there are none
  bool asking = false;             ///< a report is on its way, or its answer
  bool must_report = false;        ///< though nothing has changed
  bool lapsed = false;             ///< no answer for so long that the places are others' now
  std::uint64_t known_held = 0;    ///< as the ledger says
  std::uint64_t spare_wanted = 0;  ///< as many as are worth having
  std::int64_t asked_at_ms = 0;    ///< steady, as all that follow
  std::int64_t ask_at_ms = 0;      ///< not before
  std::int64_t valid_until_ms = 0;
  std::int64_t recalled_at_ms = INT64_MIN / 2;  ///< by this relay or another
  std::int64_t sparse_until_ms = 0;             ///< one lacked some: none to spare until then
  std::int64_t lacking_since_ms = 0;            ///< the first answer that did not suffice; 0: none
  std::int64_t idle_since_ms = 0;
  broker::SilentHolders silent;
  std::int64_t next_watch_ms = 0;  ///< when to ask for the holders again
  std::int64_t silent_at_ms = 0;   ///< when the silent ones are to be told; 0: nobody is watched

 private:
  // From the top: passing on, held, live; in one word, so that no place is both given up and taken.
  static constexpr std::uint64_t pass_on_bit = std::uint64_t{1} << 63;
  static constexpr std::uint32_t live_of(std::uint64_t word) {
    return static_cast<std::uint32_t>(word);
  }
  static constexpr std::uint32_t held_of(std::uint64_t word) {
    return static_cast<std::uint32_t>(word >> 32) & unlimited;
  }
  static constexpr std::uint64_t with_held(std::uint64_t word, std::uint32_t held) {
    return (word & (pass_on_bit | UINT32_MAX)) | std::uint64_t{held} << 32;
  }
  template <typename Change>
  std::uint64_t change(Change&& next);

  std::atomic<std::uint64_t> word_{std::uint64_t{unlimited} << 32};
};

}  // namespace plugin
