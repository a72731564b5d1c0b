/* Messages that are as large as they get, or come from who is not trusted. */
#include <stdlib.h>
#include <string.h>

#include "ns_turn_msg.h"
#include "whitebox.h"

/* A Data indication with no room for a FINGERPRINT, or with just enough: its payload stays what it was. */
int case_fingerprint_room(void)
{
	static uint8_t buf[MAX_STUN_MESSAGE_SIZE + 64], payload[MAX_STUN_MESSAGE_SIZE];
	const size_t most = MAX_STUN_MESSAGE_SIZE - STUN_HEADER_LENGTH - 4;
	size_t octets, room;
	memset(payload, 'x', sizeof(payload));
	for(octets = most - 24; octets < most; ++octets) {
		size_t len = 0;
		int present = 0;
		stun_init_indication_str(STUN_METHOD_DATA, buf, &len);
		if(stun_attr_add_str(buf, &len, STUN_ATTRIBUTE_DATA, payload, (int)octets) < 0)
			continue;
		room = MAX_STUN_MESSAGE_SIZE - len;
		if((stun_attr_add_fingerprint_str(buf, &len) == 0) != (room > 8))
			return 1;
		if(memcmp(buf + STUN_HEADER_LENGTH + 4, payload, octets) != 0)
			return 1;
		if(!stun_is_command_message_full_check_str(buf, len, 0, &present) || present != (room > 8))
			return 1;
	}
	return 0;
}

/* A hostile server's 401: a client keeps realm, nonce and server name where it has room for them, or nowhere. */
int case_challenge_length(void)
{
	static const uint16_t attributes[] = {
		STUN_ATTRIBUTE_REALM, STUN_ATTRIBUTE_THIRD_PARTY_AUTHORIZATION, STUN_ATTRIBUTE_NONCE };
	static const int lengths[] = { 0, 1, 127, 128, 129, 1025, 1026, 5000, 60000 };
	static const size_t rooms[] = { STUN_MAX_REALM_SIZE, STUN_MAX_SERVER_NAME_SIZE, STUN_MAX_NONCE_SIZE };
	static uint8_t buf[MAX_STUN_MESSAGE_SIZE], value[65536];
	static struct { uint8_t value[STUN_MAX_SERVER_NAME_SIZE + 1], guard[70000]; } places[3];
	size_t which, i, each, behind;
	memset(value, 'x', sizeof(value));
	for(which = 0; which < 3; ++which) {
		for(i = 0; i < sizeof(lengths) / sizeof(lengths[0]); ++i) {
			size_t len = 0;
			stun_tid tid;
			int code = 0, oauth = 0, challenge;
			uint8_t words[129];
			memset(&tid, 0, sizeof(tid));
			memset(places, 0xA5, sizeof(places));
			stun_init_error_response_str(STUN_METHOD_ALLOCATE, buf, &len, 401, NULL, &tid);
			for(each = 0; each < 3; ++each)
				stun_attr_add_str(buf, &len, attributes[each], value, each == which ? lengths[i] : 5);
			challenge = stun_is_challenge_response_str(buf, len, &code, words, sizeof(words), places[0].value,
				places[2].value, places[1].value, &oauth);
			for(each = 0; each < 3; ++each) {
				for(behind = rooms[each] + 1; behind < sizeof(places[each]); ++behind) {
					if(((const uint8_t *)(places + each))[behind] != 0xA5)
						return 1;
				}
			}
			if(lengths[i] && challenge != ((size_t)lengths[i] <= rooms[which]))
				return 1;
			if(challenge && lengths[i] && memchr(places[which].value, 0, rooms[which] + 1) != places[which].value + lengths[i])
				return 1;
		}
	}
	return 0;
}
