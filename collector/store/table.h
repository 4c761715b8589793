/* A table remembers rows of the database by key, and which of them changed since they were last written.
 *
 * The writer's memory between transactions: bounded, and dropped whole when it is full or when a transaction fails, because the database is the
 * truth. Rows are structs that begin with a `struct entry`; the table owns them and their keys. The hash is keyed with a random key, since
 * route names come from strangers. */
#ifndef TOCSIN_COLLECTOR_STORE_TABLE_H
#define TOCSIN_COLLECTOR_STORE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/span.h"
#include "proto/window.h"

/* A key is built part by part; enough for two names of the wire and two numbers. */
struct table_key {
	char bytes[16 + 2 * (NAME_BYTES_MAX + 1)];
	size_t len;
};
void table_key_number(struct table_key *k, int64_t number);
/* Names are at most NAME_BYTES_MAX long (window.c) and hold no NUL; a longer one is cut. Returns the name within the key. */
struct span table_key_name(struct table_key *k, struct span name);
static inline struct span table_key_span(const struct table_key *k)
{
	return span_make(k->bytes, k->len);
}

struct entry {
	struct entry *next;       /* of the same bucket */
	struct entry *next_dirty; /* changed after this one */
	bool dirty;
	struct span key;
};

struct table {
	struct entry **buckets;
	size_t bucket_count; /* a power of two */
	size_t count, max;
	size_t entry_size;
	void (*done)(struct entry *e); /* what the entry owns beside itself; may be NULL */
	struct entry *dirty_first, **dirty_end;
	uint8_t hash_key[16];
};

int table_init(struct table *t, size_t entry_size, size_t max, void (*done)(struct entry *e)); /* -ENOMEM */
void table_done(struct table *t);
void table_clear(struct table *t); /* forgets everything, changed or not */
bool table_full(const struct table *t);
void *table_find(const struct table *t, struct span key);
/* A cleared entry under `key`, which must be absent; NULL when memory is out. */
void *table_add(struct table *t, struct span key);
void table_touch(struct table *t, struct entry *e); /* it changed */
/* The entry that changed first; it counts as written from here on. NULL when all are. */
void *table_next_dirty(struct table *t);

#endif
