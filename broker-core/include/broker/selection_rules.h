// How a CSP's clients are spread over the relays: the keys `selection`, `domains`, `sticky` and
// `fallbacks` of [csp.ID]. Owner: regular value types. Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace broker {

inline constexpr std::size_t domains_max = 64;  ///< of a CSP
inline constexpr std::uint32_t fallbacks_max = 8;

enum class SelectionStrategy : std::uint8_t {
  least_load,   ///< of two drawn by lot the one that is less used
  round_robin,  ///< each in its turn, as often as its weight says
  nearest,      ///< to the client; least_load where its place is not known
};

struct SelectionRules {
  SelectionStrategy strategy = SelectionStrategy::least_load;
  std::vector<std::string> domains{};  ///< of relays that may be used; empty: all
  bool sticky = false;                 ///< the same client name gets the same relay while it can
  std::uint32_t fallbacks = 2;         ///< further relays in an answer, 0 .. fallbacks_max
  friend bool operator==(const SelectionRules&, const SelectionRules&) = default;
};

}  // namespace broker
