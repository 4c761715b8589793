/* Merging deliveries: each row is found or made, changed in memory, and written once at the end of the transaction, however many windows touched it.
 *
 * Everything merged is a sum, a minimum, a maximum or a union, so that the order of arrival changes nothing but ids and detected_ms. What an agent
 * can make grow without end has a ceiling here, and what lies past it is counted under "{overflow}" instead of being lost. */
#include <errno.h>
#include <stdlib.h>

#include "collector/services/functions.h"
#include "collector/store/sqlite.h"

enum {
	/* rows in memory */
	SCOPES_MAX = 16384,
	ENDPOINTS_MAX = 65536,
	HOURS_MAX = 65536,
	/* rows in the database */
	SCOPES_IN_ALL_MAX = 100000,
	ENDPOINTS_PER_SCOPE_MAX = 20000,
	SOURCES_PER_AGENT_MAX = 4096,

	HOUR_MS = 3600000,
	DAY_MS = 86400000,
	CONTENT_BYTES_MAX = 31, /* the agent's words for kinds of answers are short; anything longer is none of them */
};

#define OVERFLOW_NAME "{overflow}"

struct scope_row {
	struct entry entry; /* kind, workload, host */
	int64_t id;
	int64_t first_good_ms, last_seen_ms;
	int64_t endpoints;
};

struct endpoint_row {
	struct entry entry; /* scope id, method, template */
	int64_t id;
	struct span method, template; /* in the entry's key */
	char content[CONTENT_BYTES_MAX + 1];
	int64_t content_ms; /* event time from which `content` is known */
	bool takes_input;
	function_set functions;
	int64_t first_seen_ms, first_good_ms, last_seen_ms;
	uint64_t requests, good;
};

/* Counts of this transaction only: they are added to the database's, then forgotten. */
struct hour_row {
	struct entry entry; /* hour, endpoint or scope id */
	int64_t hour_ms, id;
	uint64_t count[STATUS_CLASSES], request_bytes, answer_bytes;
};

/* ---- arithmetic ---- */

static void add_up(uint64_t *sum, uint64_t more, uint64_t max)
{
	*sum = more >= max || *sum >= max - more ? max : *sum + more;
}

static void earliest(int64_t *kept_ms, int64_t ms)
{
	if (*kept_ms == 0 || ms < *kept_ms)
		*kept_ms = ms;
}

static void latest(int64_t *kept_ms, int64_t ms)
{
	if (ms > *kept_ms)
		*kept_ms = ms;
}

static int64_t floor_to(int64_t ms, int64_t unit)
{
	int64_t rest = ms % unit;
	return ms - (rest < 0 ? rest + unit : rest);
}

/* ---- scopes ---- */

static int count_of(struct sqlite *s, const char *sql, int64_t id, int64_t *ret, struct err *err)
{
	sqlite3_stmt *stmt;
	int r = sqlite_query(s, &stmt, err, sql, "i", id);
	if (r == 0)
		r = sqlite_next(s, stmt, err);
	if (r < 0)
		return r;
	*ret = sqlite3_column_int64(stmt, 0);
	sqlite_leave(stmt);
	return 0;
}

static int select_scope(struct sqlite *s, int kind, struct span workload, struct span host, struct scope_row *row, struct err *err)
{
	sqlite3_stmt *stmt;
	int r = sqlite_query(s, &stmt, err,
			     "SELECT id, first_good_ms, last_seen_ms, endpoints FROM scope WHERE kind = ? AND workload = ? AND host = ?",
			     "dss", kind, workload, host);
	if (r == 0)
		r = sqlite_next(s, stmt, err);
	if (r <= 0)
		return r;
	row->id = sqlite3_column_int64(stmt, 0);
	row->first_good_ms = sqlite3_column_int64(stmt, 1);
	row->last_seen_ms = sqlite3_column_int64(stmt, 2);
	row->endpoints = sqlite3_column_int64(stmt, 3);
	sqlite_leave(stmt);
	return 1;
}

static int insert_scope(struct sqlite *s, int kind, struct span workload, struct span host, struct scope_row *row, struct err *err)
{
	int64_t service_id;
	int r = sqlite_service_id(s, services_of(s->services, (enum workload_kind)kind, workload, host), &service_id, err);
	if (r == 0)
		r = sqlite_run(s, err, "INSERT INTO scope (service_id, kind, workload, host) VALUES (?, ?, ?, ?)", "idss", service_id, kind,
			       workload, host);
	row->id = sqlite3_last_insert_rowid(s->db);
	return r;
}

static int find_scope(struct sqlite *s, int kind, struct span workload, struct span host, struct scope_row **ret, struct err *err)
{
	struct table_key key = {.len = 0};
	table_key_number(&key, kind);
	workload = table_key_name(&key, workload);
	host = table_key_name(&key, host);
	struct scope_row *row = table_find(&s->scopes, table_key_span(&key));
	if (row) {
		*ret = row;
		return 0;
	}
	struct scope_row fresh = {.id = 0};
	int64_t held = 0;
	int r = sqlite_memory_room(s, &s->scopes, err);
	if (r == 0)
		r = select_scope(s, kind, workload, host, &fresh, err);
	if (r == 0) {
		r = count_of(s, "SELECT coalesce(max(id), ?) FROM scope", 0, &held, err);
		if (r == 0 && held >= SCOPES_IN_ALL_MAX && !span_equal(workload, span_str(OVERFLOW_NAME)))
			return find_scope(s, WORKLOAD_UNKNOWN, span_str(OVERFLOW_NAME), span_str(""), ret, err);
		if (r == 0)
			r = insert_scope(s, kind, workload, host, &fresh, err);
	}
	if (r < 0)
		return r;
	row = table_add(&s->scopes, table_key_span(&key));
	if (!row)
		return sqlite_out_of_memory(err);
	fresh.entry = row->entry;
	*row = fresh;
	*ret = row;
	return 0;
}

static int write_scopes(struct sqlite *s, struct err *err)
{
	struct scope_row *e;
	int r = 0;
	while (r == 0 && (e = table_next_dirty(&s->scopes)))
		r = sqlite_run(s, err, "UPDATE scope SET first_good_ms = ?, last_seen_ms = ?, endpoints = ? WHERE id = ?", "iiii",
			       e->first_good_ms, e->last_seen_ms, e->endpoints, e->id);
	return r;
}

/* ---- endpoints ---- */

static int select_endpoint(struct sqlite *s, int64_t scope_id, struct span method, struct span template, struct endpoint_row *row,
			   struct err *err)
{
	sqlite3_stmt *stmt;
	int r = sqlite_query(
		s, &stmt, err,
		"SELECT id, content, content_ms, takes_input, functions, first_seen_ms, first_good_ms, last_seen_ms, requests, good"
		" FROM endpoint WHERE scope_id = ? AND method = ? AND template = ?",
		"iss", scope_id, method, template);
	if (r == 0)
		r = sqlite_next(s, stmt, err);
	if (r <= 0)
		return r;
	row->id = sqlite3_column_int64(stmt, 0);
	struct span content = sqlite_column(stmt, 1);
	if (content.len && content.len <= CONTENT_BYTES_MAX)
		memcpy(row->content, content.data, content.len);
	row->content_ms = sqlite3_column_int64(stmt, 2);
	row->takes_input = sqlite3_column_int(stmt, 3) != 0;
	row->functions = (function_set)sqlite3_column_int64(stmt, 4);
	row->first_seen_ms = sqlite3_column_int64(stmt, 5);
	row->first_good_ms = sqlite3_column_int64(stmt, 6);
	row->last_seen_ms = sqlite3_column_int64(stmt, 7);
	row->requests = (uint64_t)sqlite3_column_int64(stmt, 8);
	row->good = (uint64_t)sqlite3_column_int64(stmt, 9);
	sqlite_leave(stmt);
	return 1;
}

static bool is_bucket(struct span template)
{
	return template.len && template.data[0] == '{';
}

static int find_endpoint(struct sqlite *s, struct scope_row *scope, struct span method, struct span template, int64_t now_ms,
			 struct endpoint_row **ret, struct err *err)
{
	struct table_key key = {.len = 0};
	table_key_number(&key, scope->id);
	method = table_key_name(&key, method);
	template = table_key_name(&key, template);
	struct endpoint_row *row = table_find(&s->endpoints, table_key_span(&key));
	if (row) {
		*ret = row;
		return 0;
	}
	struct endpoint_row fresh = {.id = 0};
	int r = sqlite_memory_room(s, &s->endpoints, err);
	if (r == 0)
		r = select_endpoint(s, scope->id, method, template, &fresh, err);
	if (r == 0) {
		if (scope->endpoints >= ENDPOINTS_PER_SCOPE_MAX && !is_bucket(template))
			return find_endpoint(s, scope, span_str("*"), span_str(OVERFLOW_NAME), now_ms, ret, err);
		r = sqlite_run(s, err,
			       "INSERT INTO endpoint (scope_id, method, template, first_seen_ms, detected_ms) VALUES (?, ?, ?, 0, ?)",
			       "issi", scope->id, method, template, now_ms);
		fresh.id = sqlite3_last_insert_rowid(s->db);
		scope->endpoints += !is_bucket(template);
	}
	if (r < 0)
		return r;
	row = table_add(&s->endpoints, table_key_span(&key));
	if (!row)
		return sqlite_out_of_memory(err);
	fresh.entry = row->entry;
	fresh.method = span_make(row->entry.key.data + sizeof scope->id, method.len);
	fresh.template = span_make(fresh.method.data + method.len + 1, template.len);
	*row = fresh;
	*ret = row;
	return 0;
}

/* The kind of the earliest answer whose kind is known; at the same time, the alphabet decides. True when it changed. */
static bool take_content(struct endpoint_row *row, const struct endpoint *in)
{
	if (in->content.len == 0 || in->content.len > CONTENT_BYTES_MAX)
		return false;
	char content[CONTENT_BYTES_MAX + 1] = {0};
	memcpy(content, in->content.data, in->content.len);
	if (row->content[0] && (in->first_ms > row->content_ms || (in->first_ms == row->content_ms && strcmp(content, row->content) >= 0)))
		return false;
	bool changed = strcmp(content, row->content) != 0;
	memcpy(row->content, content, sizeof content);
	row->content_ms = in->first_ms;
	return changed;
}

static void merge_endpoint_row(struct endpoint_row *row, const struct endpoint *in, bool is_new)
{
	bool changed = take_content(row, in);
	changed |= in->takes_input && !row->takes_input;
	row->takes_input |= in->takes_input;
	if (changed || is_new)
		row->functions = functions_of(row->method, row->template, row->takes_input, span_str(row->content));
	for (int i = 0; i < STATUS_CLASSES; i++)
		add_up(&row->requests, in->count[i], CELL_BYTES_MAX);
	uint64_t good = 0;
	for (int i = STATUS_1XX; i <= STATUS_3XX; i++)
		add_up(&good, in->count[i], CELL_BYTES_MAX);
	add_up(&row->good, good, CELL_BYTES_MAX);
	earliest(&row->first_seen_ms, in->first_ms);
	latest(&row->last_seen_ms, in->last_ms);
	/* A window does not say which of an endpoint's answers was the first good one. When all were good it is the first; else this is too early by the window's
	 * span at most, and never too late: the law's clock runs from the occurrence. */
	if (good)
		earliest(&row->first_good_ms, in->first_ms);
}

static int write_endpoints(struct sqlite *s, struct err *err)
{
	struct endpoint_row *e;
	int r = 0;
	while (r == 0 && (e = table_next_dirty(&s->endpoints)))
		r = sqlite_run(
			s, err,
			"UPDATE endpoint SET content = ?, content_ms = ?, takes_input = ?, functions = ?, first_seen_ms = ?, first_good_ms = ?,"
			" last_seen_ms = ?, requests = ?, good = ? WHERE id = ?",
			"tidiiiiuui", e->content, e->content_ms, (int)e->takes_input, (int64_t)e->functions, e->first_seen_ms,
			e->first_good_ms, e->last_seen_ms, e->requests, e->good, e->id);
	return r;
}

/* ---- hours ---- */

static int add_hour(struct sqlite *s, struct table *hours, int64_t hour_ms, int64_t id, const struct endpoint *in, struct err *err)
{
	struct table_key key = {.len = 0};
	table_key_number(&key, hour_ms);
	table_key_number(&key, id);
	struct hour_row *row = table_find(hours, table_key_span(&key));
	if (!row) {
		int r = sqlite_memory_room(s, hours, err);
		if (r < 0)
			return r;
		row = table_add(hours, table_key_span(&key));
		if (!row)
			return sqlite_out_of_memory(err);
		row->hour_ms = hour_ms;
		row->id = id;
	}
	for (int i = 0; i < STATUS_CLASSES; i++)
		add_up(&row->count[i], in->count[i], CELL_REQUESTS_MAX);
	add_up(&row->request_bytes, in->request_bytes, CELL_BYTES_MAX);
	add_up(&row->answer_bytes, in->answer_bytes, CELL_BYTES_MAX);
	table_touch(hours, &row->entry);
	return 0;
}

#define ADD_HOUR(table, id)                                                                                                                \
	"INSERT INTO " table " (hour_ms, " id ", c0, c1, c2, c3, c4, c5, request_bytes, answer_bytes)"                                     \
	" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO UPDATE SET c0 = min(c0 + ?3, ?11), c1 = min(c1 + ?4, ?11),"      \
	" c2 = min(c2 + ?5, ?11), c3 = min(c3 + ?6, ?11), c4 = min(c4 + ?7, ?11), c5 = min(c5 + ?8, ?11),"                                 \
	" request_bytes = min(request_bytes + ?9, ?12), answer_bytes = min(answer_bytes + ?10, ?12)"

static int write_hours(struct sqlite *s, struct table *hours, const char *sql, struct err *err)
{
	struct hour_row *e;
	int r = 0;
	while (r == 0 && (e = table_next_dirty(hours)))
		r = sqlite_run(s, err, sql, "iiuuuuuuuuuu", e->hour_ms, e->id, e->count[0], e->count[1], e->count[2], e->count[3],
			       e->count[4], e->count[5], e->request_bytes, e->answer_bytes, CELL_REQUESTS_MAX, CELL_BYTES_MAX);
	if (r == 0)
		table_clear(hours);
	return r;
}

/* ---- the memory as a whole ---- */

int sqlite_memory_room(struct sqlite *s, struct table *t, struct err *err)
{
	if (!table_full(t))
		return 0;
	int r = sqlite_memory_write(s, err);
	if (r == 0)
		table_clear(t);
	return r;
}

int sqlite_memory_init(struct sqlite *s)
{
	int r = sqlite_streams_init(s);
	if (r == 0)
		r = table_init(&s->scopes, sizeof(struct scope_row), SCOPES_MAX, NULL);
	if (r == 0)
		r = table_init(&s->endpoints, sizeof(struct endpoint_row), ENDPOINTS_MAX, NULL);
	if (r == 0)
		r = table_init(&s->endpoint_hours, sizeof(struct hour_row), HOURS_MAX, NULL);
	if (r == 0)
		r = table_init(&s->scope_hours, sizeof(struct hour_row), HOURS_MAX, NULL);
	return r == 0 ? sqlite_sketches_init(s) : r;
}

void sqlite_memory_forget(struct sqlite *s)
{
	struct table *const all[] = {&s->streams, &s->scopes, &s->endpoints, &s->endpoint_hours, &s->scope_hours, &s->sketches};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		table_clear(all[i]);
}

void sqlite_memory_done(struct sqlite *s)
{
	struct table *const all[] = {&s->streams, &s->scopes, &s->endpoints, &s->endpoint_hours, &s->scope_hours, &s->sketches};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		table_done(all[i]);
}

int sqlite_memory_write(struct sqlite *s, struct err *err)
{
	int r = write_endpoints(s, err);
	if (r == 0)
		r = write_hours(s, &s->endpoint_hours, ADD_HOUR("endpoint_hour", "endpoint_id"), err);
	if (r == 0)
		r = write_hours(s, &s->scope_hours, ADD_HOUR("scope_hour", "scope_id"), err);
	if (r == 0)
		r = write_scopes(s, err);
	if (r == 0)
		r = sqlite_sketches_write(s, err);
	return r == 0 ? sqlite_streams_write(s, err) : r;
}

/* ---- a batch ---- */

static int merge_endpoint(struct sqlite *s, struct scope_row *scope, int64_t hour_ms, const struct endpoint *in, int64_t now_ms,
			  struct err *err)
{
	struct endpoint_row *row = NULL;
	int r = find_endpoint(s, scope, in->method, in->template, now_ms, &row, err);
	if (r < 0)
		return r;
	merge_endpoint_row(row, in, row->first_seen_ms == 0);
	table_touch(&s->endpoints, &row->entry);
	latest(&scope->last_seen_ms, row->last_seen_ms);
	if (row->first_good_ms)
		earliest(&scope->first_good_ms, row->first_good_ms);
	r = add_hour(s, &s->endpoint_hours, hour_ms, row->id, in, err);
	return r < 0 ? r : add_hour(s, &s->scope_hours, hour_ms, scope->id, in, err);
}

static int merge_scope(struct sqlite *s, struct sqlite_stream *stream, int64_t start_ms, const struct scope *in, int64_t now_ms,
		       struct err *err)
{
	struct scope_row *scope = NULL;
	int r = find_scope(s, (int)in->kind, in->workload, in->host, &scope, err);
	for (size_t i = 0; r == 0 && i < in->endpoint_count; i++)
		r = merge_endpoint(s, scope, floor_to(start_ms, HOUR_MS), &in->endpoints[i], now_ms, err);
	if (r < 0)
		return r;
	table_touch(&s->scopes, &scope->entry);
	int64_t day = floor_to(start_ms + s->day_offset_ms, DAY_MS) / DAY_MS;
	for (size_t i = 0; r == 0 && i < in->sketch_count; i++) {
		bool refused = false;
		r = sqlite_sketches_add(s, day, scope->id, &in->sketches[i], &refused, err);
		/* The agent sealed these bytes and can never mend them: refusing the batch would stop its stream for ever. The counts stand. */
		stream->refused += refused;
	}
	return r;
}

static int merge_ledger(struct sqlite *s, int64_t agent_id, const struct ledger *in, struct err *err)
{
	static const char update[] =
		"UPDATE ledger SET seen = min(seen + ?4, ?13), counted = min(counted + ?5, ?13), malformed = min(malformed + ?6, ?13),"
		" skipped = min(skipped + ?7, ?13), known_gap = min(known_gap + ?8, ?13), events = min(events + ?9, ?13),"
		" events_malformed = min(events_malformed + ?10, ?13), events_lost = min(events_lost + ?11, ?13), gap_ms = min(gap_ms + ?12, ?13)"
		" WHERE agent_id = ?1 AND kind = ?2 AND source = ?3";
	static const char insert[] = "INSERT INTO ledger VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
	struct span source = in->source;
	for (int again = 0; again < 2; again++) {
		int64_t held = 0;
		int r = sqlite_run(s, err, update, "idsuuuuuuuuuu", agent_id, (int)in->kind, source, in->seen, in->counted, in->malformed,
				   in->skipped, in->known_gap, in->events, in->events_malformed, in->events_lost, in->gap_ms,
				   CELL_BYTES_MAX);
		if (r < 0 || sqlite3_changes(s->db) > 0)
			return r;
		r = count_of(s, "SELECT count(*) FROM ledger WHERE agent_id = ?", agent_id, &held, err);
		if (r < 0)
			return r;
		if (held < SOURCES_PER_AGENT_MAX || again)
			break;
		source = span_str(OVERFLOW_NAME);
	}
	return sqlite_run(s, err, insert, "idsuuuuuuuuu", agent_id, (int)in->kind, source, in->seen, in->counted, in->malformed,
			  in->skipped, in->known_gap, in->events, in->events_malformed, in->events_lost, in->gap_ms);
}

static int merge_batch(struct sqlite *s, struct sqlite_stream *stream, const struct batch *batch, int64_t now_ms, struct err *err)
{
	int r = 0;
	for (size_t i = 0; i < batch->window_count; i++) {
		const struct window *w = &batch->windows[i];
		for (size_t k = 0; r == 0 && k < w->scope_count; k++)
			r = merge_scope(s, stream, w->start_ms, &w->scopes[k], now_ms, err);
		for (size_t k = 0; r == 0 && k < w->ledger_count; k++)
			r = merge_ledger(s, stream->agent_id, &w->ledger[k], err);
	}
	return r;
}

/* 0 also when it was merged before; -ESTALE when one before it is missing. */
static int merge_delivery(struct sqlite *s, const struct store_delivery *d, struct err *err)
{
	struct sqlite_stream *stream = NULL;
	int r = sqlite_stream_find(s, d->agent, d->epoch, d->received_ms, &stream, err);
	if (r < 0)
		return r;
	sqlite_stream_seen(s, stream, d->received_ms);
	if (d->sequence <= stream->sequence)
		return 0;
	if (d->sequence != stream->sequence + 1) {
		err_set(err, "agent %.*s sent record %llu of epoch %llu, %llu is expected", (int)d->agent.len, d->agent.data,
			(unsigned long long)d->sequence, (unsigned long long)d->epoch, (unsigned long long)stream->sequence + 1);
		return -ESTALE;
	}
	if (d->batch)
		r = merge_batch(s, stream, d->batch, d->received_ms, err);
	if (r == 0) {
		stream->sequence = d->sequence;
		stream->lost += d->lost;
		table_touch(&s->streams, &stream->entry); /* a full table may have been written meanwhile */
	}
	return r;
}

int sqlite_merge(struct store *store, const struct store_delivery *deliveries, size_t count, size_t *ret_done, struct err *err)
{
	struct sqlite *s = sqlite_of(store);
	size_t done = 0;
	struct err stale = {0};
	int r = sqlite_begin(s, err);
	if (r < 0)
		return r;
	while (done < count && (r = merge_delivery(s, &deliveries[done], &stale)) == 0)
		done++;
	bool hole = r == -ESTALE;
	if (r < 0 && err)
		*err = stale;
	r = sqlite_end(s, hole ? 0 : r, err);
	if (r < 0)
		return r;
	*ret_done = done;
	return hole ? -ESTALE : 0;
}
