/* The schema of the SQLite store, one text a version: a new version is a new row below, and rows that were released never change.
 *
 * Sets of function classes are bits as in services.h. Unsigned 64-bit numbers are stored as the same bits, signed. A service keeps its id for ever,
 * because filings refer to it. */
#ifndef TOCSIN_COLLECTOR_STORE_SQLITE_SCHEMA_H
#define TOCSIN_COLLECTOR_STORE_SQLITE_SCHEMA_H

static const char *const sqlite_schema[] = {
	/* 1 */
	"CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;"

	"CREATE TABLE agent (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, version TEXT NOT NULL DEFAULT '', kernel TEXT NOT NULL DEFAULT '',"
	" epoch INTEGER NOT NULL, first_seen_ms INTEGER NOT NULL, last_seen_ms INTEGER NOT NULL, connected INTEGER NOT NULL DEFAULT 0,"
	" lost_records INTEGER NOT NULL DEFAULT 0, sketches_refused INTEGER NOT NULL DEFAULT 0) STRICT;"
	/* how far the records of each epoch are merged */
	"CREATE TABLE stream (agent_id INTEGER NOT NULL REFERENCES agent, epoch INTEGER NOT NULL, sequence INTEGER NOT NULL, used_ms INTEGER NOT NULL,"
	" PRIMARY KEY (agent_id, epoch)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE ledger (agent_id INTEGER NOT NULL REFERENCES agent, kind INTEGER NOT NULL, source TEXT NOT NULL, seen INTEGER NOT NULL,"
	" counted INTEGER NOT NULL, malformed INTEGER NOT NULL, skipped INTEGER NOT NULL, known_gap INTEGER NOT NULL, events INTEGER NOT NULL,"
	" events_malformed INTEGER NOT NULL, events_lost INTEGER NOT NULL, gap_ms INTEGER NOT NULL,"
	" PRIMARY KEY (agent_id, kind, source)) STRICT, WITHOUT ROWID;"

	"CREATE TABLE service (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, title TEXT, declared INTEGER NOT NULL DEFAULT 0,"
	" news INTEGER NOT NULL DEFAULT 0, assessed INTEGER NOT NULL DEFAULT 0, assessed_on TEXT) STRICT;"
	"CREATE TABLE scope (id INTEGER PRIMARY KEY, service_id INTEGER NOT NULL REFERENCES service, kind INTEGER NOT NULL, workload TEXT NOT NULL,"
	" host TEXT NOT NULL, first_good_ms INTEGER NOT NULL DEFAULT 0, last_seen_ms INTEGER NOT NULL DEFAULT 0,"
	" endpoints INTEGER NOT NULL DEFAULT 0, UNIQUE (kind, workload, host)) STRICT;"
	"CREATE INDEX scope_service ON scope (service_id);"
	"CREATE TABLE endpoint (id INTEGER PRIMARY KEY, scope_id INTEGER NOT NULL REFERENCES scope, method TEXT NOT NULL, template TEXT NOT NULL,"
	" content TEXT NOT NULL DEFAULT '', content_ms INTEGER NOT NULL DEFAULT 0, takes_input INTEGER NOT NULL DEFAULT 0,"
	" functions INTEGER NOT NULL DEFAULT 0, first_seen_ms INTEGER NOT NULL, first_good_ms INTEGER NOT NULL DEFAULT 0, detected_ms INTEGER NOT NULL,"
	" last_seen_ms INTEGER NOT NULL DEFAULT 0, requests INTEGER NOT NULL DEFAULT 0, good INTEGER NOT NULL DEFAULT 0,"
	" UNIQUE (scope_id, method, template)) STRICT;"
	/* what the rules ask after every commit, without touching the endpoints that have no class */
	"CREATE INDEX endpoint_confirmed ON endpoint (scope_id, functions) WHERE functions != 0 AND first_good_ms > 0;"

	"CREATE TABLE endpoint_hour (hour_ms INTEGER NOT NULL, endpoint_id INTEGER NOT NULL REFERENCES endpoint, c0 INTEGER NOT NULL,"
	" c1 INTEGER NOT NULL, c2 INTEGER NOT NULL, c3 INTEGER NOT NULL, c4 INTEGER NOT NULL, c5 INTEGER NOT NULL,"
	" request_bytes INTEGER NOT NULL, answer_bytes INTEGER NOT NULL, PRIMARY KEY (hour_ms, endpoint_id)) STRICT, WITHOUT ROWID;"
	/* the same summed over a scope's endpoints: charts and coverage read months of it */
	"CREATE TABLE scope_hour (hour_ms INTEGER NOT NULL, scope_id INTEGER NOT NULL REFERENCES scope, c0 INTEGER NOT NULL,"
	" c1 INTEGER NOT NULL, c2 INTEGER NOT NULL, c3 INTEGER NOT NULL, c4 INTEGER NOT NULL, c5 INTEGER NOT NULL,"
	" request_bytes INTEGER NOT NULL, answer_bytes INTEGER NOT NULL, PRIMARY KEY (hour_ms, scope_id)) STRICT, WITHOUT ROWID;"
	/* day: number since 1970-01-01 in the configured offset. With a rowid, because sketches are large and would bloat a key's tree. */
	"CREATE TABLE sketch_day (id INTEGER PRIMARY KEY, day INTEGER NOT NULL, scope_id INTEGER NOT NULL REFERENCES scope, kind INTEGER NOT NULL,"
	" key_id INTEGER NOT NULL, requests INTEGER NOT NULL, registers BLOB NOT NULL, UNIQUE (day, scope_id, kind, key_id)) STRICT;"
	/* what came since `registers` was last written, as it came: sqlite_sketches.c says why */
	"CREATE TABLE sketch_part (sketch_id INTEGER NOT NULL REFERENCES sketch_day, n INTEGER NOT NULL, requests INTEGER NOT NULL,"
	" data BLOB NOT NULL, PRIMARY KEY (sketch_id, n)) STRICT, WITHOUT ROWID;"

	"CREATE TABLE assessment (id INTEGER PRIMARY KEY, service_id INTEGER NOT NULL REFERENCES service, functions INTEGER NOT NULL,"
	" filed_on TEXT NOT NULL, receipt TEXT NOT NULL, note TEXT NOT NULL, actor TEXT NOT NULL, recorded_ms INTEGER NOT NULL) STRICT;"
	"CREATE INDEX assessment_service ON assessment (service_id);"
	"CREATE TABLE notice (id INTEGER PRIMARY KEY, service_id INTEGER NOT NULL REFERENCES service, authority TEXT NOT NULL, level TEXT NOT NULL,"
	" reference TEXT NOT NULL, received_ms INTEGER NOT NULL, due_on TEXT NOT NULL, note TEXT NOT NULL, actor TEXT NOT NULL,"
	" recorded_ms INTEGER NOT NULL) STRICT;"
	"CREATE INDEX notice_service ON notice (service_id);"
	/* state: enum trigger_state; below 2 is open */
	"CREATE TABLE raised (id INTEGER PRIMARY KEY, key TEXT NOT NULL, clause TEXT NOT NULL, service_id INTEGER NOT NULL REFERENCES service,"
	" state INTEGER NOT NULL, functions INTEGER NOT NULL, occurred_ms INTEGER NOT NULL, detected_ms INTEGER NOT NULL,"
	" confirmed_ms INTEGER NOT NULL, deadline_ms INTEGER NOT NULL, provisional INTEGER NOT NULL, reason TEXT NOT NULL, reason_zh TEXT NOT NULL,"
	" evidence TEXT NOT NULL, refreshed_ms INTEGER NOT NULL, closed_ms INTEGER NOT NULL DEFAULT 0, closed_why TEXT) STRICT;"
	"CREATE UNIQUE INDEX raised_open ON raised (key) WHERE state < 2;"
	"CREATE INDEX raised_key ON raised (key, id);",
};

enum { SQLITE_SCHEMA_VERSION = sizeof sqlite_schema / sizeof *sqlite_schema };

#endif
