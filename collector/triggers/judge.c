/* The one place where facts, rules and store meet. Rows are copied into an arena first, because a store's row lives only inside its callback and
 * the rules want to see all of a service at once. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "collector/triggers/triggers.h"
#include "lib/arena.h"

enum {
	ARENA_BYTES_MAX = 32 << 20,
	SERVICES_MAX = 4096,
	ENDPOINTS_MAX = 20000, /* with a function class, of one service */
	NOTICES_MAX = 1000,
	OPEN_TRIGGERS_MAX = 4096,
	VERDICTS_MAX = 16384, /* raised in one run, or raised again */
};

#define ALL_CLASSES ((function_set)((1 << FUNCTION_CLASSES) - 1))

/* A growing array of rows in the arena: the arena never moves what it gave, so growing copies. */
struct rows {
	struct arena *arena;
	void *items;
	size_t count, cap, max, size;
	bool spent; /* a text of the last row found no room */
};

static void *rows_next(struct rows *r)
{
	if (r->count == r->max)
		return NULL;
	if (r->count == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 16;
		void *grown = arena_array(r->arena, cap, r->size);
		if (!grown)
			return NULL;
		if (r->count > 0)
			memcpy(grown, r->items, r->count * r->size);
		r->items = grown;
		r->cap = cap;
	}
	return (char *)r->items + r->count++ * r->size;
}

/* A copy of `text`. When the arena is spent it is noted, and whoever keeps a row says so at its end: a verdict on half a row would be a wrong one. */
static const char *keep(struct rows *rows, const char *text)
{
	size_t size = text ? strlen(text) + 1 : 0;
	char *copy = text ? arena_take(rows->arena, size) : NULL;
	if (copy)
		memcpy(copy, text, size);
	else if (text)
		rows->spent = true;
	return copy;
}

static int kept(const struct rows *rows)
{
	return rows->spent ? -ENOMEM : 0;
}

static int keep_service(void *ctx, const struct store_service_row *row)
{
	struct rows *rows = ctx;
	struct store_service_row *to = rows_next(rows);
	if (!to)
		return -ENOMEM;
	*to = *row;
	to->name = keep(rows, row->name);
	to->title = keep(rows, row->title);
	to->assessed_on = keep(rows, row->assessed_on);
	return kept(rows);
}

static int keep_endpoint(void *ctx, const struct store_endpoint_row *row)
{
	struct rows *rows = ctx;
	struct store_endpoint_row *to = rows_next(rows);
	if (!to)
		return -ENOMEM;
	*to = *row;
	to->service = keep(rows, row->service);
	to->workload = keep(rows, row->workload);
	to->host = keep(rows, row->host);
	to->method = keep(rows, row->method);
	to->template = keep(rows, row->template);
	to->content = keep(rows, row->content);
	return kept(rows);
}

static int keep_notice(void *ctx, const struct store_notice *row)
{
	struct rows *rows = ctx;
	struct store_notice *to = rows_next(rows);
	if (!to)
		return -ENOMEM;
	*to = *row;
	to->authority = keep(rows, row->authority);
	to->level = keep(rows, row->level);
	to->reference = keep(rows, row->reference);
	to->due_on = keep(rows, row->due_on);
	to->note = keep(rows, row->note);
	to->actor = keep(rows, row->actor);
	return kept(rows);
}

static int keep_trigger(void *ctx, const struct store_trigger *row)
{
	struct rows *rows = ctx;
	struct store_trigger *to = rows_next(rows);
	if (!to)
		return -ENOMEM;
	*to = *row;
	to->key = keep(rows, row->key);
	to->clause = keep(rows, row->clause);
	to->service = keep(rows, row->service);
	to->reason = keep(rows, row->reason);
	to->reason_zh = keep(rows, row->reason_zh);
	to->evidence = keep(rows, row->evidence);
	to->closed_why = keep(rows, row->closed_why);
	return kept(rows);
}

/* What was raised, or raised again, in this run. */
struct verdict {
	int64_t id, service_id;
	function_set functions;
};

struct judging {
	struct store *store;
	struct rows verdicts;
	on_trigger_change changed;
	void *ctx;
	struct err *err;
	int failed;
};

static void on_raise(void *ctx, const struct store_trigger *verdict)
{
	struct judging *j = ctx;
	struct store_trigger raised = *verdict;
	bool is_new = false;
	if (j->failed)
		return;
	j->failed = store_raise(j->store, verdict, &raised.id, &is_new, j->err);
	if (j->failed == 0 && is_new)
		j->changed(j->ctx, &raised, true);
	struct verdict *kept_verdict = j->failed == 0 ? rows_next(&j->verdicts) : NULL;
	if (kept_verdict)
		*kept_verdict = (struct verdict){.id = raised.id, .service_id = verdict->service_id, .functions = verdict->functions};
	else if (j->failed == 0)
		j->failed = -ENOMEM;
}

static int judge_service(struct judging *j, const struct store_service_row *service, struct arena *arena, int64_t now_ms)
{
	struct rows endpoints = {.arena = arena, .max = ENDPOINTS_MAX, .size = sizeof(struct store_endpoint_row)};
	struct rows notices = {.arena = arena, .max = NOTICES_MAX, .size = sizeof(struct store_notice)};
	struct store_endpoint_filter filter = {
		.service_id = service->id, .functions = ALL_CLASSES, .good_only = true, .limit = ENDPOINTS_MAX};
	int r = store_each_endpoint(j->store, &filter, keep_endpoint, &endpoints, j->err);
	if (r == 0)
		r = store_each_notice(j->store, service->id, keep_notice, &notices, j->err);
	if (r < 0)
		return r;
	struct facts facts = {.service = service,
			      .endpoints = endpoints.items,
			      .endpoint_count = endpoints.count,
			      .notices = notices.items,
			      .notice_count = notices.count,
			      .now_ms = now_ms};
	for (size_t i = 0; clause_at(i) && j->failed == 0; i++)
		clause_at(i)->judge(&facts, on_raise, j);
	return j->failed;
}

static bool is_raised(const struct judging *j, const struct store_trigger *t, function_set *ret_of_service)
{
	const struct verdict *all = j->verdicts.items;
	*ret_of_service = 0;
	for (size_t i = 0; i < j->verdicts.count; i++) {
		if (all[i].id == t->id)
			return true;
		if (all[i].service_id == t->service_id)
			*ret_of_service |= all[i].functions;
	}
	return false;
}

/* Why an open 3(1) trigger is answered; NULL while it is not. An assessment that covers a part of a launch leaves the other classes raised one by one, and
 * older history can show that what looked added came with the launch: the old trigger would say the same fact twice, and in words that are no longer true. */
static const char *answer_to(const struct judging *j, const struct store_trigger *t, const struct store_service_row *s)
{
	function_set assessed = s->assessment_on_file ? s->assessed : 0, raised;
	if (s->news)
		return "the service is declared as Internet news information, which has its own regulation (Art. 16)";
	if (is_raised(j, t, &raised))
		return NULL;
	if ((t->functions & ~assessed) == 0)
		return "an assessment on file covers it";
	return (t->functions & ~(assessed | raised)) == 0 ? "its functions are raised by other triggers of this service" : NULL;
}

static int close_one(struct judging *j, struct store_trigger *t, const struct store_service_row *s, int64_t now_ms)
{
	const char *why = answer_to(j, t, s);
	int r = why ? store_close_trigger(j->store, t->id, TRIGGER_CLOSED, now_ms, why, j->err) : 0;
	if (why && r == 0) {
		t->state = TRIGGER_CLOSED;
		t->closed_ms = now_ms;
		t->closed_why = why;
		j->changed(j->ctx, t, false);
	}
	return r;
}

static int close_answered(struct judging *j, const struct rows *services, struct arena *arena, int64_t now_ms)
{
	struct rows open = {.arena = arena, .max = OPEN_TRIGGERS_MAX, .size = sizeof(struct store_trigger)};
	const struct store_service_row *all = services->items;
	int r = store_each_trigger(j->store, true, keep_trigger, &open, j->err);
	for (size_t i = 0; r == 0 && i < open.count; i++) {
		struct store_trigger *t = &((struct store_trigger *)open.items)[i];
		for (size_t k = 0; r == 0 && strcmp(t->clause, "3(1)") == 0 && k < services->count; k++)
			if (all[k].id == t->service_id)
				r = close_one(j, t, &all[k], now_ms);
	}
	return r;
}

int judge_run(struct store *s, int64_t now_ms, on_trigger_change changed, void *ctx, struct err *err)
{
	struct judging j = {.store = s, .changed = changed, .ctx = ctx, .err = err};
	struct arena arena, per_service;
	const char *too_large = NULL; /* a service that does not fit: the others are judged all the same */
	arena_init(&arena, ARENA_BYTES_MAX);
	j.verdicts = (struct rows){.arena = &arena, .max = VERDICTS_MAX, .size = sizeof(struct verdict)};
	struct rows services = {.arena = &arena, .max = SERVICES_MAX, .size = sizeof(struct store_service_row)};
	int r = store_each_service(s, keep_service, &services, err);
	for (size_t i = 0; r == 0 && i < services.count; i++) {
		const struct store_service_row *service = &((const struct store_service_row *)services.items)[i];
		arena_init(&per_service, ARENA_BYTES_MAX);
		r = judge_service(&j, service, &per_service, now_ms);
		arena_done(&per_service);
		if (r == -ENOMEM && j.failed == 0) {
			too_large = service->name;
			r = 0;
		}
	}
	if (r == 0)
		r = close_answered(&j, &services, &arena, now_ms);
	if (r == -ENOMEM)
		err_set(err, "judging needs more than %d MiB: too many services or triggers", ARENA_BYTES_MAX >> 20);
	if (r == 0 && too_large) {
		err_set(err, "service %.200s has more than %d notices, or rows of more than %d MiB: it was not judged, the others were",
			too_large, NOTICES_MAX, ARENA_BYTES_MAX >> 20);
		r = -ENOMEM;
	}
	arena_done(&arena);
	return r;
}
