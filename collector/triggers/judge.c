/* The one place where facts, rules and store meet. Rows are copied into an arena first, because a store's row lives only inside its callback and
 * the rules want to see all of a service at once. */
#include <errno.h>
#include <string.h>

#include "collector/triggers/triggers.h"
#include "lib/arena.h"

enum {
	ARENA_BYTES_MAX = 32 << 20,
	SERVICES_MAX = 4096,
	ENDPOINTS_MAX = 20000, /* with a function class, of one service */
	NOTICES_MAX = 1000,
	OPEN_TRIGGERS_MAX = 4096,
};

#define ALL_CLASSES ((function_set)((1 << FUNCTION_CLASSES) - 1))

/* A growing array of rows in the arena: the arena never moves what it gave, so growing copies. */
struct rows {
	struct arena *arena;
	void *items;
	size_t count, cap, max, size;
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

/* A copy of `text`; an empty text when the arena is spent, which rows_next then reports. */
static const char *keep(struct arena *arena, const char *text)
{
	size_t size = text ? strlen(text) + 1 : 0;
	char *copy = text ? arena_take(arena, size) : NULL;
	if (copy)
		memcpy(copy, text, size);
	return copy ? copy : text ? "" : NULL;
}

static int keep_service(void *ctx, const struct store_service_row *row)
{
	struct rows *rows = ctx;
	struct store_service_row *to = rows_next(rows);
	if (!to)
		return -ENOMEM;
	*to = *row;
	to->name = keep(rows->arena, row->name);
	to->title = keep(rows->arena, row->title);
	to->assessed_on = keep(rows->arena, row->assessed_on);
	return 0;
}

static int keep_endpoint(void *ctx, const struct store_endpoint_row *row)
{
	struct rows *rows = ctx;
	struct store_endpoint_row *to = rows_next(rows);
	if (!to)
		return -ENOMEM;
	*to = *row;
	to->service = keep(rows->arena, row->service);
	to->workload = keep(rows->arena, row->workload);
	to->host = keep(rows->arena, row->host);
	to->method = keep(rows->arena, row->method);
	to->template = keep(rows->arena, row->template);
	to->content = keep(rows->arena, row->content);
	return 0;
}

static int keep_notice(void *ctx, const struct store_notice *row)
{
	struct rows *rows = ctx;
	struct store_notice *to = rows_next(rows);
	if (!to)
		return -ENOMEM;
	*to = *row;
	to->authority = keep(rows->arena, row->authority);
	to->level = keep(rows->arena, row->level);
	to->reference = keep(rows->arena, row->reference);
	to->due_on = keep(rows->arena, row->due_on);
	to->note = keep(rows->arena, row->note);
	to->actor = keep(rows->arena, row->actor);
	return 0;
}

static int keep_trigger(void *ctx, const struct store_trigger *row)
{
	struct rows *rows = ctx;
	struct store_trigger *to = rows_next(rows);
	if (!to)
		return -ENOMEM;
	*to = *row;
	to->key = keep(rows->arena, row->key);
	to->clause = keep(rows->arena, row->clause);
	to->service = keep(rows->arena, row->service);
	to->reason = keep(rows->arena, row->reason);
	to->reason_zh = keep(rows->arena, row->reason_zh);
	to->evidence = keep(rows->arena, row->evidence);
	return 0;
}

struct judging {
	struct store *store;
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

/* A 3(1) trigger is answered when an assessment on file covers every class that it names. */
static int close_answered(struct judging *j, const struct rows *services, struct arena *arena, int64_t now_ms)
{
	struct rows open = {.arena = arena, .max = OPEN_TRIGGERS_MAX, .size = sizeof(struct store_trigger)};
	int r = store_each_trigger(j->store, true, keep_trigger, &open, j->err);
	for (size_t i = 0; r == 0 && i < open.count; i++) {
		struct store_trigger *t = &((struct store_trigger *)open.items)[i];
		const struct store_service_row *all = services->items;
		for (size_t k = 0; r == 0 && k < services->count; k++) {
			const struct store_service_row *s = &all[k];
			if (s->id != t->service_id || strcmp(t->clause, "3(1)") != 0 || !s->assessment_on_file ||
			    (t->functions & ~s->assessed))
				continue;
			r = store_close_trigger(j->store, t->id, TRIGGER_CLOSED, now_ms, "an assessment on file covers it", j->err);
			t->state = TRIGGER_CLOSED;
			if (r == 0)
				j->changed(j->ctx, t, false);
		}
	}
	return r;
}

int judge_run(struct store *s, int64_t now_ms, on_trigger_change changed, void *ctx, struct err *err)
{
	struct judging j = {.store = s, .changed = changed, .ctx = ctx, .err = err};
	struct arena arena, per_service;
	arena_init(&arena, ARENA_BYTES_MAX);
	struct rows services = {.arena = &arena, .max = SERVICES_MAX, .size = sizeof(struct store_service_row)};
	int r = store_each_service(s, keep_service, &services, err);
	for (size_t i = 0; r == 0 && i < services.count; i++) {
		arena_init(&per_service, ARENA_BYTES_MAX);
		r = judge_service(&j, &((const struct store_service_row *)services.items)[i], &per_service, now_ms);
		arena_done(&per_service);
	}
	if (r == 0)
		r = close_answered(&j, &services, &arena, now_ms);
	if (r == -ENOMEM)
		err_set(err, "judging needs more than %d MiB: too many services, endpoints or triggers", ARENA_BYTES_MAX >> 20);
	arena_done(&arena);
	return r;
}
