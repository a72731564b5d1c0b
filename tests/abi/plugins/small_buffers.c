/* Not a plugin: preloaded, it makes the kernel's buffer for sending small, so that most of what a client
 * does not read is left to the server. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/socket.h>

__attribute__((visibility("default"))) int setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
	int (*real)(int, int, int, const void *, socklen_t) = 0;
	const int octets = 4096;

	*(void **)&real = dlsym(RTLD_NEXT, "setsockopt");
	if(level == SOL_SOCKET && name == SO_SNDBUF)
		return real(fd, level, name, &octets, sizeof octets);
	return real(fd, level, name, value, size);
}
