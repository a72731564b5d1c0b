/*
 * Preloaded into a server that AddressSanitizer watches: writes down every second how many octets of its heap are in
 * use. The resident memory says less of such a server: the sanitizer keeps what was once mapped, for each size of block
 * and each thread.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Of the sanitizer's interface; GCC has no header of this part of it. */
size_t __sanitizer_get_current_allocated_bytes(void);

static void *write_down(void *file)
{
	const int descriptor = *(int *)file;
	const struct timespec pause = { 1, 0 };
	char line[32];
	for (;;) {
		const int length = snprintf(line, sizeof(line), "%20zu\n", __sanitizer_get_current_allocated_bytes());
		/* Always as long, so that nobody reads half a number. */
		if (pwrite(descriptor, line, (size_t)length, 0) != length)
			abort();
		nanosleep(&pause, NULL);
	}
	return NULL;
}

__attribute__((constructor)) static void begin(void)
{
	static int descriptor;
	const char *file = getenv("LIVE_OCTETS_FILE");
	pthread_t thread;
	sigset_t all, before;
	if (!file)
		return;
	descriptor = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (descriptor < 0)
		abort();
	/* The server's signals are its own threads'; what it tells every thread itself it sends to each. */
	sigfillset(&all);
	sigdelset(&all, SIGRTMAX - 1);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&thread, NULL, write_down, &descriptor) != 0)
		abort();
	pthread_detach(thread);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}
