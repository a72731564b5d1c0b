#include "records/record_writer.h"

namespace plugin {

namespace {
constexpr std::chrono::seconds retry_interval{1};
constexpr std::chrono::minutes report_interval{1};
constexpr std::size_t batch_octets_max = 256 * 1024;
}  // namespace

broker::Status RecordWriter::append(const UsageRecord& record, Time now) {
  if (pending_.size() < records_pending_max_)
    pending_.push_back(json_line(record));
  else
    ++lost_;  // the newest, so that what gets written has no gap in its middle
  return retry(now);
}

broker::Status RecordWriter::retry(Time now) {
  if (pending_.empty() || (failing_ && now < retry_at_)) return broker::Nothing{};
  return flush_and_report(now);
}

broker::Status RecordWriter::flush_and_report(Time now) {
  auto flushed = flush();
  failing_ = !flushed;
  if (flushed) {
    reported_ = false;
    return flushed;
  }
  retry_at_ = now + retry_interval;
  if (reported_ && now < report_again_at_) return broker::Nothing{};
  reported_ = true;
  report_again_at_ = now + report_interval;
  return broker::Error{flushed.error().message + "; " + std::to_string(pending_.size()) +
                       " records wait, " + std::to_string(lost_) + " are lost"};
}

broker::Status RecordWriter::finish() {
  auto flushed = flush();
  if (flushed) return flushed;
  return broker::Error{flushed.error().message + "; " + std::to_string(pending_.size()) +
                       " records were not written"};
}

broker::Status RecordWriter::flush() {
  broker::Status outcome = broker::Nothing{};
  while (!pending_.empty()) {
    if (auto opened = file_.open(); !opened) return opened;
    if (!file_.empty() && !file_.has_room_for(pending_.front().size())) {
      // A file that cannot be rotated grows: better a large file than no record.
      outcome = file_.rotate();
      if (outcome)
        if (auto opened = file_.open(); !opened) return opened;
    }
    std::size_t lines = 0;
    const std::string batch = next_batch(lines);
    if (auto appended = file_.append(batch); !appended) return appended;
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(lines));
    written_ += lines;
  }
  return outcome;
}

std::string RecordWriter::next_batch(std::size_t& lines) const {
  std::string batch = pending_.front();
  for (lines = 1; lines < pending_.size(); ++lines) {
    const std::size_t size = batch.size() + pending_[lines].size();
    if (size > batch_octets_max || !file_.has_room_for(size)) break;
    batch += pending_[lines];
  }
  return batch;
}

}  // namespace plugin
