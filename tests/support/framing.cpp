#include "support/framing.h"

#include <algorithm>
#include <stdexcept>

#include "support/stun.h"
#include "support/stun_wire.h"

namespace turntest {

void FrameBatch::add_channel_data(std::uint16_t channel, ByteView payload, bool pad) {
  if (payload.size() > 0xFFFF) throw std::length_error("ChannelData carries at most 65535 octets");
  const std::size_t offset = arena_.size();
  const std::size_t size = 4 + (pad ? padded(payload.size()) : payload.size());
  arena_.resize(offset + size);
  store_u16(&arena_[offset], channel);
  store_u16(&arena_[offset + 2], static_cast<std::uint32_t>(payload.size()));
  std::copy(payload.begin(), payload.end(),
            arena_.begin() + static_cast<std::ptrdiff_t>(offset + 4));
  frames_.push_back({offset, size, payload.size()});
}

void FrameBatch::add_send_indication(const Address& peer, ByteView payload) {
  StunBuilder builder(StunMethod::send, StunClass::indication, new_transaction_id());
  builder.add_xor_address(attribute::xor_peer_address, peer).add(attribute::data, payload);
  const Bytes& message = builder.message();
  frames_.push_back({arena_.size(), message.size(), payload.size()});
  arena_.insert(arena_.end(), message.begin(), message.end());
}

void FrameBatch::add_raw(ByteView frame) {
  frames_.push_back({arena_.size(), frame.size(), 0});
  arena_.insert(arena_.end(), frame.begin(), frame.end());
}

void FrameBatch::clear() {
  arena_.clear();
  frames_.clear();
}

void StreamFramer::append(ByteView octets) {
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(start_));
  start_ = 0;
  buffer_.insert(buffer_.end(), octets.begin(), octets.end());
}

std::optional<ByteView> StreamFramer::next() {
  const ByteView rest = ByteView(buffer_).subspan(start_);
  if (broken_ || rest.size() < 4) return std::nullopt;
  const bool is_stun = (rest[0] & 0xC0) == 0;
  if (!is_stun && (rest[0] & 0xC0) != 0x40) {
    broken_ = true;
    return std::nullopt;
  }
  const std::size_t size = (is_stun ? stun_header_octets : 4) + load_u16(rest, 2);
  if (rest.size() < padded(size)) return std::nullopt;
  start_ += padded(size);
  return rest.first(size);
}

Bytes StreamFramer::take_rest() {
  Bytes rest(buffer_.begin() + static_cast<std::ptrdiff_t>(start_), buffer_.end());
  buffer_.clear();
  start_ = 0;
  return rest;
}

}  // namespace turntest
