// Any octets as a STUN message, read by all that coturn reads one with. What is found lies in the message;
// addresses come back from their own encoding; a message that is signed here is taken, and no longer when a
// bit of it is turned.
#include <algorithm>
#include <array>
#include <cstring>

#include "stun_input.h"

namespace {

using fuzz::Attribute;
using fuzz::Octets;
using fuzz::require;

void check_kind(const Octets& in) {
  std::uint8_t* message = in.data();
  const std::size_t size = in.size();
  std::uint32_t cookie = 0;
  int fingerprint = 0;
  const bool is_command = stun_is_command_message_str(message, size) != 0;
  const bool is_old = old_stun_is_command_message_str(message, size, &cookie) != 0;
  require(!is_command || !is_old);
  const bool is_whole = stun_is_command_message_full_check_str(message, size, 0, &fingerprint) != 0;
  require(!is_whole || is_command);
  require(!stun_is_command_message_full_check_str(message, size, 1, nullptr) || is_whole);
  require(!stun_is_binding_request_str(message, size, 0) || is_command);
  require(!stun_is_binding_response_str(message, size) || is_command);
  if (size > 4) (void)stun_is_binding_request_str(message, size, 4);
  if (!is_command && !is_old) return;
  require(stun_get_command_message_len_str(message, size) == static_cast<int>(size));
  require(is_channel_msg_str(message, size) == 0);
  const int kinds = (stun_is_request_str(message, size) != 0) +
                    (stun_is_indication_str(message, size) != 0) +
                    (stun_is_success_response_str(message, size) != 0) +
                    (stun_is_error_response_str(message, size, nullptr, nullptr, 0) != 0);
  require(kinds == 1);
  require((stun_is_response_str(message, size) != 0) ==
          (stun_is_success_response_str(message, size) != 0 ||
           stun_is_error_response_str(message, size, nullptr, nullptr, 0) != 0));
  require(stun_get_method_str(message, size) <= 0x0FFF);
}

void check_errors(const Octets& in) {
  std::array<std::uint8_t, 16> text{};
  int code = 0;
  if (stun_is_error_response_str(in.data(), in.size(), &code, text.data(), text.size())) {
    require(code >= 0 && code <= 255 * 101);
    require(std::ranges::count(text, 0) > 0);
  }
  std::array<std::uint8_t, STUN_MAX_REALM_SIZE + 1> realm{};
  std::array<std::uint8_t, STUN_MAX_NONCE_SIZE + 1> nonce{};
  std::array<std::uint8_t, STUN_MAX_SERVER_NAME_SIZE + 1> server{};
  int oauth = 0;
  if (stun_is_challenge_response_str(in.data(), in.size(), &code, text.data(), text.size(),
                                     realm.data(), nonce.data(), server.data(), &oauth)) {
    require(code == 401 || code == 438);
    require(std::ranges::count(realm, 0) > 0 && std::ranges::count(nonce, 0) > 0);
    require(std::ranges::count(server, 0) > 0);
  }
  int family = 0;
  (void)stun_attr_get_address_error_code(in.data(), in.size(), &family, &code);
}

void check_address(const Octets& in, const Attribute& attribute) {
  ioa_addr address;
  if (stun_attr_get_addr_str(in.data(), in.size(), attribute.ref, &address, nullptr) != 0) return;
  const bool is_v4 = address.ss.sa_family == AF_INET;
  require(is_v4 || address.ss.sa_family == AF_INET6);
  require(attribute.length == (is_v4 ? 8 : 20));
  fuzz::Message again;
  stun_init_command_str(stun_make_request(STUN_METHOD_BINDING), again.data(), &again.size);
  stun_tid transaction;
  stun_tid_from_message_str(in.data(), in.size(), &transaction);
  stun_tid_message_cpy(again.data(), &transaction);
  const auto type = static_cast<std::uint16_t>(attribute.type);
  require(stun_attr_add_addr_str(again.data(), &again.size, type, &address) == 0);
  ioa_addr back;
  if (stun_attr_is_addr(attribute.ref)) {
    require(stun_attr_get_first_addr_str(again.data(), again.size, type, &back, nullptr) == 0);
    require(addr_eq(&address, &back));
  }
}

void check_values(const Octets& in, const Attribute& attribute) {
  int change_ip = 0;
  int change_port = 0;
  const std::uint16_t channel = stun_attr_get_channel_number(attribute.ref);
  require(channel == 0 || STUN_VALID_CHANNEL(channel));
  require(stun_attr_get_bandwidth(attribute.ref) <= UINT32_MAX);
  require(stun_attr_get_even_port(attribute.ref) <= 1);
  require(attribute.length == 8 || stun_attr_get_reservation_token_value(attribute.ref) == 0);
  const int family = stun_get_requested_address_family(attribute.ref);
  require(family >= -1 && family <= 2);
  if (stun_attr_get_change_request_str(attribute.ref, &change_ip, &change_port) == 0)
    require(attribute.length == 4);
  require(stun_attr_get_response_port_str(attribute.ref) <= UINT16_MAX);
  require(stun_attr_get_padding_len_str(attribute.ref) == static_cast<int>(attribute.length));
  check_address(in, attribute);
}

void check_attributes(const Octets& in) {
  const auto attributes = fuzz::attributes_of(in.data(), in.size());
  for (std::size_t i = 0; i < attributes.size(); ++i) {
    // Reading an address costs a message: not for all of thousands.
    if (i < 32) check_values(in, attributes[i]);
    if (i >= 32 && i % 64 != 0) continue;
    const auto first = std::ranges::find(attributes, attributes[i].type, &Attribute::type);
    const auto type = static_cast<std::uint16_t>(attributes[i].type);
    require(stun_attr_get_first_by_type_str(in.data(), in.size(), type) == first->ref);
  }
  const std::uint16_t channel = stun_attr_get_first_channel_number_str(in.data(), in.size());
  require(channel == 0 || STUN_VALID_CHANNEL(channel));
}

int integrity(std::uint8_t* message, std::size_t size, SHATYPE type) {
  static hmackey_t key{1, 2, 3};
  static password_t password{'p', 'w'};
  (void)stun_check_message_integrity_by_key_str(TURN_CREDENTIALS_SHORT_TERM, message, size, key,
                                                password, type);
  return stun_check_message_integrity_by_key_str(TURN_CREDENTIALS_LONG_TERM, message, size, key,
                                                 password, type);
}

// Looking at the integrity writes a length into the message and takes it back.
void check_integrity(const Octets& in) {
  const Octets before(in.data(), in.size());
  for (const SHATYPE type : {SHATYPE_SHA1, SHATYPE_SHA256, SHATYPE_SHA384, SHATYPE_SHA512}) {
    const int found = integrity(in.data(), in.size(), type);
    require(found >= -1 && found <= 1);
    require(std::equal(in.data(), in.data() + in.size(), before.data()));
  }
}

void check_signed(const Octets& in) {
  if (!stun_is_command_message_str(in.data(), in.size()) || in.size() > 4'096) return;
  const auto attributes = fuzz::attributes_of(in.data(), in.size());
  if (std::ranges::count(attributes, STUN_ATTRIBUTE_MESSAGE_INTEGRITY, &Attribute::type)) return;
  // What does not lie in whole attributes is not walked over, so nothing is found behind it.
  if (!attributes.empty()) {
    const Attribute& last = attributes.back();
    if (last.offset + 4 + (last.length + 3) / 4 * 4 != in.size()) return;
  } else if (in.size() != STUN_HEADER_LENGTH) {
    return;
  }
  fuzz::Message message;
  std::memcpy(message.data(), in.data(), in.size());
  message.size = in.size();
  static hmackey_t key{1, 2, 3};
  static password_t password{'p', 'w'};
  require(stun_attr_add_integrity_str(TURN_CREDENTIALS_LONG_TERM, message.data(), &message.size,
                                      key, password, SHATYPE_SHA1) == 0);
  require(message.size == in.size() + 24);
  require(integrity(message.data(), message.size, SHATYPE_SHA1) == 1);
  message.data()[8 + in.size() % 12] ^= 1;  // of the transaction
  require(integrity(message.data(), message.size, SHATYPE_SHA1) == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Octets in(data, size);
  check_kind(in);
  check_errors(in);
  check_attributes(in);
  check_integrity(in);
  check_signed(in);
  return 0;
}
