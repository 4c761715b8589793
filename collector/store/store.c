/* The store's front: which database, and what must hold whatever the database is. */
#include "collector/store/store.h"

#include <errno.h>
#include <stdio.h>

#include "collector/calendar/calendar.h"
#include "collector/store/store_ops.h"

enum {
	DAY_FIRST = -719162,  /* 0001-01-01 */
	DAY_LAST = 2932896,   /* 9999-12-31 */
	DAY_OFFSET_MAX = 840, /* minutes: the world's clocks stand between -12:00 and +14:00 */
	TEXT_BYTES_MAX = 64 << 10,
};

int store_open(const struct store_options *options, struct store **ret, struct err *err)
{
	if (options->day_offset_minutes < -DAY_OFFSET_MAX || options->day_offset_minutes > DAY_OFFSET_MAX) {
		err_set(err, "days cannot begin %d minutes from UTC; at most %d", options->day_offset_minutes, DAY_OFFSET_MAX);
		return -EINVAL;
	}
	return sqlite_store_open(options, ret, err);
}

void store_close(struct store *s)
{
	if (s)
		s->ops->close(s);
}

static int check_writer(const struct store *s, struct err *err)
{
	if (!s->read_only)
		return 0;
	err_set(err, "this handle of the store only reads");
	return -EROFS;
}

static bool read_date(const char *text, int64_t *ret_day)
{
	int year, month, day, end = 0;
	if (sscanf(text, "%4d-%2d-%2d%n", &year, &month, &day, &end) != 3 || end != 10 || text[end] || year < 1 || month < 1 || month > 12)
		return false;
	int back_year, back_month, back_day;
	calendar_day number = calendar_day_from_date(year, month, day);
	calendar_date_of(number, &back_year, &back_month, &back_day);
	if (back_month != month || back_day != day)
		return false; /* no such day in that month */
	*ret_day = number;
	return true;
}

/* An empty text leaves `ret_day` as it is. */
static int check_date(const char *text, const char *what, int64_t *ret_day, struct err *err)
{
	if (!text || !text[0] || read_date(text, ret_day))
		return 0;
	err_set(err, "%s '%.40s' is no date; write it like 2026-03-01", what, text);
	return -EINVAL;
}

static int check_text(const char *text, const char *what, bool required, struct err *err)
{
	size_t len = text ? strlen(text) : 0;
	if (len <= TEXT_BYTES_MAX && (len > 0 || !required))
		return 0;
	err_set(err, len ? "%s is longer than %d bytes" : "%s is missing", what, TEXT_BYTES_MAX);
	return -EINVAL;
}

/* ---- ingest ---- */

int store_merge(struct store *s, const struct store_delivery *deliveries, size_t count, size_t *ret_done, struct err *err)
{
	int r = check_writer(s, err);
	return r < 0 ? r : s->ops->merge(s, deliveries, count, ret_done, err);
}

int store_hello(struct store *s, const struct hello *hello, int64_t now_ms, uint64_t *ret_merged, struct err *err)
{
	int r = check_writer(s, err);
	return r < 0 ? r : s->ops->hello(s, hello, now_ms, ret_merged, err);
}

int store_goodbye(struct store *s, struct span agent, int64_t now_ms, struct err *err)
{
	int r = check_writer(s, err);
	return r < 0 ? r : s->ops->goodbye(s, agent, now_ms, err);
}

/* ---- facts ---- */

int store_each_service(struct store *s, on_store_service each, void *ctx, struct err *err)
{
	return s->ops->each_service(s, each, ctx, err);
}

int store_each_endpoint(struct store *s, const struct store_endpoint_filter *filter, on_store_endpoint each, void *ctx, struct err *err)
{
	return s->ops->each_endpoint(s, filter, each, ctx, err);
}

static int read_users(struct store *s, int64_t service_id, const char *from, const char *to, bool total, on_store_users each, void *ctx,
		      struct err *err)
{
	int64_t from_day = DAY_FIRST, to_day = DAY_LAST;
	int r = check_date(from, "the first day", &from_day, err);
	if (r == 0)
		r = check_date(to, "the last day", &to_day, err);
	return r < 0 ? r : s->ops->users(s, service_id, from_day, to_day, total, each, ctx, err);
}

int store_each_users(struct store *s, int64_t service_id, const char *from, const char *to, on_store_users each, void *ctx, struct err *err)
{
	return read_users(s, service_id, from, to, false, each, ctx, err);
}

int store_users_total(struct store *s, int64_t service_id, const char *from, const char *to, on_store_users each, void *ctx,
		      struct err *err)
{
	return read_users(s, service_id, from, to, true, each, ctx, err);
}

int store_each_hour(struct store *s, int64_t service_id, int64_t from_ms, int64_t to_ms, on_store_hour each, void *ctx, struct err *err)
{
	return s->ops->each_hour(s, service_id, from_ms, to_ms, each, ctx, err);
}

int store_each_agent(struct store *s, on_store_agent each, void *ctx, struct err *err)
{
	return s->ops->each_agent(s, each, ctx, err);
}

int store_each_ledger(struct store *s, struct span agent, on_store_ledger each, void *ctx, struct err *err)
{
	return s->ops->each_ledger(s, agent, each, ctx, err);
}

/* ---- assessments and notices ---- */

int store_add_assessment(struct store *s, const struct store_assessment *a, int64_t now_ms, int64_t *ret_id, struct err *err)
{
	int64_t day;
	int r = check_writer(s, err);
	if (r == 0)
		r = check_text(a->filed_on, "the date of the assessment", true, err);
	if (r == 0)
		r = check_date(a->filed_on, "the date of the assessment", &day, err);
	if (r == 0)
		r = check_text(a->receipt, "the receipt number", false, err);
	if (r == 0)
		r = check_text(a->note, "the note", false, err);
	if (r == 0 && a->functions >> FUNCTION_CLASSES) {
		err_set(err, "the assessment names a function class past F%02d", FUNCTION_CLASSES);
		r = -EINVAL;
	}
	return r < 0 ? r : s->ops->add_assessment(s, a, now_ms, ret_id, err);
}

int store_add_notice(struct store *s, const struct store_notice *n, int64_t now_ms, int64_t *ret_id, struct err *err)
{
	int64_t day;
	int r = check_writer(s, err);
	if (r == 0)
		r = check_text(n->authority, "the authority that wrote", true, err);
	if (r == 0)
		r = check_text(n->level, "the authority's level", false, err);
	if (r == 0)
		r = check_text(n->reference, "the document number", false, err);
	if (r == 0)
		r = check_text(n->note, "the note", false, err);
	if (r == 0)
		r = check_date(n->due_on, "the notice's own date", &day, err);
	if (r == 0 && n->received_ms <= 0) {
		err_set(err, "the day on which the notice was received is missing: the clock of Article 7 runs from it");
		r = -EINVAL;
	}
	return r < 0 ? r : s->ops->add_notice(s, n, now_ms, ret_id, err);
}

int store_each_notice(struct store *s, int64_t service_id, on_store_notice each, void *ctx, struct err *err)
{
	return s->ops->each_notice(s, service_id, each, ctx, err);
}

/* ---- triggers ---- */

int store_raise(struct store *s, const struct store_trigger *t, int64_t *ret_id, bool *ret_new, struct err *err)
{
	int r = check_writer(s, err);
	return r < 0 ? r : s->ops->raise(s, t, ret_id, ret_new, err);
}

int store_close_trigger(struct store *s, int64_t id, enum trigger_state state, int64_t now_ms, const char *why, struct err *err)
{
	int r = check_writer(s, err);
	if (r == 0)
		r = check_text(why, "the reason for closing", true, err);
	if (r == 0 && state != TRIGGER_DISMISSED && state != TRIGGER_CLOSED) {
		err_set(err, "a trigger ends dismissed or closed");
		r = -EINVAL;
	}
	return r < 0 ? r : s->ops->close_trigger(s, id, state, now_ms, why, err);
}

int store_each_trigger(struct store *s, bool open_only, on_store_trigger each, void *ctx, struct err *err)
{
	return s->ops->each_trigger(s, open_only, each, ctx, err);
}
