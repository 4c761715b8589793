#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "collector/calendar/calendar.h"
#include "collector/triggers/triggers.h"

#define HOUR INT64_C(3600000)
#define DAY  (24 * HOUR)

/* 2026-11-20 10:14 in Shanghai, a Friday. */
static const int64_t friday = INT64_C(1795140840000);

enum { RAISED_MAX = 16 };
struct raised {
	size_t count;
	struct {
		char key[128], clause[16], reason[1024], reason_zh[1024];
		struct store_trigger t;
		json_t *evidence;
	} one[RAISED_MAX];
};

static void on_raised(void *ctx, const struct store_trigger *t)
{
	struct raised *r = ctx;
	assert_true(r->count < RAISED_MAX);
	snprintf(r->one[r->count].key, sizeof r->one[0].key, "%s", t->key);
	snprintf(r->one[r->count].clause, sizeof r->one[0].clause, "%s", t->clause);
	snprintf(r->one[r->count].reason, sizeof r->one[0].reason, "%s", t->reason);
	snprintf(r->one[r->count].reason_zh, sizeof r->one[0].reason_zh, "%s", t->reason_zh);
	r->one[r->count].t = *t;
	r->one[r->count].evidence = json_loads(t->evidence, 0, NULL);
	assert_non_null(r->one[r->count].evidence);
	r->count++;
}

static void forget(struct raised *r)
{
	for (size_t i = 0; i < r->count; i++)
		json_decref(r->one[i].evidence);
	r->count = 0;
}

static struct store_endpoint_row endpoint(int64_t id, const char *template, function_set functions, int64_t first_good_ms)
{
	return (struct store_endpoint_row){.id = id,
					   .service = "forum",
					   .workload = "nginx",
					   .host = "forum.example",
					   .method = "GET",
					   .template = template,
					   .content = "html",
					   .functions = functions,
					   .first_seen_ms = first_good_ms ? first_good_ms : friday,
					   .first_good_ms = first_good_ms,
					   .requests = 7,
					   .good = first_good_ms ? 5 : 0};
}

static void judge(struct raised *r, const struct store_service_row *service, const struct store_endpoint_row *endpoints, size_t count)
{
	struct facts facts = {.service = service, .endpoints = endpoints, .endpoint_count = count, .now_ms = friday + 30 * DAY};
	clause_3_1_judge(&facts, on_raised, r);
}

static void a_service_without_assessment_going_online_is_one_trigger(void **state)
{
	(void)state;
	struct raised r = {0};
	struct store_service_row service = {.id = 3, .name = "forum"};
	struct store_endpoint_row endpoints[] = {endpoint(1, "/forum/threads", FUNCTION(1), friday + HOUR),
						 endpoint(2, "/t/{id}/comments", FUNCTION(1) | FUNCTION(9), friday),
						 endpoint(3, "/healthz", 0, friday - DAY)};
	judge(&r, &service, endpoints, 3);
	assert_int_equal(r.count, 1);
	assert_string_equal(r.one[0].key, "3(1)/forum/online");
	assert_int_equal(r.one[0].t.state, TRIGGER_CONFIRMED);
	assert_int_equal(r.one[0].t.functions, FUNCTION(1) | FUNCTION(9));
	assert_int_equal(r.one[0].t.occurred_ms, friday); /* the first good answer of a function, not the health check's */
	assert_int_equal(r.one[0].t.deadline_ms, friday); /* before launch */
	assert_int_equal(r.one[0].t.detected_ms, friday + 30 * DAY);
	assert_non_null(strstr(r.one[0].reason, "is online with F01 forum, F09 information sharing; no security assessment is on file"));
	assert_non_null(strstr(r.one[0].reason, "The report was due before the launch (Art. 7)."));
	assert_non_null(
		strstr(r.one[0].reason_zh, "已上线，提供F01 论坛、F09 信息分享；未登记安全评估报告。报告应当在上线前提交（第七条）。"));
	const json_t *first = json_array_get(json_object_get(r.one[0].evidence, "endpoints"), 0);
	assert_string_equal(json_string_value(json_object_get(first, "endpoint")), "GET /t/{id}/comments");
	assert_int_equal(json_integer_value(json_object_get(r.one[0].evidence, "endpoints_in_all")), 2);
	forget(&r);
}

static void a_class_later_than_a_day_is_an_added_function(void **state)
{
	(void)state;
	static const struct {
		const char *reason;
		int64_t after_ms;
		size_t triggers;
	} cases[] = {
		{"within the day of going online: the same launch", DAY, 1},
		{"a millisecond past it: an added function", DAY + 1, 2},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct raised r = {0};
		struct store_service_row service = {.id = 3, .name = "forum"};
		struct store_endpoint_row endpoints[] = {endpoint(1, "/forum", FUNCTION(1), friday),
							 endpoint(2, "/live/{id}", FUNCTION(8), friday + cases[i].after_ms)};
		judge(&r, &service, endpoints, 2);
		if (r.count != cases[i].triggers)
			fail_msg("%s: %zu triggers", cases[i].reason, r.count);
		if (r.count == 2) {
			assert_string_equal(r.one[1].key, "3(1)/forum/F08");
			assert_int_equal(r.one[1].t.occurred_ms, friday + DAY + 1);
			assert_non_null(strstr(r.one[1].reason, "also offers F08 online streaming"));
		}
		forget(&r);
	}
}

static void only_what_the_assessed_baseline_lacks_is_raised(void **state)
{
	(void)state;
	static const struct {
		const char *reason;
		function_set assessed;
		size_t triggers;
	} cases[] = {
		{"the baseline covers both", FUNCTION(1) | FUNCTION(8), 0},
		{"it lacks live streaming", FUNCTION(1), 1},
		{"it covers another function only", FUNCTION(5), 2},
		{"an empty baseline covers nothing", 0, 2},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct raised r = {0};
		struct store_service_row service = {
			.id = 3, .name = "forum", .assessment_on_file = true, .assessed = cases[i].assessed, .assessed_on = "2026-03-01"};
		struct store_endpoint_row endpoints[] = {endpoint(1, "/forum", FUNCTION(1), friday),
							 endpoint(2, "/live/{id}", FUNCTION(8), friday)};
		judge(&r, &service, endpoints, 2);
		if (r.count != cases[i].triggers)
			fail_msg("%s: %zu triggers", cases[i].reason, r.count);
		for (size_t k = 0; k < r.count; k++) {
			assert_non_null(
				strstr(r.one[k].reason,
				       "the assessment on file does not cover it. The report was due before the function was added"));
			assert_non_null(strstr(r.one[k].reason_zh, "已登记的安全评估未涵盖该功能。报告应当在功能增设前提交（第七条）。"));
		}
		if (r.count == 1)
			assert_string_equal(json_string_value(json_object_get(r.one[0].evidence, "assessed_on")), "2026-03-01");
		forget(&r);
	}
}

static void what_is_no_public_function_raises_nothing(void **state)
{
	(void)state;
	struct raised r = {0};
	struct store_service_row service = {.id = 3, .name = "shop"};
	struct store_service_row news = {.id = 4, .name = "news", .news = true};
	struct store_endpoint_row scanner[] = {endpoint(1, "/forum/admin.php", FUNCTION(1), 0)};
	struct store_endpoint_row plain[] = {endpoint(1, "/cart/{id}", 0, friday)};
	struct store_endpoint_row forum[] = {endpoint(1, "/forum", FUNCTION(1), friday)};
	judge(&r, &service, scanner, 1); /* never answered well: a scanner's guess */
	judge(&r, &service, plain, 1);
	judge(&r, &service, NULL, 0);
	judge(&r, &news, forum, 1); /* Article 16 */
	assert_int_equal(r.count, 0);
}

static void judge_notice(struct raised *r, int64_t received_ms, const char *due_on)
{
	struct store_service_row service = {.id = 3, .name = "forum"};
	struct store_notice notice = {.id = 5,
				      .service_id = 3,
				      .authority = "某市互联网信息办公室",
				      .level = "prefecture",
				      .reference = "网信评〔2026〕7号",
				      .received_ms = received_ms,
				      .due_on = due_on,
				      .note = "",
				      .actor = "duty"};
	struct facts facts = {.service = &service, .notices = &notice, .notice_count = 1, .now_ms = received_ms + DAY};
	clause_3_5_judge(&facts, on_raised, r);
	assert_int_equal(r->count, 1);
	assert_string_equal(r->one[0].key, "3(5)/forum/5");
	assert_int_equal(r->one[0].t.occurred_ms, received_ms);
	assert_int_equal(r->one[0].t.detected_ms, received_ms + DAY);
}

static void a_notice_runs_thirty_working_days_unless_it_names_an_earlier_day(void **state)
{
	(void)state;
	/* received 2026-01-29 09:00 in Shanghai: the 30th working day is 2026-03-18 */
	const int64_t received = INT64_C(1769648400000);
	static const struct {
		const char *reason, *due_on;
		int month, day;
	} cases[] = {
		{"no date of its own", "", 3, 18},
		{"an earlier date wins, working day or not", "2026-02-28", 2, 28},
		{"the very day changes nothing", "2026-03-18", 3, 18},
		{"a later date does not prolong the law's", "2026-03-19", 3, 18},
		{"what is no date is not a date", "soon", 3, 18},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct raised r = {0};
		judge_notice(&r, received, cases[i].due_on);
		int64_t due_ms = ((int64_t)calendar_day_from_date(2026, cases[i].month, cases[i].day) + 1) * DAY - 8 * HOUR;
		if (r.one[0].t.deadline_ms != due_ms || r.one[0].t.provisional)
			fail_msg("%s: due at %lld, not %lld", cases[i].reason, (long long)r.one[0].t.deadline_ms, (long long)due_ms);
		assert_non_null(strstr(r.one[0].reason, "网信评〔2026〕7号"));
		assert_null(strstr(r.one[0].reason, "provisional"));
		assert_non_null(strstr(r.one[0].reason_zh, "报告最迟应当于 2026-"));
		forget(&r);
	}
}

static void a_deadline_that_reaches_a_year_without_notice_is_provisional(void **state)
{
	(void)state;
	struct raised r = {0};
	judge_notice(&r, friday + 7 * DAY, "");
	assert_true(r.one[0].t.provisional);
	assert_non_null(strstr(r.one[0].reason, ", provisionally: 30 working days from the notice, some of them in a year whose holidays"));
	assert_non_null(strstr(r.one[0].reason_zh, "（暂定）提交：自收到通知之日起三十个工作日内，其中部分日期所在年度的放假安排尚未公布"));
	forget(&r);
}

static void every_clause_of_the_table_has_its_titles_and_rule(void **state)
{
	(void)state;
	size_t count = 0;
	for (; clause_at(count); count++) {
		assert_true(clause_at(count)->title[0] && clause_at(count)->title_zh[0]);
		assert_non_null(clause_at(count)->judge);
	}
	assert_int_equal(count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_service_without_assessment_going_online_is_one_trigger),
		cmocka_unit_test(a_class_later_than_a_day_is_an_added_function),
		cmocka_unit_test(only_what_the_assessed_baseline_lacks_is_raised),
		cmocka_unit_test(what_is_no_public_function_raises_nothing),
		cmocka_unit_test(a_notice_runs_thirty_working_days_unless_it_names_an_earlier_day),
		cmocka_unit_test(a_deadline_that_reaches_a_year_without_notice_is_provisional),
		cmocka_unit_test(every_clause_of_the_table_has_its_titles_and_rule),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
