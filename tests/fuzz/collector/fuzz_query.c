/* Request targets, and the dates, times and class lists in their values. What was read must be plain, and times must read back. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "collector/api/entries.h"
#include "collector/api/rfc3339.h"
#include "collector/api/routes.h"
#include "collector/api/target.h"

static void check_value(const char *value)
{
	int64_t ms, again;
	calendar_day day;
	char text[RFC3339_CAP], date[DATE_CAP];
	assert(text_is_plain(span_str(value)));
	if (moment_parse(span_str(value), &ms) == 0 && ms >= 0 && ms <= INT64_C(253402300799999))
		assert(rfc3339_parse(span_str(rfc3339_format(ms, text)), &again) == 0 && again == ms);
	if (date_parse(span_str(value), &day) == 0)
		assert(strcmp(date_format(day, date), value) == 0);
	assert(functions_read(span_str(value)) < FUNCTION(FUNCTION_CLASSES + 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct target t;
	const char *parameter = NULL;
	char allow[64];
	struct err err = {0};
	if (target_parse(span_make(data, size), &t, &err) < 0) {
		assert(*err.text);
		return 0;
	}
	for (size_t i = 0; i < t.segment_count; i++)
		assert(text_is_plain(span_str(t.segments[i])));
	for (size_t i = 0; i < t.pair_count; i++)
		check_value(t.pairs[i].value);
	const struct route *route = route_find("GET", &t, &parameter, allow, sizeof allow);
	assert(!route || t.segment_count > 2);
	if (route)
		route_unknown_key(route, &t);
	return 0;
}
