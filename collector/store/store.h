/* The store: everything the collector knows, behind one interface. SQLite today (sqlite.c), PostgreSQL later as one more file.
 *
 * One writer handle (ingest and judging, one thread at a time) and any number of reader handles (API threads), each used by one thread at a
 * time. Owns tables and transactions; SQL is seen by the store's files only. Times are Unix milliseconds; a "day" is a day of the
 * configured UTC offset (Asia/Shanghai by default). Strings handed to row callbacks are valid during the call only.
 *
 * Errors: negative errno with a sentence in `err`: -ENOSPC when the disk is full, -EBUSY when somebody else holds the database for seconds, -EIO for
 * whatever else it said. After any of them the handle goes on as soon as the cause has gone. A row callback may call the store, but not the
 * function that is calling it. */
#ifndef TOCSIN_COLLECTOR_STORE_H
#define TOCSIN_COLLECTOR_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/services/services.h"
#include "lib/err.h"
#include "lib/span.h"
#include "proto/window.h"

struct store;

struct store_options {
	const char *path;                /* database file, or connection string of a later store */
	int day_offset_minutes;          /* of local days from UTC: 480 */
	const struct services *services; /* borrowed for the life of the handle; NULL for readers */
	bool read_only;
};

int store_open(const struct store_options *options, struct store **ret, struct err *err);
void store_close(struct store *s);

/* ---- ingest ---- */

struct store_delivery {
	struct span agent;
	uint64_t epoch;
	uint64_t sequence;
	bool lost;                 /* declared unreadable by the agent: counted as a gap */
	const struct batch *batch; /* NULL when lost */
	int64_t received_ms;
};

/* Merges deliveries in order, in one transaction, by (agent, epoch, sequence): what is already merged is dropped, and the sequences are
 * advanced in the same transaction. When it returns 0 everything is durable and may be acknowledged. A delivery past the next expected
 * sequence ends the run with -ESTALE: `ret_done` tells how many were taken, and those are durable. After any other error none is. */
int store_merge(struct store *s, const struct store_delivery *deliveries, size_t count, size_t *ret_done, struct err *err);
/* A stream begins: remembers the agent, returns the sequence up to which the store has merged for this epoch. When the agent's oldest
 * record lies past that, the hole is declared as lost and skipped. */
int store_hello(struct store *s, const struct hello *hello, int64_t now_ms, uint64_t *ret_merged, struct err *err);
int store_goodbye(struct store *s, struct span agent, int64_t now_ms, struct err *err);

/* ---- facts ---- */

struct store_service_row {
	int64_t id;
	const char *name;
	const char *title;
	bool declared;
	bool news;
	int64_t first_seen_ms; /* event time of its first good answer */
	int64_t last_seen_ms;
	function_set functions; /* of confirmed endpoints: a class counts once a good answer was seen */
	bool assessment_on_file;
	function_set assessed;
	const char *assessed_on; /* NULL when none */
	uint64_t endpoints;
	uint64_t requests_24h; /* event time, up to the newest hour held */
};
typedef int (*on_store_service)(void *ctx, const struct store_service_row *row); /* non-zero stops and is returned */
int store_each_service(struct store *s, on_store_service each, void *ctx, struct err *err);

struct store_endpoint_row {
	int64_t id;
	int64_t service_id;
	const char *service;
	const char *workload;
	const char *host;
	const char *method;
	const char *template;
	const char *content;
	bool takes_input;
	function_set functions;
	int64_t first_seen_ms; /* event time */
	/* First answer below 400; 0: none yet. Exact when the window that held it held no other answer of this endpoint; else the first of those: never too
	 * late, and too early by that window's span at most (ten seconds by default, an hour in a replay). */
	int64_t first_good_ms;
	int64_t detected_ms; /* when the collector first stored it */
	int64_t last_seen_ms;
	uint64_t requests; /* all time */
	uint64_t good;     /* answers 1xx-3xx */
};
struct store_endpoint_filter {
	int64_t service_id;     /* 0: all */
	function_set functions; /* 0: all; else any of these */
	bool good_only;
	size_t limit; /* 0: 1,000 */
};
typedef int (*on_store_endpoint)(void *ctx, const struct store_endpoint_row *row);
int store_each_endpoint(struct store *s, const struct store_endpoint_filter *filter, on_store_endpoint each, void *ctx, struct err *err);

struct store_users_row {
	const char *day; /* "2026-11-23" */
	enum identity_kind kind;
	double users;          /* estimate */
	double relative_error; /* one standard error */
	uint64_t requests;     /* that carried this kind */
	uint64_t requests_all; /* of the service that day: their ratio is the kind's coverage */
};
typedef int (*on_store_users)(void *ctx, const struct store_users_row *row);
/* Distinct users a day of one service, oldest first, days from..to inclusive ("" for open ends). Sketches of different fleet keys never merge: of
 * several keys the largest is reported. */
int store_each_users(struct store *s, int64_t service_id, const char *from, const char *to, on_store_users each, void *ctx,
		     struct err *err);
/* The same merged over all those days: one row a kind, `day` is "total". */
int store_users_total(struct store *s, int64_t service_id, const char *from, const char *to, on_store_users each, void *ctx,
		      struct err *err);

struct store_hour_row {
	int64_t hour_ms;
	uint64_t count[STATUS_CLASSES];
};
typedef int (*on_store_hour)(void *ctx, const struct store_hour_row *row);
/* Hours from..to, the latter excluded, that have any request. */
int store_each_hour(struct store *s, int64_t service_id, int64_t from_ms, int64_t to_ms, on_store_hour each, void *ctx, struct err *err);

struct store_agent_row {
	const char *agent;
	const char *version;
	const char *kernel;
	uint64_t epoch;
	uint64_t sequence; /* merged */
	int64_t first_seen_ms;
	int64_t last_seen_ms; /* last message received */
	bool connected;
	uint64_t lost_records;     /* sequences declared lost */
	uint64_t sketches_refused; /* parts that were no sketch: the batch around them counted */
	struct ledger ledger;      /* summed over its sources and all time; `source` empty */
	uint64_t sources;
};
typedef int (*on_store_agent)(void *ctx, const struct store_agent_row *row);
int store_each_agent(struct store *s, on_store_agent each, void *ctx, struct err *err);
typedef int (*on_store_ledger)(void *ctx, const struct ledger *row);
int store_each_ledger(struct store *s, struct span agent, on_store_ledger each, void *ctx, struct err *err);

/* ---- assessments on file (the baseline of clause 3(1)) and notices (clause 3(5)) ---- */

struct store_assessment {
	int64_t id;
	int64_t service_id;
	function_set functions;
	const char *filed_on; /* date */
	const char *receipt;  /* the authority's number; may be empty */
	const char *note;
	const char *actor;
};
int store_add_assessment(struct store *s, const struct store_assessment *a, int64_t now_ms, int64_t *ret_id, struct err *err);

struct store_notice {
	int64_t id;
	int64_t service_id;
	const char *authority; /* name of the body that wrote */
	const char *level;     /* "province", "prefecture" … */
	const char *reference; /* document number */
	int64_t received_ms;   /* when the written notice came: the occurrence */
	const char *due_on;    /* an earlier date in the notice; empty when none */
	const char *note;
	const char *actor;
};
int store_add_notice(struct store *s, const struct store_notice *n, int64_t now_ms, int64_t *ret_id, struct err *err);
typedef int (*on_store_notice)(void *ctx, const struct store_notice *row);
int store_each_notice(struct store *s, int64_t service_id, on_store_notice each, void *ctx, struct err *err);

/* ---- triggers ---- */

enum trigger_state { TRIGGER_CANDIDATE, TRIGGER_CONFIRMED, TRIGGER_DISMISSED, TRIGGER_CLOSED };

struct store_trigger {
	int64_t id;
	const char *key;    /* what makes it the same trigger: "3(1)/forum/F01"; unique among open ones */
	const char *clause; /* "3(1)" */
	int64_t service_id;
	const char *service; /* filled on reading */
	enum trigger_state state;
	function_set functions;
	int64_t occurred_ms, detected_ms, confirmed_ms; /* confirmed: 0 when not yet */
	int64_t deadline_ms;                            /* end of the last day; for clauses 1 and 2 the launch itself */
	bool provisional;
	const char *reason; /* one English sentence */
	const char *reason_zh;
	const char *evidence; /* JSON object */
	int64_t closed_ms;    /* filled on reading; 0 and NULL while it is open */
	const char *closed_why;
};
/* Inserts, or refreshes the open trigger with the same key: its functions, occurrence, deadline and reason at once, its evidence at most once a
 * minute. An occurrence that was dismissed, or a notice's that was closed, stays so. `ret_new` is true when it was inserted. */
int store_raise(struct store *s, const struct store_trigger *t, int64_t *ret_id, bool *ret_new, struct err *err);
int store_close_trigger(struct store *s, int64_t id, enum trigger_state state, int64_t now_ms, const char *why, struct err *err);
typedef int (*on_store_trigger)(void *ctx, const struct store_trigger *row);
int store_each_trigger(struct store *s, bool open_only, on_store_trigger each, void *ctx, struct err *err);

#endif
