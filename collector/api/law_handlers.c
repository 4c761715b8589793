/* What the law asks about: triggers with their clocks, notices, assessments on file, deadlines. Writes go to the collector's one writer. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/api/entries.h"
#include "collector/api/rfc3339.h"
#include "collector/api/routes.h"
#include "collector/api/view.h"

/* ---- triggers ---- */

struct trigger_rows {
	json_t *list;
	int64_t now_ms;
};

static int on_trigger(void *ctx, const struct store_trigger *t)
{
	struct trigger_rows *rows = ctx;
	return json_array_append_new(rows->list, view_trigger(t, rows->now_ms)) < 0 ? -ENOMEM : json_array_size(rows->list) >= ROWS_MAX;
}

/* Newest detection first, whatever order the store keeps. RFC 3339 in UTC sorts as text. */
static int compare_triggers(const void *a, const void *b)
{
	const json_t *one = *(json_t *const *)a, *two = *(json_t *const *)b;
	const char *time_one = json_string_value(json_object_get(one, "detected_at"));
	const char *time_two = json_string_value(json_object_get(two, "detected_at"));
	int order = strcmp(time_two ? time_two : "", time_one ? time_one : "");
	json_int_t id_one = json_integer_value(json_object_get(one, "id")), id_two = json_integer_value(json_object_get(two, "id"));
	return order ? order : (id_two > id_one) - (id_two < id_one);
}

void get_triggers(struct request *rq, struct reply *reply)
{
	struct err err = {0};
	bool open_only = false;
	if (!query_flag(rq, "open", &open_only, reply))
		return;
	struct trigger_rows rows = {.list = json_array(), .now_ms = rq->now_ms};
	int r = store_each_trigger(request_store(rq), open_only, on_trigger, &rows, &err);
	if (r < 0) {
		json_decref(rows.list);
		reply_store_failed(reply, &err);
		return;
	}
	reply_json(reply, 200,
		   json_pack("{s:o, s:o}", "as_of", view_time(rq->now_ms), "triggers", view_sorted(rows.list, compare_triggers)));
}

/* ---- writing ---- */

/* Runs `write` on the writer's thread. Replies when that failed. */
static bool run_write(struct request *rq, api_write_fn write, void *ctx, struct reply *reply)
{
	struct err err = {0};
	int r = rq->env->options.run_write(rq->env->options.ctx, write, ctx, &err);
	if (r < 0)
		reply_store_failed(reply, &err);
	return r >= 0;
}

struct notice_write {
	struct store_notice notice;
	int64_t now_ms;
};

static int write_notice(void *ctx, struct store *writer, struct err *err)
{
	struct notice_write *w = ctx;
	return store_add_notice(writer, &w->notice, w->now_ms, &w->notice.id, err);
}

static void add_notice(struct request *rq, const struct notice_entry *entry, struct reply *reply)
{
	struct store_service_row service;
	if (!find_service(rq, entry->service, "/service", &service, reply))
		return;
	struct notice_write w = {
		.notice = {.service_id = service.id,
			   .authority = entry->authority,
			   .level = entry->level,
			   .reference = entry->reference,
			   .received_ms = entry->received_ms,
			   .due_on = entry->due_on,
			   .note = entry->note,
			   .actor = actor_name(rq->actor)},
		.now_ms = rq->now_ms,
	};
	if (run_write(rq, write_notice, &w, reply))
		reply_json(reply, 201, view_notice(&w.notice, service.name));
}

void post_notice(struct request *rq, struct reply *reply)
{
	struct fault fault;
	struct notice_entry entry;
	json_t *json = NULL;
	if (entry_parse(rq->body, &json, &fault) < 0 || notice_read(json, rq->now_ms, &entry, &fault) < 0)
		reply_problem(reply, 400, fault.place, fault.remedy, "%s", fault.text);
	else
		add_notice(rq, &entry, reply);
	json_decref(json);
}

struct assessment_write {
	struct store_assessment assessment;
	int64_t now_ms;
};

static int write_assessment(void *ctx, struct store *writer, struct err *err)
{
	struct assessment_write *w = ctx;
	return store_add_assessment(writer, &w->assessment, w->now_ms, &w->assessment.id, err);
}

static void add_assessment(struct request *rq, const struct assessment_entry *entry, struct reply *reply)
{
	struct store_service_row service;
	if (!find_service(rq, entry->service, "/service", &service, reply))
		return;
	struct assessment_write w = {
		.assessment = {.service_id = service.id,
			       .functions = entry->functions,
			       .filed_on = entry->filed_on,
			       .receipt = entry->receipt,
			       .note = entry->note,
			       .actor = actor_name(rq->actor)},
		.now_ms = rq->now_ms,
	};
	if (run_write(rq, write_assessment, &w, reply))
		reply_json(reply, 201, view_assessment(&w.assessment, service.name));
}

void post_assessment(struct request *rq, struct reply *reply)
{
	struct fault fault;
	struct assessment_entry entry;
	json_t *json = NULL;
	if (entry_parse(rq->body, &json, &fault) < 0 || assessment_read(json, rq->now_ms, &entry, &fault) < 0)
		reply_problem(reply, 400, fault.place, fault.remedy, "%s", fault.text);
	else
		add_assessment(rq, &entry, reply);
	json_decref(json);
}

/* ---- notices ---- */

/* A notice knows its service by number only. */
static const char *id_text(int64_t id, char out[24])
{
	snprintf(out, 24, "%lld", (long long)id);
	return out;
}

static int on_service_name(void *ctx, const struct store_service_row *row)
{
	json_t *names = ctx;
	char id[24];
	json_object_set_new(names, id_text(row->id, id), view_text(row->name));
	return json_object_size(names) >= ROWS_MAX;
}

struct notice_rows {
	json_t *list;
	json_t *names;
};

static int on_notice(void *ctx, const struct store_notice *n)
{
	struct notice_rows *rows = ctx;
	char id[24];
	const char *service = json_string_value(json_object_get(rows->names, id_text(n->service_id, id)));
	json_array_append_new(rows->list, view_notice(n, service ? service : ""));
	return json_array_size(rows->list) >= ROWS_MAX;
}

void get_notices(struct request *rq, struct reply *reply)
{
	struct err err = {0};
	struct store_service_row service = {0};
	const char *name = target_value(&rq->target, "service");
	if (name && !find_service(rq, name, "?service", &service, reply))
		return;
	struct notice_rows rows = {.list = json_array(), .names = json_object()};
	int r = store_each_service(request_store(rq), on_service_name, rows.names, &err);
	if (r >= 0)
		r = store_each_notice(request_store(rq), service.id, on_notice, &rows, &err);
	if (r < 0)
		reply_store_failed(reply, &err);
	else
		reply_json(reply, 200, json_pack("{s:O}", "notices", rows.list));
	json_decref(rows.names);
	json_decref(rows.list);
}

/* ---- deadlines ---- */

void get_deadline(struct request *rq, struct reply *reply)
{
	int working_days = 30;
	int64_t occurred_ms = 0;
	if (!target_value(&rq->target, "occurred")) {
		reply_problem(reply, 400, "?occurred", "add ?occurred=2026-01-29", "occurred is missing");
		return;
	}
	if (!query_moment(rq, "occurred", &occurred_ms, reply) || !query_number(rq, "working_days", 1, 250, &working_days, reply))
		return;
	struct deadline d = calendar_deadline(occurred_ms, working_days);
	reply_json(reply, 200,
		   json_pack("{s:o, s:i, s:o, s:o, s:b}", "occurred_on", view_date(occurred_ms), "working_days", working_days, "due_on",
			     view_date(d.end_ms - 1), "due_at", view_time(d.end_ms), "provisional", (int)d.provisional));
}
