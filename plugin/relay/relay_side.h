// The hooks that coturn's relay threads call: credentials, admission, credit, closing.
// Owner: the broker. Threads: every function is called on a relay thread; none takes a lock,
// blocks, or makes a system call (but to wake the broker, when an account needs it, and for the few
// records of the log about who is refused).
#pragma once

#include <cstdint>
#include <string_view>

#include "broker/credentials.h"
#include "clock.h"
#include "credit/account_index.h"
#include "host.h"
#include "meter/meter_table.h"
#include "metrics/refusal_counts.h"
#include "relay/client_log.h"
#include "relay/inbox.h"
#include "relay/snapshot.h"
#include "turn_plugin.h"

namespace plugin {

class RelaySide {
 public:
  RelaySide(const Host& host, MeterTable& table, AccountIndex& accounts, SnapshotStore& snapshots,
            Inbox& inbox, const Clock& clock)
      : client_log_(host, clock),
        table_(table),
        accounts_(accounts),
        snapshots_(snapshots),
        inbox_(inbox),
        clock_(clock) {}

  [[nodiscard]] turn_verdict credential_wanted(const turn_credential_request& in,
                                               turn_credential_answer& out);
  [[nodiscard]] turn_verdict allocation_wanted(const turn_allocation_request& in,
                                               turn_allocation_answer& out);
  void allocation_created(const turn_allocation_created& in);
  void allocation_closed(const turn_allocation_closed& in);
  [[nodiscard]] turn_credit_verdict credit_wanted(const turn_credit_request& in,
                                                  turn_credit_answer& out);

  /// [any] An Allocate was refused with this STUN error code.
  void count_refusal(std::uint16_t error_code) { refusals_.add(error_code); }
  /// [any] For all that the broker writes about what clients send.
  [[nodiscard]] ClientLog& client_log() { return client_log_; }
  /// [any]
  [[nodiscard]] const RefusalCounts& refusals() const { return refusals_; }

 private:
  [[nodiscard]] turn_verdict let_in(const turn_allocation_request& in, AllocationSlot& slot,
                                    Account& account, bool per_client, turn_allocation_answer& out);
  [[nodiscard]] AllocationSlot* move_to_successor(AllocationSlot& slot, Account& account,
                                                  Account* client);
  ClientLog client_log_;
  MeterTable& table_;
  AccountIndex& accounts_;
  SnapshotStore& snapshots_;
  Inbox& inbox_;
  const Clock& clock_;
  RefusalCounts refusals_;
};

/// Whether an allocation may be; no_place may become better, where relays share places.
enum class Admission : std::uint8_t { admitted, admitted_wake_broker, refused, no_place };

/// [relay or broker] Makes a filled-in slot live on its accounts, or says no (486) and leaves it as
/// it was.
[[nodiscard]] Admission admit(AllocationSlot& slot, Account& account, Account* client);

/// [relay or broker] Ends a live slot: its credit and its place go back, its octets will be settled
/// by the broker. Nothing may touch the slot afterwards. True: the broker is to pass the place on.
bool give_up(MeterTable& table, AccountIndex& accounts, AllocationSlot& slot);

/// What ALLOW answers for a live slot.
void lend(AllocationSlot& slot, turn_allocation_answer& out);

inline constexpr std::uint16_t stun_unauthorized = 401;
inline constexpr std::uint16_t stun_forbidden = 403;
inline constexpr std::uint16_t stun_allocation_quota_reached = 486;
inline constexpr std::uint16_t stun_server_error = 500;
inline constexpr std::uint16_t stun_insufficient_capacity = 508;

}  // namespace plugin
