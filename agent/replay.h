/* A replay: whole logs of the past read through the same taps, windows and spool as live ones, with their own times.
 *
 * Borrows a pipeline whose windows are an hour wide, and a spool; owns its taps. It goes in steps, because a full spool must wait for the uplink,
 * which runs on the caller's loop. Started again after an interruption, it goes on where the newest record of the spool says. */
#ifndef TOCSIN_AGENT_REPLAY_H
#define TOCSIN_AGENT_REPLAY_H

#include <stddef.h>
#include <stdint.h>

#include "agent/pipeline.h"
#include "agent/spool.h"
#include "agent/tap/tap.h"
#include "lib/err.h"

enum { REPLAY_SPAN_MS = 3600000, REPLAY_COMMIT_BYTES = 64 << 20 };

struct replay_input {
	const char *const *files; /* read in this order; globs too */
	size_t count;
	const char *format;
	const char *workload;
	size_t commit_bytes;                            /* of log between two commits; 0: REPLAY_COMMIT_BYTES */
	void (*on_notice)(void *ctx, const char *text); /* as in struct tap_sink */
	void *ctx;
};

struct replay;

int replay_new(struct pipeline *pipeline, struct spool *spool, const struct replay_input *input, struct replay **ret, struct err *err);
void replay_free(struct replay *r);
/* Reads some megabytes and commits where that is due. 1: go on; 0: everything is read and durable; -ENOSPC: call again after acknowledgements;
 * other errors as commit_run's: what was committed stays, the rest can be replayed again. */
int replay_step(struct replay *r, int64_t now_ms, struct err *err);
void replay_stats(const struct replay *r, struct taps_stats *ret, uint64_t *ret_records);

#endif
