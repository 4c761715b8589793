/* Facts, rules and store together: what a request does to the list of triggers. */
#include "tests/unit/collector/store_world.h"

#include <errno.h>

#include "collector/triggers/triggers.h"

struct changes {
	int raised, closed;
	char last_key[64];
};

static void on_change(void *ctx, const struct store_trigger *t, bool is_new)
{
	struct changes *c = ctx;
	c->raised += is_new;
	c->closed += !is_new;
	assert_true(is_new || (t->closed_ms > 0 && t->closed_why[0])); /* as subscribers are told */
	snprintf(c->last_key, sizeof c->last_key, "%s", t->key);
}

static struct changes judged(struct world *w, int64_t now_ms)
{
	struct changes c = {0};
	struct err err = {0};
	if (judge_run(w->store, now_ms, on_change, &c, &err) < 0)
		fail_msg("%s", err.text);
	return c;
}

static void request(struct world *w, uint64_t sequence, int64_t time_ms, const char *template, enum status_class status)
{
	struct made m;
	made_begin(&m, time_ms, "web", "a.test");
	made_endpoint(&m, "GET", template, status, 1);
	merged(w, "host", 1, sequence, &m);
}

static int first_service(void *ctx, const struct store_service_row *row)
{
	*(int64_t *)ctx = row->id;
	return 1;
}

static int64_t the_service(struct world *w)
{
	int64_t id = 0;
	assert_int_equal(store_each_service(w->store, first_service, &id, NULL), 1);
	return id;
}

static void request_to_a_new_class_raises_once_and_an_assessment_closes(void **state)
{
	(void)state;
	const struct service_declaration declared = {
		.name = "club", .workloads = (const char *const[]){"web", NULL}, .assessed = FUNCTION(1), .assessed_on = "2026-03-01"};
	struct world w = world_new(480, &declared, 1);
	request(&w, 1, MORNING_MS, "/forum/threads/{id}", STATUS_2XX);
	assert_int_equal(judged(&w, MORNING_MS + 1000).raised, 0);
	request(&w, 2, MORNING_MS + 10000, "/live/{id}", STATUS_4XX);
	request(&w, 3, MORNING_MS + 10000, TEMPLATE_SCANNER, STATUS_4XX);
	assert_int_equal(judged(&w, MORNING_MS + 11000).raised, 0);
	request(&w, 4, MORNING_MS + 20000, "/live/{id}", STATUS_2XX);
	struct changes c = judged(&w, MORNING_MS + 21000);
	assert_int_equal(c.raised, 1);
	assert_string_equal(c.last_key, "3(1)/club/F08");
	request(&w, 5, MORNING_MS + 30000, "/live/{id}", STATUS_2XX);
	assert_int_equal(judged(&w, MORNING_MS + 31000).raised, 0);

	struct store_assessment a = {.service_id = the_service(&w), .functions = FUNCTION(8), .filed_on = "2026-11-20"};
	int64_t id;
	assert_int_equal(store_add_assessment(w.store, &a, MORNING_MS + 40000, &id, NULL), 0);
	c = judged(&w, MORNING_MS + 41000);
	assert_int_equal(c.raised, 0);
	assert_int_equal(c.closed, 1);
	assert_int_equal(judged(&w, MORNING_MS + 42000).closed, 0);
	world_end(&w);
}

static void service_without_an_assessment_goes_online_once_and_each_later_class_is_seen(void **state)
{
	(void)state;
	struct world w = world_new(480, NULL, 0);
	request(&w, 1, MORNING_MS, "/forum/threads/{id}", STATUS_2XX);
	struct changes c = judged(&w, MORNING_MS + 1000);
	assert_int_equal(c.raised, 1);
	assert_string_equal(c.last_key, "3(1)/web/online");
	request(&w, 2, MORNING_MS + 3 * DAY_MS, "/live/{id}", STATUS_2XX);
	c = judged(&w, MORNING_MS + 3 * DAY_MS + 1000);
	assert_int_equal(c.raised, 1);
	assert_string_equal(c.last_key, "3(1)/web/F08");
	assert_int_equal(judged(&w, MORNING_MS + 4 * DAY_MS).raised, 0);
	world_end(&w);
}

struct open_triggers {
	size_t count;
	function_set functions;
	char reasons[2048];
};

static int on_open(void *ctx, const struct store_trigger *t)
{
	struct open_triggers *o = ctx;
	size_t at = strlen(o->reasons);
	o->count++;
	o->functions |= t->functions;
	snprintf(o->reasons + at, sizeof o->reasons - at, "%s\n", t->reason);
	return 0;
}

static struct open_triggers open_triggers(struct world *w)
{
	struct open_triggers o = {0};
	assert_int_equal(store_each_trigger(w->store, true, on_open, &o, NULL), 0);
	return o;
}

static void an_assessment_of_a_part_leaves_one_trigger_for_the_rest_and_no_word_that_is_untrue(void **state)
{
	(void)state;
	struct world w = world_new(480, NULL, 0);
	request(&w, 1, MORNING_MS, "/forum/threads/{id}", STATUS_2XX);
	request(&w, 2, MORNING_MS, "/live/{id}", STATUS_2XX);
	assert_int_equal(judged(&w, MORNING_MS + 1000).raised, 1);
	struct store_assessment a = {.service_id = the_service(&w), .functions = FUNCTION(1), .filed_on = "2026-11-20"};
	int64_t id;
	assert_int_equal(store_add_assessment(w.store, &a, MORNING_MS + 2000, &id, NULL), 0);
	struct changes c = judged(&w, MORNING_MS + 3000);
	assert_int_equal(c.raised, 1);
	assert_int_equal(c.closed, 1);
	struct open_triggers open = open_triggers(&w);
	assert_int_equal(open.count, 1);
	assert_int_equal(open.functions, FUNCTION(8));
	assert_non_null(strstr(open.reasons, "Service web offers F08 online streaming; the assessment on file does not cover it."));
	c = judged(&w, MORNING_MS + 4000);
	assert_int_equal(c.raised + c.closed, 0);
	world_end(&w);
}

static void older_history_that_moves_the_launch_leaves_no_fact_raised_twice(void **state)
{
	(void)state;
	struct world w = world_new(480, NULL, 0);
	request(&w, 1, MORNING_MS, "/forum/threads/{id}", STATUS_2XX);
	request(&w, 2, MORNING_MS + 3 * DAY_MS, "/live/{id}", STATUS_2XX);
	assert_int_equal(judged(&w, MORNING_MS + 3 * DAY_MS + 1000).raised, 2);
	request(&w, 3, MORNING_MS - 30 * DAY_MS, "/forum/threads/{id}", STATUS_2XX);
	request(&w, 4, MORNING_MS - 30 * DAY_MS, "/live/{id}", STATUS_2XX);
	assert_int_equal(judged(&w, MORNING_MS + 4 * DAY_MS).closed, 1);
	struct open_triggers open = open_triggers(&w);
	assert_int_equal(open.count, 1);
	assert_int_equal(open.functions, FUNCTION(1) | FUNCTION(8));
	world_end(&w);
}

static void a_service_that_is_declared_as_news_has_no_launch_clock_any_more(void **state)
{
	(void)state;
	const char *const workloads[] = {"web", NULL};
	const struct service_declaration forum = {.name = "daily", .workloads = workloads};
	const struct service_declaration news = {.name = "daily", .workloads = workloads, .news = true};
	struct world w = world_new(480, &forum, 1);
	request(&w, 1, MORNING_MS, "/forum/threads/{id}", STATUS_2XX);
	assert_int_equal(judged(&w, MORNING_MS + 1000).raised, 1);
	world_close(&w);
	services_free(w.services);
	assert_int_equal(services_new(&news, 1, &w.services, NULL), 0);
	world_open(&w);
	assert_int_equal(judged(&w, MORNING_MS + 2000).closed, 1);
	assert_int_equal(open_triggers(&w).count, 0);
	world_end(&w);
}

static void notice_raises_once_and_stays_closed(void **state)
{
	(void)state;
	const struct service_declaration declared = {.name = "club"};
	struct world w = world_new(480, &declared, 1);
	struct store_notice n = {.service_id = the_service(&w), .authority = "CAC", .reference = "17", .received_ms = MORNING_MS};
	int64_t id;
	assert_int_equal(store_add_notice(w.store, &n, MORNING_MS, &id, NULL), 0);
	struct changes c = judged(&w, MORNING_MS + 1000);
	assert_int_equal(c.raised, 1);
	assert_string_equal(c.last_key, "3(5)/club/1");
	assert_int_equal(store_close_trigger(w.store, 1, TRIGGER_CLOSED, MORNING_MS + 2000, "filed", NULL), 0);
	assert_int_equal(judged(&w, MORNING_MS + 3000).raised, 0);
	world_end(&w);
}

static void a_service_with_too_many_notices_does_not_silence_the_others(void **state)
{
	const struct service_declaration declared[] = {{.name = "a club"}, {.name = "web"}};
	struct world w = world_new(480, declared, 2);
	struct changes c = {0};
	struct err err = {0};
	(void)state;
	request(&w, 1, MORNING_MS, "/forum/threads/{id}", STATUS_2XX);
	told(&w,
	     "INSERT INTO notice (service_id, authority, level, reference, received_ms, due_on, note, actor, recorded_ms)"
	     " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1001)"
	     " SELECT v.id, 'CAC', 'province', i, 1795132800000, '', '', 'token', 1795132800000 FROM n, service v WHERE v.name = 'a club'");
	assert_int_equal(judge_run(w.store, MORNING_MS + 1000, on_change, &c, &err), -ENOMEM);
	assert_non_null(strstr(err.text, "service a club has more than 1000 notices"));
	assert_int_equal(c.raised, 1);
	assert_string_equal(c.last_key, "3(1)/web/online");
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_to_a_new_class_raises_once_and_an_assessment_closes),
		cmocka_unit_test(service_without_an_assessment_goes_online_once_and_each_later_class_is_seen),
		cmocka_unit_test(an_assessment_of_a_part_leaves_one_trigger_for_the_rest_and_no_word_that_is_untrue),
		cmocka_unit_test(older_history_that_moves_the_launch_leaves_no_fact_raised_twice),
		cmocka_unit_test(a_service_that_is_declared_as_news_has_no_launch_clock_any_more),
		cmocka_unit_test(a_service_with_too_many_notices_does_not_silence_the_others),
		cmocka_unit_test(notice_raises_once_and_stays_closed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
