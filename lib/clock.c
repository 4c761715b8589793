#include "lib/clock.h"

#include <time.h>

static int64_t read_ns(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t clock_wall_ms(void)
{
	return read_ns(CLOCK_REALTIME) / 1000000;
}

int64_t clock_wall_ns(void)
{
	return read_ns(CLOCK_REALTIME);
}

uint64_t clock_monotonic_ns(void)
{
	return (uint64_t)read_ns(CLOCK_MONOTONIC);
}

int64_t clock_wall_offset_ns(void)
{
	/* The two reads are not atomic: bracket one by the other and take the middle. */
	int64_t before = read_ns(CLOCK_MONOTONIC);
	int64_t wall = read_ns(CLOCK_REALTIME);
	int64_t after = read_ns(CLOCK_MONOTONIC);
	return wall - (before + (after - before) / 2);
}
