/* The SQLite store: its file, its statements and its transactions. What is kept in it is the business of the sqlite_*.c files beside this one.
 *
 * WAL, so that readers never wait for the writer nor the writer for them; synchronous=FULL, because an acknowledged batch must survive a power cut
 * and in WAL mode only FULL syncs the log at every commit. Keys begin with the hour or the day: rows of the present are neighbours on disk, which
 * was measured 6 to 16 times faster than keys that begin with the host. */
#include "collector/store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "collector/store/sqlite_schema.h"

enum {
	BUSY_TIMEOUT_MS = 5000, /* another process holds the file: a backup, an operator's shell */
	SCRATCH_BYTES_MAX = 1 << 20,
};

/* ---- statements ---- */

int sqlite_failed(struct sqlite *s, struct err *err)
{
	int code = s->db ? sqlite3_errcode(s->db) : SQLITE_NOMEM;
	err_set(err, "the database: %s", s->db ? sqlite3_errmsg(s->db) : "out of memory");
	switch (code & 0xff) {
	case SQLITE_FULL: return -ENOSPC;
	case SQLITE_NOMEM: return -ENOMEM;
	case SQLITE_BUSY: return -EBUSY;
	default: return -EIO;
	}
}

static int prepared(struct sqlite *s, const char *sql, sqlite3_stmt **ret, struct err *err)
{
	for (size_t i = 0; i < s->statement_count; i++) {
		if (s->statements[i].sql == sql) {
			*ret = s->statements[i].stmt;
			return 0;
		}
	}
	if (s->statement_count == STATEMENTS_MAX) {
		err_set(err, "the database: more than %d statements", STATEMENTS_MAX);
		return -EMFILE;
	}
	sqlite3_stmt *stmt = NULL;
	if (sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) != SQLITE_OK)
		return sqlite_failed(s, err);
	s->statements[s->statement_count].sql = sql;
	s->statements[s->statement_count++].stmt = stmt;
	*ret = stmt;
	return 0;
}

static int bind_span(sqlite3_stmt *stmt, int n, struct span text, bool blob)
{
	const char *data = text.len ? text.data : "";
	return blob ? sqlite3_bind_blob(stmt, n, data, (int)text.len, SQLITE_STATIC)
		    : sqlite3_bind_text(stmt, n, data, (int)text.len, SQLITE_STATIC);
}

static int bind_one(sqlite3_stmt *stmt, int n, char type, va_list *args)
{
	const char *text;
	switch (type) {
	case 'd': return sqlite3_bind_int(stmt, n, va_arg(*args, int));
	case 'i': return sqlite3_bind_int64(stmt, n, va_arg(*args, int64_t));
	case 'u': return sqlite3_bind_int64(stmt, n, (int64_t)va_arg(*args, uint64_t));
	case 't': text = va_arg(*args, const char *); return sqlite3_bind_text(stmt, n, text ? text : "", -1, SQLITE_STATIC);
	case 'z': return sqlite3_bind_text(stmt, n, va_arg(*args, const char *), -1, SQLITE_STATIC);
	case 's': return bind_span(stmt, n, va_arg(*args, struct span), false);
	case 'b': return bind_span(stmt, n, va_arg(*args, struct span), true);
	default: return SQLITE_MISUSE;
	}
}

static int query(struct sqlite *s, sqlite3_stmt **ret, struct err *err, const char *sql, const char *types, va_list *args)
{
	sqlite3_stmt *stmt = NULL;
	int r = prepared(s, sql, &stmt, err);
	if (r < 0)
		return r;
	for (int i = 0; types[i]; i++) {
		if (bind_one(stmt, i + 1, types[i], args) != SQLITE_OK) {
			r = sqlite_failed(s, err);
			sqlite_leave(stmt);
			return r;
		}
	}
	*ret = stmt;
	return 0;
}

int sqlite_query(struct sqlite *s, sqlite3_stmt **ret, struct err *err, const char *sql, const char *types, ...)
{
	va_list args;
	va_start(args, types);
	int r = query(s, ret, err, sql, types, &args);
	va_end(args);
	return r;
}

int sqlite_next(struct sqlite *s, sqlite3_stmt *stmt, struct err *err)
{
	int code = sqlite3_step(stmt);
	if (code == SQLITE_ROW)
		return 1;
	int r = code == SQLITE_DONE ? 0 : sqlite_failed(s, err);
	sqlite_leave(stmt);
	return r;
}

void sqlite_leave(sqlite3_stmt *stmt)
{
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt); /* they are borrowed */
}

int sqlite_run(struct sqlite *s, struct err *err, const char *sql, const char *types, ...)
{
	sqlite3_stmt *stmt;
	va_list args;
	va_start(args, types);
	int r = query(s, &stmt, err, sql, types, &args);
	va_end(args);
	if (r == 0)
		r = sqlite_next(s, stmt, err);
	if (r > 0)
		sqlite_leave(stmt);
	return r < 0 ? r : 0;
}

struct span sqlite_column(sqlite3_stmt *stmt, int column)
{
	const void *data = sqlite3_column_blob(stmt, column);
	return span_make(data, (size_t)sqlite3_column_bytes(stmt, column));
}

const char *sqlite_text(sqlite3_stmt *stmt, int column)
{
	const char *text = sqlite_text_or_null(stmt, column);
	return text ? text : "";
}

const char *sqlite_text_or_null(sqlite3_stmt *stmt, int column)
{
	return (const char *)sqlite3_column_text(stmt, column);
}

static int one_number(struct sqlite *s, const char *sql, int64_t *ret, struct err *err)
{
	sqlite3_stmt *stmt;
	int r = sqlite_query(s, &stmt, err, sql, "");
	if (r == 0)
		r = sqlite_next(s, stmt, err);
	if (r <= 0)
		return r;
	*ret = sqlite3_column_int64(stmt, 0);
	sqlite_leave(stmt);
	return 1;
}

/* ---- transactions ---- */

int sqlite_begin(struct sqlite *s, struct err *err)
{
	int64_t version = 0;
	int r = sqlite_run(s, err, "BEGIN IMMEDIATE", "");
	if (r == 0)
		r = one_number(s, "PRAGMA data_version", &version, err);
	if (r < 0)
		return sqlite_end(s, r, NULL);
	if (version != s->data_version) /* only other connections' commits change it */
		sqlite_memory_forget(s);
	s->data_version = version;
	return 0;
}

int sqlite_end(struct sqlite *s, int r, struct err *err)
{
	if (r >= 0) {
		int failed = sqlite_memory_write(s, err);
		if (failed == 0)
			failed = sqlite_run(s, err, "COMMIT", "");
		if (failed == 0)
			return r;
		r = failed;
	}
	if (!sqlite3_get_autocommit(s->db)) /* SQLite ends some failed transactions by itself */
		sqlite_run(s, NULL, "ROLLBACK", "");
	sqlite_memory_forget(s);
	return r;
}

/* ---- opening ---- */

static void bit_or_step(sqlite3_context *context, int count, sqlite3_value **values)
{
	(void)count;
	int64_t *set = sqlite3_aggregate_context(context, sizeof *set);
	if (set)
		*set |= sqlite3_value_int64(values[0]);
}

static void bit_or_final(sqlite3_context *context)
{
	const int64_t *set = sqlite3_aggregate_context(context, 0);
	sqlite3_result_int64(context, set ? *set : 0);
}

static int execute(struct sqlite *s, const char *sql, struct err *err)
{
	return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : sqlite_failed(s, err);
}

static int schema_version(struct sqlite *s, int *ret, struct err *err)
{
	int64_t version = 0;
	int r = one_number(s, "PRAGMA user_version", &version, err);
	if (r < 0)
		return r;
	if (version > SQLITE_SCHEMA_VERSION) {
		err_set(err, "its schema is version %d, newer than %d which this program knows; run the newer program", (int)version,
			SQLITE_SCHEMA_VERSION);
		return -EPROTO;
	}
	*ret = (int)version;
	return 0;
}

/* Every version within one transaction: a crash leaves the old one or the new one. */
static int migrate(struct sqlite *s, struct err *err)
{
	int version = 0;
	int r = schema_version(s, &version, err);
	if (r < 0 || version == SQLITE_SCHEMA_VERSION)
		return r;
	r = execute(s, "BEGIN IMMEDIATE", err);
	for (int i = version; r == 0 && i < SQLITE_SCHEMA_VERSION; i++)
		r = execute(s, sqlite_schema[i], err);
	char set_version[64];
	snprintf(set_version, sizeof set_version, "PRAGMA user_version = %d", SQLITE_SCHEMA_VERSION);
	if (r == 0)
		r = execute(s, set_version, err);
	return sqlite_end(s, r, err);
}

/* Days that are counted already cannot be cut at another hour. */
static int check_day_offset(struct sqlite *s, int minutes, struct err *err)
{
	int64_t kept;
	int r = one_number(s, "SELECT value FROM meta WHERE key = 'day_offset_minutes'", &kept, err);
	if (r < 0)
		return r;
	if (r == 0)
		return s->base.read_only
			       ? 0
			       : sqlite_run(s, err, "INSERT INTO meta (key, value) VALUES ('day_offset_minutes', ?)", "d", minutes);
	if (kept == minutes)
		return 0;
	err_set(err, "its days begin %d minutes from UTC and the settings say %d; set day_offset_minutes back, or begin a new database",
		(int)kept, minutes);
	return -EINVAL;
}

static int open_writer(struct sqlite *s, int day_offset_minutes, struct err *err)
{
	int r = sqlite_memory_init(s);
	if (r == 0)
		r = execute(s,
			    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cache_size = -16384;",
			    err);
	if (r == 0)
		r = migrate(s, err);
	if (r == 0)
		r = sqlite_begin(s, err);
	if (r < 0)
		return r;
	r = check_day_offset(s, day_offset_minutes, err);
	if (r == 0)
		r = sqlite_services_sync(s, err);
	if (r == 0) /* nobody is connected to a collector that just started */
		r = sqlite_run(s, err, "UPDATE agent SET connected = 0 WHERE connected", "");
	return sqlite_end(s, r, err);
}

static int open_reader(struct sqlite *s, int day_offset_minutes, struct err *err)
{
	int version = 0;
	int r = schema_version(s, &version, err);
	if (r == 0 && version < SQLITE_SCHEMA_VERSION) {
		err_set(err, "the collector has not made its tables yet");
		r = -ENOENT;
	}
	return r < 0 ? r : check_day_offset(s, day_offset_minutes, err);
}

static void close_store(struct store *store)
{
	struct sqlite *s = sqlite_of(store);
	for (size_t i = 0; i < s->statement_count; i++)
		sqlite3_finalize(s->statements[i].stmt);
	sqlite_memory_done(s);
	buf_done(&s->scratch);
	sqlite3_close(s->db);
	free(s);
}

static const struct store_ops sqlite_ops = {
	.close = close_store,
	.merge = sqlite_merge,
	.hello = sqlite_hello,
	.goodbye = sqlite_goodbye,
	.each_service = sqlite_each_service,
	.each_endpoint = sqlite_each_endpoint,
	.users = sqlite_users,
	.each_hour = sqlite_each_hour,
	.each_agent = sqlite_each_agent,
	.each_ledger = sqlite_each_ledger,
	.add_assessment = sqlite_add_assessment,
	.add_notice = sqlite_add_notice,
	.each_notice = sqlite_each_notice,
	.raise = sqlite_raise,
	.close_trigger = sqlite_close_trigger,
	.each_trigger = sqlite_each_trigger,
};

/* SQLite would make the file readable for all; -wal and -shm take over its mode. */
static int make_file(const char *path, struct err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0) {
		int r = -errno;
		err_at(err, path, 0, "cannot be opened: %s", strerror(-r));
		return r;
	}
	close(fd);
	return 0;
}

int sqlite_store_open(const struct store_options *options, struct store **ret, struct err *err)
{
	struct err why = {0};
	int r = options->read_only ? 0 : make_file(options->path, err);
	if (r < 0)
		return r;
	struct sqlite *s = calloc(1, sizeof *s);
	if (!s)
		return sqlite_out_of_memory(err);
	s->base = (struct store){.ops = &sqlite_ops, .read_only = options->read_only};
	s->services = options->services;
	s->day_offset_ms = options->day_offset_minutes * 60000LL;
	buf_init(&s->scratch, SCRATCH_BYTES_MAX);
	int flags = (options->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	if (sqlite3_open_v2(options->path, &s->db, flags, NULL) != SQLITE_OK || sqlite3_busy_timeout(s->db, BUSY_TIMEOUT_MS) != SQLITE_OK ||
	    sqlite3_create_function(s->db, "bit_or", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, NULL, bit_or_step, bit_or_final) !=
		    SQLITE_OK)
		r = sqlite_failed(s, &why);
	else
		r = options->read_only ? open_reader(s, options->day_offset_minutes, &why)
				       : open_writer(s, options->day_offset_minutes, &why);
	if (r < 0) {
		err_at(err, options->path, 0, "%s", why.text);
		close_store(&s->base);
		return r;
	}
	*ret = &s->base;
	return 0;
}
