// Taking turns by weight: in each cycle every one has as many turns as its weight, evenly spread.
// Owner: pure functions. Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace broker {

/// Whose turn number `turn` is. With equal weights 0, 1, 2, 0, 1, 2. Precondition: `weights` is not
/// empty, each is 1 .. 1000, and there are at most 65'536 of them.
[[nodiscard]] std::size_t whose_turn(std::span<const std::uint32_t> weights, std::uint64_t turn);

}  // namespace broker
