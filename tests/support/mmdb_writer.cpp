#include "support/mmdb_writer.h"

#include <arpa/inet.h>

#include <array>
#include <bit>
#include <stdexcept>

namespace turntest {

namespace {

enum class Type : unsigned {
  text = 2,
  real = 3,
  uint16 = 5,
  uint32 = 6,
  map = 7,
  uint64 = 9,
  array = 11
};

std::string big_endian(std::uint64_t value, std::size_t octets) {
  std::string out;
  for (std::size_t i = octets; i-- > 0;) out += static_cast<char>(value >> (8 * i) & 0xff);
  return out;
}

/// "Output data section": a control octet with type and size, types above 7 in an octet of their own.
std::string field(Type type, std::size_t size, const std::string& payload) {
  const auto number = static_cast<unsigned>(type);
  if (size >= 29) throw std::invalid_argument("a field of 29 octets or more");
  std::string out;
  if (number <= 7) {
    out += static_cast<char>(number << 5 | size);
  } else {
    out += static_cast<char>(size);
    out += static_cast<char>(number - 7);
  }
  return out + payload;
}

std::string text(const std::string& value) { return field(Type::text, value.size(), value); }
std::string real(double value) {
  return field(Type::real, 8, big_endian(std::bit_cast<std::uint64_t>(value), 8));
}
std::string uint16(std::uint64_t value) { return field(Type::uint16, 2, big_endian(value, 2)); }
std::string uint32(std::uint64_t value) { return field(Type::uint32, 4, big_endian(value, 4)); }
std::string uint64(std::uint64_t value) { return field(Type::uint64, 8, big_endian(value, 8)); }

}  // namespace

MmdbWriter::MmdbWriter() : nodes_(1) {}

void MmdbWriter::add(const std::string& network, double latitude, double longitude) {
  insert(network, field(Type::map, 1,
                        text("location") + field(Type::map, 2,
                                                 text("latitude") + real(latitude) +
                                                     text("longitude") + real(longitude))));
}

void MmdbWriter::add_without_location(const std::string& network) {
  insert(network, field(Type::map, 1, text("country") + text("XX")));
}

void MmdbWriter::insert(const std::string& network, const std::string& record) {
  const std::size_t slash = network.find('/');
  if (slash == std::string::npos) throw std::invalid_argument(network);
  const std::string address = network.substr(0, slash);
  std::size_t bits = std::stoul(network.substr(slash + 1));
  // IPv4 addresses lie at ::/96.
  std::array<unsigned char, 16> octets{};
  if (::inet_pton(AF_INET, address.c_str(), octets.data() + 12) == 1)
    bits += 96;
  else if (::inet_pton(AF_INET6, address.c_str(), octets.data()) != 1)
    throw std::invalid_argument(network);

  const auto offset = static_cast<std::int64_t>(data_.size());
  data_ += record;
  std::size_t at = 0;
  for (std::size_t i = 0; i < bits; ++i) {
    const unsigned side = octets[i / 8] >> (7 - i % 8) & 1U;
    const std::int64_t next = nodes_[at].next[side];
    const bool last = i + 1 == bits;
    if (next < 0 || (last && next != 0)) throw std::invalid_argument(network + " overlaps");
    if (last) {
      nodes_[at].next[side] = -1 - offset;
    } else if (next == 0) {
      nodes_.emplace_back();
      nodes_[at].next[side] = static_cast<std::int64_t>(nodes_.size() - 1);
      at = nodes_.size() - 1;
    } else {
      at = static_cast<std::size_t>(next);
    }
  }
}

std::string MmdbWriter::bytes() const {
  constexpr std::size_t separator_octets = 16;
  const std::size_t count = nodes_.size();
  std::string tree;
  for (const Node& node : nodes_)
    for (const std::int64_t next : node.next) {
      const auto value = static_cast<std::uint64_t>(next);
      const std::uint64_t record =
          next == 0  ? count
          : next > 0 ? value
                     : count + separator_octets + static_cast<std::uint64_t>(-1 - next);
      tree += big_endian(record, 4);
    }
  const std::string metadata = field(
      Type::map, 9,
      text("node_count") + uint32(count) + text("record_size") + uint16(32) + text("ip_version") +
          uint16(6) + text("database_type") + text("Test-City") + text("languages") +
          field(Type::array, 1, text("en")) + text("binary_format_major_version") + uint16(2) +
          text("binary_format_minor_version") + uint16(0) + text("build_epoch") +
          uint64(1'790'000'000) + text("description") +
          field(Type::map, 1, text("en") + text("for tests")));
  return tree + std::string(separator_octets, '\0') + data_ + "\xab\xcd\xefMaxMind.com" + metadata;
}

}  // namespace turntest
