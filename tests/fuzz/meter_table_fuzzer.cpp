// What a process left behind as its meter table: the first octet says whether the rest is the file itself, or
// changes to a sound one (place, length, octets). It is refused with one line, or recovered: what the ledger
// is told is exactly what the meters say, and never more than it can hold.
#include "meter/meter_table.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <vector>

#include "broker/recovery.h"
#include "scratch_file.h"

#include "../support/model_ledger.h"

namespace {

using fuzz::require;
using plugin::MeterTable;

constexpr MeterTable::Size table_size{.accounts_max = 4, .allocations_max = 8};
constexpr std::string_view boot = "5e0a2f0c-0000-4000-8000-00000000b007";

const fuzz::ScratchDirectory& directory() {
  static const fuzz::ScratchDirectory kept("fuzz-meter-table");
  return kept;
}

void fill(MeterTable& table) {
  auto* account = table.take_account({"acme", broker::MediaType::video, 1'698'796'800, ""});
  auto* client = table.take_account({"acme", broker::MediaType::video, 1'698'796'800, "c"});
  account->limit_octets = 1'000'000;
  for (int i = 0; i < 3; ++i) {
    auto* slot = table.take_allocation();
    slot->account = table.accounts().size() == 2 ? 0 : 1;
    slot->client_account = client == nullptr ? plugin::no_slot : 1;
    slot->meter.used_octets[0] = 1'000;
    slot->meter.used_octets[1] = 10;
    slot->meter.used_packets[0] = 2;
    slot->meter.charged_directions = 3;
    slot->created.store(1);
    slot->state.store(plugin::SlotState::live);
    if (i == 1) table.close(*slot);
  }
}

/// The octets of a table as a relay with three allocations leaves it.
const std::string& sound_table() {
  static const std::string octets = [] {
    const std::string path = directory().file("sound");
    std::filesystem::remove(path);
    auto table = MeterTable::create(path, table_size, 0xAA, "north", boot);
    require(table.ok());
    fill(table.value());
    std::ifstream file(path, std::ios::binary);
    return std::string{std::istreambuf_iterator<char>(file), {}};
  }();
  return octets;
}

std::string changed(const std::uint8_t* data, std::size_t size) {
  std::string octets = sound_table();
  while (size >= 3) {
    const std::size_t place = (std::size_t{data[0]} << 8 | data[1]) % octets.size();
    const std::size_t length = std::min<std::size_t>(data[2], size - 3);
    const std::size_t room = std::min(length, octets.size() - place);
    std::memcpy(octets.data() + place, data + 3, room);
    data += 3 + length;
    size -= 3 + length;
  }
  return octets;
}

__extension__ using Wide = unsigned __int128;

/// What is to be told of an account, reckoned without a bound.
struct Sums {
  std::array<Wide, 2> octets{};
  Wide charged = 0;
};

std::vector<Sums> sums_of(const MeterTable& table) {
  std::vector<Sums> sums(table.accounts().size());
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const plugin::SlotTotals& closed = table.accounts()[i].closed;
    sums[i] = {{closed.octets[0], closed.octets[1]}, closed.charged_octets};
  }
  for (const plugin::AllocationSlot& slot : table.allocations()) {
    if (slot.state.load() == plugin::SlotState::free) continue;
    for (const std::uint32_t owner : {slot.account, slot.client_account}) {
      if (owner >= sums.size()) continue;
      for (std::size_t d = 0; d < 2; ++d) {
        sums[owner].octets[d] += slot.meter.used_octets[d];
        if ((slot.meter.charged_directions >> d & 1U) != 0)
          sums[owner].charged += slot.meter.used_octets[d];
      }
    }
  }
  return sums;
}

void check_told(const MeterTable& table, const plugin::Recovered& recovered) {
  const auto sums = sums_of(table);
  std::size_t told = 0;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    if (table.accounts()[i].state.load() != plugin::SlotState::live) continue;
    require(told < recovered.reports.size());
    const broker::UsageReport& report = recovered.reports[told++];
    require(report.account == plugin::key_of(table.accounts()[i]));
    for (std::size_t d = 0; d < 2; ++d) require(sums[i].octets[d] == report.used.octets[d]);
    require(sums[i].charged == report.charged_octets);
    require(broker::check_report(report).ok());
  }
  require(told == recovered.reports.size());
}

void check_table(MeterTable& table) {
  broker::ModelLedger ledger;
  std::uint64_t records = 0;
  const auto write = [&](const plugin::UsageRecord& record) {
    ++records;
    const std::string line = plugin::json_line(record);
    require(std::ranges::count(line, '\n') == 1 && line.back() == '\n');
  };
  const auto flush = [] { return broker::Status(broker::Nothing{}); };
  const auto recovered = plugin::recover(table, boot, ledger, write, flush);
  require(records <= table.allocations().size());
  if (!recovered) return require(!recovered.error().message.empty());
  check_told(table, recovered.value());
  // What comes to the start that comes after it.
  const auto again = plugin::recover(table, boot, ledger, write, flush);
  require(again.ok() && again.value().records == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string octets = data[0] % 2 == 0
                                 ? changed(data + 1, size - 1)
                                 : std::string(reinterpret_cast<const char*>(data + 1), size - 1);
  directory().write("table", octets);
  const std::string path = directory().file("table");
  auto table = MeterTable::open(path);
  if (table)
    check_table(table.value());
  else
    require(table.error().message.find(path) != std::string::npos);
  return 0;
}
