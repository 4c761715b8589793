/* The probes of this host as one source of exchanges: kernel slices, the workloads they belong to, heads understood, and an account of it all.
 *
 * Owns the HTTP probe, the table of connections and what resolves a cgroup to a workload; borrows the pipeline's cores. Driven by its
 * caller's timers; knows no loop. */
#ifndef TOCSIN_AGENT_PROBES_H
#define TOCSIN_AGENT_PROBES_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/exchange.h"
#include "agent/identity.h"
#include "agent/settings.h"
#include "agent/workload.h"
#include "lib/err.h"
#include "proto/window.h"

#define PROBES_SOURCE "probe:http"

struct probes;

/* Loads and attaches. -EPERM, -EOPNOTSUPP …: `err` says what is missing and how to mend it; nothing is left attached. */
int probes_new(const struct agent_settings *settings, const struct identity *identity, struct workloads *workloads,
	       on_exchange_fn on_exchange, void *ctx, struct probes **ret, struct err *err);
/* Before the last account: reports the requests that still wait for their answer. What is polled afterwards counts as any other. */
void probes_finish(struct probes *p);
/* Detaches. Whoever was polled finishes first: no exchange may come while this goes on. */
void probes_free(struct probes *p);

/* Readable when the ring is past a quarter full; borrowed. */
int probes_fd(const struct probes *p);
/* Hands on what the kernel captured, until the ring is empty or the budget of this turn is spent: true when more waits. */
bool probes_poll(struct probes *p);
/* Once a second: reports requests that were never answered. */
void probes_sweep(struct probes *p, int64_t now_ms);
/* Adds what happened since the last call to the ledger. Bytes moved are counted (understood), skipped (connections that are not HTTP/1) or, the rest, a known gap. */
void probes_account(struct probes *p, struct ledger *ledger);

#endif
