// Tells the fleet's subscribers what this relay relays and whom it cuts (fleet_bus.h has the channels).
// Owner: the broker. Threads: the broker thread.
//
//   turnbroker:usage  {"v":1,"relay","incarnation","at_ms","accounts":[…],"allocations":[…]}
//     an account:    csp, media, period, limit_octets, used_octets (fleet-wide, charged), exhausted, and of
//                    the fleet client_to_peer_octets, peer_to_client_octets, client_to_peer_packets,
//                    peer_to_client_packets
//     an allocation: allocation, csp, media, client, and its own four counts
//   turnbroker:cuts   {"v":1,"relay","at_ms","allocation","csp","media","client","reason"}
//
// All counts are totals, so that a lost message is made up for by the next. Only what has changed since
// the last message is told, in at most messages_max messages at a time; and in one while nobody
// subscribes, which finds out whether that is still so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "api/event.h"
#include "ctl/control.h"
#include "fleet/publish.h"

namespace plugin {

class UsageTeller final : public EventSink {
 public:
  static constexpr std::size_t messages_max = 64;
  /// Of one message, so that it stays well below fleet_message_octets_max.
  static constexpr std::size_t entries_max = 40;

  using Publish =
      std::function<void(const std::string& channel, const std::string& message, Heard heard)>;

  UsageTeller(std::string relay_id, std::string incarnation, Publish publish)
      : relay_id_(std::move(relay_id)),
        incarnation_(std::move(incarnation)),
        publish_(std::move(publish)) {}

  void tell(std::int64_t at_ms, const std::vector<AccountStatus>& accounts,
            const std::vector<AllocationStatus>& allocations);
  /// Cuts are told at once; other events are not.
  void post(const Event& event) override;

 private:
  std::string relay_id_, incarnation_;
  Publish publish_;
  bool nobody_listens_ = false;                ///< as of the last message that was answered
  std::map<std::string, std::uint64_t> told_;  ///< octets, by account or allocation
  /// Answers may come when this is gone.
  std::shared_ptr<UsageTeller*> self_ = std::make_shared<UsageTeller*>(this);
};

}  // namespace plugin
