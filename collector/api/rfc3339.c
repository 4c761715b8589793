#include "collector/api/rfc3339.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

enum { DAY_MS = 24 * 3600 * 1000, SHANGHAI_OFFSET_MS = 8 * 3600 * 1000, OFFSET_HOURS_MAX = 23 };
#define DAY_9999_12_31 2932896
#define UNIX_MS_MAX    (((int64_t)DAY_9999_12_31 + 1) * DAY_MS - 1)

char *date_format(calendar_day day, char out[DATE_CAP])
{
	int year, month, day_of_month;
	if (day < 0)
		day = 0;
	if (day > DAY_9999_12_31)
		day = DAY_9999_12_31;
	calendar_date_of(day, &year, &month, &day_of_month);
	/* The modulo tells the compiler what the clamp above already made true. */
	snprintf(out, DATE_CAP, "%04u-%02u-%02u", (unsigned)year % 10000, (unsigned)month % 100, (unsigned)day_of_month % 100);
	return out;
}

char *rfc3339_format(int64_t unix_ms, char out[RFC3339_CAP])
{
	if (unix_ms < 0)
		unix_ms = 0;
	if (unix_ms > UNIX_MS_MAX)
		unix_ms = UNIX_MS_MAX;
	char date[DATE_CAP];
	unsigned rest = (unsigned)(unix_ms % DAY_MS);
	snprintf(out, RFC3339_CAP, "%sT%02u:%02u:%02u.%03uZ", date_format((calendar_day)(unix_ms / DAY_MS), date), rest / 3600000 % 24,
		 rest / 60000 % 60, rest / 1000 % 60, rest % 1000);
	return out;
}

int64_t date_start_ms(calendar_day day)
{
	return (int64_t)day * DAY_MS - SHANGHAI_OFFSET_MS;
}

/* Exactly `digits` digits at the front of `text`, taken off it; -1 when they are not there. */
static int take_number(struct span *text, size_t digits)
{
	int value = 0;
	if (text->len < digits)
		return -1;
	for (size_t i = 0; i < digits; i++) {
		if (text->data[i] < '0' || text->data[i] > '9')
			return -1;
		value = value * 10 + (text->data[i] - '0');
	}
	*text = span_from(*text, digits);
	return value;
}

static bool take_char(struct span *text, char c)
{
	if (text->len == 0 || text->data[0] != c)
		return false;
	*text = span_from(*text, 1);
	return true;
}

static int take_date(struct span *text, calendar_day *ret)
{
	int year = take_number(text, 4);
	if (year < 1970 || !take_char(text, '-'))
		return -EINVAL;
	int month = take_number(text, 2);
	if (month < 1 || month > 12 || !take_char(text, '-'))
		return -EINVAL;
	int day_of_month = take_number(text, 2);
	if (day_of_month < 1 || day_of_month > 31)
		return -EINVAL;
	/* A day that the month does not have comes back as one of the next month. */
	calendar_day day = calendar_day_from_date(year, month, day_of_month);
	int same_year, same_month, same_day;
	calendar_date_of(day, &same_year, &same_month, &same_day);
	if (same_day != day_of_month)
		return -EINVAL;
	*ret = day;
	return 0;
}

int date_parse(struct span text, calendar_day *ret_day)
{
	calendar_day day;
	if (take_date(&text, &day) < 0 || text.len > 0)
		return -EINVAL;
	*ret_day = day;
	return 0;
}

/* "Z" or "+08:00", as minutes east of UTC. */
static int take_offset(struct span *text, int *ret_minutes)
{
	if (take_char(text, 'Z')) {
		*ret_minutes = 0;
		return 0;
	}
	bool west = take_char(text, '-');
	if (!west && !take_char(text, '+'))
		return -EINVAL;
	int hours = take_number(text, 2);
	if (hours < 0 || hours > OFFSET_HOURS_MAX || !take_char(text, ':'))
		return -EINVAL;
	int minutes = take_number(text, 2);
	if (minutes < 0 || minutes > 59)
		return -EINVAL;
	*ret_minutes = (west ? -1 : 1) * (hours * 60 + minutes);
	return 0;
}

/* ".123456": any number of digits, of which the milliseconds are kept. */
static int take_fraction(struct span *text, int *ret_ms)
{
	int ms = 0, scale = 100;
	*ret_ms = 0;
	if (!take_char(text, '.'))
		return 0;
	int digit = take_number(text, 1);
	if (digit < 0)
		return -EINVAL;
	for (; digit >= 0; digit = take_number(text, 1), scale /= 10)
		ms += digit * scale;
	*ret_ms = ms;
	return 0;
}

int rfc3339_parse(struct span text, int64_t *ret_unix_ms)
{
	calendar_day day;
	int ms, offset;
	if (take_date(&text, &day) < 0 || !take_char(&text, 'T'))
		return -EINVAL;
	int hour = take_number(&text, 2);
	if (hour < 0 || hour > 23 || !take_char(&text, ':'))
		return -EINVAL;
	int minute = take_number(&text, 2);
	if (minute < 0 || minute > 59 || !take_char(&text, ':'))
		return -EINVAL;
	int second = take_number(&text, 2);
	if (second < 0 || second > 59) /* a leap second has no Unix time */
		return -EINVAL;
	if (take_fraction(&text, &ms) < 0 || take_offset(&text, &offset) < 0 || text.len > 0)
		return -EINVAL;
	*ret_unix_ms = (int64_t)day * DAY_MS + ((hour * 60 + minute - offset) * 60 + second) * INT64_C(1000) + ms;
	return 0;
}

int moment_parse(struct span text, int64_t *ret_unix_ms)
{
	calendar_day day;
	if (date_parse(text, &day) < 0)
		return rfc3339_parse(text, ret_unix_ms);
	*ret_unix_ms = date_start_ms(day);
	return 0;
}
