/* The pool of relay ports, from within: its functions are static, and its state is the question. */
#include "apps/relay/turn_ports.c"

#include <stdlib.h>

#include "whitebox.h"

/* What the pool takes from the rest of the server: one thread, and no map of addresses. */
void *allocate_super_memory_region_func(super_memory_t *region, size_t size, const char *file, const char *func,
		int line)
{
	(void)region, (void)file, (void)func, (void)line;
	return calloc(1, size);
}

void ur_addr_map_init(ur_addr_map *map)
{
	(void)map;
}

int ur_addr_map_get(const ur_addr_map *map, ioa_addr *key, ur_addr_map_value_type *value)
{
	(void)map, (void)key, (void)value;
	return 0;
}

int ur_addr_map_put(ur_addr_map *map, ioa_addr *key, ur_addr_map_value_type value)
{
	(void)map, (void)key, (void)value;
	return 0;
}

int turn_mutex_init_recursive(turn_mutex *mutex)
{
	(void)mutex;
	return 0;
}

int turn_mutex_lock(const turn_mutex *mutex)
{
	(void)mutex;
	return 0;
}

int turn_mutex_unlock(const turn_mutex *mutex)
{
	(void)mutex;
	return 0;
}

/* As if so many ports had been given back already: a multiple of 2^16, so that no index changes. */
static void grow_old(turnports *tp, uint32_t releases)
{
	uint32_t port;
	for(port = tp->range_start; port <= tp->range_stop; ++port)
		tp->status[port] += releases;
	tp->low += releases;
	tp->high += releases;
}

/* Takes all ports, gives them back, 100000 times over: each time there have to be all of them. */
int case_port_pool(void)
{
	static const uint32_t ages[] = { 0, 0x7FFF0000U, 0xFFFF0000U };
	const int first = 65000, last = 65009;
	size_t age;
	for(age = 0; age < sizeof(ages) / sizeof(ages[0]); ++age) {
		turnports *tp = turnports_create(NULL, (uint16_t)first, (uint16_t)last);
		int round;
		grow_old(tp, ages[age]);
		for(round = 0; round < 100000; ++round) {
			uint16_t taken[10];
			char seen[10] = { 0 };
			int i;
			for(i = 0; i < 10; ++i) {
				const int port = turnports_allocate(tp);
				if(port < first || port > last || seen[port - first]++)
					return 1;
				taken[i] = (uint16_t)port;
			}
			if(turnports_allocate(tp) >= 0)
				return 1;
			for(i = 0; i < 10; ++i) {
				turnports_release(tp, taken[i]);
				if(!turnports_is_available(tp, taken[i]))
					return 1;
			}
		}
		free(tp);
	}
	return 0;
}

/* Pairs are taken out of the middle of the queue; then no port is left, and 65535 has to stay taken. */
int case_even_port(void)
{
	int round;
	for(round = 0; round < 2000; ++round) {
		turnports *tp = turnports_create(NULL, 65520, 65535);
		uint64_t token;
		int pairs = 0;
		int i;
		for(i = 0; i < 6; ++i)
			pairs += turnports_allocate_even(tp, 1, &token) >= 0;
		for(i = 2 * pairs; i < 16; ++i) {
			if(turnports_allocate(tp) < 0)
				return 1;
		}
		turnports_allocate_even(tp, 0, NULL);
		turnports_allocate_even(tp, 1, &token);
		for(i = 65520; i <= 65535; ++i) {
			if(!turnports_is_allocated(tp, (uint16_t)i))
				return 1;
		}
		/* All come back, once each. */
		for(i = 65520; i <= 65535; ++i)
			turnports_release(tp, (uint16_t)i);
		for(i = 0; i < 16; ++i) {
			if(turnports_allocate(tp) < 0)
				return 1;
		}
		if(turnports_allocate(tp) >= 0)
			return 1;
		free(tp);
	}
	return 0;
}
