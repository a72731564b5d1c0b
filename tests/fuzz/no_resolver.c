/* What coturn's sources are compiled to ask instead of a resolver: knows no name. */
#include <netdb.h>

int fuzzer_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result);

int fuzzer_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
	(void)node;
	(void)service;
	(void)hints;
	*result = 0;
	return EAI_NONAME;
}
