// The places of every CSP's media type that this relay has known. None goes before the process does:
// there are as many as quotas were ever configured, and accounts of several periods share one.
// Owner: the broker. Threads: the broker thread; relay threads reach places through accounts.
#pragma once

#include <map>
#include <memory>

#include "credit/places.h"

namespace plugin {

class PlacesBook {
 public:
  [[nodiscard]] Places& of(const broker::PlacesKey& key) {
    auto& places = places_[key];
    if (places == nullptr) places = std::make_unique<Places>(key);
    return *places;
  }
  /// nullptr when there are none.
  [[nodiscard]] Places* find(const broker::PlacesKey& key) const {
    const auto found = places_.find(key);
    return found == places_.end() ? nullptr : found->second.get();
  }

 private:
  std::map<broker::PlacesKey, std::unique_ptr<Places>> places_;
};

}  // namespace plugin
