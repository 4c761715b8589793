/* Distinct users: one sketch a day, scope, identity kind and fleet key.
 *
 * A full sketch is 16 KiB and half a millisecond of deflate, and a window adds a few hundred bytes to it. Writing it whole at every commit was measured
 * to take nine tenths of the writer's time. So what a transaction adds is kept as a part beside it, and 64 parts are folded into it at once; who
 * reads merges both.
 *
 * Sketches of different keys never merge: the same person has another hash under each. After a key was changed a day has a sketch for each key;
 * reported is the larger, because their sum would count everybody twice who came before and after. */
#include <errno.h>
#include <stdio.h>

#include "collector/calendar/calendar.h"
#include "collector/store/sqlite.h"
#include "lib/ull.h"

enum {
	SKETCHES_MAX = 4096, /* in memory; 16 KiB each at most, while a transaction is open */
	PARTS_MAX = 64,
};

/* What this transaction adds. */
struct sketch_row {
	struct entry entry; /* a struct sketch_key */
	int64_t id;         /* 0: not in the database yet */
	int parts;          /* held beside the registers */
	uint64_t requests;
	struct ull fresh;
};

struct sketch_key {
	int64_t day, scope_id;
	uint32_t kind, key_id;
};

static void forget_sketch(struct entry *e)
{
	ull_done(&((struct sketch_row *)e)->fresh);
}

int sqlite_sketches_init(struct sqlite *s)
{
	return table_init(&s->sketches, sizeof(struct sketch_row), SKETCHES_MAX, forget_sketch);
}

/* What the database holds is our own writing: if it cannot be read, the file is damaged. */
static int decode_kept(struct span registers, struct ull *ret, struct err *err)
{
	struct err why = {0};
	int r = ull_decode(registers, ret, &why);
	if (r == 0 || r == -ENOMEM)
		return r;
	err_set(err, "the database: a kept sketch cannot be read: %.300s", why.text);
	return -EIO;
}

static int merge_kept(struct ull *into, struct span registers, struct err *err)
{
	struct ull kept;
	int r = decode_kept(registers, &kept, err);
	if (r < 0)
		return r;
	r = ull_merge(into, &kept);
	ull_done(&kept);
	return r;
}

static void add_requests(uint64_t *sum, uint64_t more)
{
	uint64_t room = CELL_REQUESTS_MAX - *sum;
	*sum += more < room ? more : room;
}

static int select_sketch(struct sqlite *s, const struct sketch_key *key, struct sketch_row *row, struct err *err)
{
	sqlite3_stmt *stmt;
	int r = sqlite_query(s, &stmt, err,
			     "SELECT id, (SELECT coalesce(max(n), 0) FROM sketch_part WHERE sketch_id = id) FROM sketch_day"
			     " WHERE day = ? AND scope_id = ? AND kind = ? AND key_id = ?",
			     "iiii", key->day, key->scope_id, (int64_t)key->kind, (int64_t)key->key_id);
	if (r == 0)
		r = sqlite_next(s, stmt, err);
	if (r <= 0)
		return r;
	row->id = sqlite3_column_int64(stmt, 0);
	row->parts = sqlite3_column_int(stmt, 1);
	sqlite_leave(stmt);
	return 0;
}

static int find_sketch(struct sqlite *s, const struct sketch_key *key, struct sketch_row **ret, struct err *err)
{
	struct span bytes = span_make(key, sizeof *key);
	struct sketch_row *row = table_find(&s->sketches, bytes);
	if (!row) {
		int r = sqlite_memory_room(s, &s->sketches, err);
		if (r < 0)
			return r;
		row = table_add(&s->sketches, bytes);
		if (!row)
			return sqlite_out_of_memory(err);
		ull_init(&row->fresh, ULL_P);
		r = select_sketch(s, key, row, err);
		if (r < 0)
			return r;
	}
	*ret = row;
	return 0;
}

/* Well-formed, but of a precision that merges with none of ours, is refused too. */
static bool is_refused(int decoded, struct ull *arrived)
{
	if (decoded < 0)
		return decoded != -ENOMEM;
	if (arrived->p == ULL_P)
		return false;
	ull_done(arrived);
	return true;
}

int sqlite_sketches_add(struct sqlite *s, int64_t day, int64_t scope_id, const struct sketch_part *part, bool *ret_refused, struct err *err)
{
	struct sketch_key key = {.day = day, .scope_id = scope_id, .kind = (uint32_t)part->kind, .key_id = part->key_id};
	struct sketch_row *row = NULL;
	struct ull arrived;
	int r = ull_decode(part->data, &arrived, NULL);
	*ret_refused = is_refused(r, &arrived);
	if (r < 0 || *ret_refused)
		return *ret_refused ? 0 : r;
	r = find_sketch(s, &key, &row, err);
	if (r == 0)
		r = ull_merge(&row->fresh, &arrived);
	ull_done(&arrived);
	if (r < 0)
		return r;
	add_requests(&row->requests, part->requests);
	table_touch(&s->sketches, &row->entry);
	return 0;
}

static int encoded(struct sqlite *s, const struct ull *u, struct err *err)
{
	buf_clear(&s->scratch);
	int r = ull_encode(u, &s->scratch);
	return r == -ENOMEM ? sqlite_out_of_memory(err) : r;
}

static int insert_sketch(struct sqlite *s, struct sketch_row *row, struct err *err)
{
	struct sketch_key key;
	memcpy(&key, row->entry.key.data, sizeof key);
	int r = encoded(s, &row->fresh, err);
	if (r == 0)
		r = sqlite_run(
			s, err, "INSERT INTO sketch_day (day, scope_id, kind, key_id, requests, registers) VALUES (?, ?, ?, ?, ?, ?)",
			"iiiiub", key.day, key.scope_id, (int64_t)key.kind, (int64_t)key.key_id, row->requests, buf_span(&s->scratch));
	row->id = sqlite3_last_insert_rowid(s->db);
	return r;
}

static int insert_part(struct sqlite *s, struct sketch_row *row, struct err *err)
{
	int r = encoded(s, &row->fresh, err);
	if (r == 0)
		r = sqlite_run(s, err, "INSERT INTO sketch_part (sketch_id, n, requests, data) VALUES (?, ?, ?, ?)", "idub", row->id,
			       ++row->parts, row->requests, buf_span(&s->scratch));
	return r;
}

/* The registers, the parts and what is fresh become the registers. */
static int fold(struct sqlite *s, struct sketch_row *row, struct err *err)
{
	sqlite3_stmt *stmt;
	int r = sqlite_query(
		s, &stmt, err,
		"SELECT requests, registers FROM sketch_day WHERE id = ?1 UNION ALL SELECT requests, data FROM sketch_part WHERE sketch_id = ?1",
		"i", row->id);
	while (r == 0 && (r = sqlite_next(s, stmt, err)) > 0) {
		add_requests(&row->requests, (uint64_t)sqlite3_column_int64(stmt, 0));
		r = merge_kept(&row->fresh, sqlite_column(stmt, 1), err);
		if (r < 0)
			sqlite_leave(stmt);
	}
	if (r == 0)
		r = encoded(s, &row->fresh, err);
	if (r == 0)
		r = sqlite_run(s, err, "UPDATE sketch_day SET requests = ?, registers = ? WHERE id = ?", "ubi", row->requests,
			       buf_span(&s->scratch), row->id);
	if (r == 0)
		r = sqlite_run(s, err, "DELETE FROM sketch_part WHERE sketch_id = ?", "i", row->id);
	row->parts = 0;
	return r;
}

int sqlite_sketches_write(struct sqlite *s, struct err *err)
{
	struct sketch_row *row;
	int r = 0;
	while (r == 0 && (row = table_next_dirty(&s->sketches))) {
		if (!row->id)
			r = insert_sketch(s, row, err);
		else if (row->parts == PARTS_MAX || row->fresh.registers) /* a dense part costs as much as the whole */
			r = fold(s, row, err);
		else
			r = insert_part(s, row, err);
		row->requests = 0;
		ull_clear(&row->fresh);
	}
	return r;
}

/* ---- reading ---- */

/* Rows of one day come ordered by kind and key; of a total, by kind and key over all days. A row is reported when its day or kind ends. */
struct merging {
	int64_t day;
	int kind;
	int64_t key_id;
	struct ull users;                /* of this key */
	double estimate, relative_error; /* of the largest key so far */
	uint64_t requests, requests_all;
	bool any;
};

static void end_key(struct merging *m)
{
	double estimate = ull_estimate(&m->users);
	if (estimate >= m->estimate) {
		m->estimate = estimate;
		m->relative_error = ull_relative_error(&m->users);
	}
	ull_clear(&m->users);
}

static int report(struct merging *m, bool total, on_store_users each, void *ctx)
{
	if (!m->any)
		return 0;
	end_key(m);
	char day[32] = "total";
	if (!total) {
		int year, month, day_of_month;
		calendar_date_of((calendar_day)m->day, &year, &month, &day_of_month);
		snprintf(day, sizeof day, "%04d-%02d-%02d", year, month, day_of_month);
	}
	struct store_users_row row = {.day = day,
				      .kind = (enum identity_kind)m->kind,
				      .users = m->estimate,
				      .relative_error = m->relative_error,
				      .requests = m->requests,
				      .requests_all = m->requests_all};
	m->any = false;
	m->estimate = m->relative_error = 0;
	m->requests = 0;
	return each(ctx, &row);
}

/* Every request of the service, whatever it carried: a kind's share of them is its coverage. */
static int requests_of(struct sqlite *s, int64_t service_id, int64_t from_day, int64_t to_day, uint64_t *ret, struct err *err)
{
	sqlite3_stmt *stmt;
	int r = sqlite_query(s, &stmt, err,
			     "SELECT sum(h.c0 + h.c1 + h.c2 + h.c3 + h.c4 + h.c5) FROM scope_hour h JOIN scope c ON c.id = h.scope_id"
			     " WHERE c.service_id = ? AND h.hour_ms >= ? AND h.hour_ms < ?",
			     "iii", service_id, from_day * 86400000 - s->day_offset_ms, (to_day + 1) * 86400000 - s->day_offset_ms);
	if (r == 0)
		r = sqlite_next(s, stmt, err);
	if (r <= 0)
		return r;
	*ret = (uint64_t)sqlite3_column_int64(stmt, 0);
	sqlite_leave(stmt);
	return 0;
}

static int merge_row(struct merging *m, sqlite3_stmt *stmt, struct err *err)
{
	int64_t key_id = sqlite3_column_int64(stmt, 2);
	if (m->any && key_id != m->key_id)
		end_key(m);
	m->any = true;
	m->key_id = key_id;
	add_requests(&m->requests, (uint64_t)sqlite3_column_int64(stmt, 3));
	return merge_kept(&m->users, sqlite_column(stmt, 4), err);
}

static int begin_row(struct sqlite *s, struct merging *m, sqlite3_stmt *stmt, int64_t service_id, int64_t to_day, bool total,
		     struct err *err)
{
	bool new_day = m->requests_all == 0 || (!total && m->day != sqlite3_column_int64(stmt, 0));
	m->day = sqlite3_column_int64(stmt, 0);
	m->kind = sqlite3_column_int(stmt, 1);
	return new_day ? requests_of(s, service_id, m->day, total ? to_day : m->day, &m->requests_all, err) : 0;
}

#define KEPT(day, columns, join)                                                                                                           \
	"SELECT " day ", d.kind, d.key_id, " columns " FROM sketch_day d JOIN scope c ON c.id = d.scope_id" join                           \
	" WHERE c.service_id = ?1 AND d.day >= ?2 AND d.day <= ?3"
#define WITH_PARTS " JOIN sketch_part p ON p.sketch_id = d.id"

int sqlite_users(struct store *store, int64_t service_id, int64_t from_day, int64_t to_day, bool total, on_store_users each, void *ctx,
		 struct err *err)
{
	static const char by_day[] = KEPT("d.day", "d.requests, d.registers", "") " UNION ALL " KEPT("d.day", "p.requests, p.data",
												     WITH_PARTS) " ORDER BY 1, 2, 3";
	static const char in_all[] =
		KEPT("?2", "d.requests, d.registers", "") " UNION ALL " KEPT("?2", "p.requests, p.data", WITH_PARTS) " ORDER BY 1, 2, 3";
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *stmt;
	int r = sqlite_query(s, &stmt, err, total ? in_all : by_day, "iii", service_id, from_day, to_day);
	if (r < 0)
		return r;
	struct merging m = {.any = false};
	ull_init(&m.users, ULL_P);
	while ((r = sqlite_next(s, stmt, err)) > 0) {
		r = 0;
		if (m.any && (m.kind != sqlite3_column_int(stmt, 1) || m.day != sqlite3_column_int64(stmt, 0)))
			r = report(&m, total, each, ctx);
		if (r == 0 && !m.any)
			r = begin_row(s, &m, stmt, service_id, to_day, total, err);
		if (r == 0)
			r = merge_row(&m, stmt, err);
		if (r != 0) {
			sqlite_leave(stmt);
			break;
		}
	}
	if (r == 0)
		r = report(&m, total, each, ctx);
	ull_done(&m.users);
	return r;
}
