/* The working-day table and the counting of periods in it. Everything else that knows about days builds on this file. */
#include "collector/calendar/calendar.h"

#include <stddef.h>

enum {
	SHANGHAI_OFFSET_MS = 8 * 3600 * 1000,
	DAY_MS = 24 * 3600 * 1000,
	DAY_MIN = -719162, /* 0001-01-01 */
	DAY_MAX = 2932896, /* 9999-12-31 */
	OFF_MAX = 8,
	WORKED_MAX = 8,
};

/* Dates within a year are written month * 100 + day: 215 is 15 February, 1007 is 7 October. A zero ends a list. */
struct off {
	uint16_t from, to;
};

struct year {
	int year;
	struct off off[OFF_MAX];     /* public holidays with the days moved to them, as the notice announced them */
	uint16_t worked[WORKED_MAX]; /* Saturdays and Sundays worked instead (调休) */
};

/* One row a year, from the yearly Notice of the General Office of the State Council on the arrangement of public holidays (国务院办公厅关于部分节假日安排的通知).
 * In order: New Year, Spring Festival, Qingming, Labour Day, Dragon Boat, Mid-Autumn and National Day; Mid-Autumn fell into the National Day
 * week of 2020, 2023 and 2025. The last range of 2018 was given by the notice for 2019. 2019's Labour Day and 2020's Spring Festival stand as amended
 * (the latter lengthened on 26 January 2020 because of the epidemic). A new year is a new row. */
static const struct year years[] = {
	{2018,
	 {{101, 101}, {215, 221}, {405, 407}, {429, 501}, {616, 618}, {922, 924}, {1001, 1007}, {1230, 1231}},
	 {211, 224, 408, 428, 929, 930, 1229}},
	{2019, {{101, 101}, {204, 210}, {405, 407}, {501, 504}, {607, 609}, {913, 915}, {1001, 1007}}, {202, 203, 428, 505, 929, 1012}},
	{2020, {{101, 101}, {124, 202}, {404, 406}, {501, 505}, {625, 627}, {1001, 1008}}, {119, 426, 509, 628, 927, 1010}},
	{2021,
	 {{101, 103}, {211, 217}, {403, 405}, {501, 505}, {612, 614}, {919, 921}, {1001, 1007}},
	 {207, 220, 425, 508, 918, 926, 1009}},
	{2022,
	 {{101, 103}, {131, 206}, {403, 405}, {430, 504}, {603, 605}, {910, 912}, {1001, 1007}},
	 {129, 130, 402, 424, 507, 1008, 1009}},
	{2023, {{101, 102}, {121, 127}, {405, 405}, {429, 503}, {622, 624}, {929, 1006}}, {128, 129, 423, 506, 625, 1007, 1008}},
	{2024,
	 {{101, 101}, {210, 217}, {404, 406}, {501, 505}, {608, 610}, {915, 917}, {1001, 1007}},
	 {204, 218, 407, 428, 511, 914, 929, 1012}},
	{2025, {{101, 101}, {128, 204}, {404, 406}, {501, 505}, {531, 602}, {1001, 1008}}, {126, 208, 427, 928, 1011}},
	{2026, {{101, 103}, {215, 223}, {404, 406}, {501, 505}, {619, 621}, {925, 927}, {1001, 1007}}, {104, 214, 228, 509, 920, 1010}},
};

/* A year without a notice: weekends, and the statutory holidays that have a fixed date (Regulation on Public Holidays for National Annual Festivals
 * and Memorial Days, as revised from 2025, Art. 2). The lunar festivals are left out, which errs early; but so are the weekends that are worked in exchange,
 * and those stand before the holiday as often as after it. Counted over every occurrence of 2019-2026, as if the later year were not announced: 46 in 100
 * provisional deadlines come too early, 6 in 100 too late, those by six days at most. */
static const struct year unannounced = {0, {{101, 101}, {501, 502}, {1001, 1003}}, {0}};

/* The notice for a year can still move the last days of the year before: that for 2019 made 29 December 2018 a working day. */
enum { NEXT_NOTICE_MOVES_FROM = 1229 };

static const struct year *year_find(int year)
{
	for (size_t i = 0; i < sizeof years / sizeof *years; i++)
		if (years[i].year == year)
			return &years[i];
	return NULL;
}

/* Gregorian date of a day number and back, in eras of 400 years that begin on 1 March (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
calendar_day calendar_day_from_date(int year, int month, int day)
{
	year -= month <= 2;
	int era = (year >= 0 ? year : year - 399) / 400;
	int year_of_era = year - era * 400;
	int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

void calendar_date_of(calendar_day day, int *ret_year, int *ret_month, int *ret_day)
{
	int shifted = day + 719468;
	int era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
	int day_of_era = shifted - era * 146097;
	int year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int month = (5 * day_of_year + 2) / 153;
	*ret_day = day_of_year - (153 * month + 2) / 5 + 1;
	*ret_month = month < 10 ? month + 3 : month - 9;
	*ret_year = year_of_era + era * 400 + (*ret_month <= 2);
}

calendar_day calendar_day_of(int64_t unix_ms)
{
	int64_t day = unix_ms / DAY_MS;
	int64_t rest = unix_ms % DAY_MS;
	if (rest < 0) {
		rest += DAY_MS;
		day--;
	}
	day += rest + SHANGHAI_OFFSET_MS >= DAY_MS;
	return (calendar_day)(day < DAY_MIN ? DAY_MIN : day > DAY_MAX ? DAY_MAX : day);
}

static bool is_weekend(calendar_day day)
{
	int weekday = (day % 7 + 7 + 4) % 7; /* 1970-01-01 was a Thursday; 0 is Sunday */
	return weekday == 0 || weekday == 6;
}

bool calendar_is_working_day(calendar_day day)
{
	int number, month, day_of_month;
	calendar_date_of(day, &number, &month, &day_of_month);
	const struct year *year = year_find(number);
	if (!year)
		year = &unannounced;
	int date = month * 100 + day_of_month;
	for (size_t i = 0; i < OFF_MAX && year->off[i].from; i++)
		if (date >= year->off[i].from && date <= year->off[i].to)
			return false;
	for (size_t i = 0; i < WORKED_MAX && year->worked[i]; i++)
		if (date == year->worked[i])
			return true;
	return !is_weekend(day);
}

bool calendar_is_loaded(calendar_day day)
{
	int year, month, day_of_month;
	calendar_date_of(day, &year, &month, &day_of_month);
	return year_find(year) != NULL;
}

/* Whether no later notice can change this day any more. */
static bool is_settled(calendar_day day)
{
	int year, month, day_of_month;
	calendar_date_of(day, &year, &month, &day_of_month);
	return year_find(year) && (month * 100 + day_of_month < NEXT_NOTICE_MOVES_FROM || year_find(year + 1));
}

static int64_t end_ms_of(calendar_day day)
{
	return ((int64_t)day + 1) * DAY_MS - SHANGHAI_OFFSET_MS;
}

struct deadline calendar_deadline(int64_t occurred_ms, int working_days)
{
	struct deadline deadline = {.day = calendar_day_of(occurred_ms)};
	deadline.provisional = !is_settled(deadline.day);
	while (working_days > 0 && deadline.day < DAY_MAX) {
		deadline.day++;
		working_days -= calendar_is_working_day(deadline.day);
		deadline.provisional |= !is_settled(deadline.day);
	}
	deadline.end_ms = end_ms_of(deadline.day);
	return deadline;
}

int calendar_working_days_between(int64_t from_ms, int64_t to_ms)
{
	calendar_day from = calendar_day_of(from_ms), to = calendar_day_of(to_ms);
	if (to < from)
		return -calendar_working_days_between(to_ms, from_ms);
	int count = 0;
	for (calendar_day day = from + 1; day <= to; day++)
		count += calendar_is_working_day(day);
	return count;
}
