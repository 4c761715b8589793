#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>

#include "collector/api/rfc3339.h"

static void times_are_written_in_utc_with_milliseconds(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} rows[] = {
		{0, "1970-01-01T00:00:00.000Z"},
		{1, "1970-01-01T00:00:00.001Z"},
		{INT64_C(951782399999), "2000-02-28T23:59:59.999Z"},
		{INT64_C(951782400000), "2000-02-29T00:00:00.000Z"},
		{INT64_C(253402300799999), "9999-12-31T23:59:59.999Z"},
		{INT64_C(253402300800000), "9999-12-31T23:59:59.999Z"}, /* the nearest time that can be written */
		{INT64_MAX, "9999-12-31T23:59:59.999Z"},
		{INT64_MIN, "1970-01-01T00:00:00.000Z"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[RFC3339_CAP];
		assert_string_equal(rfc3339_format(rows[i].ms, text), rows[i].text);
	}
}

static void times_are_read_with_any_offset(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = {
		{"1970-01-01T00:00:00Z", 0},
		{"1970-01-01T08:00:00+08:00", 0},
		{"1969-12-31T19:00:00-05:00", -1}, /* before 1970: refused */
		{"1970-01-01T00:00:00.5Z", 500},
		{"1970-01-01T00:00:00.123999Z", 123},
		{"2026-11-23T16:00:00.000+08:00", INT64_C(1795420800000)},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int64_t ms = -1;
		int r = rfc3339_parse(span_str(rows[i].text), &ms);
		assert_int_equal(r, rows[i].ms < 0 ? -EINVAL : 0);
		assert_int_equal(ms, rows[i].ms);
	}
}

static void what_is_no_time_is_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{"", "nothing"},
		{"2026-11-23", "a date alone"},
		{"2026-11-23T08:00:00", "no offset"},
		{"2026-11-23 08:00:00Z", "a blank for the T"},
		{"2026-11-23T24:00:00Z", "the hour after the last"},
		{"2026-11-23T08:60:00Z", "the minute after the last"},
		{"2026-11-23T23:59:60Z", "a leap second"},
		{"2026-11-23T08:00:00.Z", "no digit behind the point"},
		{"2026-11-23T08:00:00+24:00", "an offset of a day"},
		{"2026-11-23T08:00:00+0800", "an offset without colon"},
		{"2026-11-23T08:00:00Zx", "something behind it"},
		{"2026-11-31T08:00:00Z", "no such day"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int64_t ms;
		if (rfc3339_parse(span_str(rows[i].text), &ms) != -EINVAL)
			fail_msg("%s: %s", rows[i].text, rows[i].why);
	}
}

static void dates_are_days_of_the_calendar(void **state)
{
	static const struct {
		const char *text;
		int error;
		const char *why;
	} rows[] = {
		{"2024-02-29", 0, "a leap year"},
		{"2025-02-29", -EINVAL, "none"},
		{"2000-02-29", 0, "of a fourth century"},
		{"2100-02-29", -EINVAL, "of another century"},
		{"2026-12-31", 0, "the last"},
		{"2026-13-01", -EINVAL, "month 13"},
		{"2026-00-01", -EINVAL, "month 0"},
		{"2026-01-00", -EINVAL, "day 0"},
		{"2026-04-31", -EINVAL, "a short month"},
		{"1969-12-31", -EINVAL, "before our time"},
		{"26-01-01", -EINVAL, "a short year"},
		{"2026-1-01", -EINVAL, "one digit"},
		{" 2026-01-01", -EINVAL, "a blank"},
		{"2026-01-01 ", -EINVAL, "a blank behind"},
		{"+026-01-01", -EINVAL, "a sign"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		calendar_day day;
		char text[DATE_CAP];
		if (date_parse(span_str(rows[i].text), &day) != rows[i].error)
			fail_msg("%s: %s", rows[i].text, rows[i].why);
		if (rows[i].error == 0)
			assert_string_equal(date_format(day, text), rows[i].text);
	}
}

static void every_time_reads_back_as_it_was_written(void **state)
{
	(void)state;
	for (int64_t ms = 0; ms < INT64_C(253402300799999); ms += INT64_C(98765432109)) {
		char text[RFC3339_CAP];
		int64_t again;
		assert_int_equal(rfc3339_parse(span_str(rfc3339_format(ms, text)), &again), 0);
		assert_int_equal(again, ms);
	}
}

static void a_date_stands_for_its_first_moment_in_shanghai(void **state)
{
	int64_t ms;
	(void)state;
	assert_int_equal(moment_parse(span_str("2026-11-23"), &ms), 0);
	assert_int_equal(ms, INT64_C(1795363200000)); /* 2026-11-22T16:00:00Z */
	assert_int_equal(moment_parse(span_str("2026-11-23T00:00:00+08:00"), &ms), 0);
	assert_int_equal(ms, INT64_C(1795363200000));
	assert_int_equal(moment_parse(span_str("yesterday"), &ms), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_written_in_utc_with_milliseconds),
		cmocka_unit_test(times_are_read_with_any_offset),
		cmocka_unit_test(what_is_no_time_is_refused),
		cmocka_unit_test(dates_are_days_of_the_calendar),
		cmocka_unit_test(every_time_reads_back_as_it_was_written),
		cmocka_unit_test(a_date_stands_for_its_first_moment_in_shanghai),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
