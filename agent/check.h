/* `tocsin-agent check`: what this host offers to the agent, what is missing, and how to mend it.
 *
 * Looks for real: the HTTP probe is loaded, attached for an instant and let go. Changes nothing else. */
#ifndef TOCSIN_AGENT_CHECK_H
#define TOCSIN_AGENT_CHECK_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* All borrowed. */
struct check_options {
	const char *state_dir;
	uint64_t spool_bytes;    /* that the state folder must have room for */
	uint32_t ring_bytes;     /* 0: the default */
	const char *const *logs; /* files or globs, as taps have them */
	size_t log_count;
};

/* One line a thing, on `out`. 0: probes and taps can run; 1: something that they need is missing. */
int check_run(const struct check_options *options, FILE *out);

#endif
