/* A store in a folder of its own, and batches to merge into it. */
#ifndef TOCSIN_TESTS_STORE_WORLD_H
#define TOCSIN_TESTS_STORE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/store/store.h"
#include "lib/ull.h"

#define HOUR_MS INT64_C(3600000)
#define DAY_MS  (24 * HOUR_MS)
/* 2026-11-20 08:00 in Shanghai, 00:00 UTC */
#define MORNING_MS INT64_C(1795132800000)

struct world {
	char folder[64], path[96];
	struct services *services;
	struct store *store;
	int day_offset_minutes;
};

static inline void world_open(struct world *w)
{
	struct err err = {0};
	struct store_options options = {.path = w->path, .day_offset_minutes = w->day_offset_minutes, .services = w->services};
	if (store_open(&options, &w->store, &err) < 0)
		fail_msg("%s: %s", err.file, err.text);
}

static inline void world_close(struct world *w)
{
	store_close(w->store);
	w->store = NULL;
}

static inline struct world world_new(int day_offset_minutes, const struct service_declaration *declared, size_t count)
{
	struct world w = {.day_offset_minutes = day_offset_minutes};
	snprintf(w.folder, sizeof w.folder, "/tmp/tocsin-store-XXXXXX");
	assert_non_null(mkdtemp(w.folder));
	snprintf(w.path, sizeof w.path, "%s/tocsin.db", w.folder);
	assert_int_equal(services_new(declared, count, &w.services, NULL), 0);
	world_open(&w);
	return w;
}

static inline void world_end(struct world *w)
{
	static const char *const files[] = {"", "-wal", "-shm", "-journal"};
	world_close(w);
	services_free(w->services);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		char path[128];
		snprintf(path, sizeof path, "%s%s", w->path, files[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(w->folder), 0);
}

static inline uint64_t mix(uint64_t x) /* SplitMix64: any counter becomes a hash */
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

/* A window of one scope, its endpoints and its sketches, made in place. */
enum { MADE_ENDPOINTS = 4, MADE_SKETCHES = 2 };
struct made {
	struct window window;
	struct scope scope;
	struct endpoint endpoints[MADE_ENDPOINTS];
	struct sketch_part sketches[MADE_SKETCHES];
	struct ledger ledger;
	char names[2][64];
	struct buf wire[MADE_SKETCHES];
};

static inline void made_begin(struct made *m, int64_t start_ms, const char *workload, const char *host)
{
	memset(m, 0, sizeof *m);
	snprintf(m->names[0], sizeof m->names[0], "%s", workload);
	snprintf(m->names[1], sizeof m->names[1], "%s", host);
	m->scope = (struct scope){.kind = WORKLOAD_POD,
				  .workload = span_str(m->names[0]),
				  .host = span_str(m->names[1]),
				  .endpoints = m->endpoints,
				  .sketches = m->sketches};
	m->window = (struct window){.start_ms = start_ms, .span_ms = 10000, .scopes = &m->scope, .scope_count = 1};
}

static inline struct endpoint *made_endpoint(struct made *m, const char *method, const char *template, enum status_class status,
					     uint64_t count)
{
	assert_true(m->scope.endpoint_count < MADE_ENDPOINTS);
	struct endpoint *e = &m->endpoints[m->scope.endpoint_count++];
	*e = (struct endpoint){.method = span_str(method),
			       .template = span_str(template),
			       .content = span_str("html"),
			       .takes_input = method[0] == 'P',
			       .first_ms = m->window.start_ms,
			       .last_ms = m->window.start_ms + 9000};
	e->count[status] = count;
	return e;
}

/* Users number from..to-1. */
static inline void made_users(struct made *m, enum identity_kind kind, uint32_t key_id, uint64_t from, uint64_t to)
{
	assert_true(m->scope.sketch_count < MADE_SKETCHES);
	struct buf *wire = &m->wire[m->scope.sketch_count];
	struct ull u;
	ull_init(&u, ULL_P);
	for (uint64_t i = from; i < to; i++)
		assert_int_equal(ull_insert(&u, mix(i)), 0);
	buf_init(wire, 1 << 20);
	assert_int_equal(ull_encode(&u, wire), 0);
	ull_done(&u);
	m->sketches[m->scope.sketch_count++] =
		(struct sketch_part){.kind = kind, .key_id = key_id, .requests = to - from, .data = buf_span(wire)};
}

static inline void made_ledger(struct made *m, const char *source, uint64_t bytes)
{
	m->ledger =
		(struct ledger){.kind = SOURCE_FILE, .source = span_str(source), .seen = bytes, .counted = bytes, .events = bytes / 100};
	m->window.ledger = &m->ledger;
	m->window.ledger_count = 1;
}

static inline void made_end(struct made *m)
{
	for (size_t i = 0; i < m->scope.sketch_count; i++)
		buf_done(&m->wire[i]);
}

static inline int merge_one(struct world *w, const char *agent, uint64_t epoch, uint64_t sequence, struct made *m, struct err *err)
{
	struct batch batch = {.windows = m ? &m->window : NULL, .window_count = m != NULL};
	struct store_delivery d = {.agent = span_str(agent),
				   .epoch = epoch,
				   .sequence = sequence,
				   .lost = m == NULL,
				   .batch = m ? &batch : NULL,
				   .received_ms = MORNING_MS + (int64_t)sequence};
	size_t done = 0;
	int r = store_merge(w->store, &d, 1, &done, err);
	if (r == 0)
		assert_int_equal(done, 1);
	return r;
}

static inline void merged(struct world *w, const char *agent, uint64_t epoch, uint64_t sequence, struct made *m)
{
	struct err err = {0};
	if (merge_one(w, agent, epoch, sequence, m, &err) < 0)
		fail_msg("record %llu: %s", (unsigned long long)sequence, err.text);
}

/* The first column of the first row of any query, by a connection of its own. */
static inline int64_t asked(const struct world *w, const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *stmt;
	assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	int64_t value = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return value;
}

static inline void told(const struct world *w, const char *sql)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
}

static inline void dump_sketch(const struct ull *u, uint64_t requests, struct buf *out)
{
	if (ull_empty(u))
		return;
	assert_int_equal(buf_printf(out, "%llu|", (unsigned long long)requests), 0);
	assert_int_equal(ull_encode(u, out), 0);
}

/* Sketches with their parts: merged here, because when the parts were folded depends on how they came. */
static inline void dump_sketches(sqlite3 *db, struct buf *out)
{
	static const char sql[] =
		"SELECT day, workload, host, kind, key_id, requests, data FROM (SELECT id, requests, registers AS data FROM sketch_day"
		" UNION ALL SELECT sketch_id, requests, data FROM sketch_part) JOIN"
		" (SELECT d.id AS sketch, day, workload, host, d.kind AS kind, key_id FROM sketch_day d JOIN scope c ON c.id = d.scope_id) ON sketch = id"
		" ORDER BY 1, 2, 3, 4, 5";
	sqlite3_stmt *stmt;
	char name[256] = "", last[256] = "";
	uint64_t requests = 0;
	struct ull all;
	ull_init(&all, ULL_P);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		struct ull one;
		snprintf(name, sizeof name, "%s|%s|%s|%s|%s", sqlite3_column_text(stmt, 0), sqlite3_column_text(stmt, 1),
			 sqlite3_column_text(stmt, 2), sqlite3_column_text(stmt, 3), sqlite3_column_text(stmt, 4));
		if (strcmp(name, last) != 0) {
			dump_sketch(&all, requests, out);
			assert_int_equal(buf_printf(out, "\n%s|", name), 0);
			ull_clear(&all);
			requests = 0;
			memcpy(last, name, sizeof last);
		}
		requests += (uint64_t)sqlite3_column_int64(stmt, 5);
		assert_int_equal(ull_decode(span_make(sqlite3_column_blob(stmt, 6), (size_t)sqlite3_column_bytes(stmt, 6)), &one, NULL), 0);
		assert_int_equal(ull_merge(&all, &one), 0);
		ull_done(&one);
	}
	dump_sketch(&all, requests, out);
	ull_done(&all);
	sqlite3_finalize(stmt);
}

/* Everything that was counted, by name and without ids and times of arrival, so that two stores can be compared byte for byte. */
static inline void dump(const struct world *w, struct buf *out)
{
	static const char *const queries[] = {
		"SELECT a.name, a.lost_records, a.sketches_refused, s.epoch, s.sequence FROM agent a JOIN stream s ON s.agent_id = a.id ORDER BY 1, 4",
		"SELECT a.name, l.kind, l.source, seen, counted, malformed, skipped, known_gap, events, events_malformed, events_lost, gap_ms"
		" FROM ledger l JOIN agent a ON a.id = l.agent_id ORDER BY 1, 2, 3",
		"SELECT v.name, c.kind, c.workload, c.host, first_good_ms, last_seen_ms, endpoints FROM scope c JOIN service v ON v.id = c.service_id"
		" ORDER BY 1, 2, 3, 4",
		"SELECT c.workload, c.host, e.method, e.template, e.content, e.content_ms, e.takes_input, e.functions, e.first_seen_ms, e.first_good_ms,"
		" e.last_seen_ms, e.requests, e.good FROM endpoint e JOIN scope c ON c.id = e.scope_id ORDER BY 1, 2, 3, 4",
		"SELECT hour_ms, c.workload, c.host, e.method, e.template, c0, c1, c2, c3, c4, c5, request_bytes, answer_bytes FROM endpoint_hour h"
		" JOIN endpoint e ON e.id = h.endpoint_id JOIN scope c ON c.id = e.scope_id ORDER BY 1, 2, 3, 4, 5",
		"SELECT hour_ms, c.workload, c.host, c0, c1, c2, c3, c4, c5, request_bytes, answer_bytes FROM scope_hour h"
		" JOIN scope c ON c.id = h.scope_id ORDER BY 1, 2, 3",
	};
	sqlite3 *db;
	assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
	for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
		sqlite3_stmt *stmt;
		if (sqlite3_prepare_v2(db, queries[i], -1, &stmt, NULL) != SQLITE_OK)
			fail_msg("%s", sqlite3_errmsg(db));
		while (sqlite3_step(stmt) == SQLITE_ROW) {
			for (int c = 0; c < sqlite3_column_count(stmt); c++) {
				const char *text = (const char *)sqlite3_column_text(stmt, c);
				assert_int_equal(buf_append(out, text, strlen(text)), 0);
				assert_int_equal(buf_append_byte(out, '|'), 0);
			}
			assert_int_equal(buf_append_byte(out, '\n'), 0);
		}
		sqlite3_finalize(stmt);
	}
	dump_sketches(db, out);
	sqlite3_close(db);
}

#endif
