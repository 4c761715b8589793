#include "collector/api/clockface.h"

#include <string.h>

#include "collector/calendar/calendar.h"

enum face { FACE_BLOCKED, FACE_LAUNCHED, FACE_RUNNING, FACE_TODAY, FACE_OVERDUE, FACE_STOPPED };

static const struct {
	const char *en, *zh;
} words[] = {
	[FACE_BLOCKED] = {"blocked before launch", "上线前待评估"},
	[FACE_LAUNCHED] = {"launched unfiled", "已上线未提交报告"},
	[FACE_RUNNING] = {"running", "计时中"},
	[FACE_TODAY] = {"due today", "今日到期"},
	[FACE_OVERDUE] = {"overdue", "已逾期"},
	[FACE_STOPPED] = {"stopped", "已停止"},
};

static bool is_before_launch(const char *clause)
{
	return strcmp(clause, "3(1)") == 0 || strcmp(clause, "3(2)") == 0;
}

static enum face face_of(const struct store_trigger *t, const struct clockface *c, int64_t now_ms)
{
	if (t->state == TRIGGER_DISMISSED || t->state == TRIGGER_CLOSED)
		return FACE_STOPPED;
	if (c->before_launch)
		return c->overdue ? FACE_LAUNCHED : FACE_BLOCKED;
	if (c->overdue)
		return FACE_OVERDUE;
	return calendar_day_of(now_ms) == calendar_day_of(c->last_moment_ms) ? FACE_TODAY : FACE_RUNNING;
}

void clockface_read(const struct store_trigger *t, int64_t now_ms, struct clockface *ret)
{
	*ret = (struct clockface){.before_launch = is_before_launch(t->clause)};
	/* A period ends at 24:00, which is already the next day's 0:00; a launch is a moment of its own day. */
	ret->last_moment_ms = ret->before_launch ? t->deadline_ms : t->deadline_ms - 1;
	bool stopped = t->state == TRIGGER_DISMISSED || t->state == TRIGGER_CLOSED;
	if (stopped && t->closed_ms) /* where the hands stood still */
		now_ms = t->closed_ms;
	ret->overdue = !stopped && now_ms >= t->deadline_ms;
	ret->total = calendar_working_days_between(t->occurred_ms, ret->last_moment_ms);
	ret->elapsed = calendar_working_days_between(t->occurred_ms, now_ms);
	ret->left = calendar_working_days_between(now_ms, ret->last_moment_ms);
	enum face face = face_of(t, ret, now_ms);
	ret->status = words[face].en;
	ret->status_zh = words[face].zh;
}
