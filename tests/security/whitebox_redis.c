/* The Redis driver, from within: what it makes of an answer. */
#include "apps/relay/dbdrivers/dbd_redis.c"

#include "whitebox.h"

pthread_key_t connection_key;

static char realm_answer[201];
static char password_answer[301];

/* Instead of the library's: a hash of an administrator with a realm and a password that are too long. */
void *redisCommand(redisContext *connection, const char *format, ...)
{
	static char *texts[4] = { "realm", realm_answer, "password", password_answer };
	static redisReply words[4];
	static redisReply *all[4];
	static redisReply reply;
	size_t i;
	(void)connection, (void)format;
	for(i = 0; i < 4; ++i) {
		words[i].type = REDIS_REPLY_STRING;
		words[i].str = texts[i];
		all[i] = words + i;
	}
	reply.type = REDIS_REPLY_ARRAY;
	reply.elements = 4;
	reply.element = all;
	return &reply;
}

void freeReplyObject(void *reply)
{
	(void)reply;
}

persistent_users_db_t *get_persistent_users_db(void)
{
	return NULL;
}

void turn_log_func_default(TURN_LOG_LEVEL level, const char *format, ...)
{
	(void)level, (void)format;
}

int case_database_strings(void)
{
	static redisContext connection;
	uint8_t realm[STUN_MAX_REALM_SIZE + 1];
	password_t password;
	memset(realm_answer, 'r', sizeof(realm_answer) - 1);
	memset(password_answer, 'p', sizeof(password_answer) - 1);
	memset(realm, 0xEE, sizeof(realm));
	memset(password, 0xEE, sizeof(password));
	if(pthread_key_create(&connection_key, NULL) || pthread_setspecific(connection_key, &connection))
		return 2;
	if(redis_get_admin_user((const uint8_t *)"root", realm, password) != 0)
		return 1;
	return !memchr(realm, 0, sizeof(realm)) || !memchr(password, 0, sizeof(password));
}
