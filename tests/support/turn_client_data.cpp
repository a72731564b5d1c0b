// The client's data path: what is sent to peers and what comes from them.
#include <algorithm>

#include "support/stun_wire.h"
#include "support/turn_client.h"

namespace turntest {

Address TurnClient::peer_of(std::uint16_t channel) const {
  for (const auto& [bound, peer] : channels_)
    if (bound == channel) return peer;
  return {};
}

void TurnClient::queue_channel(std::uint16_t channel, ByteView payload) {
  queue_.add_channel_data(channel, payload, transport_->is_stream());
}

void TurnClient::queue_indication(const Address& peer, ByteView payload) {
  queue_.add_send_indication(peer, payload);
}

std::size_t TurnClient::flush_queue() {
  const std::size_t taken = transport_->send(queue_, queue_first_);
  for (std::size_t i = 0; i < taken; ++i)
    sent_ += {queue_.frame(queue_first_ + i).payload_octets, 1};
  queue_first_ += taken;
  if (queue_first_ == queue_.size()) {
    queue_.clear();
    queue_first_ = 0;
  }
  return taken;
}

bool TurnClient::send_channel(std::uint16_t channel, ByteView payload) {
  FrameBatch one;
  one.add_channel_data(channel, payload, transport_->is_stream());
  if (transport_->send(one, 0) != 1) return false;
  sent_ += {payload.size(), 1};
  return true;
}

bool TurnClient::send_indication(const Address& peer, ByteView payload) {
  FrameBatch one;
  one.add_send_indication(peer, payload);
  if (transport_->send(one, 0) != 1) return false;
  sent_ += {payload.size(), 1};
  return true;
}

bool TurnClient::send_raw(ByteView frame) {
  FrameBatch one;
  one.add_raw(frame);
  return transport_->send(one, 0) == 1;
}

void TurnClient::take_frame(ByteView frame) {
  if (frame.size() >= 4 && (frame[0] & 0xC0) == 0x40) {
    const std::size_t size = load_u16(frame, 2);
    // On datagrams padding is allowed but not required.
    if (frame.size() < 4 + size || frame.size() > 4 + padded(size)) {
      ++bad_frames_;
      return;
    }
    const std::uint16_t channel = load_u16(frame, 0);
    deliver({peer_of(channel), channel, frame.subspan(4, size)});
    return;
  }
  const auto message = StunMessage::parse(frame);
  if (!message) {
    ++bad_frames_;
    return;
  }
  if (message->message_class() == StunClass::indication)
    take_indication(*message);
  else if (message->message_class() != StunClass::request)
    transactions_.handle(*message);
}

void TurnClient::take_indication(const StunMessage& message) {
  const auto peer = message.xor_address(attribute::xor_peer_address);
  if (message.method() == StunMethod::data) {
    const auto data = message.find(attribute::data);
    if (peer && data)
      deliver({*peer, 0, *data});
    else
      ++bad_frames_;
  } else if (message.method() == StunMethod::connection_attempt) {
    const auto id = message.u32(attribute::connection_id);
    if (peer && id && attempts_.size() < inbox_max)
      attempts_.push_back({*id, *peer});
    else
      ++bad_frames_;
  }
}

void TurnClient::deliver(const ReceivedData& data) {
  received_ += {data.payload.size(), 1};
  if (handler_) {
    handler_(data);
  } else if (inbox_.size() < inbox_max) {
    inbox_.push_back({data.peer, data.channel, Bytes(data.payload.begin(), data.payload.end())});
  } else {
    ++inbox_overflows_;
  }
}

}  // namespace turntest
