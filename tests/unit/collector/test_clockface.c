/* What a clock shows, for occurrence, deadline and now. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "collector/api/clockface.h"
#include "collector/api/rfc3339.h"

static int64_t at(const char *text)
{
	int64_t ms = 0;
	assert_int_equal(moment_parse(span_str(text), &ms), 0);
	return ms;
}

static void a_period_of_working_days_runs_to_its_last_moment(void **state)
{
	/* LAW.md: 2026-01-29 and 30 working days make 2026-03-18. */
	static const struct {
		const char *now, *status;
		int elapsed, left;
		bool overdue;
		const char *why;
	} rows[] = {
		{"2026-01-29T15:00:00+08:00", "running", 0, 30, false, "the day of occurrence is not counted"},
		{"2026-01-30T00:00:00+08:00", "running", 1, 29, false, "the first day"},
		{"2026-02-17T12:00:00+08:00", "running", 12, 18, false, "in the Spring Festival nothing counts"},
		{"2026-03-17T23:59:59+08:00", "running", 29, 1, false, "the day before the last"},
		{"2026-03-18T23:59:59+08:00", "due today", 30, 0, false, "the last second"},
		{"2026-03-19T00:00:00+08:00", "overdue", 31, -1, true, "24:00 is past"},
	};
	(void)state;
	struct store_trigger t = {.clause = "3(5)",
				  .state = TRIGGER_CONFIRMED,
				  .occurred_ms = at("2026-01-29T10:00:00+08:00"),
				  .deadline_ms = at("2026-03-19")};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct clockface c;
		clockface_read(&t, at(rows[i].now), &c);
		if (strcmp(c.status, rows[i].status) != 0 || c.elapsed != rows[i].elapsed || c.left != rows[i].left ||
		    c.overdue != rows[i].overdue || c.total != 30 || c.before_launch)
			fail_msg("%s (%s): %s, %d elapsed, %d left of %d", rows[i].now, rows[i].why, c.status, c.elapsed, c.left, c.total);
	}
}

static void an_earlier_date_of_the_notice_makes_a_shorter_period(void **state)
{
	struct store_trigger t = {
		.clause = "3(5)", .state = TRIGGER_CONFIRMED, .occurred_ms = at("2026-11-20"), .deadline_ms = at("2026-11-28")};
	struct clockface c;
	(void)state;
	clockface_read(&t, at("2026-11-23T10:00:00+08:00"), &c);
	assert_int_equal(c.total, 5);
	assert_int_equal(c.elapsed, 1);
	assert_int_equal(c.left, 4);
}

static void a_launch_divides_blocked_from_launched_unfiled(void **state)
{
	struct store_trigger t = {.clause = "3(1)",
				  .state = TRIGGER_CONFIRMED,
				  .occurred_ms = at("2026-11-20T10:00:00Z"),
				  .deadline_ms = at("2026-11-20T10:00:00Z")};
	struct clockface c;
	(void)state;
	clockface_read(&t, t.deadline_ms - 1, &c);
	assert_string_equal(c.status, "blocked before launch");
	assert_false(c.overdue);
	clockface_read(&t, t.deadline_ms, &c);
	assert_string_equal(c.status, "launched unfiled");
	assert_true(c.overdue);
	assert_true(c.before_launch);
	t.clause = "3(2)";
	clockface_read(&t, t.deadline_ms, &c);
	assert_string_equal(c.status, "launched unfiled");
}

static void a_trigger_that_is_done_has_a_stopped_clock(void **state)
{
	static const enum trigger_state states[] = {TRIGGER_DISMISSED, TRIGGER_CLOSED};
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct store_trigger t = {
			.clause = "3(5)", .state = states[i], .occurred_ms = at("2026-01-29"), .deadline_ms = at("2026-03-19")};
		struct clockface c;
		clockface_read(&t, at("2026-06-01"), &c);
		assert_string_equal(c.status, "stopped");
		assert_false(c.overdue);
		t.closed_ms = at("2026-02-17T12:00:00+08:00");
		clockface_read(&t, at("2026-06-01"), &c);
		assert_int_equal(c.elapsed, 12); /* as it stood that day */
		assert_int_equal(c.left, 18);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_period_of_working_days_runs_to_its_last_moment),
		cmocka_unit_test(an_earlier_date_of_the_notice_makes_a_shorter_period),
		cmocka_unit_test(a_launch_divides_blocked_from_launched_unfiled),
		cmocka_unit_test(a_trigger_that_is_done_has_a_stopped_clock),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
