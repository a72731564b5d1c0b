// What the meter table's file holds. Everything here survives kill -9; the next start reads it.
// Owner: MeterTable. Threads: see each member; all shared members are atomics or written before the
// slot's state is stored with release order.
//
// The file belongs to one incarnation: one life of one relay process on one boot of one machine.
#pragma once

#include <atomic>
#include <cstdint>
#include <type_traits>

#include "broker/account.h"
#include "turn_plugin.h"

namespace plugin {

inline constexpr std::uint64_t table_magic =
    0x0a52'4554'454d'4254;  // "TBMETER\n" as the file shows it
inline constexpr std::uint32_t table_version = 1;
inline constexpr std::uint32_t no_slot = UINT32_MAX;

enum class SlotState : std::uint32_t {
  free = 0,
  live = 1,    ///< lent to the host
  closed = 2,  ///< the host is done with it; its octets are not yet in the account's own sum
};

/// Octets and packets that closed allocations have used, by direction, and what of it was charged.
struct SlotTotals {
  std::uint64_t octets[2];
  std::uint64_t packets[2];
  std::uint64_t charged_octets;
};

/// One account. Written by the broker thread only.
struct alignas(64) AccountSlot {
  std::atomic<SlotState> state;  ///< free or live
  std::uint8_t media;
  std::uint8_t csp_length;
  std::uint8_t client_length;
  std::uint8_t reserved;
  std::int64_t period_start_s;
  std::uint64_t limit_octets;
  SlotTotals closed;  ///< of the allocations that were folded in
  char csp[broker::csp_id_octets_max + 1];
  char client[broker::client_name_octets_max];
};

/// One allocation: its meter, and what a usage record tells of it.
struct alignas(64) AllocationSlot {
  turn_meter meter;

  std::atomic<SlotState> state;
  std::uint32_t account;             ///< index of the CSP's account
  std::uint32_t client_account;      ///< index of the client's own account, or no_slot
  std::atomic<std::uint32_t> next;   ///< link in the free or the closed list
  std::uint64_t id;                  ///< the host's allocation id
  std::uint64_t sequence;            ///< unique in the incarnation
  std::uint64_t continues;           ///< sequence of the slot of the earlier period, or 0
  std::int64_t start_ms;             ///< Unix time
  std::atomic<std::int64_t> end_ms;  ///< stored by the relay thread while others may be reading
  std::int64_t expiry_s;             ///< of the credential; 0: none

  std::int64_t issued_s;   ///< of the credential; 0: unknown
  std::uint64_t who_hash;  ///< names the credential in a revocation, to this process; 0: none
  std::uint64_t
      earlier_octets[2];  ///< used in earlier periods: for the record, not for the account
  std::uint64_t earlier_packets[2];
  std::uint32_t slice_octets;  ///< relay thread: size of the last slice of credit
  std::uint32_t slice_at_ms;   ///< relay thread: when it was taken (low 32 bits of a steady clock)
  std::int64_t rate_tokens;    ///< relay thread: octets the rate limit allows now
  std::int64_t rate_at_ms;     ///< relay thread: when rate_tokens was reckoned

  turn_address client;
  turn_address relayed[2];
  std::uint8_t transport;
  std::atomic<std::uint8_t> created;  ///< the host reported allocation_created
  std::uint8_t continued;             ///< a later slot has taken over: no record of its own
  std::uint8_t close_reason;
  std::uint8_t name_length;
  std::uint8_t reserved[7];
  char name[broker::client_name_octets_max];
};

/// An account's sum and an allocation's share of it, saved before they are added: with it the
/// addition can be repeated after a crash without counting twice. One at a time, broker thread
/// only.
struct FoldIntent {
  std::atomic<std::uint32_t> allocation;  ///< slot index + 1; 0: none
  std::uint32_t reserved;
  SlotTotals account_before;
  SlotTotals client_account_before;
};

struct alignas(64) TableHeader {
  std::atomic<std::uint64_t> magic;  ///< stored last: a file without it was never used
  std::uint32_t version;
  std::uint32_t header_octets;
  std::uint32_t account_octets;
  std::uint32_t allocation_octets;
  std::uint32_t accounts_max;
  std::uint32_t allocations_max;
  std::uint64_t incarnation;
  char relay_id[64];
  char boot_id[40];

  alignas(64) std::atomic<std::uint64_t> free_head;  ///< tag << 32 | (slot index + 1)
  std::atomic<std::uint32_t> closed_head;            ///< slot index + 1
  std::atomic<std::uint32_t> allocations_high;       ///< slots ever used
  std::atomic<std::uint64_t> sequence;
  std::uint32_t accounts_high;         ///< broker thread only
  std::uint32_t records_written;       ///< a later start has written the records of what it found
  std::uint64_t report_sequence;       ///< of the latest report to the ledger; broker thread only
  std::atomic<std::int64_t> alive_ms;  ///< Unix time, every tick

  alignas(64) FoldIntent fold;
};

static_assert(sizeof(turn_meter) == 64);
static_assert(sizeof(AllocationSlot) <= 448, "memory per allocation is bounded");
static_assert(std::is_standard_layout_v<AllocationSlot> && std::is_standard_layout_v<AccountSlot>);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
static_assert(std::atomic<SlotState>::is_always_lock_free);

}  // namespace plugin
