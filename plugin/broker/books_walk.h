// Reads the ledger's books to their end, a page at a time: between two pages the broker does whatever else
// is to be done.
// Owner: the broker, which keeps it until it is over. Threads: the broker thread.
#pragma once

#include <event2/event.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/ports/ledger_books.h"
#include "clock.h"
#include "http/handles.h"

namespace plugin {

class BooksWalk {
 public:
  /// A little less than a request may take.
  static constexpr std::int64_t walk_ms_max = 8'000;
  static constexpr std::size_t accounts_max = 500'000;

  /// Sees every account.
  using Visit = std::function<void(broker::AccountBooks&&)>;
  struct End {
    bool complete = true;             ///< false: there was no time for all, or there are too many
    std::vector<std::string> damage;  ///< what belongs to no account
  };
  using Done = std::function<void(broker::Result<End>)>;

  /// `base` and `clock` are borrowed. `done` is called once, never before start() has returned, and not
  /// when the walk is destroyed before its end.
  BooksWalk(event_base* base, const Clock& clock, std::unique_ptr<broker::BooksReader> reader,
            Visit visit, Done done);
  BooksWalk(const BooksWalk&) = delete;
  BooksWalk& operator=(const BooksWalk&) = delete;

  void start() { go_on_soon(); }
  [[nodiscard]] bool is_over() const { return over_; }

 private:
  void go_on_soon();
  void go_on();
  void take(broker::Result<broker::BooksPage> page);
  void finish(broker::Result<End> end);

  const Clock& clock_;
  std::unique_ptr<broker::BooksReader> reader_;
  Visit visit_;
  Done done_;
  std::int64_t deadline_ms_;
  std::size_t accounts_ = 0;
  End end_;
  bool over_ = false;
  http::EventHandle soon_;
};

}  // namespace plugin
