#include "meter/meter_table.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

#include "meter/meter_access.h"

namespace plugin {

namespace {

constexpr std::size_t round_up(std::size_t octets) { return (octets + 4095) & ~std::size_t{4095}; }

constexpr std::size_t accounts_offset() { return round_up(sizeof(TableHeader)); }
constexpr std::size_t allocations_offset(const MeterTable::Size& size) {
  return accounts_offset() + round_up(std::size_t{size.accounts_max} * sizeof(AccountSlot));
}
constexpr std::size_t file_octets(const MeterTable::Size& size) {
  return allocations_offset(size) +
         round_up(std::size_t{size.allocations_max} * sizeof(AllocationSlot));
}

template <std::size_t N>
void copy_text(char (&target)[N], std::string_view text) {
  const auto length = std::min(text.size(), N - 1);
  std::memcpy(target, text.data(), length);
  target[length] = '\0';
}

/// Sums a fold adds; the account's own sum before it plus the allocation's share.
void store_sum(SlotTotals& sum, const SlotTotals& before, const AllocationSlot& slot) {
  const auto used = used_of(slot);
  for (std::size_t d = 0; d < 2; ++d) {
    std::atomic_ref(sum.octets[d]).store(sum_or_most(before.octets[d], used.octets[d]));
    std::atomic_ref(sum.packets[d]).store(sum_or_most(before.packets[d], used.packets[d]));
  }
  std::atomic_ref(sum.charged_octets)
      .store(sum_or_most(before.charged_octets, charged_part(slot, used)));
}

}  // namespace

MeterTable MeterTable::lay_out(MappedFile file, const Size& size) {
  auto* base = file.data();
  auto* header = std::launder(reinterpret_cast<TableHeader*>(base));
  auto* accounts = std::launder(reinterpret_cast<AccountSlot*>(base + accounts_offset()));
  auto* allocations =
      std::launder(reinterpret_cast<AllocationSlot*>(base + allocations_offset(size)));
  return {std::move(file), header, accounts, allocations};
}

broker::Result<MeterTable> MeterTable::create(const std::string& path, Size size,
                                              std::uint64_t incarnation, std::string_view relay_id,
                                              std::string_view boot_id) {
  auto file = MappedFile::create(path, file_octets(size));
  if (!file) return file.error();
  auto table = lay_out(std::move(file).value(), size);
  TableHeader& header = *table.header_;
  header.version = table_version;
  header.header_octets = sizeof(TableHeader);
  header.account_octets = sizeof(AccountSlot);
  header.allocation_octets = sizeof(AllocationSlot);
  header.accounts_max = size.accounts_max;
  header.allocations_max = size.allocations_max;
  header.incarnation = incarnation;
  copy_text(header.relay_id, relay_id);
  copy_text(header.boot_id, boot_id);
  header.magic.store(table_magic, std::memory_order_release);
  return table;
}

broker::Result<MeterTable> MeterTable::open(const std::string& path) {
  auto file = MappedFile::open(path);
  if (!file) return file.error();
  if (file.value().size() < accounts_offset())
    return broker::Error{path + " is too short for a meter table"};
  const auto& header = *reinterpret_cast<const TableHeader*>(file.value().data());
  if (header.magic.load(std::memory_order_acquire) != table_magic)
    return broker::Error{path + " is not a meter table"};
  if (header.version != table_version || header.header_octets != sizeof(TableHeader) ||
      header.account_octets != sizeof(AccountSlot) ||
      header.allocation_octets != sizeof(AllocationSlot))
    return broker::Error{path + " was written by another version"};
  const Size size{header.accounts_max, header.allocations_max};
  if (file.value().size() != file_octets(size) || header.accounts_high > size.accounts_max)
    return broker::Error{path + " has sizes that contradict each other"};
  auto table = lay_out(std::move(file).value(), size);
  table.finish_fold();
  return table;
}

AccountSlot* MeterTable::take_account(const broker::AccountKey& key) {
  AccountSlot* slot = nullptr;
  if (accounts_free_ != 0) {
    const auto all = accounts();
    const auto free = std::ranges::find_if(all, [](const AccountSlot& candidate) {
      return candidate.state.load() == SlotState::free;
    });
    if (free != all.end()) slot = &*free;
    --accounts_free_;
  }
  if (slot == nullptr) {
    if (header_->accounts_high == header_->accounts_max) return nullptr;
    slot = &accounts_[header_->accounts_high++];
  }
  slot->media = static_cast<std::uint8_t>(key.media);
  slot->period_start_s = key.period_start_s;
  slot->csp_length = static_cast<std::uint8_t>(std::min(key.csp.size(), sizeof slot->csp));
  slot->client_length = static_cast<std::uint8_t>(std::min(key.client.size(), sizeof slot->client));
  std::memcpy(slot->csp, key.csp.data(), slot->csp_length);
  std::memcpy(slot->client, key.client.data(), slot->client_length);
  slot->limit_octets = 0;
  slot->closed = SlotTotals{};
  slot->state.store(SlotState::live, std::memory_order_release);
  return slot;
}

void MeterTable::free_account(AccountSlot& slot) {
  slot.state.store(SlotState::free, std::memory_order_release);
  ++accounts_free_;
}

AllocationSlot* MeterTable::take_allocation() {
  AllocationSlot* slot = nullptr;
  auto head = header_->free_head.load(std::memory_order_acquire);
  while ((head & UINT32_MAX) != 0) {
    AllocationSlot& candidate = allocations_[(head & UINT32_MAX) - 1];
    const std::uint64_t next = candidate.next.load(std::memory_order_relaxed);
    // The tag in the upper half makes a head that was popped and pushed in between differ.
    const std::uint64_t wanted = (((head >> 32) + 1) << 32) | next;
    if (header_->free_head.compare_exchange_weak(head, wanted, std::memory_order_acq_rel)) {
      slot = &candidate;
      break;
    }
  }
  if (slot == nullptr) {
    auto high = header_->allocations_high.load(std::memory_order_relaxed);
    do {
      if (high >= header_->allocations_max) return nullptr;
    } while (!header_->allocations_high.compare_exchange_weak(high, high + 1,
                                                              std::memory_order_acq_rel));
    slot = &allocations_[high];
  }
  clear_meter(slot->meter);
  // All but the meter, the state and the link, which other threads may look at.
  slot->account = no_slot;
  slot->client_account = no_slot;
  slot->id = 0;
  slot->sequence = header_->sequence.fetch_add(1, std::memory_order_relaxed) + 1;
  slot->continues = 0;
  slot->start_ms = slot->expiry_s = slot->issued_s = 0;
  slot->end_ms.store(0, std::memory_order_relaxed);
  slot->who_hash = 0;
  std::fill_n(slot->earlier_octets, 2, 0);
  std::fill_n(slot->earlier_packets, 2, 0);
  slot->slice_octets = slot->slice_at_ms = 0;
  slot->rate_tokens = slot->rate_at_ms = 0;
  slot->client = turn_address{};
  std::fill_n(slot->relayed, 2, turn_address{});
  slot->transport = slot->continued = slot->close_reason = 0;
  slot->created.store(0, std::memory_order_relaxed);
  slot->name_length = 0;
  return slot;
}

void MeterTable::push_free(AllocationSlot& slot) {
  const std::uint64_t link = index_of(slot) + std::uint64_t{1};
  auto head = header_->free_head.load(std::memory_order_relaxed);
  std::uint64_t wanted = 0;
  do {
    slot.next.store(static_cast<std::uint32_t>(head & UINT32_MAX), std::memory_order_relaxed);
    wanted = (((head >> 32) + 1) << 32) | link;
  } while (!header_->free_head.compare_exchange_weak(head, wanted, std::memory_order_acq_rel));
}

void MeterTable::put_back(AllocationSlot& slot) { push_free(slot); }

void MeterTable::close(AllocationSlot& slot) {
  slot.state.store(SlotState::closed, std::memory_order_release);
  auto head = header_->closed_head.load(std::memory_order_relaxed);
  do {
    slot.next.store(head, std::memory_order_relaxed);
  } while (!header_->closed_head.compare_exchange_weak(head, index_of(slot) + 1,
                                                       std::memory_order_acq_rel));
}

AllocationSlot* MeterTable::next_closed() {
  if (closed_batch_ == no_slot) {
    const auto head = header_->closed_head.exchange(0, std::memory_order_acq_rel);
    if (head == 0) return nullptr;
    closed_batch_ = head - 1;
  }
  AllocationSlot& slot = allocations_[closed_batch_];
  const auto next = slot.next.load(std::memory_order_relaxed);
  closed_batch_ = next == 0 ? no_slot : next - 1;
  return &slot;
}

void MeterTable::add_share(const FoldIntent& intent, const AllocationSlot& slot) {
  if (slot.account < header_->accounts_high)
    store_sum(accounts_[slot.account].closed, intent.account_before, slot);
  if (slot.client_account < header_->accounts_high)
    store_sum(accounts_[slot.client_account].closed, intent.client_account_before, slot);
}

void MeterTable::fold_and_free(AllocationSlot& slot) {
  FoldIntent& intent = header_->fold;
  intent.account_before =
      slot.account < header_->accounts_high ? accounts_[slot.account].closed : SlotTotals{};
  intent.client_account_before = slot.client_account < header_->accounts_high
                                     ? accounts_[slot.client_account].closed
                                     : SlotTotals{};
  intent.allocation.store(index_of(slot) + 1, std::memory_order_release);
  add_share(intent, slot);
  slot.state.store(SlotState::free, std::memory_order_release);
  intent.allocation.store(0, std::memory_order_release);
  push_free(slot);
}

void MeterTable::finish_fold() {
  FoldIntent& intent = header_->fold;
  const auto link = intent.allocation.load();
  if (link == 0) return;
  if (link <= header_->allocations_max) {
    AllocationSlot& slot = allocations_[link - 1];
    // A free slot was folded completely; a closed one may be half way, and adding again from the
    // saved sums gives the same result.
    if (slot.state.load() == SlotState::closed) {
      add_share(intent, slot);
      slot.state.store(SlotState::free);
    }
  }
  intent.allocation.store(0);
}

broker::UsedTotals used_of(const AllocationSlot& slot) { return read_used(slot.meter); }

std::uint64_t charged_part(const AllocationSlot& slot, const broker::UsedTotals& used) {
  std::uint64_t sum = 0;
  for (std::size_t d = 0; d < 2; ++d)
    if ((slot.meter.charged_directions >> d & 1U) != 0) sum = sum_or_most(sum, used.octets[d]);
  return sum;
}

std::uint64_t charged_of(const AllocationSlot& slot) { return charged_part(slot, used_of(slot)); }

broker::AccountKey key_of(const AccountSlot& slot) {
  broker::AccountKey key;
  key.csp.assign(slot.csp, std::min<std::size_t>(slot.csp_length, sizeof slot.csp));
  key.media = static_cast<broker::MediaType>(std::min<std::uint8_t>(slot.media, 2));
  key.period_start_s = slot.period_start_s;
  key.client.assign(slot.client, std::min<std::size_t>(slot.client_length, sizeof slot.client));
  return key;
}

}  // namespace plugin
