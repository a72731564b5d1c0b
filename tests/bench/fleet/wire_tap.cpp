#include "wire_tap.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <string_view>
#include <utility>
#include <vector>

#include "fleet/registry_scripts.h"
#include "ledger/ledger_scripts.h"
#include "redis/script.h"
#include "redis/stream.h"

// redis::Stream::write, as the linker names it: what calls it calls the first, which calls the second.
// NOLINTBEGIN(readability-identifier-naming)
extern "C" {
void __wrap__ZN6plugin5redis6Stream5writeESt17basic_string_viewIcSt11char_traitsIcEE(
    plugin::redis::Stream* stream, std::string_view octets);
void __real__ZN6plugin5redis6Stream5writeESt17basic_string_viewIcSt11char_traitsIcEE(
    plugin::redis::Stream* stream, std::string_view octets);
}
// NOLINTEND(readability-identifier-naming)

namespace fleet_bench {

namespace {

std::vector<std::pair<std::string, Sent>> sent;

void count(std::string_view kind, std::size_t octets) {
  auto found =
      std::find_if(sent.begin(), sent.end(), [&](const auto& s) { return s.first == kind; });
  if (found == sent.end()) found = sent.insert(sent.end(), {std::string(kind), {}});
  ++found->second.commands;
  found->second.octets += octets;
}

/// Of a script that came by its SHA-1, or by its text.
std::string_view script_name(std::string_view script) {
  static const std::array<const plugin::redis::Script*, 7> known{
      &plugin::ledger_scripts::exchange(),    &plugin::ledger_scripts::usage(),
      &plugin::ledger_scripts::refund(),      &plugin::ledger_scripts::revoke(),
      &plugin::registry_scripts::heartbeat(), &plugin::registry_scripts::roster(),
      &plugin::registry_scripts::gone(),
  };
  for (const auto* each : known)
    if (script == each->sha1 || script == each->text) return each->name;
  return "other script";
}

/// Reads the requests of RESP2 that a client writes.
class Requests {
 public:
  explicit Requests(std::string_view octets) : rest_(octets) {}

  void count_all() {
    while (!rest_.empty()) {
      const std::size_t before = rest_.size();
      const std::size_t arguments = number_after('*');
      if (arguments == 0) return fleet_bench::count("not understood", rest_.size());
      std::array<std::string_view, 2> first;
      for (std::size_t i = 0; i < arguments; ++i) {
        const std::string_view text = bulk();
        if (i < first.size()) first.at(i) = text;
      }
      fleet_bench::count(kind_of(first), before - rest_.size());
    }
  }

 private:
  static std::string kind_of(const std::array<std::string_view, 2>& first) {
    if (first[0] == "EVALSHA" || first[0] == "EVAL") return std::string(script_name(first[1]));
    std::string name(first[0]);
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return name;
  }

  std::size_t number_after(char mark) {
    std::size_t value = 0;
    if (rest_.empty() || rest_.front() != mark) return 0;
    const auto end = std::from_chars(rest_.data() + 1, rest_.data() + rest_.size(), value).ptr;
    rest_.remove_prefix(
        std::min<std::size_t>(static_cast<std::size_t>(end - rest_.data()) + 2, rest_.size()));
    return value;
  }

  std::string_view bulk() {
    const std::size_t size = std::min(number_after('$'), rest_.size());
    const std::string_view text = rest_.substr(0, size);
    rest_.remove_prefix(std::min(size + 2, rest_.size()));
    return text;
  }

  std::string_view rest_;
};

}  // namespace

SentByKind sent_by_kind() { return {sent.begin(), sent.end()}; }

}  // namespace fleet_bench

void __wrap__ZN6plugin5redis6Stream5writeESt17basic_string_viewIcSt11char_traitsIcEE(
    plugin::redis::Stream* stream, std::string_view octets) {
  fleet_bench::Requests(octets).count_all();
  __real__ZN6plugin5redis6Stream5writeESt17basic_string_viewIcSt11char_traitsIcEE(stream, octets);
}
