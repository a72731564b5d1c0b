/* Says so, once, when a thread other than the first asks localtime() for the place that all threads share. */
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct tm *localtime(const time_t *when)
{
	static const char line[] = "shared_time: localtime() on a second thread\n";
	static struct tm shared;
	static int said;
	if(syscall(SYS_gettid) != getpid() && !__atomic_exchange_n(&said, 1, __ATOMIC_RELAXED)) {
		if(write(STDOUT_FILENO, line, sizeof(line) - 1) < 0)
			_exit(1);
	}
	return localtime_r(when, &shared);
}
