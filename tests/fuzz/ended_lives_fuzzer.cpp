// Any octets as ended_lives.json. What is taken is what the ledger would take, and it is the same after it was
// written anew; what is not is refused with one line that names the file.
#include "ledger/ended_lives.h"

#include <algorithm>

#include "scratch_file.h"

namespace {

using fuzz::require;
using plugin::EndedLives;

constexpr broker::UnixSeconds now_s = 1'700'000'000;

void check_same(const EndedLives& lives, const EndedLives& again) {
  require(lives.all().size() == again.all().size());
  for (std::size_t i = 0; i < lives.all().size(); ++i) {
    const auto& [who, ended_s, reports] = lives.all()[i];
    const EndedLives::Life& other = again.all()[i];
    require(who == other.who && ended_s == other.ended_s);
    require(std::ranges::equal(reports, other.reports, [](const auto& a, const auto& b) {
      return a.account == b.account && a.used == b.used && a.charged_octets == b.charged_octets;
    }));
  }
}

void check_lives(EndedLives& lives, const std::string& path) {
  for (const EndedLives::Life& life : lives.all())
    for (const broker::UsageReport& report : life.reports)
      require(broker::check_report(report).ok());
  broker::UsageReport report;
  report.account = {"acme", broker::MediaType::video, 1'698'796'800, ""};
  report.used.octets = {70, 7};
  report.charged_octets = report.granted_octets = 77;
  const broker::Incarnation me{"north", 9};
  if (!lives.remember(me, {report}, now_s)) return;
  require(lives.find(me) != nullptr && lives.find(me)->reports.size() == 1);
  require(lives.all().size() <= EndedLives::lives_max);
  const auto again = EndedLives::open(path);
  require(again.ok());
  check_same(lives, again.value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::ScratchDirectory directory("fuzz-ended-lives");
  directory.write("ended_lives.json", {reinterpret_cast<const char*>(data), size});
  const std::string path = directory.file("ended_lives.json");
  auto lives = EndedLives::open(path);
  if (lives)
    check_lives(lives.value(), path);
  else
    require(lives.error().message.starts_with(path) && lives.error().message.size() < 2'000);
  return 0;
}
