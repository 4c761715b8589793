/* From captured slices to exchanges: the table of connections, where each direction's bytes are followed and requests meet their answers.
 *
 * Per direction it keeps the TCP position at which the next head must begin, from Content-Length, chunking and the rules of RFC 9112
 * section 6.3; so a body that begins with "GET /" is never a request and a retransmitted segment never counts twice. Where the position is
 * lost (a hole, a connection joined in the middle, a body whose end was not captured) it is found again at the next self-evident head.
 * Answers are paired with requests in stream order, a queue per connection.
 *
 * Owns all connection state, within the limits below; a request's method, host, path and identity hashes are kept until its answer is seen.
 * Borrows slices and their bytes during http_streams_feed. Knows no clock, no loop and no libbpf: time comes in as an argument. */
#ifndef TOCSIN_AGENT_HTTP_STREAMS_H
#define TOCSIN_AGENT_HTTP_STREAMS_H

#include <stddef.h>
#include <stdint.h>

#include "agent/exchange.h"
#include "agent/identity.h"
#include "bpf/http.h"
#include "lib/span.h"

/* Zero takes the default. */
struct http_limits {
	uint32_t connections_max; /* 16,384; past it the one that was silent longest gives way */
	uint32_t waiting_max;     /* 4,096 requests of one connection that wait for their answers (pipelining) … */
	uint32_t waiting_bytes;   /* … which take 1 MiB of memory_max at most: past either the oldest is reported without its answer */
	uint32_t head_bytes_max;  /* 16 KiB of a head that is assembled from several slices */
	size_t memory_max;        /* 12 MiB for everything that grows */
	uint32_t answer_wait_ms;  /* 300,000: then the request is reported without an answer */
};

/* Counters since http_streams_new; the last two are as of now. */
struct http_stats {
	uint64_t slices;
	uint64_t slices_bad; /* lengths that contradict each other */
	uint64_t requests;   /* request heads understood */
	uint64_t answers;    /* answer heads understood, interim ones included */
	uint64_t exchanges;
	uint64_t exchanges_unanswered; /* of them: reported with status 0 */
	uint64_t heads_malformed;
	uint64_t heads_ambiguous;  /* counted, but the length of their body was not believed */
	uint64_t heads_cut;        /* understood from their first part only */
	uint64_t heads_unfinished; /* never completed */
	uint64_t answers_unpaired; /* no request was waiting */
	uint64_t out_of_order;     /* slices held back until the one before them came */
	uint64_t duplicates;       /* slices of bytes already read */
	uint64_t in_body;          /* slices that looked like a head but lay in a body */
	uint64_t gaps;             /* times that a direction lost its position */
	uint64_t resynced;         /* times that it was found again by a self-evident head */
	uint64_t records_missing;  /* holes in the running number of a connection's records */
	uint64_t tunnels;          /* connections that became WebSocket, CONNECT or HTTP/2 */
	uint64_t evicted;          /* connections that gave way to a limit */
	uint64_t refused;          /* slices dropped because memory was out */
	uint64_t bytes_understood; /* heads, and bodies whose length their head or their chunks told */
	uint64_t connections;
	uint64_t memory;
};

struct http_streams;

/* `identity` (borrowed; NULL: nobody is recognised) outlives the table. NULL when memory is out. `on_exchange` runs inside feed, sweep and free;
 * it must not call back into the table. */
struct http_streams *http_streams_new(const struct http_limits *limits, const struct identity *identity, on_exchange_fn on_exchange,
				      void *ctx);
/* Reports what still waits for an answer and forgets all connections: nothing is left to report. */
void http_streams_finish(struct http_streams *s);
void http_streams_free(struct http_streams *s); /* finishes first */

/* One record of the probe, in ring order: `data` is what followed the header, `time_ms` the record's Unix time. An exchange's answer_bytes
 * are its head and its body as far as the head told the length; of other bodies, what the head's own segment carried. */
void http_streams_feed(struct http_streams *s, const struct http_slice *slice, struct span data, uint32_t workload, int64_t time_ms);
/* Reports requests that waited longer than answer_wait_ms. Call it every second or so; costs nothing when there are none. */
void http_streams_sweep(struct http_streams *s, int64_t now_ms);
void http_streams_stats(const struct http_streams *s, struct http_stats *ret);

#endif
