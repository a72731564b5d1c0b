// Any octets as what a client sends over a stream: the first one says in which pieces they come. Cut into
// frames piece by piece they are the same frames as all at once, and none is longer than what has come.
#include <algorithm>
#include <utility>
#include <vector>

#include "stun_input.h"

namespace {

using fuzz::Octets;
using fuzz::require;

struct Frame {
  std::size_t octets = 0;
  std::size_t message = 0;
  friend bool operator==(const Frame&, const Frame&) = default;
};

// As a relay does with what a connection has buffered.
void take_frames(std::vector<std::uint8_t>& buffered, bool padding, std::vector<Frame>& frames) {
  while (!buffered.empty()) {
    const Octets seen(buffered.data(), buffered.size());
    std::size_t message = 0;
    const int octets =
        stun_get_message_len_str(seen.data(), seen.size(), padding ? 1 : 0, &message);
    if (octets <= 0) {
      require(octets == -1);
      return;
    }
    const Frame frame{static_cast<std::size_t>(octets), message};
    require(frame.octets <= seen.size());
    require(frame.message <= frame.octets && frame.octets - frame.message < 4);
    require(padding ? frame.octets % 4 == 0 : frame.octets == frame.message);
    const Octets whole(seen.data(), frame.message);
    require((stun_is_command_message_str(whole.data(), whole.size()) != 0) !=
            (is_channel_msg_str(whole.data(), whole.size()) != 0));
    frames.push_back(frame);
    buffered.erase(buffered.begin(), buffered.begin() + octets);
  }
}

void check_stream(const std::uint8_t* data, std::size_t size, std::size_t piece, bool padding) {
  std::vector<std::uint8_t> buffered(data, data + size);
  std::vector<Frame> at_once;
  take_frames(buffered, padding, at_once);
  std::vector<Frame> in_pieces;
  std::vector<std::uint8_t> left;
  for (std::size_t at = 0; at < size; at += piece) {
    left.insert(left.end(), data + at, data + std::min(at + piece, size));
    take_frames(left, padding, in_pieces);
  }
  require(at_once == in_pieces && left == buffered);
}

// A datagram that is taken for ChannelData has its payload in it; one that is not is left alone.
void check_channel(const std::uint8_t* data, std::size_t size, bool padding) {
  const Octets in(data, size);
  std::size_t length = size;
  std::uint16_t channel = 0;
  if (stun_is_channel_message_str(in.data(), &length, &channel, padding ? 1 : 0)) {
    require(length >= 4 && length <= size && STUN_VALID_CHANNEL(channel));
    require(length == 4 + (std::size_t{in.data()[2]} << 8 | in.data()[3]));
    require(!padding || size % 4 == 0 || size == length);
  } else {
    require(length == size);
  }
}

void check_built(std::size_t size, std::uint16_t channel, bool padding) {
  fuzz::Message message;
  std::ranges::fill(message.room, 0xA5);
  if (stun_init_channel_message_str(channel, message.data(), &message.size, static_cast<int>(size),
                                    padding ? 1 : 0) != 0) {
    require(size + 4 + (padding ? 3 : 0) > MAX_STUN_MESSAGE_SIZE);
    return;
  }
  if (!STUN_VALID_CHANNEL(channel)) return;
  std::size_t octets = 0;
  require(stun_get_message_len_str(message.data(), message.size, padding ? 1 : 0, &octets) ==
          static_cast<int>(message.size));
  require(octets == 4 + size);
  std::size_t length = message.size;
  std::uint16_t seen = 0;
  require(stun_is_channel_message_str(message.data(), &length, &seen, padding ? 1 : 0) == 1);
  require(seen == channel && length == 4 + size);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4) return 0;
  const std::size_t piece = 1 + data[0] % 64;
  const bool padding = (data[0] & 64) != 0;
  const auto channel = static_cast<std::uint16_t>(data[1] << 8 | data[2]);
  check_built(std::size_t{data[1]} << 8 | data[3], channel, padding);
  check_stream(data + 1, size - 1, piece, padding);
  check_channel(data + 1, size - 1, padding);
  return 0;
}
