/* What people and the rules put on file: assessments, written notices, and the triggers raised. */
#include <errno.h>
#include <string.h>

#include "collector/store/sqlite.h"

/* Evidence holds counters that move with every request: of an open trigger it is written anew at most this often. */
enum { EVIDENCE_REFRESH_MS = 60000 };

static int check_service(struct sqlite *s, int64_t service_id, struct err *err)
{
	sqlite3_stmt *stmt;
	int r = sqlite_query(s, &stmt, err, "SELECT 1 FROM service WHERE id = ?", "i", service_id);
	if (r == 0)
		r = sqlite_next(s, stmt, err);
	if (r > 0) {
		sqlite_leave(stmt);
		return 0;
	}
	if (r == 0)
		err_set(err, "there is no service %lld", (long long)service_id);
	return r < 0 ? r : -ENOENT;
}

int sqlite_add_assessment(struct store *store, const struct store_assessment *a, int64_t now_ms, int64_t *ret_id, struct err *err)
{
	struct sqlite *s = sqlite_of(store);
	int r = sqlite_begin(s, err);
	if (r < 0)
		return r;
	r = check_service(s, a->service_id, err);
	if (r == 0)
		r = sqlite_run(
			s, err,
			"INSERT INTO assessment (service_id, functions, filed_on, receipt, note, actor, recorded_ms) VALUES (?, ?, ?, ?, ?, ?, ?)",
			"iitttti", a->service_id, (int64_t)a->functions, a->filed_on, a->receipt, a->note, a->actor, now_ms);
	int64_t id = sqlite3_last_insert_rowid(s->db);
	r = sqlite_end(s, r, err);
	if (r == 0)
		*ret_id = id;
	return r;
}

int sqlite_add_notice(struct store *store, const struct store_notice *n, int64_t now_ms, int64_t *ret_id, struct err *err)
{
	struct sqlite *s = sqlite_of(store);
	int r = sqlite_begin(s, err);
	if (r < 0)
		return r;
	r = check_service(s, n->service_id, err);
	if (r == 0)
		r = sqlite_run(s, err,
			       "INSERT INTO notice (service_id, authority, level, reference, received_ms, due_on, note, actor, recorded_ms)"
			       " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
			       "itttittti", n->service_id, n->authority, n->level, n->reference, n->received_ms, n->due_on, n->note,
			       n->actor, now_ms);
	int64_t id = sqlite3_last_insert_rowid(s->db);
	r = sqlite_end(s, r, err);
	if (r == 0)
		*ret_id = id;
	return r;
}

int sqlite_each_notice(struct store *store, int64_t service_id, on_store_notice each, void *ctx, struct err *err)
{
	static const char sql[] = "SELECT id, service_id, authority, level, reference, received_ms, due_on, note, actor FROM notice"
				  " WHERE ?1 = 0 OR service_id = ?1 ORDER BY id";
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *stmt;
	int r = sqlite_query(s, &stmt, err, sql, "i", service_id);
	while (r == 0 && (r = sqlite_next(s, stmt, err)) > 0) {
		struct store_notice row = {.id = sqlite3_column_int64(stmt, 0),
					   .service_id = sqlite3_column_int64(stmt, 1),
					   .authority = sqlite_text(stmt, 2),
					   .level = sqlite_text(stmt, 3),
					   .reference = sqlite_text(stmt, 4),
					   .received_ms = sqlite3_column_int64(stmt, 5),
					   .due_on = sqlite_text(stmt, 6),
					   .note = sqlite_text(stmt, 7),
					   .actor = sqlite_text(stmt, 8)};
		r = each(ctx, &row);
		if (r != 0)
			sqlite_leave(stmt);
	}
	return r;
}

/* ---- triggers ---- */

/* The newest trigger of this key. */
struct known {
	int64_t id;
	enum trigger_state state;
	function_set functions;
	int64_t occurred_ms, deadline_ms, refreshed_ms;
	bool same_text, same_evidence;
};

static int find_known(struct sqlite *s, const struct store_trigger *t, struct known *ret, struct err *err)
{
	sqlite3_stmt *stmt;
	int r = sqlite_query(
		s, &stmt, err,
		"SELECT id, state, functions, occurred_ms, deadline_ms, refreshed_ms, reason = ?2 AND reason_zh = ?3 AND provisional = ?5,"
		" evidence = ?4 FROM raised WHERE key = ?1 ORDER BY id DESC LIMIT 1",
		"ttttd", t->key, t->reason, t->reason_zh, t->evidence, (int)t->provisional);
	if (r == 0)
		r = sqlite_next(s, stmt, err);
	if (r <= 0)
		return r;
	*ret = (struct known){.id = sqlite3_column_int64(stmt, 0),
			      .state = (enum trigger_state)sqlite3_column_int(stmt, 1),
			      .functions = (function_set)sqlite3_column_int64(stmt, 2),
			      .occurred_ms = sqlite3_column_int64(stmt, 3),
			      .deadline_ms = sqlite3_column_int64(stmt, 4),
			      .refreshed_ms = sqlite3_column_int64(stmt, 5),
			      .same_text = sqlite3_column_int(stmt, 6) != 0,
			      .same_evidence = sqlite3_column_int(stmt, 7) != 0};
	sqlite_leave(stmt);
	return 1;
}

static bool is_open(enum trigger_state state)
{
	return state == TRIGGER_CANDIDATE || state == TRIGGER_CONFIRMED;
}

/* Rules see facts only, so they raise again what a person has answered. A dismissed occurrence stays dismissed and a closed notice closed. A trigger
 * that names function classes was closed because an assessment covered them: raised again, it lost that cover, and it is a new one. */
static bool is_answered(const struct known *k, const struct store_trigger *t)
{
	if (k->occurred_ms != t->occurred_ms)
		return false;
	return k->state == TRIGGER_DISMISSED || (k->state == TRIGGER_CLOSED && t->functions == 0);
}

static bool needs_refresh(const struct known *k, const struct store_trigger *t)
{
	if (!k->same_text || k->functions != t->functions || k->occurred_ms != t->occurred_ms || k->deadline_ms != t->deadline_ms)
		return true;
	return !k->same_evidence && t->detected_ms - k->refreshed_ms >= EVIDENCE_REFRESH_MS;
}

static int refresh(struct sqlite *s, int64_t id, const struct store_trigger *t, struct err *err)
{
	int r = sqlite_begin(s, err);
	if (r < 0)
		return r;
	r = sqlite_run(
		s, err,
		"UPDATE raised SET functions = ?, occurred_ms = ?, deadline_ms = ?, provisional = ?, reason = ?, reason_zh = ?, evidence = ?,"
		" refreshed_ms = ? WHERE id = ?",
		"iiidtttii", (int64_t)t->functions, t->occurred_ms, t->deadline_ms, (int)t->provisional, t->reason, t->reason_zh,
		t->evidence, t->detected_ms, id);
	return sqlite_end(s, r, err);
}

static int insert(struct sqlite *s, const struct store_trigger *t, int64_t *ret_id, struct err *err)
{
	int r = sqlite_begin(s, err);
	if (r < 0)
		return r;
	r = sqlite_run(
		s, err,
		"INSERT INTO raised (key, clause, service_id, state, functions, occurred_ms, detected_ms, confirmed_ms, deadline_ms, provisional,"
		" reason, reason_zh, evidence, refreshed_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		"ttidiiiiidttti", t->key, t->clause, t->service_id, (int)t->state, (int64_t)t->functions, t->occurred_ms, t->detected_ms,
		t->confirmed_ms, t->deadline_ms, (int)t->provisional, t->reason, t->reason_zh, t->evidence, t->detected_ms);
	*ret_id = sqlite3_last_insert_rowid(s->db);
	return sqlite_end(s, r, err);
}

int sqlite_raise(struct store *store, const struct store_trigger *t, int64_t *ret_id, bool *ret_new, struct err *err)
{
	struct sqlite *s = sqlite_of(store);
	struct known known;
	int64_t id = 0;
	int r = find_known(s, t, &known, err);
	if (r < 0)
		return r;
	bool is_new = r == 0 || (!is_open(known.state) && !is_answered(&known, t));
	r = 0;
	if (is_new)
		r = insert(s, t, &id, err);
	else if (is_open(known.state) && needs_refresh(&known, t))
		r = refresh(s, known.id, t, err);
	if (r < 0)
		return r;
	*ret_id = is_new ? id : known.id;
	*ret_new = is_new;
	return 0;
}

int sqlite_close_trigger(struct store *store, int64_t id, enum trigger_state state, int64_t now_ms, const char *why, struct err *err)
{
	struct sqlite *s = sqlite_of(store);
	int r = sqlite_begin(s, err);
	if (r < 0)
		return r;
	r = sqlite_run(s, err, "UPDATE raised SET state = ?, closed_ms = ?, closed_why = ? WHERE id = ? AND state < 2", "diti", (int)state,
		       now_ms, why, id);
	if (r == 0 && sqlite3_changes(s->db) == 0) {
		err_set(err, "there is no open trigger %lld", (long long)id);
		r = -ENOENT;
	}
	return sqlite_end(s, r, err);
}

int sqlite_each_trigger(struct store *store, bool open_only, on_store_trigger each, void *ctx, struct err *err)
{
	static const char sql[] =
		"SELECT t.id, t.key, t.clause, t.service_id, v.name, t.state, t.functions, t.occurred_ms, t.detected_ms, t.confirmed_ms, t.deadline_ms,"
		" t.provisional, t.reason, t.reason_zh, t.evidence, t.closed_ms, t.closed_why FROM raised t JOIN service v ON v.id = t.service_id"
		" WHERE NOT ?1 OR t.state < 2 ORDER BY t.state >= 2, t.detected_ms DESC, t.id DESC";
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *stmt;
	int r = sqlite_query(s, &stmt, err, sql, "d", (int)open_only);
	while (r == 0 && (r = sqlite_next(s, stmt, err)) > 0) {
		struct store_trigger row = {.id = sqlite3_column_int64(stmt, 0),
					    .key = sqlite_text(stmt, 1),
					    .clause = sqlite_text(stmt, 2),
					    .service_id = sqlite3_column_int64(stmt, 3),
					    .service = sqlite_text(stmt, 4),
					    .state = (enum trigger_state)sqlite3_column_int(stmt, 5),
					    .functions = (function_set)sqlite3_column_int64(stmt, 6),
					    .occurred_ms = sqlite3_column_int64(stmt, 7),
					    .detected_ms = sqlite3_column_int64(stmt, 8),
					    .confirmed_ms = sqlite3_column_int64(stmt, 9),
					    .deadline_ms = sqlite3_column_int64(stmt, 10),
					    .provisional = sqlite3_column_int(stmt, 11) != 0,
					    .reason = sqlite_text(stmt, 12),
					    .reason_zh = sqlite_text(stmt, 13),
					    .evidence = sqlite_text(stmt, 14),
					    .closed_ms = sqlite3_column_int64(stmt, 15),
					    .closed_why = sqlite_text_or_null(stmt, 16)};
		r = each(ctx, &row);
		if (r != 0)
			sqlite_leave(stmt);
	}
	return r;
}
