/* Ingest: agents' streams in, one writer, receipts after the commit.
 *
 * Owns the gRPC server, the queue between it and the store, and the only thread that writes: everything that wants to write (deliveries, hellos,
 * the API's notices) waits in line here, and deliveries that wait together are merged in one transaction (group commit). A receipt leaves only after the store said that its
 * sequence is durable. Bounded: a stream that is ahead of the store is not read any further. Borrows the store, for the writer's use alone. */
#ifndef TOCSIN_COLLECTOR_INGEST_H
#define TOCSIN_COLLECTOR_INGEST_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "collector/store/store.h"
#include "lib/err.h"
#include "lib/tls.h"

enum {
	INGEST_STREAM_BYTES_MAX = 4 << 20, /* of one agent, waiting for the store */
	INGEST_COMMIT_ITEMS_MAX = 512,     /* in one transaction */
	INGEST_COMMIT_BYTES_MAX = 16 << 20,
	INGEST_TAKEOVER_MS = 2000, /* what the stream of an agent that connects again has to show a sign of life */
};

struct ingest;

struct ingest_options {
	uv_loop_t *loop;
	const char *host;
	uint16_t port; /* 0: any free one */
	struct tls_files files;
	struct store *store;
	/* On the writer's thread, when the loop begins and after each commit: the place to judge. `wrote`: the API wrote something, and waits until this
	 * returns. Returns 0, or in how many milliseconds it wants to be called again though nothing more came. */
	uint64_t (*on_committed)(void *ctx, struct store *store, bool wrote);
	void *ctx;
};

struct ingest_stats {
	uint64_t streams, hellos, refused_names, refused_twins, malformed;
	uint64_t deliveries, commits, windows;
};

int ingest_start(const struct ingest_options *options, struct ingest **ret, struct err *err);
uint16_t ingest_port(const struct ingest *in);
void ingest_stats(struct ingest *in, struct ingest_stats *ret);

/* Runs `write` on the writer's thread, between merges, and waits for it; then on_committed. From any thread but the loop's and the writer's. -ESHUTDOWN
 * when the collector is stopping; else what `write` returned. */
typedef int (*ingest_write_fn)(void *write_ctx, struct store *writer, struct err *err);
int ingest_run_write(struct ingest *in, ingest_write_fn write, void *write_ctx, struct err *err);

/* Ends every stream with UNAVAILABLE; the loop runs empty once what was being written is durable. Then ingest_free. */
void ingest_stop(struct ingest *in);
void ingest_free(struct ingest *in);

#endif
