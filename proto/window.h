/* What an agent tells a collector, as plain structs: batches of windows of scopes of endpoints and sketches.
 *
 * These are the only types that agent/ and collector/ share; the protobuf types behind them are seen by proto/window.c alone.
 * Everything pointed to is borrowed when encoding and owned by the batch after decoding (one arena, freed by batch_free). */
#ifndef TOCSIN_PROTO_WINDOW_H
#define TOCSIN_PROTO_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/span.h"

/* Values as in tocsin.proto. */
enum identity_kind { IDENTITY_ADDRESS, IDENTITY_SESSION, IDENTITY_ACCOUNT, IDENTITY_KINDS };
enum workload_kind {
	WORKLOAD_UNKNOWN,
	WORKLOAD_EXECUTABLE,
	WORKLOAD_SYSTEMD,
	WORKLOAD_CONTAINER,
	WORKLOAD_POD,
	WORKLOAD_LOG,
	WORKLOAD_KINDS
};
enum source_kind { SOURCE_PROBE, SOURCE_FILE, SOURCE_KINDS };
enum status_class { STATUS_UNANSWERED, STATUS_1XX, STATUS_2XX, STATUS_3XX, STATUS_4XX, STATUS_5XX, STATUS_CLASSES };

/* Names that are buckets, not routes. */
#define TEMPLATE_SCANNER    "{scanner}"
#define TEMPLATE_QUARANTINE "{quarantine}"

struct endpoint {
	struct span method;
	struct span template;
	struct span content;
	bool takes_input;
	uint64_t count[STATUS_CLASSES];
	uint64_t request_bytes;
	uint64_t answer_bytes;
	int64_t first_ms;
	int64_t last_ms;
};

struct sketch_part {
	enum identity_kind kind;
	uint32_t key_id;
	uint64_t requests;
	struct span data; /* ull wire form */
};

struct scope {
	enum workload_kind kind;
	struct span workload;
	struct span host;
	struct endpoint *endpoints;
	size_t endpoint_count;
	struct sketch_part *sketches;
	size_t sketch_count;
};

struct ledger {
	enum source_kind kind;
	struct span source;
	uint64_t seen, counted, malformed, skipped, known_gap; /* bytes */
	uint64_t events, events_malformed, events_lost;
	uint64_t gap_ms;
};

struct window {
	int64_t start_ms;
	uint32_t span_ms;
	struct scope *scopes;
	size_t scope_count;
	struct ledger *ledger;
	size_t ledger_count;
};

struct batch {
	struct window *windows;
	size_t window_count;
};

/* Ceilings of one batch on the wire; a sender splits before them, a receiver refuses past them. */
enum {
	BATCH_BYTES_MAX = 1 << 20,
	BATCH_WINDOWS_MAX = 4096,
	WINDOW_SCOPES_MAX = 1024,
	SCOPE_ENDPOINTS_MAX = 4096,
	NAME_BYTES_MAX = 512, /* any single name: template, host, workload, source */
	WINDOW_SPAN_MAX_MS = 3600000,
	WINDOW_LEDGERS_MAX = 4096,
	SCOPE_SKETCHES_MAX = 16,    /* identity kinds times the fleet keys alive during a rotation */
	SKETCH_BYTES_MAX = 1 << 16, /* of one sketch's data */
	AGENT_BYTES_MAX = 64,       /* an agent's id is the common name of its certificate: X.520 ub-common-name */
};
#define COUNT_MAX   ((uint64_t)1 << 48)      /* any single counter: sums of them stay exact in 64 bits */
#define TIME_MAX_MS INT64_C(253402300800000) /* the year 10000 */

/* Appends the protobuf form of `batch` to `out`. -EMSGSIZE past a ceiling, -EINVAL when a rule of window.c is broken, -ENOMEM; `out` is then
 * as it was. Names come from strangers: bytes that a receiver would refuse (control characters, broken UTF-8) leave as '_'. */
int batch_encode(const struct batch *batch, struct buf *out);
/* Reads one Batch message. -EBADMSG with a sentence in `err` when it is not one, is past a ceiling or breaks a rule of window.c
 * (span across an hour, name with control characters, unknown enum). */
int batch_decode(struct span bytes, struct batch **ret_batch, struct err *err);
void batch_free(struct batch *batch);

struct hello {
	struct span agent;
	uint64_t epoch;
	uint64_t first_sequence;
	struct span version;
	struct span kernel;
	int64_t started_ms;
};

/* A delivery as the collector reads it; every span borrows from the bytes read. `batch` is the still encoded Batch message inside the frame (borrowed), so that decoding it
 * can happen on another thread. */
enum delivery_part { DELIVERY_HELLO, DELIVERY_SEALED };
struct delivery {
	enum delivery_part part;
	struct hello hello;
	uint64_t epoch;
	uint64_t sequence;
	bool lost;
	struct span batch;
};

int delivery_encode_hello(const struct hello *hello, struct buf *out);
/* Wraps an already encoded batch without decoding it: a spool record goes to the wire byte for byte. */
int delivery_encode_sealed(uint64_t epoch, uint64_t sequence, bool lost, struct span batch, struct buf *out);
/* -EBADMSG with a sentence: not a Delivery, no part or two, an agent id past AGENT_BYTES_MAX, a sequence of 0 or past COUNT_MAX, lost with a
 * batch. */
int delivery_decode(struct span bytes, struct delivery *ret_delivery, struct err *err);

struct receipt {
	uint64_t epoch;
	uint64_t sequence;
};
int receipt_encode(const struct receipt *receipt, struct buf *out);
int receipt_decode(struct span bytes, struct receipt *ret_receipt, struct err *err);

#endif
