/* What a trigger's clock shows now: derived from occurrence, deadline and the calendar, never stored (Article 7).
 *
 * Pure. Clauses 3(1) and 3(2) are due before launch: there the count of working days says how long the service has run unfiled. */
#ifndef TOCSIN_COLLECTOR_CLOCKFACE_H
#define TOCSIN_COLLECTOR_CLOCKFACE_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/store/store.h"

struct clockface {
	bool before_launch;
	bool overdue;
	int total;   /* working days of the period: 30, or fewer when a notice names an earlier date */
	int elapsed; /* working days since the day of occurrence */
	int left;    /* working days after today up to the last day; negative when it has passed */
	int64_t last_moment_ms;
	const char *status;
	const char *status_zh;
};

void clockface_read(const struct store_trigger *t, int64_t now_ms, struct clockface *ret);

#endif
