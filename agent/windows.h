/* The open windows: where exchanges become counts and sketches, and where raw hashes end.
 *
 * Owns every counter between two commits. Several windows are open at once, because time is event time and events come late; one commit
 * takes them all together, since the taps' cursors that travel with it cover them all. Bounded: past its ceilings it widens a window
 * (up to an hour, never across one) and says so by `windows_pressure`. */
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
	uint32_t span_ms;    /* 10,000; replays take 3,600,000 */
	size_t memory_bytes; /* counters and sketches together */
};

struct windows;

struct windows *windows_new(const struct windows_limits *limits, struct templates *templates, const struct workloads *workloads,
			    uint32_t key_id);
void windows_free(struct windows *w);

/* Counts one exchange. -ENOBUFS when the memory ceiling is reached: take a batch, then add again; nothing was counted. */
int windows_add(struct windows *w, const struct exchange *exchange);
/* The running ledger of one source since the last windows_clear; made when new (NULL when memory is out). It travels in the window that
 * contains `time_ms`. */
struct ledger *windows_ledger(struct windows *w, enum source_kind kind, struct span source);
/* Something a person waits for was counted (a template seen for the first time): commit soon, not at the window's end. */
bool windows_urgent(const struct windows *w);
bool windows_empty(const struct windows *w);
/* All that is open, as a batch borrowed from `w` and valid until the next call on it. `now_ms` dates ledgers when no exchange does.
 * Nothing is cleared: a commit that fails can be tried again. At most BATCH_* ceilings: `ret_more` tells that another round is needed. */
int windows_batch(struct windows *w, int64_t now_ms, const struct batch **ret_batch);
void windows_clear(struct windows *w);

#endif
