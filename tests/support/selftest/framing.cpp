// Framing on streams and datagrams, and parsers under hostile input.
#include "support/framing.h"

#include <catch2/catch.hpp>
#include <random>

#include "support/stun.h"
#include "support/stun_wire.h"

namespace turntest {
namespace {

Bytes random_octets(std::mt19937& random, std::size_t size) {
  Bytes octets(size);
  for (std::uint8_t& octet : octets) octet = static_cast<std::uint8_t>(random());
  return octets;
}

TEST_CASE("ChannelData is padded to four octets on streams and not on datagrams") {
  const Bytes payload{1, 2, 3, 4, 5, 6, 7};
  for (std::size_t size = 0; size <= payload.size(); ++size) {
    FrameBatch batch;
    batch.add_channel_data(0x4001, ByteView(payload).first(size), true);
    batch.add_channel_data(0x4001, ByteView(payload).first(size), false);
    CHECK(batch.octets(0).size() == 4 + (size + 3) / 4 * 4);
    CHECK(batch.octets(1).size() == 4 + size);
    CHECK(load_u16(batch.octets(0), 2) == size);
    CHECK(batch.frame(0).payload_octets == size);
    for (std::size_t i = 4 + size; i < batch.octets(0).size(); ++i) CHECK(batch.octets(0)[i] == 0);
  }
}

TEST_CASE("a stream is cut into the same frames however its octets arrive") {
  FrameBatch batch;
  std::mt19937 random(7);
  for (const std::size_t size : {0, 1, 2, 3, 4, 5, 1199, 1200, 65535})
    batch.add_channel_data(0x4002, random_octets(random, size), true);
  batch.add_send_indication(Address::loopback(6, 9), Bytes(333, 1));
  Bytes stream;
  for (std::size_t i = 0; i < batch.size(); ++i)
    stream.insert(stream.end(), batch.octets(i).begin(), batch.octets(i).end());

  for (const std::size_t piece_max : {1, 2, 3, 5, 1000, 100000}) {
    StreamFramer framer;
    std::size_t found = 0;
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t piece = std::min(1 + random() % piece_max, stream.size() - at);
      framer.append(ByteView(stream).subspan(at, piece));
      at += piece;
      while (const auto frame = framer.next()) {
        const bool is_channel_data = (*frame)[0] == 0x40;
        const std::size_t size =
            is_channel_data ? 4 + batch.frame(found).payload_octets : batch.frame(found).size;
        REQUIRE(frame->size() == size);
        CHECK(std::equal(frame->begin(), frame->end(), batch.octets(found).begin()));
        ++found;
      }
    }
    CHECK(found == batch.size());
    CHECK(framer.take_rest().empty());
  }
}

TEST_CASE("a stream that is no TURN is recognised as broken") {
  StreamFramer framer;
  framer.append(bytes_of("\xC0HTTP"));
  CHECK_FALSE(framer.next());
  CHECK(framer.broken());
}

TEST_CASE("random octets and damaged messages never harm the parser") {
  std::mt19937 random(20260101);
  std::size_t parsed = 0;
  for (int round = 0; round < 200000; ++round) {
    Bytes octets;
    if (round % 2 == 0) {
      octets = random_octets(random, random() % 96);
      if (octets.size() >= 20 && round % 4 == 0) {
        octets.resize(octets.size() / 4 * 4);
        octets[0] &= 0x3F;
        store_u16(&octets[2], static_cast<std::uint32_t>(octets.size() - 20));
        store_u32(&octets[4], stun_magic_cookie);
      }
    } else {
      StunBuilder builder(StunMethod::allocate, StunClass::error, TransactionId{});
      builder.add(attribute::error_code, random_octets(random, random() % 8))
          .add(attribute::xor_peer_address, random_octets(random, random() % 24))
          .add(attribute::lifetime, random_octets(random, random() % 6))
          .add_fingerprint();
      octets = builder.message();
      octets[random() % octets.size()] ^= static_cast<std::uint8_t>(random());
    }
    const auto message = StunMessage::parse(octets);
    if (!message) continue;
    ++parsed;
    (void)message->error();
    (void)message->xor_address(attribute::xor_peer_address);
    (void)message->u32(attribute::lifetime);
    (void)message->text(attribute::realm);
    (void)message->integrity_is_valid(bytes_of("key"));
    (void)message->fingerprint_is_valid();
  }
  CHECK(parsed > 1000);
}

TEST_CASE("a message is refused when its length, cookie, or an attribute does not fit") {
  StunBuilder builder(StunMethod::binding, StunClass::request, TransactionId{});
  builder.add(attribute::software, "four");
  const Bytes good = builder.message();
  REQUIRE(StunMessage::parse(good));
  for (std::size_t size = 0; size < good.size(); ++size)
    CHECK_FALSE(StunMessage::parse(ByteView(good).first(size)));
  Bytes longer = good;
  longer.resize(good.size() + 4);
  CHECK_FALSE(StunMessage::parse(longer));
  Bytes overrun = good;
  overrun[23] = 5;
  CHECK_FALSE(StunMessage::parse(overrun));
  Bytes cookie = good;
  cookie[4] = 0;
  CHECK_FALSE(StunMessage::parse(cookie));
}

TEST_CASE("attributes behind MESSAGE-INTEGRITY do not count") {
  StunBuilder builder(StunMethod::refresh, StunClass::request, TransactionId{});
  builder.add_u32(attribute::lifetime, 600)
      .add_integrity(bytes_of("key"))
      .add_u32(attribute::connection_id, 7)
      .add_fingerprint();
  const auto message = StunMessage::parse(builder.message());
  REQUIRE(message);
  CHECK(message->u32(attribute::lifetime) == 600);
  CHECK_FALSE(message->find(attribute::connection_id));
  CHECK(message->find(attribute::fingerprint));
  CHECK(message->integrity_is_valid(bytes_of("key")));
}

TEST_CASE("addresses are read as people write them, and nothing else is") {
  CHECK(Address::parse("127.0.0.1:3478") == Address::loopback(4, 3478));
  CHECK(Address::parse("[::1]:3478") == Address::loopback(6, 3478));
  CHECK(Address::loopback(6, 3478).to_string() == "[::1]:3478");
  for (const char* text : {"", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
                           "::1:3478", "[::1]", "[127.0.0.1]:1", "host:1", "127.0.0.1:1x"})
    CHECK_FALSE(Address::parse(text));
}

}  // namespace
}  // namespace turntest
