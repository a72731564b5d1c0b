// The fleet's channels in Redis (fleet/fleet_messages.h): what other relays and operators say is handed to the
// broker; what is damaged is dropped and logged.
// Owner: the broker. Threads: the broker thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "broker/account.h"
#include "fleet/fleet_messages.h"
#include "host.h"
#include "redis/client.h"

namespace plugin {

class FleetBus {
 public:
  /// Subscribes. Both borrowed.
  FleetBus(redis::Client& client, const Host& host);

  void on_recall(std::function<void(const broker::AccountKey&)> handler) {
    recall_ = std::move(handler);
  }
  void on_recall_places(std::function<void(const broker::AccountKey&)> handler) {
    recall_places_ = std::move(handler);
  }
  void on_exhausted(std::function<void(const broker::AccountKey&)> handler) {
    exhausted_ = std::move(handler);
  }
  void on_control(std::function<void(const FleetCommand&)> handler) {
    control_ = std::move(handler);
  }

  void tell_revoked();

 private:
  void take(const std::string& channel, const std::string& payload);

  redis::Client& client_;
  const Host& host_;
  std::function<void(const broker::AccountKey&)> recall_ = [](const auto&) {};
  std::function<void(const broker::AccountKey&)> recall_places_ = [](const auto&) {};
  std::function<void(const broker::AccountKey&)> exhausted_ = [](const auto&) {};
  std::function<void(const FleetCommand&)> control_ = [](const auto&) {};
};

}  // namespace plugin
