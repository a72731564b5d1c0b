#include "records/record_tail.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string_view>
#include <utility>

namespace plugin {

namespace {
/// More than RecordsConfig::keep can be.
constexpr std::uint32_t files_max = 1'001;
}  // namespace

RecordTail::RecordTail(std::string path) : path_(std::move(path)) { load_cursor(); }

void RecordTail::load_cursor() {
  std::ifstream cursor(path_ + ".cursor");
  Place place;
  // A cursor that cannot be read means all records that are there: twice is better than never.
  if (cursor >> place.inode >> place.offset) at_ = committed_ = place;
}

std::optional<RecordTail::File> RecordTail::file(std::uint32_t number) const {
  const std::string name = number == 0 ? path_ : fmt::format("{}.{}", path_, number);
  File found;
  found.fd = UniqueFd(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info {};
  if (found.fd.get() < 0 || ::fstat(found.fd.get(), &info) != 0 || !S_ISREG(info.st_mode))
    return std::nullopt;
  found.inode = info.st_ino;
  found.octets = static_cast<std::uint64_t>(info.st_size);
  found.number = number;
  return found;
}

std::optional<RecordTail::File> RecordTail::current() {
  std::optional<File> oldest;
  for (std::uint32_t number = 0; number < files_max; ++number) {
    auto found = file(number);
    if (!found) {
      if (number == 0) continue;  // just rotated: the next one is not there yet
      break;
    }
    if (found->inode == at_.inode) {
      if (at_.offset > found->octets) at_.offset = 0;  // emptied by somebody
      return found;
    }
    oldest = std::move(found);
  }
  if (!oldest) return std::nullopt;
  if (at_.inode != 0) ++gaps_;
  at_ = {oldest->inode, 0};
  return oldest;
}

std::uint64_t RecordTail::octets_left() const {
  std::uint64_t octets = 0;
  for (std::uint32_t number = 0; number < files_max; ++number) {
    const auto found = file(number);
    if (!found && number != 0) break;
    if (!found) continue;  // just rotated: the next one is not there yet
    if (found->inode == committed_.inode)
      return octets + found->octets - std::min(committed_.offset, found->octets);
    octets += found->octets;
  }
  return octets;
}

broker::Result<std::vector<std::string>> RecordTail::next() {
  auto found = current();
  for (;;) {
    // What a rotated file holds no more of goes on in the next newer one.
    while (found && found->number != 0 && at_.offset >= found->octets) {
      auto newer = file(found->number - 1);
      if (!newer) break;
      at_ = {newer->inode, 0};
      found = std::move(newer);
    }
    if (!found || at_.offset >= found->octets) return std::vector<std::string>{};
    const std::uint64_t from = at_.offset;
    auto lines = take_lines(*found);
    if (!lines || !lines.value().empty()) return lines;
    if (at_.offset != from) continue;
    if (found->number == 0) return lines;
    // The writer has gone on to a newer file: nobody ends the last line of this one any more.
    auto newer = file(found->number - 1);
    if (!newer || newer->octets == 0) return lines;
    at_ = {newer->inode, 0};
    found = std::move(newer);
  }
}

broker::Result<std::vector<std::string>> RecordTail::take_lines(const File& file) {
  std::string text(batch_octets_max, '\0');
  const ssize_t got =
      ::pread(file.fd.get(), text.data(), text.size(), static_cast<off_t>(at_.offset));
  if (got < 0) return broker::Error{path_ + ": cannot be read: " + std::strerror(errno)};
  text.resize(static_cast<std::size_t>(got));
  std::vector<std::string> lines;
  std::size_t from = 0;
  for (auto end = text.find('\n'); end != std::string::npos; end = text.find('\n', from)) {
    if (end > from) lines.push_back(text.substr(from, end - from));
    from = end + 1;
  }
  // A line longer than a batch is none of ours.
  if (from == 0 && text.size() == batch_octets_max) from = text.size();
  at_.offset += from;
  return lines;
}

broker::Status RecordTail::commit() {
  if (at_ == committed_) return broker::Nothing{};
  const std::string name = path_ + ".cursor";
  const std::string fresh = name + ".new";
  {
    std::ofstream cursor(fresh, std::ios::trunc);
    cursor << at_.inode << ' ' << at_.offset << '\n';
    cursor.flush();
    if (!cursor) return broker::Error{fresh + ": cannot be written"};
  }
  if (std::rename(fresh.c_str(), name.c_str()) != 0)
    return broker::Error{name + ": cannot be replaced: " + std::strerror(errno)};
  committed_ = at_;
  return broker::Nothing{};
}

}  // namespace plugin
