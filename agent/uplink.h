/* The uplink: reads sealed records from the spool and brings them to the collector, each once in effect.
 *
 * Borrows the spool and talks to the network; knows nothing of windows. Dials, says hello, learns from the first receipt what the collector has
 * merged, sends what follows in order, and acknowledges to the spool only what a receipt covers. A lost connection costs nothing but time:
 * full-jitter backoff, then hello again. Memory is bounded by the window of unacknowledged records. One thread owns it, the loop's, which owns
 * the spool too. */
#ifndef TOCSIN_AGENT_UPLINK_H
#define TOCSIN_AGENT_UPLINK_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "agent/spool.h"
#include "lib/err.h"
#include "lib/tls.h"

enum {
	UPLINK_WINDOW_RECORDS = 64,
	UPLINK_WINDOW_BYTES = 2 << 20,
	UPLINK_BACKOFF_FIRST_MS = 500,
	UPLINK_BACKOFF_MAX_MS = 30000,
	UPLINK_GREETING_MS = 30000, /* for the collector to answer a hello */
	UPLINK_REJECTED_MAX = 64,   /* files kept of what a collector refused for good; past it they are only counted */
};

enum uplink_state {
	UPLINK_WAITING,    /* for the time of the next attempt */
	UPLINK_CONNECTING, /* TCP, TLS */
	UPLINK_GREETING,   /* hello is said */
	UPLINK_STREAMING,
	UPLINK_STOPPING,
	UPLINK_STOPPED,
};

struct uplink;

struct uplink_options {
	uv_loop_t *loop;
	struct spool *spool;
	const char *agent; /* id: the common name of the certificate */
	const char *host;
	uint16_t port;
	struct tls_files files; /* read again at every attempt, so that a renewed certificate needs no restart */
	const char *version;
	const char *kernel;
	int64_t started_ms;
	const char *rejected_dir;  /* where a record goes that the collector can never take; NULL: it is only counted */
	uint32_t backoff_first_ms; /* 0: UPLINK_BACKOFF_FIRST_MS; tests are less patient */
};

struct uplink_stats {
	enum uplink_state state;
	uint64_t attempts, connections; /* dialled, and answered with a receipt */
	uint64_t records_sent;          /* again and again when they were not acknowledged */
	uint64_t bytes_sent;
	uint64_t receipts;
	uint64_t lost;     /* declared unreadable */
	uint64_t rejected; /* refused by the collector for good, then declared lost */
	uint64_t in_flight, in_flight_bytes;
	uint64_t acked;    /* by this process */
	char trouble[512]; /* why the last connection ended; empty while all is well */
};

/* Strings are copied; the certificates are read here, and -EINVAL says what is wrong with them. The first attempt follows at once. */
int uplink_start(const struct uplink_options *options, struct uplink **ret, struct err *err);
/* A record was appended to the spool. */
void uplink_wake(struct uplink *u);
/* Everything in the spool is acknowledged. */
bool uplink_drained(const struct uplink *u);
void uplink_stats(const struct uplink *u, struct uplink_stats *ret);
/* Closes; the loop runs empty of it, then uplink_free. */
void uplink_stop(struct uplink *u);
void uplink_free(struct uplink *u);

#endif
