#include "broker/record_stream.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace plugin {

namespace {

/// The record's name; the line itself when it is none of ours.
std::string id_of(const std::string& line) {
  const auto record = nlohmann::json::parse(line, nullptr, false);
  if (record.is_object() && record.contains("allocation") && record["allocation"].is_string())
    return record["allocation"].get<std::string>();
  return "?";
}

}  // namespace

RecordStream::RecordStream(redis::Client& client, const Host& host, std::string records_path,
                           std::uint32_t records_max)
    : client_(client), host_(host), tail_(std::move(records_path)), records_max_(records_max) {}

void RecordStream::look() {
  if (open_ != 0) return;
  auto lines = tail_.next();
  if (!lines) return take(false, lines.error().message);
  if (std::exchange(gaps_told_, tail_.gaps()) != tail_.gaps())
    host_.error("usage records were deleted before the stream {} had them", key);
  failed_ = false;
  open_ = lines.value().size();
  if (open_ == 0) return;
  for (auto& line : lines.value()) {
    redis::Command command;
    command.routing_key = key;
    command.arguments = {"XADD", key, "MAXLEN", "~", std::to_string(records_max_), "*"};
    command.arguments.insert(command.arguments.end(), {"id", id_of(line), "record", line});
    client_.call(std::move(command),
                 [weak = std::weak_ptr(self_)](const broker::Result<redis::Answer>& answer) {
                   const auto stream = weak.lock();
                   if (stream == nullptr) return;
                   --(*stream)->open_;
                   (*stream)->take(answer.ok(), answer ? "" : answer.error().message);
                 });
  }
}

void RecordStream::take(bool stored, const std::string& error) {
  failed_ = failed_ || !stored;
  if (!stored && std::exchange(told_, error) != error)
    host_.warning("usage records wait for the stream {}: {}", key, error);
  if (open_ != 0) return;
  if (failed_) return tail_.rewind();
  told_.clear();
  if (auto status = tail_.commit(); !status) host_.error("{}", status.error().message);
}

}  // namespace plugin
