// An event of any texts (client names and user names are what others choose), as Server-Sent Events: it is one
// event with one line of data, whatever is in it, and the data is JSON that says what the event said.
#include <fuzzer/FuzzedDataProvider.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "api/event_text.h"
#include "records/usage_record.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    // Readers end a line at any of these.
    const std::size_t end = text.find_first_of("\r\n");
    require(end != std::string_view::npos && text[end] == '\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  return lines;
}

plugin::Event event_in(FuzzedDataProvider& input) {
  plugin::Event event;
  event.kind = static_cast<plugin::EventKind>(input.ConsumeIntegralInRange(0, 3));
  event.at_ms = input.ConsumeIntegral<std::int64_t>();
  event.media = static_cast<broker::MediaType>(input.ConsumeIntegralInRange(0, 2));
  event.limit_octets = input.ConsumeIntegral<std::uint64_t>();
  event.used_octets = input.ConsumeIntegral<std::uint64_t>();
  event.percent = input.ConsumeIntegral<std::uint32_t>();
  for (std::string* text :
       {&event.csp, &event.period, &event.allocation, &event.reason, &event.client})
    *text = input.ConsumeRandomLengthString(200);
  return event;
}

void check_texts(const nlohmann::json& said, const plugin::Event& event) {
  require(said.at("used_octets") == event.used_octets);
  require(said.at("limit_octets") == event.limit_octets);
  const nlohmann::json text(event.client);
  std::string as_is;
  try {
    as_is = text.dump();
  } catch (const nlohmann::json::exception&) {
    return;  // not UTF-8: sent with replacement characters
  }
  if (event.kind == plugin::EventKind::cut) require(said.at("clientName") == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider input(data, size);
  const plugin::Event event = event_in(input);
  const std::string client_id = input.ConsumeRandomLengthString(100);
  const std::string text = plugin::sse_event(event, "17", client_id);
  const auto lines = lines_of(text);
  require(lines.size() == 4 && lines[0].starts_with("event: ") && lines[1] == "id: 17");
  require(lines[2].starts_with("data: ") && lines[3].empty());
  check_texts(nlohmann::json::parse(lines[2].substr(6)), event);
  require(lines_of(plugin::sse_lost(event.used_octets, "17")).size() == 4);
  require(plugin::format_utc_ms(event.at_ms).size() == 24);

  plugin::UsageRecord record;
  record.client = event.client;
  record.csp = event.csp;
  record.client_address = client_id;
  record.start_ms = event.at_ms;
  const std::string json = plugin::json_line(record);
  const auto line = lines_of(json);
  require(line.size() == 1 && nlohmann::json::parse(line[0]).is_object());
  return 0;
}
