// Moves places between the fleet's ledger and this relay (broker/places.h): gets some when an
// allocation lacks one, keeps a few to spare while there are many left, gives the rest back.
// Owner: the broker, where relays share a ledger. Threads: the broker thread; relay threads go on
// taking and returning meanwhile.
//
// Of a key one report at most is on its way; what else is wanted of it waits for the answer.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "broker/places_book.h"
#include "broker/ports/places_link.h"
#include "clock.h"
#include "meter/meter_table.h"

namespace plugin {

class PlacesKeeper {
 public:
  /// All borrowed.
  PlacesKeeper(const Clock& clock, MeterTable& table, PlacesBook& book, broker::PlacesLink& link,
               broker::Incarnation incarnation)
      : clock_(clock),
        table_(table),
        book_(book),
        link_(link),
        incarnation_(std::move(incarnation)) {}

  /// Called after answers: allocations that wait for a place look again. Those for which `refuse` is
  /// set then have waited long enough.
  void on_answer(std::function<void()> look) { look_again_ = std::move(look); }

  /// The limit that this relay is configured with, all over the fleet; 0: none.
  void set_limit(Places& places, std::uint32_t limit);
  /// Allocations that wait are counted anew from here on.
  void forget_waiting();
  /// Another allocation waits for a place.
  void note_waiting(Places& places);
  /// Does what is due. To be called when allocations wait, when relay threads have
  /// woken the broker, and at every tick.
  void serve();
  /// Another relay lacks places of this key: gives back what is not used.
  void give_back(const broker::PlacesKey& key);
  /// The store may have forgotten what it was told: tells it all again.
  void report_all();
  /// Marks places that no answer confirmed for longer than they are good (Places::lapsed). True while
  /// there are allocations in such places: they are to be ended, or the fleet may exceed its limit.
  [[nodiscard]] bool check_validity();

 private:
  void note_active(Places& places);
  [[nodiscard]] bool is_due(const Places& places, std::int64_t now_ms) const;
  [[nodiscard]] broker::PlacesReport report_of(Places& places, std::int64_t now_ms);
  void trim(Places& places, std::int64_t now_ms) const;
  void take_answers(const std::vector<Places*>& asked,
                    const std::vector<broker::PlacesReport>& reports,
                    const broker::Result<std::vector<broker::PlacesAnswer>>& answers);
  void take_answer(Places& places, const broker::PlacesReport& report,
                   const broker::PlacesAnswer& answer);
  void look_for_more(Places& places, const broker::PlacesReport& report,
                     const broker::PlacesAnswer& answer);

  const Clock& clock_;
  MeterTable& table_;
  PlacesBook& book_;
  broker::PlacesLink& link_;
  broker::Incarnation incarnation_;
  std::function<void()> look_again_ = [] {};
  /// Those that hold or want something, or have something to tell: few of many.
  std::vector<Places*> active_;
  bool calling_ = false;  ///< answers that come now come at once
  /// Answers may come when this is gone.
  std::shared_ptr<PlacesKeeper*> self_ = std::make_shared<PlacesKeeper*>(this);
};

}  // namespace plugin
