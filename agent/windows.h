/* The open windows: where exchanges become counts and sketches, and where raw hashes end.
 *
 * Owns every counter between two commits. Several windows are open at once, because time is event time and events come late; one commit
 * takes them all together, since the taps' cursors that travel with it cover them all. Therefore everything open always fits one batch:
 * windows_add refuses before the batch would pass its ceiling on the wire. Knows no clock, loop or log. */
#ifndef TOCSIN_AGENT_WINDOWS_H
#define TOCSIN_AGENT_WINDOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/exchange.h"
#include "agent/template.h"
#include "agent/workload.h"
#include "lib/span.h"
#include "proto/window.h"

struct windows_limits {
	uint32_t span_ms;    /* divides an hour: 10,000; replays take 3,600,000 */
	size_t memory_bytes; /* counters and sketches together */
};

struct windows;

/* `templates` and `workloads` are borrowed for the life of the result. NULL when memory is out. */
struct windows *windows_new(const struct windows_limits *limits, struct templates *templates, const struct workloads *workloads,
			    uint32_t key_id);
void windows_free(struct windows *w);

/* Counts one exchange. -ENOBUFS: a ceiling is reached, commit, then add it again; -ENOMEM. Nothing was counted then. */
int windows_add(struct windows *w, const struct exchange *exchange);
/* The running ledger of one source since the last windows_clear, to be added to by its owner; made when new, NULL when there are too many or
 * memory is out. The pointer lives as long as `w`. */
struct ledger *windows_ledger(struct windows *w, enum source_kind kind, struct span source);

/* A route was counted for the first time: somebody may be waiting for it, so commit soon and not only at the window's end. */
bool windows_urgent(const struct windows *w);
bool windows_empty(const struct windows *w);

/* All that is open, borrowed from `w` until the next call on it. Ledgers travel in the newest window, or in an empty one at `now_ms`. Nothing is
 * cleared: a commit that fails is tried again. -ENOMEM. */
int windows_batch(struct windows *w, int64_t now_ms, const struct batch **ret_batch);
/* After the batch is durable. */
void windows_clear(struct windows *w);
/* When no commit is possible (disk full): folds what is open into windows of an hour, which frees room, until the next windows_clear. */
int windows_widen(struct windows *w);

#endif
