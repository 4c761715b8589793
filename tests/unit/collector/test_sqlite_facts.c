/* What the store says of what was merged: services, endpoints, days, users; and what people and rules filed. */
#include "tests/unit/collector/store_world.h"

#include <errno.h>
#include <math.h>

#include "collector/services/functions.h"

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

/* ---- services and endpoints ---- */

enum { SEEN_MAX = 8 };
struct seen_services {
	size_t count;
	struct store_service_row rows[SEEN_MAX];
	char names[SEEN_MAX][64], assessed_on[SEEN_MAX][16];
};

static int on_service(void *ctx, const struct store_service_row *row)
{
	struct seen_services *seen = ctx;
	assert_true(seen->count < SEEN_MAX);
	snprintf(seen->names[seen->count], sizeof seen->names[0], "%s", row->name);
	snprintf(seen->assessed_on[seen->count], sizeof seen->assessed_on[0], "%s", row->assessed_on ? row->assessed_on : "none");
	seen->rows[seen->count++] = *row;
	return 0;
}

static struct seen_services services_in(struct world *w)
{
	struct seen_services seen = {0};
	struct err err = {0};
	assert_int_equal(store_each_service(w->store, on_service, &seen, &err), 0);
	return seen;
}

static void one_window(struct world *w, uint64_t sequence, int64_t start_ms, const char *workload, const char *template,
		       enum status_class status, uint64_t count)
{
	struct made m;
	made_begin(&m, start_ms, workload, "a.test");
	made_endpoint(&m, "GET", template, status, count);
	merged(w, "host", 1, sequence, &m);
}

static void class_counts_for_a_service_once_a_good_answer_was_seen(void **state)
{
	(void)state;
	struct world w = world_new(480, NULL, 0);
	one_window(&w, 1, MORNING_MS, "web", "/forum/{id}", STATUS_4XX, 50);
	one_window(&w, 2, MORNING_MS + 20000, "web", "/live/{id}", STATUS_UNANSWERED, 9);
	one_window(&w, 3, MORNING_MS + 40000, "web", TEMPLATE_SCANNER, STATUS_4XX, 70);
	struct seen_services seen = services_in(&w);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.rows[0].functions, 0);
	assert_int_equal(seen.rows[0].first_seen_ms, 0);
	assert_int_equal(seen.rows[0].endpoints, 2); /* a bucket is no endpoint */
	assert_int_equal(seen.rows[0].requests_24h, 50 + 9 + 70);
	one_window(&w, 4, MORNING_MS + 60000, "web", "/forum/{id}", STATUS_3XX, 1);
	seen = services_in(&w);
	assert_int_equal(seen.rows[0].functions, FUNCTION(1));
	assert_int_equal(seen.rows[0].first_seen_ms, MORNING_MS + 60000);
	assert_int_equal(seen.rows[0].last_seen_ms, MORNING_MS + 69000);
	one_window(&w, 5, MORNING_MS - 3 * DAY_MS, "web", "/forum/{id}", STATUS_2XX, 1); /* a replay of older logs */
	assert_int_equal(services_in(&w).rows[0].first_seen_ms, MORNING_MS - 3 * DAY_MS);
	world_end(&w);
}

static void requests_of_a_day_end_at_the_newest_hour_held(void **state)
{
	(void)state;
	struct world w = world_new(480, NULL, 0);
	one_window(&w, 1, MORNING_MS, "web", "/a", STATUS_2XX, 1000);
	one_window(&w, 2, MORNING_MS + HOUR_MS, "web", "/a", STATUS_2XX, 20);
	one_window(&w, 3, MORNING_MS + 24 * HOUR_MS, "web", "/a", STATUS_2XX, 3); /* the first is exactly 24 hours older: out */
	one_window(&w, 4, MORNING_MS, "idle", "/a", STATUS_2XX, 7);
	struct seen_services seen = services_in(&w);
	assert_string_equal(seen.names[0], "idle");
	assert_int_equal(seen.rows[0].requests_24h, 0);
	assert_int_equal(seen.rows[1].requests_24h, 23);
	world_end(&w);
}

static void changed_declarations_take_scopes_with_their_history(void **state)
{
	(void)state;
	struct world w = world_new(480, NULL, 0);
	one_window(&w, 1, MORNING_MS, "web", "/forum/{id}", STATUS_2XX, 5);
	one_window(&w, 2, MORNING_MS, "api", "/threads/{id}", STATUS_2XX, 6);
	assert_int_equal(services_in(&w).count, 2);
	world_close(&w);
	services_free(w.services);
	const struct service_declaration declared[] = {
		{.name = "club",
		 .title = "The club",
		 .workloads = LIST("web", "api"),
		 .assessed = FUNCTION(1),
		 .assessed_on = "2026-03-01",
		 .news = true},
		{.name = "later", .hosts = LIST("later.test"), .assessed = FUNCTION(2)},
	};
	assert_int_equal(services_new(declared, 2, &w.services, NULL), 0);
	world_open(&w);
	struct seen_services seen = services_in(&w);
	assert_int_equal(seen.count, 2);
	assert_string_equal(seen.names[0], "club");
	assert_true(seen.rows[0].declared && seen.rows[0].news && seen.rows[0].assessment_on_file);
	assert_int_equal(seen.rows[0].assessed, FUNCTION(1));
	assert_string_equal(seen.assessed_on[0], "2026-03-01");
	assert_int_equal(seen.rows[0].requests_24h, 11);
	assert_string_equal(seen.names[1], "later");
	assert_false(seen.rows[1].assessment_on_file); /* classes without a date are no report */
	assert_int_equal(seen.rows[1].assessed, 0);
	world_close(&w);
	services_free(w.services);
	assert_int_equal(services_new(NULL, 0, &w.services, NULL), 0);
	world_open(&w);
	seen = services_in(&w);
	assert_int_equal(seen.count, 2);
	assert_string_equal(seen.names[0], "api");
	assert_false(seen.rows[0].assessment_on_file);
	assert_int_equal(seen.rows[0].requests_24h, 6);
	world_end(&w);
}

static void better_classifier_judges_old_endpoints_anew_on_the_next_start(void **state)
{
	(void)state;
	struct world w = world_new(480, NULL, 0);
	one_window(&w, 1, MORNING_MS, "web", "/forum/{id}", STATUS_2XX, 5);
	told(&w, "UPDATE endpoint SET functions = 0");
	world_close(&w);
	world_open(&w);
	assert_int_equal(services_in(&w).rows[0].functions, 0); /* the same classifier: nothing to do */
	told(&w, "UPDATE meta SET value = 0 WHERE key = 'functions_version'");
	world_close(&w);
	world_open(&w);
	assert_int_equal(services_in(&w).rows[0].functions, FUNCTION(1));
	assert_int_equal(asked(&w, "SELECT value FROM meta WHERE key = 'functions_version'"), FUNCTIONS_VERSION);
	world_end(&w);
}

struct seen_endpoint {
	int count;
	struct store_endpoint_row last;
	char template[64];
};

static int on_endpoint(void *ctx, const struct store_endpoint_row *row)
{
	struct seen_endpoint *seen = ctx;
	seen->count++;
	seen->last = *row;
	snprintf(seen->template, sizeof seen->template, "%s", row->template);
	return 0;
}

static int stop_at_once(void *ctx, const struct store_endpoint_row *row)
{
	(void)row;
	(*(int *)ctx)++;
	return 42;
}

static void endpoints_are_filtered_and_newest_first(void **state)
{
	(void)state;
	struct world w = world_new(480, NULL, 0);
	one_window(&w, 1, MORNING_MS, "web", "/forum/{id}", STATUS_2XX, 5);
	one_window(&w, 2, MORNING_MS, "web", "/live/{id}", STATUS_4XX, 5);
	one_window(&w, 3, MORNING_MS, "web", "/search", STATUS_2XX, 5);
	one_window(&w, 4, MORNING_MS, "other", "/live/{id}", STATUS_2XX, 5);
	struct seen_services services = services_in(&w);
	int64_t web = services.rows[1].id;
	const struct {
		struct store_endpoint_filter filter;
		int count;
		const char *last, *reason;
	} rows[] = {
		{{0}, 4, "/forum/{id}", "all of them, the oldest last"},
		{{.limit = 1}, 1, "/live/{id}", "the newest only"},
		{{.service_id = web}, 3, "/forum/{id}", "one service's"},
		{{.functions = FUNCTION(8)}, 2, "/live/{id}", "of a class"},
		{{.functions = FUNCTION(8) | FUNCTION(1), .good_only = true}, 2, "/forum/{id}", "of two classes, answered well"},
		{{.service_id = web, .functions = FUNCTION(8), .good_only = true}, 0, "", "none left"},
		{{.service_id = 999}, 0, "", "no such service"},
	};
	struct err err = {0};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct seen_endpoint seen = {0};
		assert_int_equal(store_each_endpoint(w.store, &rows[i].filter, on_endpoint, &seen, &err), 0);
		if (seen.count != rows[i].count || strcmp(seen.template, rows[i].last) != 0)
			fail_msg("%d rows, last '%s': %s", seen.count, seen.template, rows[i].reason);
	}
	int calls = 0;
	assert_int_equal(store_each_endpoint(w.store, NULL, stop_at_once, &calls, &err), 42);
	assert_int_equal(calls, 1);
	world_end(&w);
}

/* ---- days and users ---- */

struct seen_users {
	size_t count;
	struct store_users_row rows[SEEN_MAX];
	char days[SEEN_MAX][16];
};

static int on_users(void *ctx, const struct store_users_row *row)
{
	struct seen_users *seen = ctx;
	assert_true(seen->count < SEEN_MAX);
	snprintf(seen->days[seen->count], sizeof seen->days[0], "%s", row->day);
	seen->rows[seen->count++] = *row;
	return 0;
}

static struct seen_users users_of(struct world *w, const char *from, const char *to, bool total)
{
	struct seen_users seen = {0};
	struct err err = {0};
	int64_t id = services_in(w).rows[0].id;
	assert_int_equal((total ? store_users_total : store_each_users)(w->store, id, from, to, on_users, &seen, &err), 0);
	return seen;
}

static void users_window(struct world *w, uint64_t sequence, int64_t start_ms, const char *host, uint32_t key_id, uint64_t from,
			 uint64_t to)
{
	struct made m;
	made_begin(&m, start_ms, "web", host);
	made_endpoint(&m, "GET", "/a", STATUS_2XX, 2 * (to - from));
	made_users(&m, IDENTITY_ACCOUNT, key_id, from, to);
	merged(w, "host", 1, sequence, &m);
	made_end(&m);
}

static void about(double got, double expected)
{
	if (fabs(got - expected) > 0.02 * expected)
		fail_msg("%f users, expected %f", got, expected);
}

static void day_ends_at_midnight_of_the_configured_offset(void **state)
{
	(void)state;
	static const struct {
		int offset_minutes;
		int64_t last_of_day_ms;
		const char *before, *after;
	} rows[] = {
		{480, MORNING_MS + 16 * HOUR_MS - 10000, "2026-11-20", "2026-11-21"},
		{0, MORNING_MS + 24 * HOUR_MS - 10000, "2026-11-20", "2026-11-21"},
		{-300, MORNING_MS + 5 * HOUR_MS - 10000, "2026-11-19", "2026-11-20"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct world w = world_new(rows[i].offset_minutes, NULL, 0);
		users_window(&w, 1, rows[i].last_of_day_ms, "a.test", 1, 0, 100);
		users_window(&w, 2, rows[i].last_of_day_ms + 10000, "a.test", 1, 50, 250);
		struct seen_users seen = users_of(&w, "", "", false);
		assert_int_equal(seen.count, 2);
		assert_string_equal(seen.days[0], rows[i].before);
		assert_string_equal(seen.days[1], rows[i].after);
		about(seen.rows[0].users, 100);
		about(seen.rows[1].users, 200);
		assert_int_equal(seen.rows[0].requests, 100);
		assert_int_equal(seen.rows[0].requests_all, 200);
		assert_int_equal(seen.rows[1].requests_all, 400);
		world_end(&w);
	}
}

static void users_merge_over_scopes_and_days_but_never_over_keys(void **state)
{
	(void)state;
	const struct service_declaration declared = {.name = "club", .workloads = LIST("web")};
	struct world w = world_new(480, &declared, 1);
	users_window(&w, 1, MORNING_MS, "a.test", 1, 0, 3000);
	users_window(&w, 2, MORNING_MS, "b.test", 1, 2000, 5000);
	users_window(&w, 3, MORNING_MS + DAY_MS, "a.test", 1, 4000, 6000);
	users_window(&w, 4, MORNING_MS + DAY_MS, "a.test", 2, 4000, 5000); /* the key was changed that day */
	struct seen_users seen = users_of(&w, "", "", false);
	assert_int_equal(seen.count, 2);
	about(seen.rows[0].users, 5000);
	assert_int_equal(seen.rows[0].requests, 6000);
	assert_int_equal(seen.rows[0].requests_all, 12000);
	about(seen.rows[1].users, 2000);
	assert_int_equal(seen.rows[1].requests, 3000);
	assert_true(seen.rows[0].relative_error > 0.001 && seen.rows[0].relative_error < 0.01);
	seen = users_of(&w, "", "", true);
	assert_int_equal(seen.count, 1);
	assert_string_equal(seen.days[0], "total");
	about(seen.rows[0].users, 6000);
	assert_int_equal(seen.rows[0].requests, 9000);
	assert_int_equal(seen.rows[0].requests_all, 18000);
	seen = users_of(&w, "2026-11-21", "2026-11-21", true);
	about(seen.rows[0].users, 2000);
	assert_int_equal(users_of(&w, "2026-11-22", "", false).count, 0);
	assert_int_equal(users_of(&w, "", "2026-11-20", false).count, 1);
	world_end(&w);
}

static void kinds_of_identity_are_rows_of_their_own(void **state)
{
	(void)state;
	struct world w = world_new(480, NULL, 0);
	struct made m;
	made_begin(&m, MORNING_MS, "web", "a.test");
	made_endpoint(&m, "GET", "/a", STATUS_2XX, 1000);
	made_users(&m, IDENTITY_ACCOUNT, 1, 0, 100);
	made_users(&m, IDENTITY_ADDRESS, 1, 0, 300);
	merged(&w, "host", 1, 1, &m);
	made_end(&m);
	struct seen_users seen = users_of(&w, "", "", true);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.rows[0].kind, IDENTITY_ADDRESS);
	about(seen.rows[0].users, 300);
	assert_int_equal(seen.rows[1].kind, IDENTITY_ACCOUNT);
	about(seen.rows[1].users, 100);
	assert_int_equal(seen.rows[0].requests_all, 1000);
	assert_int_equal(seen.rows[1].requests_all, 1000);
	world_end(&w);
}

struct seen_hours {
	size_t count;
	struct store_hour_row rows[SEEN_MAX];
};

static int on_hour(void *ctx, const struct store_hour_row *row)
{
	struct seen_hours *seen = ctx;
	assert_true(seen->count < SEEN_MAX);
	seen->rows[seen->count++] = *row;
	return 0;
}

static void hours_are_sums_by_status_class_and_end_before_the_last(void **state)
{
	(void)state;
	struct world w = world_new(480, NULL, 0);
	one_window(&w, 1, MORNING_MS + 10000, "web", "/a", STATUS_2XX, 5);
	one_window(&w, 2, MORNING_MS + HOUR_MS - 10000, "web", "/b", STATUS_5XX, 6);
	one_window(&w, 3, MORNING_MS + HOUR_MS, "web", "/a", STATUS_2XX, 7);
	int64_t id = services_in(&w).rows[0].id;
	struct seen_hours seen = {0};
	struct err err = {0};
	assert_int_equal(store_each_hour(w.store, id, MORNING_MS, MORNING_MS + HOUR_MS, on_hour, &seen, &err), 0);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.rows[0].hour_ms, MORNING_MS);
	assert_int_equal(seen.rows[0].count[STATUS_2XX], 5);
	assert_int_equal(seen.rows[0].count[STATUS_5XX], 6);
	assert_int_equal(store_each_hour(w.store, id, MORNING_MS, MORNING_MS + HOUR_MS + 1, on_hour, &seen, &err), 0);
	assert_int_equal(seen.count, 3);
	world_end(&w);
}

/* ---- filings ---- */

static void assessment_widens_the_baseline_and_brings_its_date(void **state)
{
	(void)state;
	const struct service_declaration declared = {
		.name = "club", .workloads = LIST("web"), .assessed = FUNCTION(1), .assessed_on = "2026-03-01"};
	struct world w = world_new(480, &declared, 1);
	struct store_assessment a = {
		.service_id = services_in(&w).rows[0].id, .functions = FUNCTION(5), .filed_on = "2026-09-09", .actor = "li"};
	struct err err = {0};
	int64_t id = 0;
	assert_int_equal(store_add_assessment(w.store, &a, MORNING_MS, &id, &err), 0);
	assert_true(id > 0);
	struct seen_services seen = services_in(&w);
	assert_int_equal(seen.rows[0].assessed, FUNCTION(1) | FUNCTION(5));
	assert_string_equal(seen.assessed_on[0], "2026-09-09");
	world_end(&w);
}

static void filings_that_say_nothing_are_refused_with_a_sentence(void **state)
{
	(void)state;
	struct world w = world_new(480, NULL, 0);
	one_window(&w, 1, MORNING_MS, "web", "/a", STATUS_2XX, 1);
	int64_t service = services_in(&w).rows[0].id, id = 0;
	const struct {
		struct store_notice notice;
		int result;
		const char *sentence;
	} notices[] = {
		{{.service_id = service, .received_ms = 1}, -EINVAL, "the authority that wrote is missing"},
		{{.service_id = service, .authority = "CAC"},
		 -EINVAL,
		 "the day on which the notice was received is missing: the clock of Article 7 runs from it"},
		{{.service_id = service, .authority = "CAC", .received_ms = 1, .due_on = "2026-02-30"},
		 -EINVAL,
		 "the notice's own date '2026-02-30' is no date; write it like 2026-03-01"},
		{{.service_id = service, .authority = "CAC", .received_ms = 1, .due_on = "2026-3-01"},
		 -EINVAL,
		 "the notice's own date '2026-3-01' is no date; write it like 2026-03-01"},
		{{.service_id = 99, .authority = "CAC", .received_ms = 1}, -ENOENT, "there is no service 99"},
	};
	for (size_t i = 0; i < sizeof notices / sizeof *notices; i++) {
		struct err err = {0};
		assert_int_equal(store_add_notice(w.store, &notices[i].notice, MORNING_MS, &id, &err), notices[i].result);
		assert_string_equal(err.text, notices[i].sentence);
	}
	const struct {
		struct store_assessment assessment;
		int result;
		const char *sentence;
	} assessments[] = {
		{{.service_id = service, .functions = 1}, -EINVAL, "the date of the assessment is missing"},
		{{.service_id = service, .functions = 1, .filed_on = "yesterday"},
		 -EINVAL,
		 "the date of the assessment 'yesterday' is no date; write it like 2026-03-01"},
		{{.service_id = service, .functions = FUNCTION(12), .filed_on = "2026-03-01"},
		 -EINVAL,
		 "the assessment names a function class past F11"},
		{{.service_id = 99, .functions = 1, .filed_on = "2026-03-01"}, -ENOENT, "there is no service 99"},
	};
	for (size_t i = 0; i < sizeof assessments / sizeof *assessments; i++) {
		struct err err = {0};
		assert_int_equal(store_add_assessment(w.store, &assessments[i].assessment, MORNING_MS, &id, &err), assessments[i].result);
		assert_string_equal(err.text, assessments[i].sentence);
	}
	assert_int_equal(id, 0);
	world_end(&w);
}

static int on_notice(void *ctx, const struct store_notice *row)
{
	assert_string_equal(row->authority, "杭州市互联网信息办公室");
	assert_string_equal(row->level, "prefecture");
	assert_string_equal(row->due_on, "");
	assert_int_equal(row->received_ms, MORNING_MS);
	(*(int *)ctx)++;
	return 0;
}

static void notices_are_listed_by_service(void **state)
{
	(void)state;
	const struct service_declaration declared[] = {{.name = "club"}, {.name = "shop"}};
	struct world w = world_new(480, declared, 2);
	struct seen_services services = services_in(&w);
	struct store_notice n = {.service_id = services.rows[0].id,
				 .authority = "杭州市互联网信息办公室",
				 .level = "prefecture",
				 .reference = "2026-17",
				 .received_ms = MORNING_MS};
	struct err err = {0};
	int64_t id;
	int all = 0, club = 0, shop = 0;
	assert_int_equal(store_add_notice(w.store, &n, MORNING_MS, &id, &err), 0);
	assert_int_equal(store_each_notice(w.store, 0, on_notice, &all, &err), 0);
	assert_int_equal(store_each_notice(w.store, services.rows[0].id, on_notice, &club, &err), 0);
	assert_int_equal(store_each_notice(w.store, services.rows[1].id, on_notice, &shop, &err), 0);
	assert_int_equal(all, 1);
	assert_int_equal(club, 1);
	assert_int_equal(shop, 0);
	world_end(&w);
}

/* ---- triggers ---- */

struct seen_triggers {
	size_t count;
	struct store_trigger rows[SEEN_MAX];
	char evidence[SEEN_MAX][64], closed_why[SEEN_MAX][64];
};

static int on_trigger(void *ctx, const struct store_trigger *row)
{
	struct seen_triggers *seen = ctx;
	assert_true(seen->count < SEEN_MAX);
	snprintf(seen->evidence[seen->count], sizeof seen->evidence[0], "%s", row->evidence);
	snprintf(seen->closed_why[seen->count], sizeof seen->closed_why[0], "%s", row->closed_why ? row->closed_why : "");
	seen->rows[seen->count++] = *row;
	return 0;
}

static struct seen_triggers triggers_in(struct world *w, bool open_only)
{
	struct seen_triggers seen = {0};
	struct err err = {0};
	assert_int_equal(store_each_trigger(w->store, open_only, on_trigger, &seen, &err), 0);
	return seen;
}

static struct store_trigger trigger_of(int64_t service_id, function_set functions)
{
	return (struct store_trigger){.key = functions ? "3(1)/club/F08" : "3(5)/club/1",
				      .clause = functions ? "3(1)" : "3(5)",
				      .service_id = service_id,
				      .state = TRIGGER_CONFIRMED,
				      .functions = functions,
				      .occurred_ms = MORNING_MS,
				      .detected_ms = MORNING_MS + 1000,
				      .confirmed_ms = MORNING_MS + 1000,
				      .deadline_ms = MORNING_MS + 30 * DAY_MS,
				      .reason = "because",
				      .reason_zh = "因为",
				      .evidence = "{\"n\":1}"};
}

static bool raised(struct world *w, const struct store_trigger *t, int64_t *ret_id)
{
	struct err err = {0};
	bool is_new = false;
	if (store_raise(w->store, t, ret_id, &is_new, &err) < 0)
		fail_msg("%s", err.text);
	return is_new;
}

static struct world club(int64_t *ret_service)
{
	const struct service_declaration declared = {.name = "club"};
	struct world w = world_new(480, &declared, 1);
	*ret_service = services_in(&w).rows[0].id;
	return w;
}

static void trigger_raised_again_is_refreshed_and_keeps_when_it_was_detected(void **state)
{
	(void)state;
	int64_t service, id = 0, again = 0;
	struct world w = club(&service);
	struct store_trigger t = trigger_of(service, FUNCTION(8));
	assert_true(raised(&w, &t, &id));
	t.detected_ms += 59999;
	t.evidence = "{\"n\":2}";
	assert_false(raised(&w, &t, &again));
	assert_int_equal(again, id);
	assert_string_equal(triggers_in(&w, true).evidence[0], "{\"n\":1}"); /* counters alone are written once a minute */
	t.detected_ms++;
	assert_false(raised(&w, &t, &again));
	assert_string_equal(triggers_in(&w, true).evidence[0], "{\"n\":2}");
	t.evidence = "{\"n\":3}";
	t.occurred_ms -= DAY_MS; /* a replay showed that it began earlier */
	t.deadline_ms -= DAY_MS;
	t.provisional = true;
	assert_false(raised(&w, &t, &again));
	struct seen_triggers seen = triggers_in(&w, true);
	assert_int_equal(seen.count, 1);
	assert_string_equal(seen.evidence[0], "{\"n\":3}");
	assert_int_equal(seen.rows[0].occurred_ms, MORNING_MS - DAY_MS);
	assert_int_equal(seen.rows[0].deadline_ms, MORNING_MS + 29 * DAY_MS);
	assert_true(seen.rows[0].provisional);
	assert_int_equal(seen.rows[0].detected_ms, MORNING_MS + 1000);
	assert_int_equal(seen.rows[0].confirmed_ms, MORNING_MS + 1000);
	world_end(&w);
}

static void answered_trigger_rises_again_only_when_it_must(void **state)
{
	(void)state;
	static const struct {
		function_set functions;
		enum trigger_state state;
		int64_t later_ms;
		bool rises;
		const char *reason;
	} rows[] = {
		{FUNCTION(8), TRIGGER_DISMISSED, 0, false, "a person dismissed this occurrence"},
		{FUNCTION(8), TRIGGER_DISMISSED, 1, true, "another occurrence"},
		{FUNCTION(8), TRIGGER_CLOSED, 0, true, "the assessment that covered it has gone"},
		{0, TRIGGER_CLOSED, 0, false, "a notice was answered"},
		{0, TRIGGER_DISMISSED, 0, false, "a notice was withdrawn"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int64_t service, id = 0;
		struct world w = club(&service);
		struct err err = {0};
		struct store_trigger t = trigger_of(service, rows[i].functions);
		assert_true(raised(&w, &t, &id));
		assert_int_equal(store_close_trigger(w.store, id, rows[i].state, MORNING_MS + 5000, "filed", &err), 0);
		assert_int_equal(triggers_in(&w, true).count, 0);
		t.occurred_ms += rows[i].later_ms;
		t.detected_ms += DAY_MS;
		if (raised(&w, &t, &id) != rows[i].rises)
			fail_msg("row %zu: %s", i, rows[i].reason);
		struct seen_triggers all = triggers_in(&w, false);
		assert_int_equal(all.count, 1 + rows[i].rises);
		assert_string_equal(all.closed_why[all.count - 1], "filed");
		assert_int_equal(all.rows[all.count - 1].closed_ms, MORNING_MS + 5000);
		assert_int_equal(triggers_in(&w, true).count, rows[i].rises);
		world_end(&w);
	}
}

static void trigger_is_closed_once_and_with_a_reason(void **state)
{
	(void)state;
	int64_t service, id = 0;
	struct world w = club(&service);
	struct err err = {0};
	struct store_trigger t = trigger_of(service, FUNCTION(8));
	raised(&w, &t, &id);
	assert_int_equal(store_close_trigger(w.store, id, TRIGGER_CLOSED, 1, "", &err), -EINVAL);
	assert_int_equal(store_close_trigger(w.store, id, TRIGGER_CONFIRMED, 1, "why", &err), -EINVAL);
	assert_int_equal(store_close_trigger(w.store, id + 1, TRIGGER_CLOSED, 1, "why", &err), -ENOENT);
	assert_int_equal(store_close_trigger(w.store, id, TRIGGER_CLOSED, 1, "why", &err), 0);
	assert_int_equal(store_close_trigger(w.store, id, TRIGGER_DISMISSED, 2, "why", &err), -ENOENT);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(class_counts_for_a_service_once_a_good_answer_was_seen),
		cmocka_unit_test(requests_of_a_day_end_at_the_newest_hour_held),
		cmocka_unit_test(changed_declarations_take_scopes_with_their_history),
		cmocka_unit_test(better_classifier_judges_old_endpoints_anew_on_the_next_start),
		cmocka_unit_test(endpoints_are_filtered_and_newest_first),
		cmocka_unit_test(day_ends_at_midnight_of_the_configured_offset),
		cmocka_unit_test(users_merge_over_scopes_and_days_but_never_over_keys),
		cmocka_unit_test(kinds_of_identity_are_rows_of_their_own),
		cmocka_unit_test(hours_are_sums_by_status_class_and_end_before_the_last),
		cmocka_unit_test(assessment_widens_the_baseline_and_brings_its_date),
		cmocka_unit_test(filings_that_say_nothing_are_refused_with_a_sentence),
		cmocka_unit_test(notices_are_listed_by_service),
		cmocka_unit_test(trigger_raised_again_is_refreshed_and_keeps_when_it_was_detected),
		cmocka_unit_test(answered_trigger_rises_again_only_when_it_must),
		cmocka_unit_test(trigger_is_closed_once_and_with_a_reason),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
