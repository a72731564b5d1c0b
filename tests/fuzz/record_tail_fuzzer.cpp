// A line as usage.jsonl.cursor, then any octets as usage.jsonl and, behind a line "=", as the file before it. A
// cursor that begins with 'n' or 'o' is in the newer or the older of them.
// Each line that is there is handed out once and whole, whatever the cursor said, and then nothing more.
#include "records/record_tail.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "records/recorded.h"
#include "scratch_file.h"

namespace {

using fuzz::require;
using plugin::RecordTail;

std::vector<std::string> read_all(RecordTail& tail, std::size_t octets) {
  std::vector<std::string> lines;
  // Each call takes some of it, or there is no more.
  for (std::size_t calls = 0;; ++calls) {
    require(calls <= octets + 4);
    const auto next = tail.next();
    require(next.ok());
    if (next.value().empty()) return lines;
    lines.insert(lines.end(), next.value().begin(), next.value().end());
  }
}

std::size_t whole_lines(std::string_view text) {
  std::size_t lines = 0;
  for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    lines += end > 0 ? 1 : 0;
    text.remove_prefix(end + 1);
  }
  return lines;
}

std::string in_file(std::string_view cursor, const std::string& path) {
  struct stat info {};
  if (cursor.starts_with('n') && ::stat(path.c_str(), &info) == 0)
    return std::to_string(info.st_ino) + " " + std::string(cursor.substr(1));
  if (cursor.starts_with('o') && ::stat((path + ".1").c_str(), &info) == 0)
    return std::to_string(info.st_ino) + " " + std::string(cursor.substr(1));
  return std::string(cursor);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::ScratchDirectory directory("fuzz-record-tail");
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t line = std::min(text.find('\n'), text.size());
  const std::string_view cursor = text.substr(0, line);
  text.remove_prefix(std::min(line + 1, text.size()));
  const std::size_t split = text.find("\n=\n");
  const std::string_view newer = text.substr(0, split == text.npos ? split : split + 1);
  const std::string_view older = split == text.npos ? "" : text.substr(split + 3);

  const std::string path = directory.file("usage.jsonl");
  std::filesystem::remove(path + ".1");
  directory.write("usage.jsonl", newer);
  if (split != text.npos) directory.write("usage.jsonl.1", older);

  directory.write("usage.jsonl.cursor", in_file(cursor, path));
  RecordTail told(path);
  const auto some = read_all(told, size);
  require(some.size() <= whole_lines(newer) + whole_lines(older));
  require(told.commit().ok());
  RecordTail later(path);
  require(read_all(later, size).empty());
  require(later.octets_left() <= size);

  std::filesystem::remove(path + ".cursor");
  RecordTail anew(path);
  const auto all = read_all(anew, size);
  require(all.size() == whole_lines(newer) + whole_lines(older));
  for (const std::string& each : all)
    require(!each.empty() && each.find('\n') == std::string::npos);
  require(plugin::recorded_allocations(path, "00000000000000aa").size() <= all.size() + 2);
  return 0;
}
