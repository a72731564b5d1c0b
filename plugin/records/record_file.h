// A file of lines that grows at its end, is rotated by size, and may be moved away by others at any
// time.
// Owner: RecordWriter; nobody else appends to the file. Threads: one at a time; calls may block.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "broker/result.h"
#include "unique_fd.h"

namespace plugin {

class RecordFile {
 public:
  /// Keeps `keep` rotated files beside the one at `path`: PATH.1 is the newest of them.
  RecordFile(std::string path, std::uint64_t rotate_octets, std::uint32_t keep)
      : path_(std::move(path)), rotate_octets_(rotate_octets), keep_(keep) {}

  /// Makes sure that what `path` names is open, and that it ends with a whole line. An unfinished
  /// last line, which a crash can leave, gets its newline.
  [[nodiscard]] broker::Status open();

  /// Appends whole lines with one write(2): all of them or none. Precondition: open() was ok just
  /// now.
  [[nodiscard]] broker::Status append(std::string_view lines);

  /// True when the file may become `octets` larger.
  [[nodiscard]] bool has_room_for(std::uint64_t octets) const;
  [[nodiscard]] bool empty() const { return size_octets_ == 0; }

  /// PATH becomes PATH.1, PATH.1 becomes PATH.2, ...; the last one goes. open() makes the next
  /// PATH.
  [[nodiscard]] broker::Status rotate();

  void set_rotation(std::uint64_t rotate_octets, std::uint32_t keep);

 private:
  [[nodiscard]] bool is_at_path();
  [[nodiscard]] broker::Status finish_last_line();
  [[nodiscard]] broker::Error error(std::string_view what, int code) const;
  [[nodiscard]] std::string rotated(std::uint32_t number) const;

  std::string path_;
  std::uint64_t rotate_octets_;
  std::uint32_t keep_;
  UniqueFd fd_;
  bool regular_ = false;           ///< not /dev/null or the like
  std::uint64_t size_octets_ = 0;  ///< of a regular file, as of the last open()
};

}  // namespace plugin
