/* The API over real HTTPS, with a store of fixed rows; every answer is checked against openapi.yaml. */
#include "tests/unit/collector/api_world.h"

#include "collector/api/http.h"
#include "collector/api/openapi.h"
#include "collector/api/routes.h"
#include "collector/api/sessions.h"
#include "tests/unit/collector/openapi_check.h"

static json_t *openapi;

static json_t *answer_json(struct answer *a)
{
	json_t *json = json_loadb((const char *)a->body.data, a->body.len, JSON_DECODE_ANY, NULL);
	if (!json)
		fail_msg("no JSON: %.*s", (int)a->body.len, (const char *)a->body.data);
	answer_done(a);
	return json;
}

/* Asks with the token and a JSON body, demands the status and what openapi.yaml says of `described`; returns the body. */
static json_t *expect(const char *method, const char *path, const char *described, const char *body, long status)
{
	char lower[8] = "";
	for (size_t i = 0; method[i]; i++)
		lower[i] = (char)(method[i] | 0x20);
	struct answer a = ask(
		(struct ask){.method = method, .path = path, .body = body, .headers = {body ? "Content-Type: application/json" : NULL}});
	if (a.status != status)
		fail_msg("%s %s: %ld instead of %ld: %.*s", method, path, a.status, status, (int)a.body.len, (const char *)a.body.data);
	char type[64];
	snprintf(type, sizeof type, "%s", a.type);
	json_t *json = answer_json(&a);
	if (!openapi_accepts(openapi, described, lower, status, type, json))
		fail_msg("%s %s is not as openapi.yaml describes it", method, path);
	return json;
}

static const char *text_at(const json_t *json, const char *key)
{
	return json_string_value(json_object_get(json, key));
}

static const json_t *row_at(const json_t *json, const char *list, size_t index)
{
	return json_array_get(json_object_get(json, list), index);
}

static int set_up(void **state)
{
	openapi = openapi_load(openapi_yaml, (size_t)(openapi_yaml_end - openapi_yaml));
	return openapi ? world_up(state) : -1;
}

static int tear_down(void **state)
{
	json_decref(openapi);
	return world_down(state);
}

/* ---- reading ---- */

static void every_route_answers_as_described(void **state)
{
	static const struct {
		const char *path, *described;
	} rows[] = {
		{"/session", "/session"},
		{"/triggers", "/triggers"},
		{"/triggers?open=true", "/triggers"},
		{"/services", "/services"},
		{"/services/forum/users", "/services/{name}/users"},
		{"/services/forum/users?from=2025-11-23&to=2025-11-24&total=true", "/services/{name}/users"},
		{"/services/shop%2Fweb/users", "/services/{name}/users"},
		{"/services/forum/hours", "/services/{name}/hours"},
		{"/services/forum/hours?from=2025-11-24T09:00:00%2B08:00&to=2025-11-24T02:00:00Z", "/services/{name}/hours"},
		{"/endpoints", "/endpoints"},
		{"/endpoints?service=forum&function=F01,F09&limit=1", "/endpoints"},
		{"/agents", "/agents"},
		{"/agents/host-1/ledger", "/agents/{id}/ledger"},
		{"/agents/host%2F%222%22/ledger", "/agents/{id}/ledger"},
		{"/notices", "/notices"},
		{"/notices?service=forum", "/notices"},
		{"/calendar/deadline?occurred=2026-01-29", "/calendar/deadline"},
		{"/health", "/health"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char path[256];
		snprintf(path, sizeof path, "/api/v1%s", rows[i].path);
		json_decref(expect("GET", path, rows[i].described, NULL, 200));
	}
}

static void triggers_come_newest_first_with_their_clocks(void **state)
{
	(void)state;
	json_t *json = expect("GET", "/api/v1/triggers", "/triggers", NULL, 200);
	assert_int_equal(json_array_size(json_object_get(json, "triggers")), 2);
	const json_t *notice = row_at(json, "triggers", 0), *launch = row_at(json, "triggers", 1);
	assert_string_equal(text_at(notice, "clause"), "3(5)");
	assert_string_equal(text_at(json_object_get(notice, "clock"), "status"), "stopped");
	assert_string_equal(text_at(launch, "clause"), "3(1)");
	assert_string_equal(text_at(launch, "occurred_at"), "2025-11-24T01:59:55.000Z");
	assert_string_equal(text_at(launch, "detected_at"), "2025-11-24T02:00:00.000Z");
	const json_t *clock = json_object_get(launch, "clock");
	assert_string_equal(text_at(clock, "kind"), "before-launch");
	assert_string_equal(text_at(clock, "status"), "launched unfiled");
	assert_string_equal(text_at(clock, "due_on"), "2025-11-24");
	assert_true(json_is_null(json_object_get(clock, "working_days_left")));
	assert_string_equal(text_at(json_object_get(launch, "evidence"), "endpoint"), "GET /t/{slug}/{id}");
	assert_string_equal(text_at(json_array_get(json_object_get(launch, "functions"), 0), "name_zh"), "论坛");
	json_decref(json);

	json = expect("GET", "/api/v1/triggers?open=true", "/triggers", NULL, 200);
	assert_int_equal(json_array_size(json_object_get(json, "triggers")), 1);
	json_decref(json);
}

static void a_service_shows_the_strongest_kind_that_covers_enough(void **state)
{
	(void)state;
	json_t *json = expect("GET", "/api/v1/services", "/services", NULL, 200);
	const json_t *forum = row_at(json, "services", 0), *shop = row_at(json, "services", 1);
	assert_string_equal(text_at(forum, "name"), "forum"); /* by name, whatever order the store has */
	const json_t *users = json_object_get(forum, "users");
	assert_string_equal(text_at(users, "kind"), "account");
	assert_string_equal(text_at(users, "day"), "2025-11-24");
	assert_true(json_real_value(json_object_get(users, "users")) == 350);
	assert_true(json_is_true(json_object_get(users, "sufficient")));
	assert_int_equal(json_array_size(json_object_get(forum, "unassessed")), 2);
	assert_true(json_is_null(json_object_get(forum, "assessment")));
	assert_true(json_is_null(json_object_get(shop, "users")));
	assert_string_equal(text_at(json_object_get(shop, "assessment"), "filed_on"), "2025-10-01");
	assert_int_equal(json_array_size(json_object_get(shop, "unassessed")), 0);
	json_decref(json);

	json = expect("GET", "/api/v1/services/forum/users?to=2025-11-23", "/services/{name}/users", NULL, 200);
	assert_string_equal(text_at(json, "kind"), "address"); /* 79 of 100 are too few for accounts */
	assert_int_equal(json_array_size(json_object_get(json, "users")), 2);
	json_decref(json);
}

static void hours_add_up_their_status_classes_and_end_before_to(void **state)
{
	(void)state;
	json_t *json = expect("GET", "/api/v1/services/forum/hours", "/services/{name}/hours", NULL, 200);
	assert_int_equal(json_array_size(json_object_get(json, "hours")), 2);
	assert_int_equal(json_integer_value(json_object_get(row_at(json, "hours", 0), "requests")), 10);
	assert_int_equal(json_integer_value(json_object_get(row_at(json, "hours", 1), "status_2xx")), 9997);
	json_decref(json);
	json = expect("GET", "/api/v1/services/forum/hours?to=2025-11-24T02:00:00Z", "/services/{name}/hours", NULL, 200);
	assert_int_equal(json_array_size(json_object_get(json, "hours")), 1);
	json_decref(json);
}

static void endpoints_say_when_there_are_more_than_asked_for(void **state)
{
	static const struct {
		const char *path;
		size_t rows;
		bool truncated;
	} rows[] = {
		{"/api/v1/endpoints?limit=3", 3, true},  /* one fewer than there are */
		{"/api/v1/endpoints?limit=4", 4, false}, /* exactly as many */
		{"/api/v1/endpoints?service=forum", 3, false}, {"/api/v1/endpoints?service=shop%2Fweb", 1, false},
		{"/api/v1/endpoints?function=F09", 2, false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		json_t *json = expect("GET", rows[i].path, "/endpoints", NULL, 200);
		assert_int_equal(json_array_size(json_object_get(json, "endpoints")), rows[i].rows);
		assert_int_equal(json_is_true(json_object_get(json, "truncated")), rows[i].truncated);
		json_decref(json);
	}
}

static void a_name_that_is_no_utf8_is_shown_repaired(void **state)
{
	(void)state;
	json_t *json = expect("GET", "/api/v1/endpoints?service=shop%2Fweb", "/endpoints", NULL, 200);
	assert_string_equal(text_at(row_at(json, "endpoints", 0), "host"), "\xef\xbf\xbd\xef\xbf\xbd");
	json_decref(json);
}

static void an_epoch_of_64_bits_travels_as_text(void **state)
{
	(void)state;
	json_t *json = expect("GET", "/api/v1/agents", "/agents", NULL, 200);
	assert_string_equal(text_at(row_at(json, "agents", 0), "epoch"), "18446744073709551615");
	assert_true(json_real_value(json_object_get(row_at(json, "agents", 0), "coverage")) == 0.99);
	assert_true(json_is_null(json_object_get(row_at(json, "agents", 1), "coverage")));
	json_decref(json);
}

static void deadlines_are_those_of_the_vectors(void **state)
{
	static const struct {
		const char *occurred, *due_on;
	} rows[] = {{"2026-01-29", "2026-03-18"}, {"2026-04-27", "2026-06-10"}, {"2026-09-15", "2026-11-02"}, {"2026-09-30", "2026-11-17"}};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char path[128];
		snprintf(path, sizeof path, "/api/v1/calendar/deadline?occurred=%s&working_days=30", rows[i].occurred);
		json_t *json = expect("GET", path, "/calendar/deadline", NULL, 200);
		assert_string_equal(text_at(json, "occurred_on"), rows[i].occurred);
		assert_string_equal(text_at(json, "due_on"), rows[i].due_on);
		assert_true(json_is_false(json_object_get(json, "provisional")));
		json_decref(json);
	}
	json_t *json = expect("GET", "/api/v1/calendar/deadline?occurred=2026-12-20", "/calendar/deadline", NULL, 200);
	assert_true(json_is_true(json_object_get(json, "provisional")));
	json_decref(json);
}

static void metrics_keep_the_lines_of_a_metric_together_and_escape_labels(void **state)
{
	(void)state;
	struct answer a = ask((struct ask){.method = "GET", .path = "/api/v1/metrics"});
	assert_int_equal(a.status, 200);
	assert_string_equal(a.type, "text/plain; version=0.0.4; charset=utf-8");
	buf_append_byte(&a.body, '\0');
	const char *text = (const char *)a.body.data;
	assert_non_null(strstr(text, "\ntocsin_triggers_open{clause=\"3(1)\"} 1\n"));
	assert_non_null(strstr(text, "\ntocsin_services 2\n"));
	assert_non_null(strstr(text, "\ntocsin_agent_bytes_seen_total{agent=\"host-1\"} 1000\n"
				     "tocsin_agent_bytes_seen_total{agent=\"host/\\\"2\\\"\"} 0\n"));
	answer_done(&a);
}

static void the_description_is_served_as_it_was_built(void **state)
{
	(void)state;
	struct answer a = ask((struct ask){.method = "GET", .path = "/api/v1/openapi.yaml"});
	assert_int_equal(a.status, 200);
	assert_int_equal(a.body.len, openapi_yaml_end - openapi_yaml);
	assert_memory_equal(a.body.data, openapi_yaml, a.body.len);
	answer_done(&a);
}

/* ---- who may ask ---- */

static void every_route_but_health_and_login_wants_somebody_signed_in(void **state)
{
	const char *path, *method;
	json_t *methods, *operation;
	size_t asked = 0;
	(void)state;
	json_object_foreach(json_object_get(openapi, "paths"), path, methods)
	{
		json_object_foreach(methods, method, operation)
		{
			char url[128];
			bool is_post = strcmp(method, "post") == 0, is_free = strcmp(path, "/health") == 0 || strcmp(path, "/login") == 0;
			snprintf(url, sizeof url, "/api/v1%s", path);
			for (char *c = url; *c; c++)
				*c = *c == '{' || *c == '}' ? 'x' : *c;
			struct ask a = {.method = is_post ? "POST" : "GET",
					.path = url,
					.body = is_post ? "{}" : NULL,
					.anonymous = true,
					.headers = {"Content-Type: application/json"}};
			assert_int_equal(status_of(a) == 401, !is_free);
			a.headers[1] = "Authorization: Bearer AAAAAAAAAAAAAAAAAAAAAA";
			a.cookie = "__Host-tocsin=AAAAAAAAAAAAAAAAAAAAAA";
			assert_int_equal(status_of(a) == 401, !is_free);
			asked++;
		}
	}
	size_t known = 0;
	while (routes[known].method)
		known++;
	assert_int_equal(asked, known); /* what is described is what is there */
}

static void a_login_code_is_good_for_one_session_that_ends_with_logout(void **state)
{
	char cookie[128], code[64], body[128], origin[128];
	(void)state;
	snprintf(origin, sizeof origin, "Origin: %s", world.base);
	assert_int_equal(api_login_code(world.api, code, sizeof code), 0);
	snprintf(body, sizeof body, "{\"code\":\"%s\"}", code);
	struct ask login = {.method = "POST",
			    .path = "/api/v1/login",
			    .body = body,
			    .anonymous = true,
			    .headers = {"Content-Type: application/json", origin}};
	assert_int_equal(status_of(login), 200);
	assert_int_equal(status_of(login), 401); /* used */

	sign_in(cookie);
	struct ask whoami = {.method = "GET", .path = "/api/v1/session", .anonymous = true, .cookie = cookie};
	assert_int_equal(status_of(whoami), 200);
	struct ask logout = {
		.method = "POST", .path = "/api/v1/logout", .body = "", .anonymous = true, .cookie = cookie, .headers = {origin}};
	assert_int_equal(status_of(logout), 204);
	assert_int_equal(status_of(whoami), 401);
}

static void a_login_code_is_made_with_the_token_and_not_with_a_session(void **state)
{
	char cookie[128], origin[128], body[128];
	(void)state;
	sign_in(cookie);
	snprintf(origin, sizeof origin, "Origin: %s", world.base);
	struct ask with_session = {.method = "POST",
				   .path = "/api/v1/login-codes",
				   .body = "",
				   .anonymous = true,
				   .cookie = cookie,
				   .headers = {origin, "Content-Type: application/json"}};
	assert_int_equal(status_of(with_session), 403);
	json_t *json = expect("POST", "/api/v1/login-codes", "/login-codes", "", 201);
	snprintf(body, sizeof body, "{\"code\":\"%s\"}", text_at(json, "code"));
	json_decref(json);
	struct ask login = {
		.method = "POST", .path = "/api/v1/login", .body = body, .anonymous = true, .headers = {"Content-Type: application/json"}};
	assert_int_equal(status_of(login), 200);
}

static void a_session_acts_only_from_its_own_page(void **state)
{
	static const char *const foreign[] = {"Origin: https://evil.example", "Origin: null", "Origin: http://127.0.0.1", "X-None: 1"};
	static const char body[] = "{\"service\":\"forum\",\"functions\":[\"F01\"],\"filed_on\":\"2025-11-20\"}";
	char cookie[128], origin[128];
	(void)state;
	sign_in(cookie);
	int before = atomic_load(&fake_assessments);
	struct ask act = {.method = "POST",
			  .path = "/api/v1/assessments",
			  .body = body,
			  .anonymous = true,
			  .cookie = cookie,
			  .headers = {"Content-Type: application/json", NULL}};
	for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
		act.headers[1] = foreign[i];
		assert_int_equal(status_of(act), 403);
	}
	assert_int_equal(atomic_load(&fake_assessments), before);
	snprintf(origin, sizeof origin, "Origin: %s", world.base);
	act.headers[1] = origin;
	assert_int_equal(status_of(act), 201);
	assert_string_equal(fake_assessment.actor, "session");
	act.headers[0] = "Content-Type: text/plain"; /* what a foreign form could send */
	assert_int_equal(status_of(act), 415);
}

static void answers_carry_the_security_headers_and_no_wildcard(void **state)
{
	static const char *const paths[] = {"/", "/login", "/api/v1/health", "/api/v1/session", "/nothing"};
	(void)state;
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		struct answer a = ask(
			(struct ask){.method = "GET", .path = paths[i], .anonymous = true, .headers = {"Origin: https://evil.example"}});
		const char *head = (const char *)a.head.data;
		assert_non_null(strstr(head, "default-src 'none'"));
		assert_non_null(strstr(head, "frame-ancestors 'none'"));
		assert_null(strstr(head, "unsafe-inline"));
		assert_non_null(strstr(head, "X-Content-Type-Options: nosniff"));
		assert_non_null(strstr(head, "Referrer-Policy: no-referrer"));
		assert_non_null(strstr(head, "Strict-Transport-Security: "));
		assert_null(strstr(head, "Access-Control-Allow-Origin"));
		answer_done(&a);
	}
}

/* ---- writing ---- */

static void a_notice_is_recorded_whole_and_listed(void **state)
{
	(void)state;
	json_t *json = expect(
		"POST", "/api/v1/notices", "/notices",
		"{\"service\":\"shop/web\",\"authority\":\"杭州市互联网信息办公室\",\"level\":\"prefecture\",\"reference\":\"杭网办〔2025〕12号\","
		"\"received_on\":\"2025-11-20\",\"due_on\":\"2025-12-18\",\"note\":\"two\\nlines\"}",
		201);
	assert_string_equal(text_at(json, "received_on"), "2025-11-20");
	assert_string_equal(text_at(json, "received_at"), "2025-11-19T16:00:00.000Z");
	assert_string_equal(text_at(json, "actor"), "token");
	assert_int_equal(fake_notice[0].service_id, SHOP);
	assert_string_equal(fake_notice[0].authority, "杭州市互联网信息办公室");
	assert_string_equal(fake_notice[0].due_on, "2025-12-18");
	json_decref(json);
	json = expect("GET", "/api/v1/notices?service=shop%2Fweb", "/notices", NULL, 200);
	assert_string_equal(text_at(row_at(json, "notices", 0), "service"), "shop/web");
	assert_string_equal(text_at(row_at(json, "notices", 0), "note"), "two\nlines");
	json_decref(json);
}

static void an_assessment_goes_to_the_writer(void **state)
{
	(void)state;
	json_t *json =
		expect("POST", "/api/v1/assessments", "/assessments",
		       "{\"service\":\"forum\",\"functions\":[\"F01\",\"F09\"],\"filed_on\":\"2025-11-18\",\"receipt\":\"R-1\"}", 201);
	assert_int_equal(json_array_size(json_object_get(json, "functions")), 2);
	assert_int_equal(fake_assessment.service_id, FORUM);
	assert_int_equal(fake_assessment.functions, FUNCTION(1) | FUNCTION(9));
	assert_string_equal(fake_assessment.receipt, "R-1");
	json_decref(json);
}

static void what_is_wrong_is_refused_with_place_and_remedy(void **state)
{
	static const struct {
		const char *method, *path, *described, *body;
		long status;
		const char *place; /* NULL: none */
		const char *why;
	} rows[] = {
		{"GET", "/api/v1/triggers?open=yes", "/triggers", NULL, 400, "?open", "no boolean"},
		{"GET", "/api/v1/triggers?opne=true", "/triggers", NULL, 400, "?opne", "a key misspelt must not mean all triggers"},
		{"GET", "/api/v1/triggers?open=true&open=false", "/triggers", NULL, 400, NULL, "a key twice"},
		{"GET", "/api/v1/services/none/users", "/services/{name}/users", NULL, 404, NULL, "no such service"},
		{"GET", "/api/v1/services/forum/users?from=2025-02-29", "/services/{name}/users", NULL, 400, "?from", "no leap year"},
		{"GET", "/api/v1/services/forum/users?from=2025-11-24&to=2025-11-23", "/services/{name}/users", NULL, 400, "?to",
		 "backwards"},
		{"GET", "/api/v1/services/forum/hours?to=2025-11-24T02:00:00", "/services/{name}/hours", NULL, 400, "?to", "no offset"},
		{"GET", "/api/v1/services/forum/hours?from=2020-01-01", "/services/{name}/hours", NULL, 400, "?from", "more than 400 days"},
		{"GET", "/api/v1/endpoints?function=F12", "/endpoints", NULL, 400, "?function", "there are eleven classes"},
		{"GET", "/api/v1/endpoints?function=F01,", "/endpoints", NULL, 400, "?function", "an empty class"},
		{"GET", "/api/v1/endpoints?limit=0", "/endpoints", NULL, 400, "?limit", "just below the smallest"},
		{"GET", "/api/v1/endpoints?limit=10001", "/endpoints", NULL, 400, "?limit", "just above the largest"},
		{"GET", "/api/v1/endpoints?limit=%2B5", "/endpoints", NULL, 400, "?limit", "a sign is no digit"},
		{"GET", "/api/v1/endpoints?service=none", "/endpoints", NULL, 404, "?service", "no such service"},
		{"GET", "/api/v1/agents/none/ledger", "/agents/{id}/ledger", NULL, 404, NULL, "no such agent"},
		{"GET", "/api/v1/calendar/deadline", "/calendar/deadline", NULL, 400, "?occurred", "required"},
		{"GET", "/api/v1/calendar/deadline?occurred=2026-01-29&working_days=251", "/calendar/deadline", NULL, 400, "?working_days",
		 "too many"},
		{"POST", "/api/v1/notices", "/notices", "", 400, "", "no body"},
		{"POST", "/api/v1/notices", "/notices", "{\"service\":\"forum\"", 400, "", "cut short"},
		{"POST", "/api/v1/notices", "/notices",
		 "{\"service\":\"none\",\"authority\":\"a\",\"level\":\"province\",\"reference\":\"r\",\"received_on\":\"2025-11-20\"}",
		 400, "/service", "no such service"},
		{"POST", "/api/v1/assessments", "/assessments",
		 "{\"service\":\"forum\",\"functions\":[\"F01\"],\"filed_on\":\"9999-12-31\"}", 400, "/filed_on", "the future"},
	};
	(void)state;
	int notices = atomic_load(&fake_notices), assessments = atomic_load(&fake_assessments);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		json_t *json = expect(rows[i].method, rows[i].path, rows[i].described, rows[i].body, rows[i].status);
		const char *place = text_at(json, "place"), *remedy = text_at(json, "remedy");
		if (!remedy || !*remedy || (place != rows[i].place && (!place || !rows[i].place || strcmp(place, rows[i].place) != 0)))
			fail_msg("%s (%s): place %s", rows[i].path, rows[i].why, place ? place : "none");
		json_decref(json);
	}
	assert_int_equal(atomic_load(&fake_notices), notices);
	assert_int_equal(atomic_load(&fake_assessments), assessments);
}

static void a_store_that_fails_is_said_without_its_words(void **state)
{
	(void)state;
	atomic_store(&fake_fails, true);
	struct answer a = ask((struct ask){.method = "GET", .path = "/api/v1/agents"});
	struct answer health = ask((struct ask){.method = "GET", .path = "/api/v1/health", .anonymous = true});
	atomic_store(&fake_fails, false);
	assert_int_equal(a.status, 500);
	assert_int_equal(health.status, 503);
	answer_done(&health);
	json_t *json = answer_json(&a);
	assert_null(strstr(text_at(json, "detail"), "disk"));
	json_decref(json);
}

/* ---- bounds ---- */

static long post_of(size_t bytes, bool chunked)
{
	char *body = malloc(bytes + 1);
	memset(body, ' ', bytes);
	body[bytes] = '\0';
	struct ask a = {.method = "POST",
			.path = "/api/v1/notices",
			.body = body,
			.body_len = bytes,
			.headers = {"Content-Type: application/json", chunked ? "Transfer-Encoding: chunked" : NULL}};
	long status = status_of(a);
	free(body);
	return status;
}

static void a_body_past_its_ceiling_is_refused_and_one_at_it_is_read(void **state)
{
	(void)state;
	assert_int_equal(post_of(HTTP_BODY_BYTES_MAX, false), 400); /* read, and no JSON */
	assert_int_equal(post_of(HTTP_BODY_BYTES_MAX + 1, false), 413);
	assert_int_equal(post_of(HTTP_BODY_BYTES_MAX, true), 400);
	assert_int_equal(post_of(HTTP_BODY_BYTES_MAX + 1, true), 413);
}

static void a_refusal_is_heard_by_a_client_that_is_still_sending(void **state)
{
	static char body[1 << 20];
	struct ask a = {.method = "POST",
			.path = "/api/v1/notices",
			.body = body,
			.body_len = sizeof body,
			.anonymous = true,
			.headers = {"Expect:"}};
	(void)state;
	memset(body, ' ', sizeof body);
	assert_int_equal(status_of(a), 401);
	a.path = "/api/v1/nothing";
	assert_int_equal(status_of(a), 404);
}

static void an_address_past_its_ceiling_is_refused(void **state)
{
	char path[TARGET_BYTES_MAX + 2] = "/api/v1/";
	(void)state;
	memset(path + 8, 'x', sizeof path - 9);
	path[TARGET_BYTES_MAX + 1] = '\0';
	assert_int_equal(status_of((struct ask){.method = "GET", .path = path}), 414);
	path[TARGET_BYTES_MAX] = '\0';
	assert_int_equal(status_of((struct ask){.method = "GET", .path = path}), 404);
}

static void no_path_leads_out_of_the_embedded_files(void **state)
{
	static const char *const paths[] = {"/../../etc/passwd",
					    "/..%2f..%2fetc%2fpasswd",
					    "/%2e%2e/%2e%2e/etc/passwd",
					    "//etc/passwd",
					    "/index.html/../../etc/passwd",
					    "/etc/passwd",
					    "/api/v1/../../etc/passwd",
					    "/./index.html"};
	(void)state;
	assert_int_equal(status_of((struct ask){.method = "GET", .path = "/", .anonymous = true}), 200);
	assert_int_equal(status_of((struct ask){.method = "GET", .path = "/login?next=x", .anonymous = true}), 200);
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		assert_int_equal(status_of((struct ask){.method = "GET", .path = paths[i], .anonymous = true}), 404);
	assert_int_equal(status_of((struct ask){.method = "GET", .path = "/%00", .anonymous = true}), 400);
	assert_int_equal(status_of((struct ask){.method = "GET", .path = "/%zz", .anonymous = true}), 400);
}

static void a_method_that_an_address_does_not_know_is_told_the_ones_it_does(void **state)
{
	(void)state;
	struct answer a = ask((struct ask){.method = "DELETE", .path = "/api/v1/notices"});
	assert_int_equal(a.status, 405);
	assert_non_null(strstr((const char *)a.head.data, "Allow: GET, POST"));
	answer_done(&a);
	assert_int_equal(status_of((struct ask){.method = "POST", .path = "/", .body = ""}), 405);
	assert_int_equal(status_of((struct ask){.method = "HEAD", .path = "/api/v1/agents"}), 200);
}

static void too_many_wrong_codes_are_not_even_looked_at(void **state)
{
	char code[64], body[128];
	(void)state;
	struct ask wrong = {.method = "POST",
			    .path = "/api/v1/login",
			    .body = "{\"code\":\"wrong\"}",
			    .anonymous = true,
			    .headers = {"Content-Type: application/json"}};
	long last = 0;
	for (int i = 0; i < LOGIN_FAILURES_MAX && last != 429; i++)
		last = status_of(wrong);
	struct answer a = ask(wrong);
	assert_int_equal(a.status, 429);
	assert_non_null(strstr((const char *)a.head.data, "Retry-After: "));
	answer_done(&a);
	assert_int_equal(api_login_code(world.api, code, sizeof code), 0);
	snprintf(body, sizeof body, "{\"code\":\"%s\"}", code);
	wrong.body = body; /* right now, and still too early */
	assert_int_equal(status_of(wrong), 429);
}

/* ---- starting ---- */

static void a_start_that_cannot_be_says_why(void **state)
{
	struct api *api = NULL;
	struct err err = {0};
	char foreign_key[160];
	(void)state;
	struct api_options taken = options();
	taken.port = api_port(world.api);
	assert_int_equal(api_start(&taken, &api, &err), -EADDRINUSE);
	assert_non_null(strstr(err.text, "Address already in use"));

	struct api_options no_key = options();
	no_key.key_file = "/nonexistent/key";
	assert_int_equal(api_start(&no_key, &api, &err), -ENOENT);
	assert_string_equal(err.file, "/nonexistent/key");

	struct api_options mixed = options(); /* the authority's key does not belong to the collector's certificate */
	snprintf(foreign_key, sizeof foreign_key, "%s/ca.key", world.dir);
	mixed.key_file = foreign_key;
	assert_int_equal(api_start(&mixed, &api, &err), -EINVAL);

	struct api_options no_store = options();
	no_store.store_path = "other.db";
	assert_int_equal(api_start(&no_store, &api, &err), -ENOENT);
	assert_null(api);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_route_answers_as_described),
		cmocka_unit_test(triggers_come_newest_first_with_their_clocks),
		cmocka_unit_test(a_service_shows_the_strongest_kind_that_covers_enough),
		cmocka_unit_test(hours_add_up_their_status_classes_and_end_before_to),
		cmocka_unit_test(endpoints_say_when_there_are_more_than_asked_for),
		cmocka_unit_test(a_name_that_is_no_utf8_is_shown_repaired),
		cmocka_unit_test(an_epoch_of_64_bits_travels_as_text),
		cmocka_unit_test(deadlines_are_those_of_the_vectors),
		cmocka_unit_test(metrics_keep_the_lines_of_a_metric_together_and_escape_labels),
		cmocka_unit_test(the_description_is_served_as_it_was_built),
		cmocka_unit_test(every_route_but_health_and_login_wants_somebody_signed_in),
		cmocka_unit_test(a_login_code_is_good_for_one_session_that_ends_with_logout),
		cmocka_unit_test(a_login_code_is_made_with_the_token_and_not_with_a_session),
		cmocka_unit_test(a_session_acts_only_from_its_own_page),
		cmocka_unit_test(answers_carry_the_security_headers_and_no_wildcard),
		cmocka_unit_test(a_notice_is_recorded_whole_and_listed),
		cmocka_unit_test(an_assessment_goes_to_the_writer),
		cmocka_unit_test(what_is_wrong_is_refused_with_place_and_remedy),
		cmocka_unit_test(a_store_that_fails_is_said_without_its_words),
		cmocka_unit_test(a_body_past_its_ceiling_is_refused_and_one_at_it_is_read),
		cmocka_unit_test(a_refusal_is_heard_by_a_client_that_is_still_sending),
		cmocka_unit_test(an_address_past_its_ceiling_is_refused),
		cmocka_unit_test(no_path_leads_out_of_the_embedded_files),
		cmocka_unit_test(a_method_that_an_address_does_not_know_is_told_the_ones_it_does),
		cmocka_unit_test(a_start_that_cannot_be_says_why),
		cmocka_unit_test(too_many_wrong_codes_are_not_even_looked_at), /* last: it shuts this address out */
	};
	curl_global_init(CURL_GLOBAL_DEFAULT);
	int failed = cmocka_run_group_tests(tests, set_up, tear_down);
	curl_global_cleanup();
	return failed;
}
