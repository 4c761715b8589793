/* Working days of the People's Republic of China, and deadlines counted in them.
 *
 * Pure and static: one table row a year from the State Council's notices, 2018-2026. The day of occurrence is not counted, a period that
 * ends on a day off rolls forward, and it ends at 24:00 Asia/Shanghai (Civil Code Art. 200-204; UTC+8, no daylight saving).
 * A deadline that touches a year without a notice is provisional: it is counted with weekends and the holidays of fixed date only, and
 * the notice can move it either way. So is one that touches the days from 29 December of the last year with a notice, because the next notice may still move them. */
#ifndef TOCSIN_COLLECTOR_CALENDAR_H
#define TOCSIN_COLLECTOR_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

/* Days since 1970-01-01 in the Asia/Shanghai calendar. */
typedef int32_t calendar_day;

struct deadline {
	calendar_day day; /* the last day of the period */
	int64_t end_ms;   /* 24:00 of that day, Unix milliseconds */
	bool provisional; /* a notice that is not loaded may still change it */
};

calendar_day calendar_day_of(int64_t unix_ms);
calendar_day calendar_day_from_date(int year, int month, int day);
void calendar_date_of(calendar_day day, int *ret_year, int *ret_month, int *ret_day);
bool calendar_is_working_day(calendar_day day);
bool calendar_is_loaded(calendar_day day);
/* The `working_days`-th working day after the day of `occurred_ms`. */
struct deadline calendar_deadline(int64_t occurred_ms, int working_days);
/* Working days after the day of `from_ms`, up to and with the day of `to_ms`; negative when `to_ms` lies before. */
int calendar_working_days_between(int64_t from_ms, int64_t to_ms);

#endif
