/* What the SQLite store's files share: the handle, statements and transactions. Seen by collector/store/sqlite*.c only.
 *
 * The writer remembers rows in tables (table.h) and writes those that changed within the transaction that changed them, so memory is never ahead of
 * the database by more than the open transaction. When that fails, or somebody else wrote to the file, everything remembered is forgotten. */
#ifndef TOCSIN_COLLECTOR_STORE_SQLITE_H
#define TOCSIN_COLLECTOR_STORE_SQLITE_H

#include <errno.h>
#include <sqlite3.h>

#include "collector/store/store_ops.h"
#include "collector/store/table.h"
#include "lib/buf.h"

enum { STATEMENTS_MAX = 64 };

/* Ceilings of one cell, so that no agent's counters can carry a sum past 2^63, where SQLite goes over to floating point: a thousand billion
 * requests in an hour, a petabyte in a ledger. */
#define CELL_REQUESTS_MAX ((uint64_t)1 << 40)
#define CELL_BYTES_MAX    ((uint64_t)1 << 50)

struct sqlite {
	struct store base;
	sqlite3 *db;
	const struct services *services;
	int64_t day_offset_ms;
	int64_t data_version; /* of the file as this handle last saw it */
	struct {
		const char *sql;
		sqlite3_stmt *stmt;
	} statements[STATEMENTS_MAX];
	size_t statement_count;
	struct buf scratch;
	/* the writer's memory; sqlite_streams.c, sqlite_merge.c and sqlite_sketches.c say what an entry is */
	struct table streams, scopes, endpoints, endpoint_hours, scope_hours, sketches;
};

static inline struct sqlite *sqlite_of(struct store *s)
{
	return (struct sqlite *)s;
}

/* The negative errno for what the database said last, with a sentence: -ENOSPC, -ENOMEM, -EBUSY, else -EIO. */
int sqlite_failed(struct sqlite *s, struct err *err);
/* A prepared statement with its parameters bound. `sql` must be static text: its address finds the statement again. `types` has a letter a
 * parameter: d int, i int64_t, u uint64_t, t text (NULL is empty), z text or NULL, s struct span, b struct span as blob. */
int sqlite_query(struct sqlite *s, sqlite3_stmt **ret, struct err *err, const char *sql, const char *types, ...);
/* 1: a row; 0: no more, and the statement is reset. */
int sqlite_next(struct sqlite *s, sqlite3_stmt *stmt, struct err *err);
/* Ends a query before its last row. */
void sqlite_leave(sqlite3_stmt *stmt);
/* sqlite_query for statements without rows. */
int sqlite_run(struct sqlite *s, struct err *err, const char *sql, const char *types, ...);
struct span sqlite_column(sqlite3_stmt *stmt, int column);       /* text or blob, valid until the next row */
const char *sqlite_text(sqlite3_stmt *stmt, int column);         /* never NULL */
const char *sqlite_text_or_null(sqlite3_stmt *stmt, int column); /* NULL when the column is */

int sqlite_begin(struct sqlite *s, struct err *err);
/* Writes what changed and commits when `r` is not negative, else rolls back and forgets; returns `r`, or the error of the commit. */
int sqlite_end(struct sqlite *s, int r, struct err *err);

static inline int sqlite_out_of_memory(struct err *err)
{
	err_set(err, "out of memory");
	return -ENOMEM;
}

/* sqlite_streams.c: one agent in one epoch. */
struct sqlite_stream {
	struct entry entry; /* agent, epoch */
	int64_t agent_id;
	uint64_t epoch;
	uint64_t sequence; /* merged */
	int64_t seen_ms;
	uint64_t lost;    /* records, to be added */
	uint64_t refused; /* sketches, to be added */
};
int sqlite_streams_init(struct sqlite *s);
int sqlite_streams_write(struct sqlite *s, struct err *err);
int sqlite_stream_find(struct sqlite *s, struct span agent, uint64_t epoch, int64_t now_ms, struct sqlite_stream **ret, struct err *err);
void sqlite_stream_seen(struct sqlite *s, struct sqlite_stream *stream, int64_t now_ms); /* and changed: it will be written */
int sqlite_hello(struct store *store, const struct hello *hello, int64_t now_ms, uint64_t *ret_merged, struct err *err);
int sqlite_goodbye(struct store *store, struct span agent, int64_t now_ms, struct err *err);

/* sqlite_merge.c */
int sqlite_memory_init(struct sqlite *s);
void sqlite_memory_forget(struct sqlite *s);
void sqlite_memory_done(struct sqlite *s);
int sqlite_memory_write(struct sqlite *s, struct err *err);
/* Room for one more in `t`: when it is full, everything is written and this table begins anew. */
int sqlite_memory_room(struct sqlite *s, struct table *t, struct err *err);
int sqlite_merge(struct store *store, const struct store_delivery *deliveries, size_t count, size_t *ret_done, struct err *err);

/* sqlite_sketches.c */
int sqlite_sketches_init(struct sqlite *s);
/* Adds one part to the sketch of that day. `ret_refused` when it is none that can be merged; nothing changed then. */
int sqlite_sketches_add(struct sqlite *s, int64_t day, int64_t scope_id, const struct sketch_part *part, bool *ret_refused,
			struct err *err);
int sqlite_sketches_write(struct sqlite *s, struct err *err);
int sqlite_users(struct store *store, int64_t service_id, int64_t from_day, int64_t to_day, bool total, on_store_users each, void *ctx,
		 struct err *err);

/* sqlite_services.c */
int sqlite_service_id(struct sqlite *s, struct span name, int64_t *ret_id, struct err *err); /* made when it is new */
int sqlite_services_sync(struct sqlite *s, struct err *err);

/* sqlite_facts.c */
int sqlite_each_service(struct store *store, on_store_service each, void *ctx, struct err *err);
int sqlite_each_endpoint(struct store *store, const struct store_endpoint_filter *filter, on_store_endpoint each, void *ctx,
			 struct err *err);
int sqlite_each_hour(struct store *store, int64_t service_id, int64_t from_ms, int64_t to_ms, on_store_hour each, void *ctx,
		     struct err *err);
int sqlite_each_agent(struct store *store, on_store_agent each, void *ctx, struct err *err);
int sqlite_each_ledger(struct store *store, struct span agent, on_store_ledger each, void *ctx, struct err *err);

/* sqlite_filings.c */
int sqlite_add_assessment(struct store *store, const struct store_assessment *a, int64_t now_ms, int64_t *ret_id, struct err *err);
int sqlite_add_notice(struct store *store, const struct store_notice *n, int64_t now_ms, int64_t *ret_id, struct err *err);
int sqlite_each_notice(struct store *store, int64_t service_id, on_store_notice each, void *ctx, struct err *err);
int sqlite_raise(struct store *store, const struct store_trigger *t, int64_t *ret_id, bool *ret_new, struct err *err);
int sqlite_close_trigger(struct store *store, int64_t id, enum trigger_state state, int64_t now_ms, const char *why, struct err *err);
int sqlite_each_trigger(struct store *store, bool open_only, on_store_trigger each, void *ctx, struct err *err);

#endif
