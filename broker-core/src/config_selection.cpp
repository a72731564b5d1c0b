#include "config_selection.h"

#include <string>

#include "config_names.h"
#include "printable.h"

namespace broker {

namespace {

constexpr std::string_view strategy_allowed = "\"least-load\", \"round-robin\" or \"nearest\"";

Result<SelectionStrategy> parse_strategy(std::string_view text) {
  if (text == "least-load") return SelectionStrategy::least_load;
  if (text == "round-robin") return SelectionStrategy::round_robin;
  if (text == "nearest") return SelectionStrategy::nearest;
  return Error{quoted(text) + "; allowed: " + std::string(strategy_allowed)};
}

std::vector<std::string> read_domains(const ConfigTable& table) {
  constexpr std::size_t domain_octets_max = 63;
  const std::string allowed =
      "an array of 1 to " + std::to_string(domains_max) + " domains, as relays have them";
  std::vector<std::string> domains;
  for (auto& item : table.texts("domains", allowed, domain_octets_max, domains_max)) {
    if (const auto name = check_place_name(item.text); !name)
      table.load().report(item.place, name.error().message);
    domains.push_back(std::move(item.text));
  }
  // Left out, it allows all; whoever writes an empty one may mean none.
  if (table.find("domains") != nullptr && domains.empty())
    table.report("domains", "an empty array; allowed: " + allowed);
  return domains;
}

}  // namespace

SelectionRules read_selection(const ConfigTable& csp_table) {
  SelectionRules rules;
  csp_table.parsed("selection", strategy_allowed, parse_strategy, rules.strategy);
  rules.domains = read_domains(csp_table);
  csp_table.boolean("sticky", rules.sticky);
  csp_table.integer("fallbacks", rules.fallbacks, 0, fallbacks_max);
  return rules;
}

}  // namespace broker
