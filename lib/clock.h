/* The one place that reads a clock. Pure cores take time as an argument and never call this. */
#ifndef TOCSIN_LIB_CLOCK_H
#define TOCSIN_LIB_CLOCK_H

#include <stdint.h>

int64_t clock_wall_ms(void);       /* Unix time, milliseconds */
int64_t clock_wall_ns(void);       /* the same, nanoseconds */
uint64_t clock_monotonic_ns(void); /* CLOCK_MONOTONIC: what bpf_ktime_get_ns() counts */
/* Wall clock minus monotonic clock, in nanoseconds: added to a kernel timestamp it gives Unix time. */
int64_t clock_wall_offset_ns(void);

#endif
