#include "fleet/udp_drops.h"

#include <dirent.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

namespace plugin {

namespace {

// sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode ref pointer drops
constexpr std::size_t inode_column = 9;
constexpr std::size_t drops_column = 12;

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (error != std::errc{} || end != last) return std::nullopt;
  return value;
}

std::string_view next_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(word.size());
  return word;
}

struct DirectoryDeleter {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

/// The inodes of all sockets that this process has open.
std::optional<std::set<std::uint64_t>> own_sockets() {
  const std::unique_ptr<DIR, DirectoryDeleter> directory(::opendir("/proc/self/fd"));
  if (directory == nullptr) return std::nullopt;
  constexpr std::string_view prefix = "socket:[";
  std::set<std::uint64_t> inodes;
  while (const dirent* entry = ::readdir(directory.get())) {
    std::array<char, 64> target{};
    const ssize_t size =
        ::readlinkat(::dirfd(directory.get()), entry->d_name, target.data(), target.size());
    if (size <= 0) continue;
    std::string_view text(target.data(), static_cast<std::size_t>(size));
    if (!text.starts_with(prefix) || !text.ends_with(']')) continue;
    text.remove_prefix(prefix.size());
    text.remove_suffix(1);
    if (const auto inode = number(text)) inodes.insert(*inode);
  }
  return inodes;
}

std::optional<std::string> content_of(const char* path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace

UdpDrops parse_udp_drops(std::string_view table, const std::set<std::uint64_t>& inodes) {
  UdpDrops out;
  while (!table.empty()) {
    std::string_view line = table.substr(0, table.find('\n'));
    table.remove_prefix(std::min(line.size() + 1, table.size()));
    std::optional<std::uint64_t> inode;
    std::optional<std::uint64_t> drops;
    for (std::size_t column = 0; column <= drops_column; ++column) {
      const auto word = next_word(line);
      if (column == inode_column) inode = number(word);
      if (column == drops_column) drops = number(word);
    }
    if (inode && drops && inodes.contains(*inode)) out[*inode] = *drops;
  }
  return out;
}

std::optional<UdpDrops> own_udp_drops() {
  const auto inodes = own_sockets();
  const auto v4 = content_of("/proc/net/udp");
  if (!inodes || !v4) return std::nullopt;
  UdpDrops out = parse_udp_drops(*v4, *inodes);
  // A machine may have no IPv6.
  if (const auto v6 = content_of("/proc/net/udp6")) out.merge(parse_udp_drops(*v6, *inodes));
  return out;
}

LoadSources system_load_sources() {
  LoadSources sources;
  sources.cpu_us = [] {
    constexpr std::int64_t second_us = 1'000'000;
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * second_us + usage.ru_utime.tv_usec +
           usage.ru_stime.tv_usec;
  };
  sources.cores = [] {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1U;
    return static_cast<unsigned>(CPU_COUNT(&set));
  };
  sources.udp_drops = own_udp_drops;
  return sources;
}

}  // namespace plugin
