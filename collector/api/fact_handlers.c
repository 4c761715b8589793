/* What was measured: services with their users and hours, endpoints, agents and their ledgers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/api/entries.h"
#include "collector/api/latest.h"
#include "collector/api/rfc3339.h"
#include "collector/api/routes.h"
#include "collector/api/view.h"

enum { DAY_MS = 24 * 3600 * 1000, HOUR_MS = 3600 * 1000, LATEST_DAYS = 31, HOURS_DEFAULT_DAYS = 7, HOURS_MAX_DAYS = 400 };

/* A list that grows to its ceiling; `dropped` tells that there were more. */
struct rows {
	json_t *list;
	size_t max;
	bool dropped;
};

static int add_row(struct rows *rows, json_t *row)
{
	if (json_array_size(rows->list) < rows->max)
		return json_array_append_new(rows->list, row) < 0 ? -1 : 0;
	json_decref(row);
	rows->dropped = true;
	return 1;
}

/* ---- services ---- */

struct service_key {
	int64_t id, last_seen_ms;
};

struct service_rows {
	struct rows rows;
	struct service_key keys[ROWS_MAX];
};

static json_t *view_assessed(const struct store_service_row *row)
{
	if (!row->assessment_on_file)
		return json_null();
	const char *filed_on = row->assessed_on && *row->assessed_on ? row->assessed_on : NULL;
	return json_pack("{s:o, s:o}", "filed_on", view_text(filed_on), "functions", view_functions(row->assessed));
}

static json_t *view_service(const struct store_service_row *row)
{
	function_set assessed = row->assessment_on_file ? row->assessed : 0;
	return json_pack("{s:o, s:o, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:n}", "name", view_text(row->name), "title",
			 view_text(row->title && *row->title ? row->title : NULL), "declared", (int)row->declared, "news", (int)row->news,
			 "functions", view_functions(row->functions), "unassessed", view_function_codes(row->functions & ~assessed),
			 "assessment", view_assessed(row), "first_seen", view_time(row->first_seen_ms), "last_seen",
			 view_time(row->last_seen_ms), "endpoints", (json_int_t)row->endpoints, "requests_24h",
			 (json_int_t)row->requests_24h, "users");
}

static int on_service(void *ctx, const struct store_service_row *row)
{
	struct service_rows *s = ctx;
	int r = add_row(&s->rows, view_service(row));
	if (r == 0)
		s->keys[json_array_size(s->rows.list) - 1] = (struct service_key){row->id, row->last_seen_ms};
	return r;
}

static int on_latest(void *ctx, const struct store_users_row *row)
{
	latest_add(ctx, row);
	return 0;
}

static json_t *view_latest(const struct latest *latest)
{
	bool sufficient;
	const struct store_users_row *row = latest_choose(latest, &sufficient);
	if (!row)
		return json_null();
	json_t *coverage = view_share(row->requests, row->requests_all);
	if (json_is_null(coverage))
		coverage = json_real(0);
	return json_pack("{s:o, s:s, s:f, s:f, s:o, s:b}", "day", view_text(latest->day), "kind", view_kind_name(row->kind), "users",
			 row->users, "relative_error", row->relative_error, "coverage", coverage, "sufficient", (int)sufficient);
}

/* The users of the month before the service was last seen are enough to find its latest day. */
static int add_users(struct request *rq, json_t *service, const struct service_key *key, struct err *err)
{
	char from[DATE_CAP];
	struct latest latest = {0};
	int64_t local_ms = key->last_seen_ms + rq->env->options.day_offset_minutes * INT64_C(60000);
	date_format((calendar_day)(local_ms / DAY_MS) - LATEST_DAYS, from);
	int r = store_each_users(request_store(rq), key->id, from, "", on_latest, &latest, err);
	if (r == 0)
		json_object_set_new(service, "users", view_latest(&latest));
	return r;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(json_string_value(json_object_get(*(json_t *const *)a, "name")),
		      json_string_value(json_object_get(*(json_t *const *)b, "name")));
}

void get_services(struct request *rq, struct reply *reply)
{
	struct err err = {0};
	struct service_rows *s = malloc(sizeof *s);
	if (!s) {
		reply_json(reply, 200, NULL);
		return;
	}
	s->rows = (struct rows){.list = json_array(), .max = ROWS_MAX};
	int r = store_each_service(request_store(rq), on_service, s, &err);
	for (size_t i = 0; r >= 0 && i < json_array_size(s->rows.list); i++)
		r = add_users(rq, json_array_get(s->rows.list, i), &s->keys[i], &err);
	if (r < 0) {
		json_decref(s->rows.list);
		reply_store_failed(reply, &err);
	} else {
		reply_json(reply, 200,
			   json_pack("{s:o, s:o}", "as_of", view_time(rq->now_ms), "services", view_sorted(s->rows.list, compare_names)));
	}
	free(s);
}

/* ---- users ---- */

struct users_rows {
	struct rows rows;
	struct latest latest;
};

static int on_users(void *ctx, const struct store_users_row *row)
{
	struct users_rows *u = ctx;
	latest_add(&u->latest, row);
	return add_row(&u->rows, view_users(row));
}

static bool query_date(const struct request *rq, const char *key, const char **ret, struct reply *reply)
{
	const char *value = target_value(&rq->target, key);
	char place[40];
	calendar_day day;
	if (!value || date_parse(span_str(value), &day) == 0) {
		*ret = value ? value : "";
		return true;
	}
	snprintf(place, sizeof place, "?%s", key);
	reply_problem(reply, 400, place, "give a date as YYYY-MM-DD", "%s is \"%.64s\"", key, value);
	return false;
}

static void reply_users(struct request *rq, const struct store_service_row *service, const char *from, const char *to, bool total,
			struct reply *reply)
{
	struct err err = {0};
	struct users_rows days = {.rows = {.list = json_array(), .max = ROWS_MAX}}, all = {.rows = {.list = json_array(), .max = ROWS_MAX}};
	int r = store_each_users(request_store(rq), service->id, from, to, on_users, &days, &err);
	if (r >= 0 && total)
		r = store_users_total(request_store(rq), service->id, from, to, on_users, &all, &err);
	if (r < 0) {
		json_decref(days.rows.list);
		json_decref(all.rows.list);
		reply_store_failed(reply, &err);
		return;
	}
	bool sufficient;
	const struct store_users_row *shown = latest_choose(&days.latest, &sufficient);
	json_t *json = json_pack("{s:o, s:s?, s:o}", "service", view_text(service->name), "kind",
				 shown ? view_kind_name(shown->kind) : NULL, "users", days.rows.list);
	if (total)
		json_object_set(json, "total", all.rows.list);
	json_decref(all.rows.list);
	reply_json(reply, 200, json);
}

void get_users(struct request *rq, struct reply *reply)
{
	const char *from, *to;
	bool total = false;
	struct store_service_row service;
	if (!query_date(rq, "from", &from, reply) || !query_date(rq, "to", &to, reply) || !query_flag(rq, "total", &total, reply))
		return;
	if (*from && *to && strcmp(from, to) > 0) {
		reply_problem(reply, 400, "?to", "swap them", "to is before from");
		return;
	}
	if (find_service(rq, rq->parameter, NULL, &service, reply))
		reply_users(rq, &service, from, to, total, reply);
}

/* ---- hours ---- */

static int on_hour(void *ctx, const struct store_hour_row *row)
{
	return add_row(ctx, view_hour(row));
}

void get_hours(struct request *rq, struct reply *reply)
{
	struct err err = {0};
	struct store_service_row service;
	if (!find_service(rq, rq->parameter, NULL, &service, reply))
		return;
	int64_t to_ms = (service.last_seen_ms / HOUR_MS + 1) * HOUR_MS;
	if (!query_moment(rq, "to", &to_ms, reply))
		return;
	int64_t from_ms = to_ms - (int64_t)HOURS_DEFAULT_DAYS * DAY_MS;
	if (!query_moment(rq, "from", &from_ms, reply))
		return;
	if (from_ms > to_ms || to_ms - from_ms > (int64_t)HOURS_MAX_DAYS * DAY_MS) {
		reply_problem(reply, 400, "?from", "ask for a part", "from is after to, or more than %d days before it", HOURS_MAX_DAYS);
		return;
	}
	struct rows rows = {.list = json_array(), .max = ROWS_MAX};
	int r = store_each_hour(request_store(rq), service.id, from_ms, to_ms, on_hour, &rows, &err);
	if (r < 0) {
		json_decref(rows.list);
		reply_store_failed(reply, &err);
		return;
	}
	reply_json(reply, 200,
		   json_pack("{s:o, s:o, s:o, s:o}", "service", view_text(service.name), "from", view_time(from_ms), "to", view_time(to_ms),
			     "hours", rows.list));
}

/* ---- endpoints ---- */

static int on_endpoint(void *ctx, const struct store_endpoint_row *row)
{
	return add_row(ctx, view_endpoint(row));
}

void get_endpoints(struct request *rq, struct reply *reply)
{
	struct err err = {0};
	struct store_service_row service;
	struct store_endpoint_filter filter = {0};
	int limit = 1000;
	const char *name = target_value(&rq->target, "service");
	const char *functions = target_value(&rq->target, "function");
	if (!query_number(rq, "limit", 1, ROWS_MAX, &limit, reply))
		return;
	if (functions && !(filter.functions = functions_read(span_str(functions)))) {
		reply_problem(reply, 400, "?function", "the classes of Article 2 are F01 to F11; several as F01,F09",
			      "function is \"%.64s\"", functions);
		return;
	}
	if (name && !find_service(rq, name, "?service", &service, reply))
		return;
	filter.service_id = name ? service.id : 0;
	filter.limit = (size_t)limit + 1; /* one more, to know whether there are more */
	struct rows rows = {.list = json_array(), .max = (size_t)limit};
	int r = store_each_endpoint(request_store(rq), &filter, on_endpoint, &rows, &err);
	if (r < 0) {
		json_decref(rows.list);
		reply_store_failed(reply, &err);
		return;
	}
	reply_json(reply, 200, json_pack("{s:o, s:b}", "endpoints", rows.list, "truncated", (int)rows.dropped));
}

/* ---- agents ---- */

static int on_agent(void *ctx, const struct store_agent_row *row)
{
	return add_row(ctx, view_agent(row));
}

void get_agents(struct request *rq, struct reply *reply)
{
	struct err err = {0};
	struct rows rows = {.list = json_array(), .max = ROWS_MAX};
	int r = store_each_agent(request_store(rq), on_agent, &rows, &err);
	if (r < 0) {
		json_decref(rows.list);
		reply_store_failed(reply, &err);
		return;
	}
	reply_json(reply, 200, json_pack("{s:o, s:o}", "as_of", view_time(rq->now_ms), "agents", rows.list));
}

static int on_agent_searched(void *ctx, const struct store_agent_row *row)
{
	return strcmp(row->agent, ctx) == 0;
}

static int on_ledger(void *ctx, const struct ledger *row)
{
	return add_row(ctx, view_ledger_source(row));
}

void get_ledger(struct request *rq, struct reply *reply)
{
	struct err err = {0};
	struct rows rows = {.list = json_array(), .max = ROWS_MAX};
	int found = store_each_agent(request_store(rq), on_agent_searched, (void *)rq->parameter, &err);
	int r = found < 0 ? found : store_each_ledger(request_store(rq), span_str(rq->parameter), on_ledger, &rows, &err);
	if (r < 0)
		reply_store_failed(reply, &err);
	else if (found == 0)
		reply_problem(reply, 404, NULL, "GET /api/v1/agents lists them (tocsinctl agents)", "there is no agent \"%.128s\"",
			      rq->parameter);
	else
		reply_json(reply, 200, json_pack("{s:o, s:O}", "agent", view_text(rq->parameter), "ledger", rows.list));
	json_decref(rows.list);
}
