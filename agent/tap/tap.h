/* Log taps: followed files whose lines become exchanges, and whose every byte is accounted for.
 *
 * Owns the files it follows and how far each was read; borrows identity and workloads. A line is counted, and the offset moved past it, in one
 * step: the cursors taken for a commit cover exactly what the windows of that commit hold. Runs on the caller's loop and clock: the descriptor
 * of taps_fd only wakes early, the sweep that the caller does once a second is the truth. Writes no log: what an operator should hear goes to
 * `on_notice`. */
#ifndef TOCSIN_AGENT_TAP_TAP_H
#define TOCSIN_AGENT_TAP_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/exchange.h"
#include "agent/identity.h"
#include "agent/workload.h"
#include "lib/err.h"
#include "proto/record.h"
#include "proto/window.h"

enum { TAPS_MAX = 256 };

/* Borrowed during taps_new only. */
struct tap_rule {
	const char *path;     /* a file, or a glob(7) of files */
	const char *format;   /* a name in formats.c */
	const char *workload; /* under which its exchanges are counted */
};

struct tap_sink {
	/* 0; -ENOBUFS (or -ENOMEM): not now, the line stays unread and reading stops until taps_poll is called again. */
	int (*on_exchange)(void *ctx, const struct exchange *exchange);
	/* The running ledger of a source; NULL means the same as -ENOBUFS. Asked for anew in every taps_poll. */
	struct ledger *(*ledger)(void *ctx, struct span source);
	void (*on_notice)(void *ctx, const char *text); /* a sentence for the operator; may be NULL */
	void *ctx;
};

struct taps_stats {
	size_t files;    /* followed, rotated ones that are still held included */
	size_t refused;  /* files that could not be followed: too many, or no descriptor left */
	uint64_t lines;  /* counted as exchanges, since taps_new */
	uint64_t others; /* well formed, but no request */
	uint64_t malformed;
	uint64_t bytes;
	uint64_t gaps; /* times that something may have been missed */
};

struct taps;

/* `once`: the files are read to their ends in the order of the rules, an unterminated last line included, and not followed (a replay). -EINVAL with
 * a sentence, -ENOMEM. */
int taps_new(const struct tap_rule *rules, size_t count, const struct identity *identity, struct workloads *workloads,
	     const struct tap_sink *sink, bool once, struct taps **ret, struct err *err);
void taps_free(struct taps *t);

/* Before the first sweep: where the newest record of the spool left off. Cursors of files that no rule names are kept and handed on. */
int taps_resume(struct taps *t, const struct record *last);

/* Readable when a file appeared, went or was renamed: call taps_on_wake. -1 when there is no inotify; the sweep finds out as well. */
int taps_fd(const struct taps *t);
void taps_on_wake(struct taps *t);
/* Once a second: looks for new, grown, renamed, truncated and deleted files. */
void taps_sweep(struct taps *t);
/* Reads up to about `budget` bytes. 1: there is more; 0: all read; -ENOBUFS: the sink refused a line, commit first. */
int taps_poll(struct taps *t, size_t budget);

/* Borrowed until the next call on `t`. -ENOMEM. */
int taps_cursors(struct taps *t, const struct cursor **ret_cursors, size_t *ret_count);
void taps_stats(const struct taps *t, struct taps_stats *ret);

#endif
