/* Bodies of POST /login, /notices and /assessments: the first byte says which. What is taken must be within its bounds. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "collector/api/entries.h"
#include "collector/api/rfc3339.h"

#define NOW INT64_C(1795363200000) /* 2026-11-23 in Asia/Shanghai */

static void check_notice(const json_t *json)
{
	struct notice_entry n;
	struct fault fault;
	calendar_day due, received;
	if (notice_read(json, NOW, &n, &fault) < 0) {
		assert(*fault.text && *fault.remedy);
		return;
	}
	assert(*n.service && strlen(n.service) <= ENTRY_NAME_BYTES_MAX && strlen(n.note) <= ENTRY_NOTE_BYTES_MAX);
	assert(n.received_ms <= NOW && date_parse(span_str(n.received_on), &received) == 0);
	assert(!*n.due_on || (date_parse(span_str(n.due_on), &due) == 0 && due >= received));
}

static void check_assessment(const json_t *json)
{
	struct assessment_entry a;
	struct fault fault;
	calendar_day filed;
	if (assessment_read(json, NOW, &a, &fault) < 0) {
		assert(*fault.text && *fault.remedy);
		return;
	}
	assert(a.functions != 0 && a.functions < FUNCTION(FUNCTION_CLASSES + 1));
	assert(date_parse(span_str(a.filed_on), &filed) == 0 && filed <= calendar_day_of(NOW));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fault fault;
	struct login_entry login;
	json_t *json;
	if (size == 0 || entry_parse(span_make(data + 1, size - 1), &json, &fault) < 0)
		return 0;
	if (data[0] == 'n')
		check_notice(json);
	else if (data[0] == 'a')
		check_assessment(json);
	else if (login_read(json, &login, &fault) == 0)
		assert(strlen(login.code) <= ENTRY_NAME_BYTES_MAX);
	json_decref(json);
	return 0;
}
