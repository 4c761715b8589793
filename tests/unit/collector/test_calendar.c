#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/calendar/calendar.h"

#define DAYS_FILE "tests/data/prc_days_2018_2026.csv" /* the tests run from the top of the tree */

enum { HOUR_MS = 3600 * 1000, SHANGHAI_MS = 8 * HOUR_MS };

/* Unix milliseconds of a Shanghai wall clock. */
static int64_t shanghai(const char *date, int hour, int minute)
{
	int year, month, day;
	assert_int_equal(sscanf(date, "%d-%d-%d", &year, &month, &day), 3);
	return (int64_t)calendar_day_from_date(year, month, day) * 24 * HOUR_MS - SHANGHAI_MS + (hour * 60 + minute) * 60000LL;
}

static const char *text_of(calendar_day day)
{
	static char text[32];
	int year, month, day_of_month;
	calendar_date_of(day, &year, &month, &day_of_month);
	snprintf(text, sizeof text, "%04d-%02d-%02d", year, month, day_of_month);
	return text;
}

static void every_day_of_2018_to_2026_agrees_with_the_published_calendars(void **state)
{
	(void)state;
	FILE *f = fopen(DAYS_FILE, "r");
	assert_non_null(f);
	char line[64];
	assert_non_null(fgets(line, sizeof line, f)); /* heading */
	int days = 0;
	calendar_day expected_day = calendar_day_from_date(2018, 1, 1);
	while (fgets(line, sizeof line, f)) {
		int year, month, day, off;
		assert_int_equal(sscanf(line, "%d-%d-%d,%d", &year, &month, &day, &off), 4);
		calendar_day number = calendar_day_from_date(year, month, day);
		assert_int_equal(number, expected_day++);
		if (calendar_is_working_day(number) == (off == 1))
			fail_msg("%.10s is %s in the published calendars", line, off ? "off" : "a working day");
		assert_true(calendar_is_loaded(number));
		days++;
	}
	fclose(f);
	assert_int_equal(days, 3287);
}

static void dates_and_day_numbers_are_inverse_over_five_centuries(void **state)
{
	(void)state;
	int year, month, day;
	calendar_day first = calendar_day_from_date(1799, 12, 31), last = calendar_day_from_date(2301, 1, 1);
	assert_int_equal(last - first, 501 * 365 + 121 + 1); /* 126 years divisible by 4, but not 1800, 1900, 2100, 2200, 2300 */
	for (calendar_day d = first; d <= last; d++) {
		calendar_date_of(d, &year, &month, &day);
		assert_int_equal(calendar_day_from_date(year, month, day), d);
	}
	assert_int_equal(calendar_day_from_date(1970, 1, 1), 0);
	assert_int_equal(calendar_day_from_date(2000, 3, 1), 11017);
}

static void deadlines_in_working_days(void **state)
{
	(void)state;
	static const struct {
		const char *occurred;
		int days;
		const char *last;
		bool provisional;
		const char *reason;
	} rows[] = {
		{"2026-01-29", 30, "2026-03-18", false, "over Spring Festival, two Saturdays worked"},
		{"2026-04-27", 30, "2026-06-10", false, "over Labour Day"},
		{"2026-09-15", 30, "2026-11-02", false, "over Mid-Autumn and National Day"},
		{"2026-09-30", 30, "2026-11-17", false, "the day before National Day: the count starts after it"},
		{"2026-10-01", 30, "2026-11-17", false, "an occurrence on a day off counts from the first working day after"},
		{"2026-09-18", 1, "2026-09-20", false, "a Sunday worked by the notice is a working day"},
		{"2026-06-18", 1, "2026-06-22", false, "a period that would end on a day off rolls forward"},
		{"2018-11-30", 30, "2019-01-14", false, "the day the regulation came into force; 29 December worked, 31 off"},
		{"2026-11-16", 30, "2026-12-28", false, "exactly the last day that no later notice can move"},
		{"2026-11-17", 30, "2026-12-29", true, "the notice for 2027 may still move 29 December"},
		{"2026-11-20", 30, "2027-01-04", true, "reaches 2027, which has no notice; New Year's Day is off by statute"},
		{"2027-09-24", 5, "2027-10-04", true, "National Day is off by statute for three days in a year without a notice"},
		{"2017-12-29", 2, "2018-01-03", true, "begins in a year before the table"},
		{"2026-03-02", 0, "2026-03-02", false, "no working days: the day itself"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct deadline got = calendar_deadline(shanghai(rows[i].occurred, 12, 0), rows[i].days);
		if (strcmp(text_of(got.day), rows[i].last) != 0 || got.provisional != rows[i].provisional)
			fail_msg("%s + %d: got %s%s (%s)", rows[i].occurred, rows[i].days, text_of(got.day),
				 got.provisional ? " provisional" : "", rows[i].reason);
	}
}

static void period_ends_at_midnight_in_shanghai(void **state)
{
	(void)state;
	struct deadline got = calendar_deadline(shanghai("2026-09-15", 12, 0), 30);
	assert_int_equal(got.end_ms, shanghai("2026-11-03", 0, 0));
	assert_int_equal(got.end_ms, 1793635200000); /* 2026-11-02T16:00:00Z */
}

static void occurrence_at_one_minute_to_midnight_and_at_midnight_are_different_days(void **state)
{
	(void)state;
	assert_string_equal(text_of(calendar_deadline(shanghai("2026-04-27", 23, 59), 30).day), "2026-06-10");
	assert_string_equal(text_of(calendar_deadline(shanghai("2026-04-28", 0, 0), 30).day), "2026-06-11");
	assert_int_equal(calendar_day_of(shanghai("2026-04-28", 0, 0) - 1) + 1, calendar_day_of(shanghai("2026-04-28", 0, 0)));
}

static void days_before_1970_round_down(void **state)
{
	(void)state;
	assert_int_equal(calendar_day_of(-SHANGHAI_MS), 0);
	assert_int_equal(calendar_day_of(-SHANGHAI_MS - 1), -1);
	assert_int_equal(calendar_day_of(-SHANGHAI_MS - 24LL * HOUR_MS), -1);
	assert_int_equal(calendar_day_of(-SHANGHAI_MS - 24LL * HOUR_MS - 1), -2);
}

static void absurd_times_stay_within_the_years_1_to_9999(void **state)
{
	(void)state;
	assert_string_equal(text_of(calendar_day_of(INT64_MAX)), "9999-12-31");
	assert_string_equal(text_of(calendar_day_of(INT64_MIN)), "0001-01-01");
	assert_string_equal(text_of(calendar_deadline(INT64_MAX, 30).day), "9999-12-31");
}

static void working_days_between_counts_like_a_deadline(void **state)
{
	(void)state;
	int64_t occurred = shanghai("2026-09-15", 9, 0);
	struct deadline d = calendar_deadline(occurred, 30);
	assert_int_equal(calendar_working_days_between(occurred, d.end_ms - 1), 30);
	assert_int_equal(calendar_working_days_between(d.end_ms - 1, occurred), -30);
	assert_int_equal(calendar_working_days_between(occurred, occurred), 0);
	assert_int_equal(calendar_working_days_between(shanghai("2026-10-01", 0, 0), shanghai("2026-10-07", 23, 59)), 0);
	assert_int_equal(calendar_working_days_between(shanghai("2026-10-07", 0, 0), shanghai("2026-10-08", 0, 0)), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_day_of_2018_to_2026_agrees_with_the_published_calendars),
		cmocka_unit_test(dates_and_day_numbers_are_inverse_over_five_centuries),
		cmocka_unit_test(deadlines_in_working_days),
		cmocka_unit_test(period_ends_at_midnight_in_shanghai),
		cmocka_unit_test(occurrence_at_one_minute_to_midnight_and_at_midnight_are_different_days),
		cmocka_unit_test(days_before_1970_round_down),
		cmocka_unit_test(absurd_times_stay_within_the_years_1_to_9999),
		cmocka_unit_test(working_days_between_counts_like_a_deadline),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
