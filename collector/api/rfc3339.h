/* Times and dates as text: RFC 3339 in UTC out, RFC 3339 with any offset and plain calendar dates in.
 *
 * Pure. Strict: two digits are two digits, 30 February is refused, a time without its offset is refused. */
#ifndef TOCSIN_COLLECTOR_RFC3339_H
#define TOCSIN_COLLECTOR_RFC3339_H

#include <stdint.h>

#include "collector/calendar/calendar.h"
#include "lib/span.h"

enum { RFC3339_CAP = sizeof "2026-11-23T08:00:00.000Z", DATE_CAP = sizeof "2026-11-23" };

/* Years 1970 to 9999; what lies outside is written as the nearest time inside. Both return `out`. */
char *rfc3339_format(int64_t unix_ms, char out[RFC3339_CAP]);
char *date_format(calendar_day day, char out[DATE_CAP]);

/* -EINVAL unless the whole of `text` is one. Years 1970 to 9999. */
int rfc3339_parse(struct span text, int64_t *ret_unix_ms);
int date_parse(struct span text, calendar_day *ret_day);
/* Either: a date stands for its first moment in Asia/Shanghai. */
int moment_parse(struct span text, int64_t *ret_unix_ms);

/* The first moment of a day in Asia/Shanghai. */
int64_t date_start_ms(calendar_day day);

#endif
