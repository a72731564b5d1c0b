// A list of what to put into a message: what was built is read back as it was put in, and what does not fit
// leaves the message as it was.
#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "stun_input.h"

namespace {

using fuzz::Message;
using fuzz::require;
using Input = FuzzedDataProvider;

struct Wanted {
  int type = 0;
  std::vector<std::uint8_t> value{};
};

ioa_addr address_in(Input& input) {
  ioa_addr address{};
  const bool is_v4 = input.ConsumeBool();
  const auto octets = input.ConsumeBytes<std::uint8_t>(is_v4 ? 4 : 16);
  address.ss.sa_family = is_v4 ? AF_INET : AF_INET6;
  auto* to = is_v4 ? reinterpret_cast<std::uint8_t*>(&address.s4.sin_addr)
                   : reinterpret_cast<std::uint8_t*>(&address.s6.sin6_addr);
  std::ranges::copy(octets, to);
  addr_set_port(&address, input.ConsumeIntegral<std::uint16_t>());
  return address;
}

void begin(Input& input, Message& message, stun_tid& transaction) {
  const auto method = static_cast<std::uint16_t>(input.ConsumeIntegral<std::uint16_t>() & 0x0FFF);
  stun_tid_generate(&transaction);
  const int kind = input.ConsumeIntegralInRange(0, 3);
  switch (kind) {
    case 0: stun_init_request_str(method, message.data(), &message.size); break;
    case 1: stun_init_indication_str(method, message.data(), &message.size); break;
    case 2:
      stun_init_success_response_str(method, message.data(), &message.size, &transaction);
      break;
    default: {
      const std::string reason = input.ConsumeRandomLengthString(600);
      const int code = input.ConsumeIntegralInRange(300, 699);
      stun_init_error_response_str(
          method, message.data(), &message.size, static_cast<std::uint16_t>(code),
          reinterpret_cast<const std::uint8_t*>(reason.c_str()), &transaction);
      int found = 0;
      std::array<std::uint8_t, 1'024> text{};
      require(stun_is_error_response_str(message.data(), message.size, &found, text.data(),
                                         text.size()) == 1);
      require(found == code);
    }
  }
  require(stun_is_command_message_str(message.data(), message.size) == 1);
  require(stun_get_method_str(message.data(), message.size) == method);
  require((stun_is_request_str(message.data(), message.size) != 0) == (kind == 0));
  require((stun_is_indication_str(message.data(), message.size) != 0) == (kind == 1));
  require((stun_is_success_response_str(message.data(), message.size) != 0) == (kind == 2));
}

void add_octets(Input& input, Message& message, std::vector<Wanted>& wanted) {
  Wanted each{input.ConsumeIntegral<std::uint16_t>(), {}};
  // Behind it nothing would be found; finish() puts one where it belongs.
  if (each.type == STUN_ATTRIBUTE_MESSAGE_INTEGRITY) each.type = STUN_ATTRIBUTE_USERNAME;
  each.value = input.ConsumeBytes<std::uint8_t>(input.ConsumeIntegralInRange<std::size_t>(0, 64));
  // More than the input has: a message has to become full, or all but full.
  const int size = input.ConsumeIntegralInRange(0, 3);
  const std::size_t room = MAX_STUN_MESSAGE_SIZE - 5 - message.size;
  if (size == 1) each.value.resize(input.ConsumeIntegral<std::uint16_t>());
  if (size == 2 && message.size + 64 < MAX_STUN_MESSAGE_SIZE)
    each.value.resize(room - input.ConsumeIntegralInRange<std::size_t>(0, 40));
  const std::size_t before = message.size;
  const int added =
      stun_attr_add_str(message.data(), &message.size, static_cast<std::uint16_t>(each.type),
                        each.value.data(), static_cast<int>(each.value.size()));
  if (added == 0)
    wanted.push_back(std::move(each));
  else
    require(message.size == before);
}

void add_address(Input& input, Message& message, std::vector<Wanted>& wanted) {
  const ioa_addr address = address_in(input);
  static constexpr std::array types{STUN_ATTRIBUTE_XOR_PEER_ADDRESS,
                                    STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS,
                                    STUN_ATTRIBUTE_MAPPED_ADDRESS, STUN_ATTRIBUTE_ALTERNATE_SERVER};
  const int type = types[input.ConsumeIntegralInRange<std::size_t>(0, types.size() - 1)];
  if (stun_attr_add_addr_str(message.data(), &message.size, static_cast<std::uint16_t>(type),
                             &address) != 0)
    return;
  const auto attributes = fuzz::attributes_of(message.data(), message.size);
  require(!attributes.empty() && attributes.back().type == type);
  ioa_addr back;
  require(stun_attr_get_addr_str(message.data(), message.size, attributes.back().ref, &back,
                                 nullptr) == 0);
  require(addr_eq(&address, &back));
  const auto* value = stun_attr_get_value(attributes.back().ref);
  wanted.push_back({type, {value, value + attributes.back().length}});
}

void add_number(Input& input, Message& message, std::vector<Wanted>& wanted) {
  const auto number = input.ConsumeIntegral<std::uint16_t>();
  const int kind = input.ConsumeIntegralInRange(0, 3);
  const int added =
      kind == 0 ? stun_attr_add_channel_number_str(message.data(), &message.size, number)
      : kind == 1
          ? stun_attr_add_bandwidth_str(message.data(), &message.size, band_limit_t{number} << 7)
      : kind == 2 ? stun_attr_add_response_port_str(message.data(), &message.size, number)
                  : stun_attr_add_padding_str(message.data(), &message.size, number);
  if (added != 0) return;
  const auto attributes = fuzz::attributes_of(message.data(), message.size);
  const fuzz::Attribute& last = attributes.back();
  switch (kind) {
    case 0:
      require(stun_attr_get_channel_number(last.ref) == (STUN_VALID_CHANNEL(number) ? number : 0));
      break;
    case 1: require(stun_attr_get_bandwidth(last.ref) == band_limit_t{number} << 7); break;
    case 2: require(stun_attr_get_response_port_str(last.ref) == number); break;
    default: require(stun_attr_get_padding_len_str(last.ref) == number);
  }
  const auto* value = stun_attr_get_value(last.ref);
  wanted.push_back({last.type, {value, value + last.length}});
}

// The ends of the message say what was put before them.
void finish(Input& input, Message& message, const std::vector<Wanted>& wanted) {
  const auto has = [&](int type) { return std::ranges::count(wanted, type, &Wanted::type) > 0; };
  static hmackey_t key{9, 8, 7};
  static password_t password{'s'};
  static constexpr std::array types{SHATYPE_SHA1, SHATYPE_SHA256, SHATYPE_SHA384, SHATYPE_SHA512};
  const SHATYPE type = types[input.ConsumeIntegralInRange<std::size_t>(0, 3)];
  const auto credentials =
      input.ConsumeBool() ? TURN_CREDENTIALS_LONG_TERM : TURN_CREDENTIALS_SHORT_TERM;
  const std::size_t before = message.size;
  const bool is_signed = stun_attr_add_integrity_str(credentials, message.data(), &message.size,
                                                     key, password, type) == 0;
  require(is_signed || message.size == before);
  const auto check_signed = [&] {
    if (is_signed)
      require(stun_check_message_integrity_by_key_str(credentials, message.data(), message.size,
                                                      key, password, type) == 1);
  };
  check_signed();
  const std::size_t unmarked = message.size;
  const bool is_marked = stun_attr_add_fingerprint_str(message.data(), &message.size) == 0;
  require(message.size == (is_marked ? unmarked + 8 : unmarked));
  check_signed();
  int found = 0;
  if (is_marked && !has(STUN_ATTRIBUTE_FINGERPRINT))
    require(stun_is_command_message_full_check_str(message.data(), message.size, 1, &found) == 1 &&
            found == 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  Message message;
  stun_tid transaction;
  std::vector<Wanted> wanted;
  begin(input, message, transaction);
  const std::size_t first = fuzz::attributes_of(message.data(), message.size).size();
  while (input.remaining_bytes() > 4 && wanted.size() < 64)
    switch (input.ConsumeIntegral<std::uint8_t>() % 4) {
      case 0: add_address(input, message, wanted); break;
      case 1: add_number(input, message, wanted); break;
      default: add_octets(input, message, wanted);
    }
  const auto check = [&] {
    require(message.size <= MAX_STUN_MESSAGE_SIZE && message.size % 4 == 0);
    require(stun_is_command_message_str(message.data(), message.size) == 1);
    const auto found = fuzz::attributes_of(message.data(), message.size);
    require(found.size() >= first + wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const fuzz::Attribute& each = found[first + i];
      require(each.type == wanted[i].type && each.length == wanted[i].value.size());
      require(std::equal(wanted[i].value.begin(), wanted[i].value.end(),
                         message.data() + each.offset + 4));
    }
  };
  check();
  finish(input, message, wanted);
  check();
  return 0;
}
