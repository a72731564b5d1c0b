// The fleet's channels in Redis (fleet/fleet_messages.h): what other relays and operators say is handed to the
// broker; what is damaged is dropped and logged.
// Owner: the broker. Threads: the broker thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "broker/account.h"
#include "clock.h"
#include "fleet/fleet_messages.h"
#include "host.h"
#include "redis/client.h"

namespace plugin {

class FleetBus {
 public:
  /// Subscribes. All borrowed.
  FleetBus(redis::Client& client, const Host& host, const Clock& clock);

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
  /// To be called about once a second: tells the log of what was dropped since it was told last.
  void look();

 private:
  void take(const std::string& channel, const std::string& payload);
  void drop(const std::string& channel, const broker::Error& error);

  redis::Client& client_;
  const Host& host_;
  const Clock& clock_;
  std::int64_t next_told_ms_ = 0;  ///< the log has a line a second of dropped messages, at most
  std::uint64_t dropped_untold_ = 0;
  std::function<void(const broker::AccountKey&)> recall_ = [](const auto&) {};
  std::function<void(const broker::AccountKey&)> recall_places_ = [](const auto&) {};
  std::function<void(const broker::AccountKey&)> exhausted_ = [](const auto&) {};
  std::function<void(const FleetCommand&)> control_ = [](const auto&) {};
};

}  // namespace plugin
