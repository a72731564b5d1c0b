// The meter table's file: what is taken, closed, folded, and found again after a crash.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <thread>

#include "broker/recovery.h"
#include "meter/meter_access.h"
#include "meter/meter_table.h"
#include "support/model_ledger.h"
#include "support/temp_dir.h"

using plugin::MeterTable;
using plugin::SlotState;

namespace {

constexpr MeterTable::Size small{16, 64};
const broker::AccountKey acme{"acme", broker::MediaType::data, 0, ""};

MeterTable make(const turntest::TempDir& directory) {
  auto table = MeterTable::create(directory / "meters", small, 0x1234, "relay", "boot");
  REQUIRE(table);
  return std::move(table).value();
}

MeterTable reopen(const turntest::TempDir& directory) {
  auto table = MeterTable::open(directory / "meters");
  REQUIRE(table);
  return std::move(table).value();
}

plugin::AllocationSlot& live(MeterTable& table, const plugin::AccountSlot& account,
                             std::uint64_t octets) {
  auto* slot = table.take_allocation();
  REQUIRE(slot != nullptr);
  slot->account = static_cast<std::uint32_t>(&account - table.accounts().data());
  slot->created = 1;
  slot->meter.charged_directions = 3;
  slot->meter.used_octets[0] = octets;
  slot->meter.used_packets[0] = 1;
  slot->state.store(SlotState::live);
  return *slot;
}

struct Found {
  plugin::Recovered result;
  std::vector<plugin::UsageRecord> records;
};

Found settle(MeterTable& table, broker::LedgerStore& store, std::string_view boot = "boot") {
  Found found;
  auto result = plugin::recover(
      table, boot, store,
      [&](const plugin::UsageRecord& record) { found.records.push_back(record); },
      [] { return broker::Status(broker::Nothing{}); });
  REQUIRE(result);
  found.result = result.value();
  return found;
}

std::uint64_t charged(broker::LedgerStore& store) {
  std::uint64_t sum = 0;
  const auto rows = store.usage(0);
  for (const auto& row : rows.value()) sum += row.charged_octets;
  return sum;
}

}  // namespace

TEST_CASE("the first account slot that is free is taken again") {
  turntest::TempDir directory;
  auto table = make(directory);
  for (int i = 0; i < 5; ++i) REQUIRE(table.take_account(acme) != nullptr);
  const auto at = [&](const plugin::AccountSlot* slot) { return slot - table.accounts().data(); };
  table.free_account(table.account(3));
  table.free_account(table.account(1));
  CHECK(at(table.take_account(acme)) == 1);
  CHECK(at(table.take_account(acme)) == 3);
  CHECK(at(table.take_account(acme)) == 5);
}

TEST_CASE("slots are lent once at a time, until the table is full") {
  turntest::TempDir directory;
  auto table = make(directory);
  std::set<plugin::AllocationSlot*> slots;
  while (auto* slot = table.take_allocation()) CHECK(slots.insert(slot).second);
  CHECK(slots.size() == small.allocations_max);
  table.put_back(**slots.begin());
  CHECK(table.take_allocation() == *slots.begin());
  CHECK(table.take_allocation() == nullptr);
}

TEST_CASE("threads that take and give back slots never share one") {
  turntest::TempDir directory;
  auto table = make(directory);
  std::atomic<int> shared{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 20'000; ++i) {
        auto* slot = table.take_allocation();
        if (slot == nullptr) continue;
        if (plugin::atomic_of(slot->id).exchange(1) != 0) ++shared;
        plugin::atomic_of(slot->id).store(0);
        table.put_back(*slot);
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(shared == 0);
}

TEST_CASE("a closed slot is folded into its account and free again") {
  turntest::TempDir directory;
  auto table = make(directory);
  auto* account = table.take_account(acme);
  auto& slot = live(table, *account, 700);
  table.close(slot);
  REQUIRE(table.next_closed() == &slot);
  table.fold_and_free(slot);
  CHECK(account->closed.octets[0] == 700);
  CHECK(account->closed.charged_octets == 700);
  CHECK(slot.state.load() == SlotState::free);
  CHECK(table.next_closed() == nullptr);
}

TEST_CASE("a fold that a crash interrupted counts once, wherever it stopped") {
  for (const bool summed : {false, true}) {
    turntest::TempDir directory;
    {
      auto table = make(directory);
      auto* account = table.take_account(acme);
      account->closed.octets[0] = account->closed.charged_octets = 100;
      auto& slot = live(table, *account, 700);
      table.close(slot);
      // The intent is stored; the crash comes before, or after, the sum.
      table.header().fold.account_before = account->closed;
      table.header().fold.allocation.store(table.index_of(slot) + 1);
      if (summed) account->closed.octets[0] = account->closed.charged_octets = 800;
    }
    auto table = reopen(directory);
    broker::ModelLedger ledger;
    settle(table, ledger);
    CHECK(charged(ledger) == 800);
  }
}

TEST_CASE(
    "what a killed relay leaves is settled to the octet, and each allocation has one record") {
  turntest::TempDir directory;
  broker::ModelLedger ledger;
  {
    auto table = make(directory);
    auto* account = table.take_account(acme);
    account->limit_octets = 1'000'000;
    auto& first = live(table, *account, 1'000);
    auto& second = live(table, *account, 500);
    live(table, *account, 20).created = 0;
    second.close_reason = TURN_CLOSE_EXPIRED;
    table.close(second);
    // One that moved on to another period's slot.
    auto& third = live(table, *account, 30);
    auto& later = live(table, *account, 7);
    later.continues = third.sequence;
    later.earlier_octets[0] = 30;
    CHECK(first.sequence != second.sequence);
  }
  auto table = reopen(directory);
  const auto found = settle(table, ledger);
  CHECK(found.result.octets == 1'557);
  REQUIRE(found.records.size() == 3);
  CHECK(found.records[0].reason == plugin::EndReason::recovered);
  CHECK(found.records[1].reason == plugin::EndReason::expired);
  CHECK(found.records[2].used.octets[0] == 37);
  CHECK(charged(ledger) == 1'557);

  // Killed after it was settled and before the file was gone: nothing is counted or recorded again.
  const auto again = settle(table, ledger);
  CHECK(again.records.empty());
  CHECK(charged(ledger) == 1'557);
}

TEST_CASE("after a power failure the larger total counts") {
  turntest::TempDir directory;
  broker::ModelLedger ledger;
  broker::UsageReport heard;
  heard.account = acme;
  heard.limit_octets = 1'000'000;
  heard.used.octets[0] = heard.charged_octets = heard.granted_octets = 900;
  heard.sequence = 5;
  REQUIRE(ledger.exchange({"relay", 0x1234}, {heard}));
  auto table = make(directory);
  live(table, *table.take_account(acme), 400);
  table.header().report_sequence = 9;
  settle(table, ledger, "another boot");
  CHECK(charged(ledger) == 900);
}

TEST_CASE("damaged sums are refused and do not come out small") {
  turntest::TempDir directory;
  auto table = make(directory);
  auto* account = table.take_account(acme);
  for (int i = 0; i < 2; ++i) live(table, *account, (UINT64_MAX >> 1) + 51);
  CHECK(plugin::charged_of(table.allocations()[0]) == (UINT64_MAX >> 1) + 51);
  broker::ModelLedger ledger;
  const auto result = plugin::recover(
      table, "boot", ledger, [](const plugin::UsageRecord&) {},
      [] { return broker::Status(broker::Nothing{}); });
  CHECK_FALSE(result);
  CHECK(charged(ledger) == 0);
  // Folded into the account's sum they stay as large.
  table.close(table.allocations()[0]);
  table.fold_and_free(*table.next_closed());
  table.close(table.allocations()[1]);
  table.fold_and_free(*table.next_closed());
  CHECK(account->closed.octets[0] == UINT64_MAX);
  CHECK(account->closed.charged_octets == UINT64_MAX);
}

TEST_CASE("a file that is no meter table, or a damaged one, is an error or harmless") {
  const auto seed = Catch::rngSeed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  turntest::TempDir directory;
  {
    auto table = make(directory);
    auto* account = table.take_account(acme);
    for (int i = 0; i < 20; ++i) live(table, *account, 100);
  }
  std::ifstream original(directory / "meters", std::ios::binary);
  const std::string good{std::istreambuf_iterator<char>(original), {}};
  for (int round = 0; round < 500; ++round) {
    std::string bad = good;
    for (int i = 0; i < 1 + round % 40; ++i)
      bad[random() % bad.size()] = static_cast<char>(random());
    if (round % 5 == 0) bad.resize(random() % bad.size());
    std::ofstream(directory / "meters", std::ios::binary) << bad;
    auto table = MeterTable::open(directory / "meters");
    if (!table) {
      CHECK(table.error().message.find(directory / "meters") != std::string::npos);
      continue;
    }
    broker::ModelLedger ledger;
    [[maybe_unused]] const auto result = plugin::recover(
        table.value(), "boot", ledger, [](const plugin::UsageRecord&) {},
        [] { return broker::Status(broker::Nothing{}); });
  }
}
