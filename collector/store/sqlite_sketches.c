/* Distinct users: one sketch a day, scope, identity kind and fleet key; merged while they are in memory, written in their wire form.
 *
 * Sketches of different keys never merge: the same person has another hash under each. After a key was changed a day has a sketch for each key;
 * reported is the larger, because their sum would count everybody twice who came before and after. */
#include <errno.h>
#include <stdio.h>

#include "collector/calendar/calendar.h"
#include "collector/store/sqlite.h"
#include "lib/ull.h"

enum { SKETCHES_MAX = 2048 }; /* of 16 KiB when dense: 32 MiB */

struct sketch_row {
	struct entry entry; /* a struct sketch_key */
	int64_t id;         /* 0: not in the database yet */
	uint64_t requests;
	struct ull users;
};

struct sketch_key {
	int64_t day, scope_id;
	uint32_t kind, key_id;
};

static void forget_sketch(struct entry *e)
{
	ull_done(&((struct sketch_row *)e)->users);
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

static int select_sketch(struct sqlite *s, const struct sketch_key *key, struct sketch_row *row, struct err *err)
{
	sqlite3_stmt *stmt;
	int r = sqlite_query(s, &stmt, err,
			     "SELECT id, requests, registers FROM sketch_day WHERE day = ? AND scope_id = ? AND kind = ? AND key_id = ?",
			     "iiii", key->day, key->scope_id, (int64_t)key->kind, (int64_t)key->key_id);
	if (r == 0)
		r = sqlite_next(s, stmt, err);
	if (r <= 0)
		return r;
	row->id = sqlite3_column_int64(stmt, 0);
	row->requests = (uint64_t)sqlite3_column_int64(stmt, 1);
	r = decode_kept(sqlite_column(stmt, 2), &row->users, err);
	sqlite_leave(stmt);
	return r;
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
		ull_init(&row->users, ULL_P);
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
		r = ull_merge(&row->users, &arrived);
	ull_done(&arrived);
	if (r < 0)
		return r;
	uint64_t room = CELL_REQUESTS_MAX - row->requests;
	row->requests += part->requests < room ? part->requests : room;
	table_touch(&s->sketches, &row->entry);
	return 0;
}

static int write_sketch(struct sqlite *s, struct sketch_row *row, struct err *err)
{
	struct sketch_key key;
	memcpy(&key, row->entry.key.data, sizeof key);
	buf_clear(&s->scratch);
	int r = ull_encode(&row->users, &s->scratch);
	if (r < 0)
		return r;
	if (row->id)
		return sqlite_run(s, err, "UPDATE sketch_day SET requests = ?, registers = ? WHERE id = ?", "ubi", row->requests,
				  buf_span(&s->scratch), row->id);
	r = sqlite_run(s, err, "INSERT INTO sketch_day (day, scope_id, kind, key_id, requests, registers) VALUES (?, ?, ?, ?, ?, ?)",
		       "iiiiub", key.day, key.scope_id, (int64_t)key.kind, (int64_t)key.key_id, row->requests, buf_span(&s->scratch));
	row->id = sqlite3_last_insert_rowid(s->db);
	return r;
}

int sqlite_sketches_write(struct sqlite *s, struct err *err)
{
	struct sketch_row *row;
	int r = 0;
	while (r == 0 && (row = table_next_dirty(&s->sketches)))
		r = write_sketch(s, row, err);
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
	m->requests += (uint64_t)sqlite3_column_int64(stmt, 3);
	struct ull kept;
	int r = decode_kept(sqlite_column(stmt, 4), &kept, err);
	if (r < 0)
		return r;
	r = ull_merge(&m->users, &kept);
	ull_done(&kept);
	return r;
}

static int begin_row(struct sqlite *s, struct merging *m, sqlite3_stmt *stmt, int64_t service_id, int64_t to_day, bool total,
		     struct err *err)
{
	bool new_day = m->requests_all == 0 || (!total && m->day != sqlite3_column_int64(stmt, 0));
	m->day = sqlite3_column_int64(stmt, 0);
	m->kind = sqlite3_column_int(stmt, 1);
	return new_day ? requests_of(s, service_id, m->day, total ? to_day : m->day, &m->requests_all, err) : 0;
}

int sqlite_users(struct store *store, int64_t service_id, int64_t from_day, int64_t to_day, bool total, on_store_users each, void *ctx,
		 struct err *err)
{
	static const char by_day[] =
		"SELECT d.day, d.kind, d.key_id, d.requests, d.registers FROM sketch_day d JOIN scope c ON c.id = d.scope_id"
		" WHERE c.service_id = ? AND d.day >= ? AND d.day <= ? ORDER BY d.day, d.kind, d.key_id";
	static const char in_all[] =
		"SELECT ?2, d.kind, d.key_id, d.requests, d.registers FROM sketch_day d JOIN scope c ON c.id = d.scope_id"
		" WHERE c.service_id = ?1 AND d.day >= ?2 AND d.day <= ?3 ORDER BY d.kind, d.key_id";
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
