// STUN messages (RFC 8489) with the methods and attributes of TURN (RFC 8656), TURN over TCP (RFC
// 6062) and mobility (RFC 8016): a builder and a bounds-checked parser. Owner: values; StunMessage
// borrows the octets it was parsed from. Threads: any.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "support/address.h"
#include "support/bytes.h"

namespace turntest {

enum class StunMethod : std::uint16_t {
  binding = 0x001,
  allocate = 0x003,
  refresh = 0x004,
  send = 0x006,
  data = 0x007,
  create_permission = 0x008,
  channel_bind = 0x009,
  connect = 0x00A,
  connection_bind = 0x00B,
  connection_attempt = 0x00C,
};

enum class StunClass : std::uint8_t { request = 0, indication = 1, success = 2, error = 3 };

namespace attribute {
inline constexpr std::uint16_t mapped_address = 0x0001, username = 0x0006,
                               message_integrity = 0x0008, error_code = 0x0009,
                               channel_number = 0x000C, lifetime = 0x000D,
                               xor_peer_address = 0x0012, data = 0x0013, realm = 0x0014,
                               nonce = 0x0015, xor_relayed_address = 0x0016,
                               requested_address_family = 0x0017, even_port = 0x0018,
                               requested_transport = 0x0019, dont_fragment = 0x001A,
                               message_integrity_sha256 = 0x001C, xor_mapped_address = 0x0020,
                               reservation_token = 0x0022, connection_id = 0x002A,
                               additional_address_family = 0x8000,
                               /// The number coturn 4.6 knows it by, from a draft of RFC 8656.
    additional_address_family_draft = 0x8032, software = 0x8022, fingerprint = 0x8028,
                               mobility_ticket = 0x8030;
}

using TransactionId = std::array<std::uint8_t, 12>;

/// Unpredictable.
[[nodiscard]] TransactionId new_transaction_id();

inline constexpr std::size_t stun_header_octets = 20;
inline constexpr std::uint32_t stun_magic_cookie = 0x2112A442;

/// Builds one message. Attributes appear in the order of the calls.
class StunBuilder {
 public:
  StunBuilder(StunMethod method, StunClass message_class, const TransactionId& id);
  StunBuilder& add(std::uint16_t type, ByteView value);
  StunBuilder& add(std::uint16_t type, std::string_view value) {
    return add(type, bytes_of(value));
  }
  StunBuilder& add_u32(std::uint16_t type, std::uint32_t value);
  /// XOR-MAPPED-ADDRESS and its kin.
  StunBuilder& add_xor_address(std::uint16_t type, const Address& address);
  /// MESSAGE-INTEGRITY over what was added so far (HMAC-SHA1).
  StunBuilder& add_integrity(ByteView key);
  StunBuilder& add_fingerprint();
  [[nodiscard]] const Bytes& message() const { return message_; }

 private:
  void set_length(std::size_t attributes_octets);
  Bytes message_;
};

struct StunError {
  int code = 0;
  std::string reason;
};

/// One parsed message.
class StunMessage {
 public:
  /// nullopt unless `octets` is exactly one well-formed message: cookie, length, every attribute.
  [[nodiscard]] static std::optional<StunMessage> parse(ByteView octets);

  [[nodiscard]] StunMethod method() const { return method_; }
  [[nodiscard]] StunClass message_class() const { return class_; }
  [[nodiscard]] const TransactionId& transaction_id() const { return id_; }

  /// The `index`-th attribute of a type. What follows MESSAGE-INTEGRITY is ignored, but for a
  /// second integrity and the FINGERPRINT (RFC 8489, section 14.5).
  [[nodiscard]] std::optional<ByteView> find(std::uint16_t type, std::size_t index = 0) const;
  [[nodiscard]] std::optional<std::string> text(std::uint16_t type) const;
  [[nodiscard]] std::optional<std::uint32_t> u32(std::uint16_t type) const;
  [[nodiscard]] std::optional<Address> xor_address(std::uint16_t type, std::size_t index = 0) const;
  [[nodiscard]] std::optional<StunError> error() const;

  [[nodiscard]] bool has_integrity() const;
  /// False also when the attribute is absent.
  [[nodiscard]] bool integrity_is_valid(ByteView key) const;
  [[nodiscard]] bool fingerprint_is_valid() const;

 private:
  ByteView octets_;
  StunMethod method_{};
  StunClass class_{};
  TransactionId id_{};
};

/// MD5(username ":" realm ":" password), the key of the long-term credential mechanism.
[[nodiscard]] Bytes long_term_key(std::string_view username, std::string_view realm,
                                  std::string_view password);

}  // namespace turntest
