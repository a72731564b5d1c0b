#include "broker/books_walk.h"

#include <iterator>
#include <utility>

namespace plugin {

namespace {
constexpr std::size_t damage_max = 100;
}  // namespace

BooksWalk::BooksWalk(event_base* base, const Clock& clock,
                     std::unique_ptr<broker::BooksReader> reader, Visit visit, Done done)
    : clock_(clock),
      reader_(std::move(reader)),
      visit_(std::move(visit)),
      done_(std::move(done)),
      deadline_ms_(clock.steady_ms() + walk_ms_max),
      soon_(::event_new(
          base, -1, 0, [](int, short, void* self) { static_cast<BooksWalk*>(self)->go_on(); },
          this)) {}

void BooksWalk::go_on_soon() {
  const timeval now{0, 0};
  ::event_add(soon_.get(), &now);
}

void BooksWalk::go_on() {
  if (clock_.steady_ms() >= deadline_ms_ || accounts_ >= accounts_max) {
    end_.complete = false;
    return finish(std::move(end_));
  }
  reader_->next([this](broker::Result<broker::BooksPage> page) { take(std::move(page)); });
}

void BooksWalk::take(broker::Result<broker::BooksPage> page) {
  if (!page) return finish(page.error());
  broker::BooksPage& found = page.value();
  accounts_ += found.accounts.size();
  for (broker::AccountBooks& books : found.accounts) visit_(std::move(books));
  for (std::string& what : found.damage)
    if (end_.damage.size() < damage_max) end_.damage.push_back(std::move(what));
  if (found.last) return finish(std::move(end_));
  go_on_soon();
}

void BooksWalk::finish(broker::Result<End> end) {
  over_ = true;
  const Done done = std::exchange(done_, nullptr);
  done(std::move(end));
}

}  // namespace plugin
