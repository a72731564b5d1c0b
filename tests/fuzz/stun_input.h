// What the fuzzers of coturn's message code share: octets that may be written to but not overrun, and
// addresses as values.
// Owner: values. Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "ns_turn_ioaddr.h"
#include "ns_turn_msg.h"

namespace fuzz {

inline void require(bool holds) {
  if (!holds) std::abort();
}

/// Exactly as many octets as there are, on the heap: one more is seen by the sanitizer.
class Octets {
 public:
  Octets(const std::uint8_t* data, std::size_t size)
      : data_(std::make_unique<std::uint8_t[]>(size)), size_(size) {
    for (std::size_t i = 0; i < size; ++i) data_[i] = data[i];
  }
  [[nodiscard]] std::uint8_t* data() const { return data_.get(); }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::unique_ptr<std::uint8_t[]> data_;
  std::size_t size_;
};

/// Room for any message that coturn builds, which has buffers of a fixed size.
struct Message {
  std::vector<std::uint8_t> room = std::vector<std::uint8_t>(MAX_STUN_MESSAGE_SIZE);
  std::size_t size = 0;
  [[nodiscard]] std::uint8_t* data() { return room.data(); }
};

/// An attribute as it lies in a message.
struct Attribute {
  stun_attr_ref ref = nullptr;
  int type = 0;
  std::size_t offset = 0;
  std::size_t length = 0;
};

/// All attributes; each lies in the message whole, and behind the one before; what is behind MESSAGE-INTEGRITY is
/// not among them.
inline std::vector<Attribute> attributes_of(const std::uint8_t* message, std::size_t size) {
  std::vector<Attribute> found;
  std::size_t from = STUN_HEADER_LENGTH;
  const int length = stun_get_command_message_len_str(message, size);
  for (stun_attr_ref ref = stun_attr_get_first_str(message, size); ref != nullptr;
       ref = stun_attr_get_next_str(message, size, ref)) {
    Attribute each{ref, stun_attr_get_type(ref), 0, 0};
    each.offset = static_cast<std::size_t>(static_cast<const std::uint8_t*>(ref) - message);
    each.length = static_cast<std::size_t>(stun_attr_get_len(ref));
    require(each.offset == from);
    from = each.offset + 4 + (each.length + 3) / 4 * 4;
    require(length >= 0 && from <= static_cast<std::size_t>(length));
    require(found.empty() || found.back().type != STUN_ATTRIBUTE_MESSAGE_INTEGRITY);
    require(each.length == 0 || stun_attr_get_value(ref) == message + each.offset + 4);
    found.push_back(each);
  }
  return found;
}

}  // namespace fuzz
