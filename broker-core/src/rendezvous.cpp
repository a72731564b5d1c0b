#include "rendezvous.h"

#include <cmath>

namespace broker {

namespace {

/// FNV-1a; the names end with a NUL, which none of them holds.
std::uint64_t hash_of(std::uint64_t hash, std::string_view name) {
  constexpr std::uint64_t prime = 1099511628211ULL;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * prime;
  return hash * prime;
}

/// The finaliser of SplitMix64: FNV's high bits alone depend too little on the last octets.
std::uint64_t mixed(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31);
}

}  // namespace

double rendezvous_score(std::string_view csp, std::string_view client_name, std::string_view node,
                        std::uint32_t weight) {
  constexpr std::uint64_t offset_basis = 14695981039346656037ULL;
  const std::uint64_t bits = mixed(hash_of(hash_of(hash_of(offset_basis, csp), client_name), node));
  // 53 bits, and a half, so that it is never 0 or 1.
  const double unit = (static_cast<double>(bits >> 11) + 0.5) * 0x1p-53;
  return -static_cast<double>(weight) / std::log(unit);
}

}  // namespace broker
