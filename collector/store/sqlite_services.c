/* Which scope belongs to which service, as the settings say today: decided when a scope is met, and for all of them whenever the writer opens.
 *
 * The settings can change between two starts, and so can the classifier. Facts hang on scopes and endpoints, never on services, so a scope that
 * changes hands takes its whole history with it. */
#include "collector/services/functions.h"
#include "collector/store/sqlite.h"

int sqlite_service_id(struct sqlite *s, struct span name, int64_t *ret_id, struct err *err)
{
	sqlite3_stmt *stmt;
	int r = sqlite_query(s, &stmt, err, "SELECT id FROM service WHERE name = ?", "s", name);
	if (r == 0)
		r = sqlite_next(s, stmt, err);
	if (r < 0)
		return r;
	if (r > 0) {
		*ret_id = sqlite3_column_int64(stmt, 0);
		sqlite_leave(stmt);
		return 0;
	}
	r = sqlite_run(s, err, "INSERT INTO service (name) VALUES (?)", "s", name);
	*ret_id = sqlite3_last_insert_rowid(s->db);
	return r;
}

static int keep_declarations(struct sqlite *s, struct err *err)
{
	int r = sqlite_run(s, err,
			   "UPDATE service SET declared = 0, title = NULL, news = 0, assessed = 0, assessed_on = NULL WHERE declared", "");
	const struct service_declaration *d;
	for (size_t i = 0; r == 0 && (d = services_at(s->services, i)); i++) {
		int64_t id;
		r = sqlite_service_id(s, span_str(d->name), &id, err);
		if (r == 0)
			r = sqlite_run(s, err,
				       "UPDATE service SET declared = 1, title = ?, news = ?, assessed = ?, assessed_on = ? WHERE id = ?",
				       "zdizi", d->title, (int)d->news, (int64_t)(d->assessed_on ? d->assessed : 0), d->assessed_on, id);
	}
	return r;
}

static int assign_scopes(struct sqlite *s, struct err *err)
{
	sqlite3_stmt *stmt;
	int r = sqlite_query(s, &stmt, err, "SELECT id, service_id, kind, workload, host FROM scope", "");
	while (r == 0 && (r = sqlite_next(s, stmt, err)) > 0) {
		int64_t service_id, was = sqlite3_column_int64(stmt, 1);
		struct span name = services_of(s->services, (enum workload_kind)sqlite3_column_int(stmt, 2), sqlite_column(stmt, 3),
					       sqlite_column(stmt, 4));
		r = sqlite_service_id(s, name, &service_id, err);
		if (r == 0 && service_id != was)
			r = sqlite_run(s, err, "UPDATE scope SET service_id = ? WHERE id = ?", "ii", service_id,
				       sqlite3_column_int64(stmt, 0));
		if (r < 0)
			sqlite_leave(stmt);
	}
	return r;
}

static int classify_endpoints(struct sqlite *s, struct err *err)
{
	sqlite3_stmt *stmt;
	int r = sqlite_query(s, &stmt, err, "SELECT id, method, template, takes_input, content, functions FROM endpoint", "");
	while (r == 0 && (r = sqlite_next(s, stmt, err)) > 0) {
		function_set set = functions_of(sqlite_column(stmt, 1), sqlite_column(stmt, 2), sqlite3_column_int(stmt, 3) != 0,
						sqlite_column(stmt, 4));
		r = 0;
		if (set != (function_set)sqlite3_column_int64(stmt, 5))
			r = sqlite_run(s, err, "UPDATE endpoint SET functions = ? WHERE id = ?", "ii", (int64_t)set,
				       sqlite3_column_int64(stmt, 0));
		if (r < 0)
			sqlite_leave(stmt);
	}
	return r;
}

static int classified_by(struct sqlite *s, int64_t *ret_version, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	int r = sqlite_query(s, &stmt, err, "SELECT value FROM meta WHERE key = 'functions_version'", "");
	if (r == 0)
		r = sqlite_next(s, stmt, err);
	if (r <= 0)
		return r;
	*ret_version = sqlite3_column_int64(stmt, 0);
	sqlite_leave(stmt);
	return 0;
}

/* Reads whole tables while changing them, which SQLite allows as long as the rows' own keys stand still: they do. */
int sqlite_services_sync(struct sqlite *s, struct err *err)
{
	int64_t version = 0;
	int r = keep_declarations(s, err);
	if (r == 0)
		r = assign_scopes(s, err);
	if (r == 0)
		r = classified_by(s, &version, err);
	if (r < 0 || version == FUNCTIONS_VERSION)
		return r;
	r = classify_endpoints(s, err);
	if (r == 0)
		r = sqlite_run(s, err, "INSERT OR REPLACE INTO meta (key, value) VALUES ('functions_version', ?)", "d",
			       (int)FUNCTIONS_VERSION);
	return r;
}
