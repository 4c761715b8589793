/* What a person enters, from JSON: taken whole or refused with place, reason and remedy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/api/entries.h"
#include "collector/api/rfc3339.h"

/* 2026-11-23 23:59 in Asia/Shanghai: the day is not over there, and has long begun in UTC. */
static int64_t now_ms(void)
{
	return date_start_ms(calendar_day_from_date(2026, 11, 23)) + (24 * 60 - 1) * INT64_C(60000);
}

enum form { LOGIN, NOTICE, ASSESSMENT };

static int read_form(enum form form, struct span body, struct fault *fault)
{
	struct login_entry login;
	struct notice_entry notice;
	struct assessment_entry assessment;
	json_t *json = NULL;
	int r = entry_parse(body, &json, fault);
	if (r == 0)
		r = form == LOGIN    ? login_read(json, &login, fault)
		    : form == NOTICE ? notice_read(json, now_ms(), &notice, fault)
				     : assessment_read(json, now_ms(), &assessment, fault);
	json_decref(json);
	return r;
}

#define NOTICE_WITH(rest)     "{\"service\":\"forum\",\"authority\":\"a\",\"level\":\"province\",\"reference\":\"r\"" rest "}"
#define ASSESSMENT_WITH(rest) "{\"service\":\"forum\"" rest "}"

static void what_is_wrong_is_refused_at_its_place(void **state)
{
	static const struct {
		enum form form;
		const char *body, *place, *why;
	} rows[] = {
		{LOGIN, "", "", "nothing"},
		{LOGIN, "null", "", "no object"},
		{LOGIN, "[]", "", "a list"},
		{LOGIN, "{\"code\":\"a\"", "", "cut short"},
		{LOGIN, "{\"code\":\"a\"}x", "", "something behind it"},
		{LOGIN, "{\"code\":\"a\",\"code\":\"b\"}", "", "a key twice"},
		{LOGIN, "{\"code\":\"\xff\"}", "", "not UTF-8"},
		{LOGIN, "{\"code\":\"a\\u0000b\"}", "", "a NUL"},
		{LOGIN, "[[[[[[[[[]]]]]]]]]", "", "nine levels deep"},
		{LOGIN, "{}", "/code", "required"},
		{LOGIN, "{\"code\":5}", "/code", "a number"},
		{LOGIN, "{\"code\":\"\"}", "/code", "empty"},
		{LOGIN, "{\"code\":\"a\",\"user\":\"b\"}", "", "an unknown key"},
		{NOTICE, NOTICE_WITH(""), "/received_on", "required"},
		{NOTICE, NOTICE_WITH(",\"received_on\":\"2026-11-24\""), "/received_on", "tomorrow"},
		{NOTICE, NOTICE_WITH(",\"received_on\":\"2026-02-30\""), "/received_on", "no such day"},
		{NOTICE, NOTICE_WITH(",\"received_on\":\"2026-2-3\""), "/received_on", "one digit"},
		{NOTICE, NOTICE_WITH(",\"received_on\":\"2026-11-20T00:00:00Z\""), "/received_on", "a time"},
		{NOTICE, NOTICE_WITH(",\"received_on\":\"2026-11-20\",\"due_on\":\"2026-11-19\""), "/due_on", "due before it came"},
		{NOTICE, NOTICE_WITH(",\"received_on\":\"2026-11-20\",\"due_on\":null"), "/due_on", "null is not absent"},
		{NOTICE, NOTICE_WITH(",\"received_on\":\"2026-11-20\",\"note\":\"a\\u001b[2J\""), "/note", "an escape sequence"},
		{NOTICE, NOTICE_WITH(",\"received_on\":\"2026-11-20\",\"recieved_on\":\"2026-11-20\""), "", "a key misspelt"},
		{NOTICE,
		 "{\"service\":\"f\\n\",\"authority\":\"a\",\"level\":\"province\",\"reference\":\"r\",\"received_on\":\"2026-11-20\"}",
		 "/service", "two lines"},
		{NOTICE,
		 "{\"service\":\"f\",\"authority\":\" \\t\",\"level\":\"province\",\"reference\":\"r\",\"received_on\":\"2026-11-20\"}",
		 "/authority", "a tab"},
		{NOTICE,
		 "{\"service\":\"f\",\"authority\":\"  \",\"level\":\"province\",\"reference\":\"r\",\"received_on\":\"2026-11-20\"}",
		 "/authority", "only blanks"},
		{NOTICE, "{\"service\":\"f\",\"authority\":\"a\",\"level\":\"county\",\"reference\":\"r\",\"received_on\":\"2026-11-20\"}",
		 "/level", "below prefecture"},
		{ASSESSMENT, ASSESSMENT_WITH(",\"filed_on\":\"2026-11-20\""), "/functions", "required"},
		{ASSESSMENT, ASSESSMENT_WITH(",\"filed_on\":\"2026-11-20\",\"functions\":[]"), "/functions", "no class"},
		{ASSESSMENT, ASSESSMENT_WITH(",\"filed_on\":\"2026-11-20\",\"functions\":\"F01\""), "/functions", "no list"},
		{ASSESSMENT, ASSESSMENT_WITH(",\"filed_on\":\"2026-11-20\",\"functions\":[\"F01\",\"F12\"]"), "/functions/1",
		 "no such class"},
		{ASSESSMENT, ASSESSMENT_WITH(",\"filed_on\":\"2026-11-20\",\"functions\":[\"F01\",\"F01\"]"), "/functions/1", "twice"},
		{ASSESSMENT, ASSESSMENT_WITH(",\"filed_on\":\"2026-11-20\",\"functions\":[1]"), "/functions/0", "a number"},
		{ASSESSMENT, ASSESSMENT_WITH(",\"filed_on\":\"2026-11-24\",\"functions\":[\"F01\"]"), "/filed_on", "tomorrow"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct fault fault = {0};
		int r = read_form(rows[i].form, span_str(rows[i].body), &fault);
		if (r != -EINVAL || strcmp(fault.place, rows[i].place) != 0 || !*fault.text || !*fault.remedy)
			fail_msg("%s: %d at \"%s\": %s", rows[i].why, r, fault.place, fault.text);
	}
}

static void today_in_shanghai_is_not_the_future(void **state)
{
	struct fault fault;
	(void)state;
	assert_int_equal(read_form(NOTICE, span_str(NOTICE_WITH(",\"received_on\":\"2026-11-23\",\"due_on\":\"2026-11-23\"")), &fault), 0);
	assert_int_equal(read_form(ASSESSMENT, span_str(ASSESSMENT_WITH(",\"filed_on\":\"2026-11-23\",\"functions\":[\"F11\"]")), &fault),
			 0);
}

static void texts_are_taken_up_to_their_ceilings(void **state)
{
	static const struct {
		const char *before, *after;
		size_t bytes;
	} rows[] = {
		{"{\"service\":\"f\",\"level\":\"national\",\"reference\":\"r\",\"received_on\":\"2026-11-20\",\"authority\":\"", "\"}",
		 ENTRY_NAME_BYTES_MAX},
		{"{\"service\":\"f\",\"authority\":\"a\",\"level\":\"national\",\"reference\":\"r\",\"received_on\":\"2026-11-20\",\"note\":\"",
		 "\"}", ENTRY_NOTE_BYTES_MAX},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		for (size_t more = 0; more < 2; more++) {
			char text[ENTRY_NOTE_BYTES_MAX + 2] = "", body[ENTRY_NOTE_BYTES_MAX + 512];
			struct fault fault;
			memset(text, 'x', rows[i].bytes + more);
			snprintf(body, sizeof body, "%s%s%s", rows[i].before, text, rows[i].after);
			assert_int_equal(read_form(NOTICE, span_str(body), &fault), more ? -EINVAL : 0);
		}
	}
}

static void an_entry_holds_what_was_said(void **state)
{
	struct fault fault;
	struct notice_entry notice;
	struct assessment_entry assessment;
	json_t *json;
	(void)state;
	static const char one[] =
		"{\"service\":\"论坛\",\"authority\":\"网信办\",\"level\":\"prefecture\",\"reference\":\"12号\",\"received_on\":\"2026-11-20\"}";
	assert_int_equal(entry_parse(span_str(one), &json, &fault), 0);
	assert_int_equal(notice_read(json, now_ms(), &notice, &fault), 0);
	assert_string_equal(notice.service, "论坛");
	assert_string_equal(notice.due_on, "");
	assert_string_equal(notice.note, "");
	assert_int_equal(notice.received_ms, INT64_C(1795104000000)); /* 2026-11-19T16:00:00Z */
	json_decref(json);

	static const char two[] = "{\"service\":\"f\",\"functions\":[\"F11\",\"F01\"],\"filed_on\":\"2026-11-20\",\"receipt\":\"R\"}";
	assert_int_equal(entry_parse(span_str(two), &json, &fault), 0);
	assert_int_equal(assessment_read(json, now_ms(), &assessment, &fault), 0);
	assert_int_equal(assessment.functions, FUNCTION(1) | FUNCTION(11));
	assert_string_equal(assessment.receipt, "R");
	json_decref(json);
}

static void a_brace_inside_a_text_is_no_depth(void **state)
{
	struct fault fault;
	(void)state;
	assert_int_equal(read_form(LOGIN, span_str("{\"code\":\"{{{{{{{{{{\\\"[[[[[[[[[[\"}"), &fault), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_wrong_is_refused_at_its_place), cmocka_unit_test(today_in_shanghai_is_not_the_future),
		cmocka_unit_test(texts_are_taken_up_to_their_ceilings),  cmocka_unit_test(an_entry_holds_what_was_said),
		cmocka_unit_test(a_brace_inside_a_text_is_no_depth),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
