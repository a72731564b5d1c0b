// Any octets as an ACCESS-TOKEN, sealed by somebody else or with the server's own key, which no guess at a tag
// would ever get to. What is taken is within its bounds, and what is sealed here comes back.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>

#include "stun_input.h"

namespace {

using fuzz::require;

constexpr const char* server = "turn.example.net";

const std::uint8_t* octets(const char* text) { return reinterpret_cast<const std::uint8_t*>(text); }

oauth_key key_for(const char* algorithm) {
  oauth_key_data data{};
  std::snprintf(data.kid, sizeof data.kid, "north");
  std::snprintf(data.ikm_key, sizeof data.ikm_key, "%s", "carleon-carleon-carleon-carleon!");
  data.ikm_key_size = 32;
  std::snprintf(data.as_rs_alg, sizeof data.as_rs_alg, "%s", algorithm);
  oauth_key key{};
  char error[256] = "";
  require(convert_oauth_key_data(&data, &key, error, sizeof error) == 0);
  return key;
}

void check_taken(const encoded_oauth_token& token, const oauth_key& key) {
  oauth_token taken{};
  if (decode_oauth_token(octets(server), &token, &key, &taken) != 0) return;
  require(taken.enc_block.key_length <= sizeof taken.enc_block.mac_key);
  require(taken.enc_block.nonce_length == OAUTH_GCM_NONCE_SIZE);
}

// The plain fields from the input, sealed.
void check_sealed(const std::uint8_t* data, std::size_t size, const oauth_key& key) {
  oauth_token token{};
  std::uint8_t nonce[OAUTH_MAX_NONCE_SIZE]{};
  if (size < 16) return;
  std::memcpy(&token.enc_block.timestamp, data, 8);
  std::memcpy(&token.enc_block.lifetime, data + 8, 4);
  std::memcpy(&token.enc_block.key_length, data + 12, 2);
  token.enc_block.key_length %= MAXSHASIZE + 2;
  const std::size_t length = std::min<std::size_t>(size - 16, sizeof token.enc_block.mac_key);
  std::memcpy(token.enc_block.mac_key, data + 16, length);
  encoded_oauth_token sealed{};
  const bool fits = token.enc_block.key_length <= MAXSHASIZE;
  require((encode_oauth_token(octets(server), &sealed, &key, &token, nonce) == 0) == fits);
  if (!fits) return;
  require(sealed.size <= sizeof sealed.token);
  oauth_token back{};
  const bool taken = decode_oauth_token(octets(server), &sealed, &key, &back) == 0;
  // A token without a key is none.
  require(taken == (token.enc_block.key_length > 0));
  if (!taken) return;
  require(back.enc_block.timestamp == token.enc_block.timestamp);
  require(back.enc_block.lifetime == token.enc_block.lifetime);
  require(back.enc_block.key_length == token.enc_block.key_length);
  require(std::equal(back.enc_block.mac_key, back.enc_block.mac_key + back.enc_block.key_length,
                     token.enc_block.mac_key));
  sealed.token[data[15] % sealed.size] ^= 1;
  require(decode_oauth_token(octets(server), &sealed, &key, &back) != 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const oauth_key keys[]{key_for("A256GCM"), key_for("A128GCM")};
  encoded_oauth_token token{};
  token.size = size;
  std::memcpy(token.token, data, std::min(size, sizeof token.token));
  for (const oauth_key& key : keys) {
    check_taken(token, key);
    check_sealed(data, size, key);
  }
  return 0;
}
