// How TURN messages lie on the wire between client and server: ChannelData, Send indications, and
// where one message ends on a byte stream (RFC 8656, sections 12.4 and 12.5).
// Owner: values. Threads: one at a time.
#pragma once

#include <functional>
#include <optional>

#include "support/address.h"
#include "support/bytes.h"

namespace turntest {

inline constexpr std::uint16_t channel_min = 0x4000, channel_max = 0x7FFF;

/// Frames waiting to be sent together, in one buffer that is reused.
class FrameBatch {
 public:
  struct Frame {
    std::size_t offset = 0;
    std::size_t size = 0;
    std::size_t payload_octets = 0;
  };

  /// `pad`: to four octets, as byte streams require.
  void add_channel_data(std::uint16_t channel, ByteView payload, bool pad);
  void add_send_indication(const Address& peer, ByteView payload);
  void add_raw(ByteView frame);
  void clear();

  [[nodiscard]] std::size_t size() const { return frames_.size(); }
  [[nodiscard]] const Frame& frame(std::size_t index) const { return frames_[index]; }
  [[nodiscard]] ByteView octets(std::size_t index) const {
    return ByteView(arena_).subspan(frames_[index].offset, frames_[index].size);
  }

 private:
  Bytes arena_;
  std::vector<Frame> frames_;
};

using FrameHandler = std::function<void(ByteView)>;

/// Cuts a byte stream into frames.
class StreamFramer {
 public:
  void append(ByteView octets);
  /// The next whole frame without a stream's padding, borrowed until the next call of a member;
  /// nullopt: more octets are needed, or the stream is broken.
  [[nodiscard]] std::optional<ByteView> next();
  /// What starts with neither 00 nor 01 is no TURN; such a stream cannot be read on.
  [[nodiscard]] bool broken() const { return broken_; }
  /// Everything not yet handed out; the framer is empty afterwards.
  [[nodiscard]] Bytes take_rest();

 private:
  Bytes buffer_;
  std::size_t start_ = 0;
  bool broken_ = false;
};

}  // namespace turntest
