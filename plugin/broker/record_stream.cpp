#include "broker/record_stream.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "records_lua_content.h"  // made by the build
#include "redis/script.h"

namespace plugin {

namespace {

/// What comes in between goes along: a command of its own for each record would be most of what a relay
/// asks of the server.
constexpr std::int64_t gather_ms = 5'000;
/// Of one command, so that none holds the server for long.
constexpr std::size_t records_in_command = 100;

const redis::Script& append_script() {
  static const redis::Script script("append", std::string(web::content_append_lua));
  return script;
}

/// The record's name; the line itself when it is none of ours.
std::string id_of(const std::string& line) {
  const auto record = nlohmann::json::parse(line, nullptr, false);
  if (record.is_object() && record.contains("allocation") && record["allocation"].is_string())
    return record["allocation"].get<std::string>();
  return "?";
}

}  // namespace

RecordStream::RecordStream(redis::Client& client, const Host& host, const Clock& clock,
                           std::string records_path, std::uint32_t records_max)
    : client_(client),
      host_(host),
      clock_(clock),
      tail_(std::move(records_path)),
      records_max_(records_max) {}

void RecordStream::look() {
  const std::int64_t now_ms = clock_.steady_ms();
  if (now_ms < next_ms_) return;
  next_ms_ = now_ms + gather_ms;
  if (open_ != 0) return;
  to_send_octets_ = tail_.octets_left();
  flush();
}

void RecordStream::flush() {
  if (open_ != 0) return;
  auto lines = tail_.next();
  if (!lines) return take(false, lines.error().message);
  if (std::exchange(gaps_told_, tail_.gaps()) != tail_.gaps())
    host_.error("usage records were deleted before the stream {} had them", key);
  failed_ = false;
  const auto& records = lines.value();
  note_sent(records);
  open_ = (records.size() + records_in_command - 1) / records_in_command;
  for (std::size_t first = 0; first < records.size(); first += records_in_command) {
    std::vector<std::string> arguments{std::to_string(records_max_)};
    for (std::size_t i = first; i < std::min(first + records_in_command, records.size()); ++i)
      arguments.insert(arguments.end(), {id_of(records[i]), records[i]});
    client_.eval(append_script(), {key}, std::move(arguments),
                 [weak = std::weak_ptr(self_)](const broker::Result<redis::Answer>& answer) {
                   const auto stream = weak.lock();
                   if (stream == nullptr) return;
                   --(*stream)->open_;
                   (*stream)->take(answer.ok(), answer ? "" : answer.error().message);
                 });
  }
}

/// What follows the batch need not wait, up to what there was when it was looked.
void RecordStream::note_sent(const std::vector<std::string>& records) {
  std::uint64_t octets = 0;
  for (const std::string& record : records) octets += record.size() + 1;
  to_send_octets_ = records.empty() ? 0 : to_send_octets_ - std::min(to_send_octets_, octets);
}

void RecordStream::take(bool stored, const std::string& error) {
  failed_ = failed_ || !stored;
  if (!stored && std::exchange(told_, error) != error)
    host_.warning("usage records wait for the stream {}: {}", key, error);
  if (open_ != 0) return;
  if (failed_) {
    to_send_octets_ = 0;
    return tail_.rewind();
  }
  told_.clear();
  if (auto status = tail_.commit(); !status) return host_.error("{}", status.error().message);
  if (to_send_octets_ != 0) flush();
}

}  // namespace plugin
