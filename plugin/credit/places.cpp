#include "credit/places.h"

#include <algorithm>
#include <limits>

namespace plugin {

/// Replaces the word by next(word); returns what it is then.
template <typename Change>
std::uint64_t Places::change(Change&& next) {
  std::uint64_t word = word_.load();
  for (;;) {
    const std::uint64_t wanted = next(word);
    if (word_.compare_exchange_weak(word, wanted)) return wanted;
  }
}

Places::Taken Places::take() {
  std::uint64_t word = word_.load();
  do {
    if (live_of(word) >= held_of(word)) return Taken::no;
  } while (!word_.compare_exchange_weak(word, word + 1));
  if (held_of(word) == unlimited) return Taken::yes;
  const std::uint32_t left = held_of(word) - live_of(word) - 1;
  return left < low_water.load(std::memory_order_relaxed) && !refill_asked.exchange(true)
             ? Taken::yes_and_low
             : Taken::yes;
}

bool Places::give_back() {
  const std::uint64_t word = change([](std::uint64_t before) {
    const std::uint64_t fewer = before - 1;
    return (before & pass_on_bit) == 0 ? fewer
                                       : with_held(fewer, std::max(held_of(before), 1U) - 1);
  });
  return (word & pass_on_bit) != 0;
}

std::uint32_t Places::spare() const {
  const std::uint64_t word = word_.load();
  return held_of(word) - std::min(held_of(word), live_of(word));
}

void Places::hold(std::uint32_t count) {
  change([&](std::uint64_t word) { return with_held(word, count); });
}

void Places::hold_live() {
  change([](std::uint64_t word) { return with_held(word, live_of(word)); });
}

void Places::add(std::uint32_t count) {
  change([&](std::uint64_t word) {
    return with_held(word, std::min(held_of(word) + count, unlimited - 1));
  });
}

void Places::keep_spare(std::uint32_t most) {
  change([&](std::uint64_t word) {
    return with_held(word, std::min(held_of(word), live_of(word) + most));
  });
}

void Places::pass_on(bool on) {
  change([&](std::uint64_t word) { return on ? word | pass_on_bit : word & ~pass_on_bit; });
}

}  // namespace plugin
