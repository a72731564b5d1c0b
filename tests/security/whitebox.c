/*
 * What no client can see of a server: one case of a row of the table, for the source it is linked with.
 * Ends with 0 if the source is safe, with 1 if it is not, with 2 if there is no such case; a sanitizer or a
 * fortified function may end it with anything else.
 */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ns_turn_ioaddr.h"
#include "ns_turn_msg.h"
#include "ns_turn_msg_addr.h"
#include "whitebox.h"

/* For the command line and the web interface, which a source may come without. */
int check_password(const char *pin, const char *pwd) __attribute__((weak));

static int constant_time_compares;

/* Instead of the library's, to see who calls it. */
int CRYPTO_memcmp(const void *a, const void *b, size_t size)
{
	++constant_time_compares;
	return memcmp(a, b, size);
}

/* A message of all attributes with words in them, read and changed at each odd or even octet of a buffer. */
static int case_unaligned(void)
{
	static uint8_t space[4096];
	int offset;
	for(offset = 0; offset < 8; ++offset) {
		uint8_t *buf = space + offset;
		size_t len = 0;
		ioa_addr addr, seen;
		stun_tid tid;
		int present = 0;
		stun_attr_ref attr;

		stun_set_allocate_request_str(buf, &len, 600, 1, 1, STUN_ATTRIBUTE_TRANSPORT_UDP_VALUE, 1, NULL, -1);
		stun_attr_add_channel_number_str(buf, &len, 0x4001);
		stun_attr_add_bandwidth_str(buf, &len, 1000);
		stun_attr_add_response_port_str(buf, &len, 1234);
		stun_attr_add_change_request_str(buf, &len, 1, 1);
		make_ioa_addr((const uint8_t *)"192.0.2.1", 3478, &addr);
		stun_attr_add_addr_str(buf, &len, STUN_ATTRIBUTE_XOR_PEER_ADDRESS, &addr);
		make_ioa_addr((const uint8_t *)"2001:db8::1", 3478, &addr);
		stun_attr_add_addr_str(buf, &len, STUN_ATTRIBUTE_XOR_PEER_ADDRESS, &addr);
		stun_attr_add_addr_str(buf, &len, STUN_ATTRIBUTE_MAPPED_ADDRESS, &addr);
		stun_attr_add_fingerprint_str(buf, &len);
		if(!stun_is_command_message_full_check_str(buf, len, 1, &present) || !present)
			return 1;
		stun_tid_from_message_str(buf, len, &tid);
		for(attr = stun_attr_get_first_str(buf, len); attr; attr = stun_attr_get_next_str(buf, len, attr)) {
			stun_attr_get_type(attr);
			stun_attr_get_channel_number(attr);
			stun_attr_get_bandwidth(attr);
			stun_attr_get_reservation_token_value(attr);
			stun_attr_get_response_port_str(attr);
			stun_get_requested_address_family(attr);
			if(stun_attr_is_addr(attr))
				stun_attr_get_addr_str(buf, len, attr, &seen, NULL);
		}
		if(!addr_eq(&addr, &seen))
			return 1;
		size_t app_len = 0;
		if(stun_get_message_len_str(buf, len, 1, &app_len) != (int)len || app_len != len)
			return 1;
		if(stun_init_channel_message_str(0x4001, buf, &len, 5, 1) < 0 || len != 12)
			return 1;
		uint16_t channel = 0;
		if(!stun_is_channel_message_str(buf, &len, &channel, 1) || channel != 0x4001 || len != 9)
			return 1;
	}
	return 0;
}

/* Every password for the web interface and the command line is hashed like this. */
static int case_hash_text(void)
{
	char result[257];
	generate_new_enc_password("secret", result);
	return check_password && (check_password("secret", result) != 0 || check_password("Secret", result) == 0);
}

/* Seals a block of any shape with the right key, as coturn's encoder would not. */
static int seal(encoded_oauth_token *token, const oauth_key *key, const uint8_t *server_name, const uint8_t *plain,
		int size)
{
	static const uint8_t head[2 + OAUTH_GCM_NONCE_SIZE] = { 0, OAUTH_GCM_NONCE_SIZE };
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t *out = (uint8_t *)token->token;
	int outl = 0;
	int done = ctx && EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, (const uint8_t *)key->as_rs_key, head + 2) == 1
		&& EVP_EncryptUpdate(ctx, NULL, &outl, server_name, (int)strlen((const char *)server_name)) == 1
		&& EVP_EncryptUpdate(ctx, out + sizeof(head), &outl, plain, size) == 1
		&& EVP_EncryptFinal_ex(ctx, out + sizeof(head) + outl, &outl) == 1
		&& EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, OAUTH_GCM_TAG_SIZE, out + sizeof(head) + size) == 1;
	memcpy(out, head, sizeof(head));
	token->size = sizeof(head) + (size_t)size + OAUTH_GCM_TAG_SIZE;
	EVP_CIPHER_CTX_free(ctx);
	return done ? 0 : -1;
}

/* A token of the right key whose MAC key claims more octets than there are, or than there is room for. */
static int case_key_length(void)
{
	static const uint16_t lengths[] = { 21, 128, 129, 400, 1000, 65535 };
	static const uint8_t name[] = "turn.example";
	size_t i;
	oauth_key key;
	memset(&key, 0, sizeof(key));
	key.as_rs_alg = A256GCM;
	memset(key.as_rs_key, 7, 32);
	key.as_rs_key_size = 32;
	for(i = 0; i <= sizeof(lengths) / sizeof(lengths[0]); ++i) {
		const int good = i == sizeof(lengths) / sizeof(lengths[0]);
		const uint16_t length = good ? 20 : lengths[i];
		uint8_t plain[2 + 20 + 8 + 4] = { 0 };
		encoded_oauth_token token;
		struct { oauth_token token; uint8_t guard[70000]; } *room = calloc(1, sizeof(*room));
		plain[0] = (uint8_t)(length >> 8);
		plain[1] = (uint8_t)length;
		memset(&token, 0, sizeof(token));
		if(!room || seal(&token, &key, name, plain, (int)sizeof(plain)) < 0)
			return 2;
		if((decode_oauth_token(name, &token, &key, &(room->token)) == 0) != good)
			return 1;
		free(room);
	}
	return 0;
}

/* A token of anybody, with a nonce of any length: nothing may be written behind the room for one. */
static int case_nonce_length(void)
{
	static const uint16_t lengths[] = { 0, 11, 13, 256, 257, 400, 900, 1022, 1024, 65535 };
	static const uint8_t name[] = "turn.example";
	size_t i;
	oauth_key key;
	memset(&key, 0, sizeof(key));
	key.as_rs_alg = A256GCM;
	key.as_rs_key_size = 32;
	for(i = 0; i < sizeof(lengths) / sizeof(lengths[0]); ++i) {
		encoded_oauth_token token;
		struct { oauth_token token; uint8_t guard[70000]; } *room = calloc(1, sizeof(*room));
		const uint8_t *behind = room ? (const uint8_t *)&(room->token.enc_block.key_length) : NULL;
		const uint8_t *end = (const uint8_t *)(room + 1);
		memset(&token, 'A', sizeof(token));
		token.token[0] = (char)(lengths[i] >> 8);
		token.token[1] = (char)lengths[i];
		token.size = sizeof(token.token);
		if(!room || decode_oauth_token(name, &token, &key, &(room->token)) == 0)
			return 1;
		while(behind < end) {
			if(*behind++)
				return 1;
		}
		free(room);
	}
	return 0;
}

static int case_constant_time(void)
{
	uint8_t buf[512];
	size_t len = 0;
	hmackey_t key = { 1, 2, 3 };
	password_t unused = { 0 };
	char hashed[257];
	stun_init_request_str(STUN_METHOD_REFRESH, buf, &len);
	stun_attr_add_integrity_by_key_str(buf, &len, (const uint8_t *)"alice", (const uint8_t *)"example", key,
			(const uint8_t *)"nonce", SHATYPE_SHA1);
	if(stun_check_message_integrity_by_key_str(TURN_CREDENTIALS_LONG_TERM, buf, len, key, unused, SHATYPE_SHA1) != 1
			|| constant_time_compares != 1)
		return 1;
	buf[len - 1] ^= 1;
	if(stun_check_message_integrity_by_key_str(TURN_CREDENTIALS_LONG_TERM, buf, len, key, unused, SHATYPE_SHA1) != 0
			|| constant_time_compares != 2)
		return 1;
	if(!check_password)
		return 0;
	generate_new_enc_password("secret", hashed);
	if(check_password("secret", hashed) || !check_password("Secret", hashed) || constant_time_compares != 4)
		return 1;
	if(check_password("secret", "secret") || !check_password("secret", "secret1") || !check_password("", "x")
			|| constant_time_compares != 7)
		return 1;
	return 0;
}

int main(int argc, char **argv)
{
	static const struct { const char *name; int (*run)(void); } cases[] = {
		{ "unaligned", case_unaligned },
		{ "hash-text", case_hash_text },
		{ "key-length", case_key_length },
		{ "nonce-length", case_nonce_length },
		{ "constant-time", case_constant_time },
		{ "port-pool", case_port_pool },
		{ "even-port", case_even_port },
		{ "database-strings", case_database_strings },
		{ "fingerprint-room", case_fingerprint_room },
		{ "challenge-length", case_challenge_length },
		{ "sent-size", case_sent_size },
	};
	size_t i;
	for(i = 0; argc == 2 && i < sizeof(cases) / sizeof(cases[0]); ++i) {
		if(strcmp(argv[1], cases[i].name) == 0)
			return cases[i].run();
	}
	fprintf(stderr, "no such case\n");
	return 2;
}
