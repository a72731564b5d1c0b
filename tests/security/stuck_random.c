/* A generator that says each number of eight octets (a mobility id is made of one) three times. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define REPEATS (3)

int RAND_bytes(unsigned char *buf, int num);

int RAND_bytes(unsigned char *buf, int num)
{
	static uint64_t calls;
	static uint64_t others;
	uint64_t value;
	int i;
	if(num == (int)sizeof(value)) {
		value = 0x0123456789ABCDEFU + 0x9E3779B97F4A7C15U * (__atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED) / REPEATS);
		memcpy(buf, &value, sizeof(value));
		return 1;
	}
	/* What is not asked for in eights has to differ: nonces and transactions. */
	for(i = 0; i < num; ++i)
		buf[i] = (unsigned char)((__atomic_fetch_add(&others, 1, __ATOMIC_RELAXED) * 0x9E3779B97F4A7C15U) >> 56);
	return 1;
}
