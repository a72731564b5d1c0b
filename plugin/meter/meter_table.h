// The meter table: every live allocation's meter and every account's sums, in a mapped file.
// Owner: the broker. Threads: each member function says which; nothing here takes a lock.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "broker/account.h"
#include "broker/result.h"
#include "meter/layout.h"
#include "meter/mapped_file.h"

namespace plugin {

class MeterTable {
 public:
  struct Size {
    std::uint32_t accounts_max = 0;
    std::uint32_t allocations_max = 0;
  };

  /// [broker] A new table; `path` must not exist.
  [[nodiscard]] static broker::Result<MeterTable> create(const std::string& path, Size size,
                                                         std::uint64_t incarnation,
                                                         std::string_view relay_id,
                                                         std::string_view boot_id);

  /// [broker] The table another process left behind; its sizes and indexes are checked, so that
  /// what follows stays inside the file whatever is in it. An unfinished fold is finished.
  [[nodiscard]] static broker::Result<MeterTable> open(const std::string& path);

  [[nodiscard]] TableHeader& header() const { return *header_; }

  /// [broker] All account slots ever used.
  [[nodiscard]] std::span<AccountSlot> accounts() const {
    return {accounts_, header_->accounts_high};
  }
  [[nodiscard]] AccountSlot& account(std::uint32_t index) const { return accounts_[index]; }

  /// [any] All allocation slots ever used.
  [[nodiscard]] std::span<AllocationSlot> allocations() const {
    const auto high = header_->allocations_high.load(std::memory_order_acquire);
    return {allocations_, high < header_->allocations_max ? high : header_->allocations_max};
  }

  /// [any] The slot a meter lies in.
  [[nodiscard]] static AllocationSlot& slot_of(turn_meter& meter) {
    return reinterpret_cast<AllocationSlot&>(meter);  // meter is the first member
  }
  [[nodiscard]] std::uint32_t index_of(const AllocationSlot& slot) const {
    return static_cast<std::uint32_t>(&slot - allocations_);
  }

  /// [broker] A free account slot with the key filled in and all sums zero; nullptr when full.
  [[nodiscard]] AccountSlot* take_account(const broker::AccountKey& key);
  /// [broker] Its last report has been taken by the ledger.
  void free_account(AccountSlot& slot);

  /// [any, lock-free] A free slot, zeroed, with a sequence of its own, not yet live; nullptr when
  /// full.
  [[nodiscard]] AllocationSlot* take_allocation();
  /// [any, lock-free] Gives back a slot that never became live.
  void put_back(AllocationSlot& slot);
  /// [the slot's relay thread, lock-free] The host is done with it. Hands it to the broker.
  void close(AllocationSlot& slot);

  /// [broker] One slot that was closed and not yet folded, or nullptr.
  [[nodiscard]] AllocationSlot* next_closed();
  /// [broker] Adds a closed slot's octets to its accounts' sums and frees the slot. Crash-safe.
  void fold_and_free(AllocationSlot& slot);

 private:
  MeterTable(MappedFile file, TableHeader* header, AccountSlot* accounts,
             AllocationSlot* allocations)
      : file_(std::move(file)), header_(header), accounts_(accounts), allocations_(allocations) {}
  static MeterTable lay_out(MappedFile file, const Size& size);
  void add_share(const FoldIntent& intent, const AllocationSlot& slot);
  void push_free(AllocationSlot& slot);
  void finish_fold();

  MappedFile file_;
  TableHeader* header_ = nullptr;
  AccountSlot* accounts_ = nullptr;
  AllocationSlot* allocations_ = nullptr;
  std::uint32_t accounts_free_ = 0;       ///< [broker] free ones below accounts_high
  std::uint32_t closed_batch_ = no_slot;  ///< [broker] rest of the list taken from closed_head
};

/// [any] Consistent enough while the relay thread counts on: each number is one atomic load.
[[nodiscard]] broker::UsedTotals used_of(const AllocationSlot& slot);
[[nodiscard]] std::uint64_t charged_of(const AllocationSlot& slot);
/// What is charged of `used`, which was read of this slot.
[[nodiscard]] std::uint64_t charged_part(const AllocationSlot& slot,
                                         const broker::UsedTotals& used);

/// [broker] The key an account slot was taken with.
[[nodiscard]] broker::AccountKey key_of(const AccountSlot& slot);

}  // namespace plugin
