/* Reading what was counted: services, endpoints, hours, agents and their ledgers. */
#include "collector/store/sqlite.h"

enum { ENDPOINTS_LIMIT = 1000 };

int sqlite_each_service(struct store *store, on_store_service each, void *ctx, struct err *err)
{
	static const char sql[] =
		"WITH recent AS (SELECT c.service_id AS id, sum(h.c0 + h.c1 + h.c2 + h.c3 + h.c4 + h.c5) AS requests FROM scope_hour h"
		"  JOIN scope c ON c.id = h.scope_id WHERE h.hour_ms > (SELECT max(hour_ms) FROM scope_hour) - 86400000 GROUP BY 1),"
		" seen AS (SELECT service_id AS id, min(nullif(first_good_ms, 0)) AS first_ms, max(last_seen_ms) AS last_ms,"
		"  sum(endpoints) AS endpoints FROM scope GROUP BY 1),"
		" served AS (SELECT c.service_id AS id, bit_or(e.functions) AS functions FROM scope c JOIN endpoint e ON e.scope_id = c.id"
		"  WHERE e.functions != 0 AND e.first_good_ms > 0 GROUP BY 1),"
		" filed AS (SELECT service_id AS id, bit_or(functions) AS functions, max(filed_on) AS filed_on FROM assessment GROUP BY 1)"
		" SELECT v.id, v.name, v.title, v.declared, v.news, seen.first_ms, seen.last_ms, served.functions,"
		"  coalesce(v.assessed_on, filed.filed_on) IS NOT NULL, v.assessed | coalesce(filed.functions, 0),"
		"  max(coalesce(v.assessed_on, ''), coalesce(filed.filed_on, '')), seen.endpoints, recent.requests"
		" FROM service v LEFT JOIN seen ON seen.id = v.id LEFT JOIN served ON served.id = v.id LEFT JOIN filed ON filed.id = v.id"
		"  LEFT JOIN recent ON recent.id = v.id"
		" WHERE v.declared OR seen.id IS NOT NULL OR v.id IN (SELECT service_id FROM notice) ORDER BY v.name";
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *stmt;
	int r = sqlite_query(s, &stmt, err, sql, "");
	while (r == 0 && (r = sqlite_next(s, stmt, err)) > 0) {
		struct store_service_row row = {.id = sqlite3_column_int64(stmt, 0),
						.name = sqlite_text(stmt, 1),
						.title = sqlite_text_or_null(stmt, 2),
						.declared = sqlite3_column_int(stmt, 3) != 0,
						.news = sqlite3_column_int(stmt, 4) != 0,
						.first_seen_ms = sqlite3_column_int64(stmt, 5),
						.last_seen_ms = sqlite3_column_int64(stmt, 6),
						.functions = (function_set)sqlite3_column_int64(stmt, 7),
						.assessment_on_file = sqlite3_column_int(stmt, 8) != 0,
						.assessed = (function_set)sqlite3_column_int64(stmt, 9),
						.endpoints = (uint64_t)sqlite3_column_int64(stmt, 11),
						.requests_24h = (uint64_t)sqlite3_column_int64(stmt, 12)};
		row.assessed_on = row.assessment_on_file ? sqlite_text(stmt, 10) : NULL;
		r = each(ctx, &row);
		if (r != 0)
			sqlite_leave(stmt);
	}
	return r;
}

#define ENDPOINT_ROWS                                                                                                                          \
	"SELECT e.id, c.service_id, v.name, c.workload, c.host, e.method, e.template, e.content, e.takes_input, e.functions, e.first_seen_ms," \
	" e.first_good_ms, e.detected_ms, e.last_seen_ms, e.requests, e.good FROM scope c JOIN service v ON v.id = c.service_id"               \
	" JOIN endpoint e ON e.scope_id = c.id WHERE "
/* Newest first: what a limit cuts off was known for longest. */
#define ENDPOINT_FILTER " AND (?2 = 0 OR (e.functions & ?2) != 0) AND (NOT ?3 OR e.first_good_ms > 0) ORDER BY e.id DESC LIMIT ?4"

int sqlite_each_endpoint(struct store *store, const struct store_endpoint_filter *filter, on_store_endpoint each, void *ctx,
			 struct err *err)
{
	static const char of_service[] = ENDPOINT_ROWS "c.service_id = ?1" ENDPOINT_FILTER;
	static const char of_all[] = ENDPOINT_ROWS "?1 = 0" ENDPOINT_FILTER;
	static const struct store_endpoint_filter everything;
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *stmt;
	filter = filter ? filter : &everything;
	int64_t limit = filter->limit && filter->limit < INT32_MAX ? (int64_t)filter->limit : ENDPOINTS_LIMIT;
	int r = sqlite_query(s, &stmt, err, filter->service_id ? of_service : of_all, "iidi", filter->service_id,
			     (int64_t)filter->functions, (int)filter->good_only, limit);
	while (r == 0 && (r = sqlite_next(s, stmt, err)) > 0) {
		struct store_endpoint_row row = {.id = sqlite3_column_int64(stmt, 0),
						 .service_id = sqlite3_column_int64(stmt, 1),
						 .service = sqlite_text(stmt, 2),
						 .workload = sqlite_text(stmt, 3),
						 .host = sqlite_text(stmt, 4),
						 .method = sqlite_text(stmt, 5),
						 .template = sqlite_text(stmt, 6),
						 .content = sqlite_text(stmt, 7),
						 .takes_input = sqlite3_column_int(stmt, 8) != 0,
						 .functions = (function_set)sqlite3_column_int64(stmt, 9),
						 .first_seen_ms = sqlite3_column_int64(stmt, 10),
						 .first_good_ms = sqlite3_column_int64(stmt, 11),
						 .detected_ms = sqlite3_column_int64(stmt, 12),
						 .last_seen_ms = sqlite3_column_int64(stmt, 13),
						 .requests = (uint64_t)sqlite3_column_int64(stmt, 14),
						 .good = (uint64_t)sqlite3_column_int64(stmt, 15)};
		r = each(ctx, &row);
		if (r != 0)
			sqlite_leave(stmt);
	}
	return r;
}

int sqlite_each_hour(struct store *store, int64_t service_id, int64_t from_ms, int64_t to_ms, on_store_hour each, void *ctx,
		     struct err *err)
{
	static const char sql[] = "SELECT h.hour_ms, sum(h.c0), sum(h.c1), sum(h.c2), sum(h.c3), sum(h.c4), sum(h.c5) FROM scope_hour h"
				  " JOIN scope c ON c.id = h.scope_id WHERE c.service_id = ? AND h.hour_ms >= ? AND h.hour_ms < ?"
				  " GROUP BY h.hour_ms ORDER BY h.hour_ms";
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *stmt;
	int r = sqlite_query(s, &stmt, err, sql, "iii", service_id, from_ms, to_ms);
	while (r == 0 && (r = sqlite_next(s, stmt, err)) > 0) {
		struct store_hour_row row = {.hour_ms = sqlite3_column_int64(stmt, 0)};
		for (int i = 0; i < STATUS_CLASSES; i++)
			row.count[i] = (uint64_t)sqlite3_column_int64(stmt, i + 1);
		r = each(ctx, &row);
		if (r != 0)
			sqlite_leave(stmt);
	}
	return r;
}

static struct ledger ledger_at(sqlite3_stmt *stmt, int column)
{
	return (struct ledger){.seen = (uint64_t)sqlite3_column_int64(stmt, column),
			       .counted = (uint64_t)sqlite3_column_int64(stmt, column + 1),
			       .malformed = (uint64_t)sqlite3_column_int64(stmt, column + 2),
			       .skipped = (uint64_t)sqlite3_column_int64(stmt, column + 3),
			       .known_gap = (uint64_t)sqlite3_column_int64(stmt, column + 4),
			       .events = (uint64_t)sqlite3_column_int64(stmt, column + 5),
			       .events_malformed = (uint64_t)sqlite3_column_int64(stmt, column + 6),
			       .events_lost = (uint64_t)sqlite3_column_int64(stmt, column + 7),
			       .gap_ms = (uint64_t)sqlite3_column_int64(stmt, column + 8)};
}

int sqlite_each_agent(struct store *store, on_store_agent each, void *ctx, struct err *err)
{
	static const char sql[] =
		"SELECT a.name, a.version, a.kernel, a.epoch, t.sequence, a.first_seen_ms, a.last_seen_ms, a.connected, a.lost_records,"
		" a.sketches_refused, count(l.source), sum(l.seen), sum(l.counted), sum(l.malformed), sum(l.skipped), sum(l.known_gap),"
		" sum(l.events), sum(l.events_malformed), sum(l.events_lost), sum(l.gap_ms)"
		" FROM agent a LEFT JOIN stream t ON t.agent_id = a.id AND t.epoch = a.epoch LEFT JOIN ledger l ON l.agent_id = a.id"
		" GROUP BY a.id ORDER BY a.name";
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *stmt;
	int r = sqlite_query(s, &stmt, err, sql, "");
	while (r == 0 && (r = sqlite_next(s, stmt, err)) > 0) {
		struct store_agent_row row = {.agent = sqlite_text(stmt, 0),
					      .version = sqlite_text(stmt, 1),
					      .kernel = sqlite_text(stmt, 2),
					      .epoch = (uint64_t)sqlite3_column_int64(stmt, 3),
					      .sequence = (uint64_t)sqlite3_column_int64(stmt, 4),
					      .first_seen_ms = sqlite3_column_int64(stmt, 5),
					      .last_seen_ms = sqlite3_column_int64(stmt, 6),
					      .connected = sqlite3_column_int(stmt, 7) != 0,
					      .lost_records = (uint64_t)sqlite3_column_int64(stmt, 8),
					      .sketches_refused = (uint64_t)sqlite3_column_int64(stmt, 9),
					      .sources = (uint64_t)sqlite3_column_int64(stmt, 10),
					      .ledger = ledger_at(stmt, 11)};
		r = each(ctx, &row);
		if (r != 0)
			sqlite_leave(stmt);
	}
	return r;
}

int sqlite_each_ledger(struct store *store, struct span agent, on_store_ledger each, void *ctx, struct err *err)
{
	static const char sql[] =
		"SELECT l.kind, l.source, l.seen, l.counted, l.malformed, l.skipped, l.known_gap, l.events, l.events_malformed,"
		" l.events_lost, l.gap_ms FROM ledger l JOIN agent a ON a.id = l.agent_id WHERE a.name = ?"
		" ORDER BY l.kind, l.source";
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *stmt;
	int r = sqlite_query(s, &stmt, err, sql, "s", agent);
	while (r == 0 && (r = sqlite_next(s, stmt, err)) > 0) {
		struct ledger row = ledger_at(stmt, 2);
		row.kind = (enum source_kind)sqlite3_column_int(stmt, 0);
		row.source = sqlite_column(stmt, 1);
		r = each(ctx, &row);
		if (r != 0)
			sqlite_leave(stmt);
	}
	return r;
}
