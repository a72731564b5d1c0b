#include "support/stream_transport.h"

#include <algorithm>

namespace turntest {
namespace {

/// More than one frame of any size; frames are refused while this much waits for the kernel.
constexpr std::size_t unsent_octets_max = 256 << 10;
constexpr std::size_t reads_per_receive_max = 16;
constexpr std::size_t read_octets = 64 << 10;

}  // namespace

void FramedStreamTransport::flush() {
  while (has_unsent() && !closed()) {
    const std::size_t written = write_now(ByteView(unsent_).subspan(unsent_start_));
    if (written == 0) return;
    unsent_start_ += written;
  }
  unsent_.clear();
  unsent_start_ = 0;
}

std::size_t FramedStreamTransport::send(const FrameBatch& batch, std::size_t first) {
  std::size_t taken = 0;
  while (!closed() && first + taken < batch.size() &&
         unsent_.size() - unsent_start_ < unsent_octets_max) {
    const ByteView frame = batch.octets(first + taken);
    unsent_.insert(unsent_.end(), frame.begin(), frame.end());
    ++taken;
  }
  flush();
  if (unsent_start_ > unsent_octets_max) {
    unsent_.erase(unsent_.begin(), unsent_.begin() + static_cast<std::ptrdiff_t>(unsent_start_));
    unsent_start_ = 0;
  }
  return taken;
}

std::size_t FramedStreamTransport::receive(const FrameHandler& handler) {
  static thread_local Bytes buffer(read_octets);
  std::size_t frames = 0;
  for (std::size_t round = 0; round < reads_per_receive_max && framing_ && !closed(); ++round) {
    const std::size_t size = read_now(buffer);
    if (size == 0) break;
    framer_.append(ByteView(buffer).first(size));
    while (framing_) {
      const auto frame = framer_.next();
      if (!frame) break;
      ++frames;
      handler(*frame);
    }
    if (framer_.broken()) close_because("the server sent what is neither STUN nor ChannelData");
  }
  if (!framing_ && early_.empty()) early_ = framer_.take_rest();
  return frames;
}

std::size_t FramedStreamTransport::write_some(ByteView octets) {
  flush();
  return has_unsent() || closed() ? 0 : write_now(octets);
}

std::size_t FramedStreamTransport::read_some(std::span<std::uint8_t> into) {
  if (early_.empty()) return closed() ? 0 : read_now(into);
  const std::size_t size = std::min(into.size(), early_.size());
  std::copy_n(early_.begin(), size, into.begin());
  early_.erase(early_.begin(), early_.begin() + static_cast<std::ptrdiff_t>(size));
  return size;
}

}  // namespace turntest
