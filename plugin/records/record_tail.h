// Reads the usage records again, from where it stopped the last time, for somebody who wants each of
// them at least once: the files are the queue, so that nothing is kept twice and a crash loses nothing.
// Owner: RecordStream. Threads: one thread at a time; calls block for the disk.
//
// Where it stopped is in a small file of its own, PATH.cursor, written when commit() is called. Records
// whose files were deleted before they were read are passed over; gaps() counts how often that was.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "broker/result.h"
#include "unique_fd.h"

namespace plugin {

class RecordTail {
 public:
  static constexpr std::size_t batch_octets_max = 262'144;

  /// `path` as of the record writer; rotated files are PATH.1, PATH.2, ..., the newest first.
  explicit RecordTail(std::string path);

  /// Whole lines, without their newlines, that follow what was read before; empty: there are none now.
  [[nodiscard]] broker::Result<std::vector<std::string>> next();
  /// What next() gave is dealt with, and is not given again, not even after a restart.
  [[nodiscard]] broker::Status commit();
  /// What next() gave since the last commit() is given again.
  void rewind() { at_ = committed_; }

  /// Of the files that are there, after what was committed.
  [[nodiscard]] std::uint64_t octets_left() const;

  [[nodiscard]] std::uint64_t gaps() const { return gaps_; }

 private:
  struct Place {
    std::uint64_t inode = 0;  ///< 0: the oldest file there is
    std::uint64_t offset = 0;
    friend bool operator==(const Place&, const Place&) = default;
  };
  struct File {
    UniqueFd fd;
    std::uint64_t inode = 0;
    std::uint64_t octets = 0;
    std::uint32_t number = 0;  ///< of the rotation; 0: the one that is written to
  };
  [[nodiscard]] std::optional<File> file(std::uint32_t number) const;
  /// The file at_ is in; moves at_ to the oldest one when that is gone.
  [[nodiscard]] std::optional<File> current();
  /// Whole lines from at_ on, at most a batch; moves at_ behind them.
  [[nodiscard]] broker::Result<std::vector<std::string>> take_lines(const File& file);
  void load_cursor();

  std::string path_;
  Place at_, committed_;
  std::uint64_t gaps_ = 0;
};

}  // namespace plugin
