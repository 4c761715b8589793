/* The connections that are being followed, and everything that is kept for them: private to streams.c.
 *
 * A hash table by socket cookie, a list by last activity, a list of waiting requests by age. Everything that grows is charged against one
 * memory ceiling; at a ceiling the connection that was silent longest gives way, through the callback that settles it. */
#ifndef TOCSIN_AGENT_HTTP_CONNECTIONS_H
#define TOCSIN_AGENT_HTTP_CONNECTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/exchange.h"
#include "agent/http/flow.h"
#include "bpf/http.h"
#include "lib/span.h"

/* A member of a circular list. */
struct link {
	struct link *prev, *next;
};

/* A request that waits for its answer. */
struct waiting {
	struct link by_age;
	struct waiting *after; /* the next request of the same connection */
	struct conn *conn;
	int64_t time_ms;
	uint64_t request_bytes;
	struct identities who;
	uint32_t workload;
	uint32_t method_len, host_len, path_len;
	bool takes_input;
	bool is_head;
	bool is_connect;
	char text[]; /* method, host, path */
};

/* First part of a head that goes on in a later slice. */
struct held {
	int64_t time_ms;
	uint32_t len, cap;
	char data[];
};

/* A request slice that came before the one it follows. */
struct ahead {
	int64_t time_ms;
	struct http_slice slice;
	uint32_t len;
	char data[];
};

struct conn {
	uint64_t cookie;
	struct conn *chain; /* same bucket */
	struct link by_use;
	struct flow flow[2]; /* requests, answers */
	struct waiting *first, *last;
	struct ahead *ahead;
	uint32_t workload;
	uint32_t waiting_bytes;
	uint16_t waiting_count;
	uint16_t owed; /* answers still to come to requests that were given up; they come before those of `first` */
	uint8_t remote[16];
};

struct bucket {
	struct conn *first;
};

struct connections {
	struct bucket *buckets;
	uint32_t mask;
	uint32_t count, max;
	size_t memory, memory_max;
	struct link by_use; /* oldest first */
	struct link by_age; /* oldest first */
	void (*on_evict)(void *ctx, struct conn *c);
	void *ctx;
	bool is_evicting; /* settling one connection must not evict another */
};

/* `on_evict` settles the connection and frees it with conn_free. */
int connections_init(struct connections *t, uint32_t max, size_t memory_max, void (*on_evict)(void *ctx, struct conn *c), void *ctx);
void connections_done(struct connections *t); /* of an empty table */
/* NULL when unknown; else it is now the one used last. */
struct conn *connections_find(struct connections *t, uint64_t cookie);
struct conn *connections_oldest(const struct connections *t);
struct waiting *connections_oldest_waiting(const struct connections *t);

/* All that makes returns NULL (false) when the ceiling is reached and nobody is left to give way; `c` itself never does. */
struct conn *conn_new(struct connections *t, uint64_t cookie, const uint8_t remote[16]);
void conn_free(struct connections *t, struct conn *c); /* with all that is kept for it */
void conn_push(struct connections *t, struct conn *c, struct waiting *w);
struct waiting *conn_pop(struct conn *c); /* the oldest; the caller frees it */

struct waiting *waiting_new(struct connections *t, struct conn *c, struct span method, struct span host, struct span path);
void waiting_free(struct connections *t, struct waiting *w);
uint32_t waiting_size(const struct waiting *w);
struct span waiting_method(const struct waiting *w);
struct span waiting_host(const struct waiting *w);
struct span waiting_path(const struct waiting *w);

/* Appends to `*held`, which is made when NULL and moves when it grows. */
bool held_append(struct connections *t, struct conn *c, struct held **held, struct span bytes, uint32_t max);
bool held_has_end(const struct held *h, uint32_t from); /* an empty line that ends at `from` or later */
struct span held_bytes(const struct held *h);
void held_free(struct connections *t, struct held *h);

struct ahead *ahead_new(struct connections *t, struct conn *c, const struct http_slice *slice, struct span data, int64_t time_ms);
struct span ahead_bytes(const struct ahead *a);
void ahead_free(struct connections *t, struct ahead *a);

#endif
