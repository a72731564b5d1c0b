// Writes usage records to their file, and keeps them while it cannot be written.
// Owner: the broker. Threads: the broker thread; calls may block for as long as a disk does.
//
// Records reach the kernel before append() returns (they survive the death of the process); they
// are not forced to the disk, for the ledger and not they is what quotas rest on.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>

#include "broker/result.h"
#include "records/record_file.h"
#include "records/usage_record.h"

namespace plugin {

struct RecordWriterOptions {
  std::string path;
  std::uint64_t rotate_octets =
      64'000'000;          ///< a file grows no larger, except for one single record
  std::uint32_t keep = 8;  ///< rotated files, 1..1000
  std::size_t records_pending_max = 10'000;  ///< kept while the file cannot be written
};

class RecordWriter {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit RecordWriter(const RecordWriterOptions& options)
      : records_pending_max_(options.records_pending_max),
        file_(options.path, options.rotate_octets, options.keep) {}

  /// Opens the file, so that a start can fail with the reason.
  [[nodiscard]] broker::Status open() { return file_.open(); }

  /// Writes the record, after all that are pending. When that fails it stays pending, or is lost
  /// when records_pending_max are; the error says which, and is given at most once a minute.
  [[nodiscard]] broker::Status append(const UsageRecord& record, Time now);

  /// Tries to write what is pending; at most once a second it touches a file that failed. To be
  /// called from time to time. The error is given at most once a minute.
  [[nodiscard]] broker::Status retry(Time now);

  /// The last try, at shutdown: now, and whatever was reported before. The error says how many
  /// records remain unwritten.
  [[nodiscard]] broker::Status finish();

  /// From the next record on; for a configuration that changed.
  void set_rotation(std::uint64_t rotate_octets, std::uint32_t keep) {
    file_.set_rotation(rotate_octets, keep);
  }

  [[nodiscard]] std::uint64_t written() const { return written_; }
  [[nodiscard]] std::uint64_t lost() const { return lost_; }
  [[nodiscard]] std::size_t pending() const { return pending_.size(); }

 private:
  [[nodiscard]] broker::Status flush();
  [[nodiscard]] broker::Status flush_and_report(Time now);
  [[nodiscard]] std::string next_batch(std::size_t& lines) const;

  std::size_t records_pending_max_;
  RecordFile file_;
  std::deque<std::string> pending_;  ///< lines, oldest first
  std::uint64_t written_ = 0;
  std::uint64_t lost_ = 0;
  bool failing_ = false;
  Time retry_at_{};
  bool reported_ = false;
  Time report_again_at_{};
};

}  // namespace plugin
