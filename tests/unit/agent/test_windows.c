#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/windows.h"
#include "lib/buf.h"
#include "lib/ull.h"

/* 2026-11-23T08:00:00Z, the beginning of an hour. */
static const int64_t eight = INT64_C(1795420800000);

struct rig {
	struct templates *templates;
	struct workloads *workloads;
	struct windows *windows;
	uint32_t forum;
};

static struct rig rig_new(uint32_t span_ms, size_t memory)
{
	struct template_limits templates = {.nodes_max = 65536, .clients_min = 3, .children_max = 24};
	struct windows_limits limits = {.span_ms = span_ms, .memory_bytes = memory};
	struct rig r = {.templates = templates_new(&templates), .workloads = workloads_new(16)};
	r.forum = workloads_intern(r.workloads, WORKLOAD_EXECUTABLE, span_str("nginx"));
	r.windows = windows_new(&limits, r.templates, r.workloads, 0xfee1);
	assert_non_null(r.windows);
	return r;
}

static void rig_done(struct rig *r)
{
	windows_free(r->windows);
	templates_free(r->templates);
	workloads_free(r->workloads);
}

static uint64_t scatter(uint64_t x)
{
	x = (x + UINT64_C(0x9E3779B97F4A7C15)) * UINT64_C(0xBF58476D1CE4E5B9);
	x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
	return x ^ x >> 31;
}

static struct exchange visit(const struct rig *r, const char *path, int64_t time_ms, uint64_t user)
{
	struct exchange x = {.time_ms = time_ms,
			     .workload = r->forum,
			     .method = span_str("GET"),
			     .path = span_str(path),
			     .content = span_str("html"),
			     .status = 200,
			     .request_bytes = 10,
			     .answer_bytes = 100};
	x.who.hash[IDENTITY_ACCOUNT] = scatter(user);
	x.who.hash[IDENTITY_ADDRESS] = scatter(user % 7 + 1000000);
	x.who.mask = 1 << IDENTITY_ACCOUNT | 1 << IDENTITY_ADDRESS;
	return x;
}

static const struct batch *batch_of(struct rig *r)
{
	const struct batch *b = NULL;
	assert_int_equal(windows_batch(r->windows, eight, &b), 0);
	return b;
}

static uint64_t requests_in(const struct batch *b)
{
	uint64_t sum = 0;
	for (size_t w = 0; w < b->window_count; w++)
		for (size_t s = 0; s < b->windows[w].scope_count; s++)
			for (size_t e = 0; e < b->windows[w].scopes[s].endpoint_count; e++)
				for (int c = 0; c < STATUS_CLASSES; c++)
					sum += b->windows[w].scopes[s].endpoints[e].count[c];
	return sum;
}

static double users_in(const struct batch *b, enum identity_kind kind)
{
	struct ull all;
	ull_init(&all, ULL_P);
	for (size_t w = 0; w < b->window_count; w++) {
		for (size_t s = 0; s < b->windows[w].scope_count; s++) {
			const struct scope *scope = &b->windows[w].scopes[s];
			for (size_t k = 0; k < scope->sketch_count; k++) {
				struct ull one;
				if (scope->sketches[k].kind != kind)
					continue;
				assert_int_equal(scope->sketches[k].key_id, 0xfee1);
				assert_int_equal(ull_decode(scope->sketches[k].data, &one, NULL), 0);
				assert_int_equal(ull_merge(&all, &one), 0);
				ull_done(&one);
			}
		}
	}
	double users = ull_estimate(&all);
	ull_done(&all);
	return users;
}

static void what_is_added_is_what_the_batch_holds(void **state)
{
	(void)state;
	static const char *const paths[] = {"/",       "/forum/threads", "/forum/threads/41",         "/users/7",
					    "/search", "/login",         "/forum/threads/41/comments"};
	struct rig r = rig_new(10000, 16 << 20);
	for (uint64_t user = 0; user < 503; user++) {
		for (size_t p = 0; p < 7; p++) {
			struct exchange x = visit(&r, paths[p], eight + (int64_t)user * 50, user);
			assert_int_equal(windows_add(r.windows, &x), 0);
		}
	}
	const struct batch *b = batch_of(&r);
	assert_int_equal(b->window_count, 3); /* 503 × 50 ms */
	assert_int_equal(requests_in(b), 503 * 7);
	assert_true(fabs(users_in(b, IDENTITY_ACCOUNT) - 503) <= 503 * 0.02);
	assert_true(fabs(users_in(b, IDENTITY_ADDRESS) - 7) < 0.5);
	for (size_t w = 0; w < b->window_count; w++) {
		const struct scope *s = &b->windows[w].scopes[0];
		assert_int_equal(b->windows[w].scope_count, 1);
		assert_int_equal(s->endpoint_count, 7);
		assert_int_equal(s->sketches[0].requests, s->sketches[1].requests);
		for (size_t e = 0; e < 7; e++) {
			assert_int_equal(s->endpoints[e].answer_bytes, 100 * s->endpoints[e].count[STATUS_2XX]);
			assert_true(s->endpoints[e].first_ms >= b->windows[w].start_ms);
			assert_true(s->endpoints[e].last_ms < b->windows[w].start_ms + 10000);
		}
	}
	rig_done(&r);
}

static void late_events_open_their_own_window(void **state)
{
	(void)state;
	struct rig r = rig_new(10000, 16 << 20);
	static const int64_t at[] = {0, 9999, 10000, -1, -3600000, 5};
	for (size_t i = 0; i < 6; i++) {
		struct exchange x = visit(&r, "/forum", eight + at[i], i);
		assert_int_equal(windows_add(r.windows, &x), 0);
	}
	static const struct {
		int64_t start;
		uint64_t requests;
	} expected[] = {{-3600000, 1}, {-10000, 1}, {0, 3}, {10000, 1}};
	const struct batch *b = batch_of(&r);
	assert_int_equal(b->window_count, 4);
	for (size_t w = 0; w < 4; w++) {
		struct batch one = {.windows = &b->windows[w], .window_count = 1};
		assert_int_equal(b->windows[w].start_ms, eight + expected[w].start);
		assert_int_equal(requests_in(&one), expected[w].requests);
	}
	rig_done(&r);
}

static void times_that_no_clock_shows_are_kept_within_what_may_travel(void **state)
{
	(void)state;
	struct rig r = rig_new(10000, 16 << 20);
	static const int64_t at[] = {-1, INT64_MIN, INT64_MAX, TIME_MAX_MS};
	struct buf out;
	buf_init(&out, BATCH_BYTES_MAX);
	for (size_t i = 0; i < 4; i++) {
		struct exchange x = visit(&r, "/forum", at[i], 1);
		assert_int_equal(windows_add(r.windows, &x), 0);
	}
	assert_int_equal(batch_encode(batch_of(&r), &out), 0);
	struct batch *back = NULL;
	struct err err = {0};
	if (batch_decode(buf_span(&out), &back, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(requests_in(back), 4);
	batch_free(back);
	buf_done(&out);
	rig_done(&r);
}

static void a_commit_that_fails_can_be_tried_again_and_clear_empties(void **state)
{
	(void)state;
	struct rig r = rig_new(10000, 16 << 20);
	struct exchange x = visit(&r, "/forum", eight, 1);
	assert_true(windows_empty(r.windows));
	assert_int_equal(windows_add(r.windows, &x), 0);
	assert_true(windows_urgent(r.windows)); /* a route for the first time */
	assert_int_equal(requests_in(batch_of(&r)), 1);
	assert_int_equal(requests_in(batch_of(&r)), 1);
	windows_clear(r.windows);
	assert_true(windows_empty(r.windows));
	assert_int_equal(batch_of(&r)->window_count, 0);
	assert_int_equal(windows_add(r.windows, &x), 0);
	assert_false(windows_urgent(r.windows)); /* known by now */
	rig_done(&r);
}

static void a_ledger_travels_once_and_its_address_stays(void **state)
{
	(void)state;
	struct rig r = rig_new(10000, 16 << 20);
	struct ledger *l = windows_ledger(r.windows, SOURCE_FILE, span_str("/var/log/access.log"));
	assert_ptr_equal(windows_ledger(r.windows, SOURCE_FILE, span_str("/var/log/access.log")), l);
	assert_ptr_not_equal(windows_ledger(r.windows, SOURCE_PROBE, span_str("/var/log/access.log")), l);
	assert_true(windows_empty(r.windows));
	l->seen = l->counted = 77;
	assert_false(windows_empty(r.windows));
	const struct batch *b = batch_of(&r);
	assert_int_equal(b->window_count, 1); /* no exchange: a window of its own, of now */
	assert_int_equal(b->windows[0].start_ms, eight);
	assert_int_equal(b->windows[0].ledger_count, 1);
	assert_int_equal(b->windows[0].ledger[0].counted, 77);
	windows_clear(r.windows);
	assert_int_equal(l->seen, 0);
	assert_true(span_equal(l->source, span_str("/var/log/access.log")));
	assert_int_equal(batch_of(&r)->window_count, 0);
	rig_done(&r);
}

static void everything_open_always_fits_one_batch(void **state)
{
	(void)state;
	struct rig r = rig_new(10000, 64 << 20);
	struct buf out;
	uint64_t added = 0;
	int refused = 0;
	buf_init(&out, BATCH_BYTES_MAX);
	/* A new window each, with users enough to make sketches large: the ceiling on the wire is met long before memory's. */
	for (uint64_t i = 0; i < 400000 && refused == 0; i++) {
		struct exchange x = visit(&r, "/forum/threads", eight + (int64_t)(i / 500) * 10000, i);
		refused = windows_add(r.windows, &x);
		added += refused == 0;
	}
	assert_int_equal(refused, -ENOBUFS);
	assert_int_equal(requests_in(batch_of(&r)), added);
	assert_int_equal(batch_encode(batch_of(&r), &out), 0);
	assert_true(out.len > BATCH_BYTES_MAX / 4); /* the estimate is a ceiling, not a guess far off */

	/* Folded into hours there is room again, and nothing is lost. */
	double users = users_in(batch_of(&r), IDENTITY_ACCOUNT);
	assert_int_equal(windows_widen(r.windows), 0);
	struct exchange x = visit(&r, "/forum/threads", eight + 70000, 1);
	assert_int_equal(windows_add(r.windows, &x), 0);
	const struct batch *b = batch_of(&r);
	assert_int_equal(requests_in(b), added + 1);
	assert_int_equal(b->windows[0].span_ms, 3600000);
	assert_true(fabs(users_in(b, IDENTITY_ACCOUNT) - users) < 1);
	buf_done(&out);
	rig_done(&r);
}

static void the_memory_ceiling_refuses_and_counts_nothing(void **state)
{
	(void)state;
	struct rig r = rig_new(10000, 1 << 18); /* forty sketches take more, and less than a batch may hold */
	uint64_t added = 0;
	int refused = 0;
	for (uint64_t i = 0; i < 4000000 && refused == 0; i++) {
		struct exchange x = visit(&r, "/forum/threads", eight + (int64_t)(i % 40) * 10000, i);
		refused = windows_add(r.windows, &x);
		added += refused == 0;
	}
	assert_int_equal(refused, -ENOBUFS);
	assert_int_equal(requests_in(batch_of(&r)), added);
	rig_done(&r);
}

static void methods_of_strangers_are_one_endpoint(void **state)
{
	(void)state;
	struct rig r = rig_new(10000, 16 << 20);
	static const char *const methods[] = {"GET", "BREW", "alice", "GET"};
	for (size_t i = 0; i < 4; i++) {
		struct exchange x = visit(&r, "/forum", eight, 1);
		x.method = span_str(methods[i]);
		assert_int_equal(windows_add(r.windows, &x), 0);
	}
	const struct batch *b = batch_of(&r);
	assert_int_equal(b->windows[0].scopes[0].endpoint_count, 2);
	assert_true(span_equal(b->windows[0].scopes[0].endpoints[1].method, span_str("OTHER")));
	assert_int_equal(b->windows[0].scopes[0].endpoints[1].count[STATUS_2XX], 2);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_added_is_what_the_batch_holds),
		cmocka_unit_test(late_events_open_their_own_window),
		cmocka_unit_test(times_that_no_clock_shows_are_kept_within_what_may_travel),
		cmocka_unit_test(a_commit_that_fails_can_be_tried_again_and_clear_empties),
		cmocka_unit_test(a_ledger_travels_once_and_its_address_stays),
		cmocka_unit_test(everything_open_always_fits_one_batch),
		cmocka_unit_test(the_memory_ceiling_refuses_and_counts_nothing),
		cmocka_unit_test(methods_of_strangers_are_one_endpoint),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
