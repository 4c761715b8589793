/* What must hold of merging whatever happens: each record counts once, and what was acknowledged stays. */
#include "tests/unit/collector/store_world.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "tests/unit/collector/faulty_vfs.h"

/* ---- once ---- */

enum { AGENTS = 3, WINDOWS = 24 };

/* Window number `n` of agent `a`: the same bytes whenever it is asked for. Two days, four hours, shared scopes, late ones among them. */
static void make_window(struct made *m, unsigned a, unsigned n)
{
	static const char *const templates[] = {"/forum/threads/{id}", "/live/{id}", "/search", "/groups/{id}"};
	made_begin(m, MORNING_MS + (n % 4) * 9 * HOUR_MS + n * 10000, n % 3 ? "web/forum" : "web/live", n % 2 ? "a.test" : "b.test");
	struct endpoint *e = made_endpoint(m, "GET", templates[n % 4], n % 5 == 0 ? STATUS_4XX : STATUS_2XX, n + 1);
	e->content = span_str(n % 7 ? "html" : "json");
	e->request_bytes = 100 * n;
	e->answer_bytes = 1000 * n;
	made_endpoint(m, n % 2 ? "POST" : "GET", "/comments", STATUS_2XX, a + 1);
	made_users(m, IDENTITY_ACCOUNT, 7, n * 50, n * 50 + 400);
	made_users(m, n % 2 ? IDENTITY_ADDRESS : IDENTITY_SESSION, 7, n * 10, n * 10 + (n == 5 ? 9000 : 20));
	made_ledger(m, n % 2 ? "/var/log/a.log" : "/var/log/b.log", 100 * (n + 1));
}

static void shuffled_windows_each_sent_three_times_make_identical_stores(void **state)
{
	(void)state;
	static const char *const names[AGENTS] = {"host-a", "host-b", "host-c"};
	struct world stores[2] = {world_new(480, NULL, 0), world_new(480, NULL, 0)};
	struct buf dumps[2];
	struct made m;
	for (unsigned s = 0; s < 2; s++) {
		for (unsigned n = 0; n < WINDOWS; n++) {
			for (unsigned a = 0; a < AGENTS; a++) {
				unsigned agent = s ? AGENTS - 1 - a : a;
				make_window(&m, agent, s ? (n * 7 + 5) % WINDOWS : n); /* 7 and 24 share no divisor: a permutation */
				for (unsigned again = 0; again < (s ? 3 : 1); again++)
					merged(&stores[s], names[agent], 1, n + 1, &m);
				made_end(&m);
			}
			if (n % 10 == 9) { /* nothing depends on what is remembered */
				world_close(&stores[s]);
				world_open(&stores[s]);
			}
		}
		buf_init(&dumps[s], 16 << 20);
		dump(&stores[s], &dumps[s]);
	}
	assert_true(dumps[0].len > 10000);
	assert_int_equal(dumps[0].len, dumps[1].len);
	assert_memory_equal(dumps[0].data, dumps[1].data, dumps[0].len);
	assert_int_equal(asked(&stores[0], "SELECT sum(c0 + c1 + c2 + c3 + c4 + c5) FROM scope_hour"),
			 AGENTS * (24 * 25 / 2) + 24 * (1 + 2 + 3));
	for (unsigned s = 0; s < 2; s++) {
		buf_done(&dumps[s]);
		world_end(&stores[s]);
	}
}

static void deliveries_in_one_transaction_equal_deliveries_one_by_one(void **state)
{
	(void)state;
	struct world together = world_new(480, NULL, 0), alone = world_new(480, NULL, 0);
	static struct made made[WINDOWS];
	struct batch batches[WINDOWS];
	struct store_delivery deliveries[WINDOWS];
	struct err err = {0};
	for (unsigned n = 0; n < WINDOWS; n++) {
		make_window(&made[n], 0, n);
		batches[n] = (struct batch){.windows = &made[n].window, .window_count = 1};
		deliveries[n] = (struct store_delivery){
			.agent = span_str("host"), .epoch = 1, .sequence = n + 1, .batch = &batches[n], .received_ms = MORNING_MS + n + 1};
		merged(&alone, "host", 1, n + 1, &made[n]);
	}
	size_t done = 0;
	assert_int_equal(store_merge(together.store, deliveries, WINDOWS, &done, &err), 0);
	assert_int_equal(done, WINDOWS);
	struct buf a, b;
	buf_init(&a, 16 << 20);
	buf_init(&b, 16 << 20);
	dump(&together, &a);
	dump(&alone, &b);
	assert_true(span_equal(buf_span(&a), buf_span(&b)));
	buf_done(&a);
	buf_done(&b);
	for (unsigned n = 0; n < WINDOWS; n++)
		made_end(&made[n]);
	world_end(&together);
	world_end(&alone);
}

static void record_past_the_next_one_ends_the_run_and_keeps_what_came_before(void **state)
{
	(void)state;
	struct world w = world_new(480, NULL, 0);
	struct made m;
	make_window(&m, 0, 3);
	struct batch batch = {.windows = &m.window, .window_count = 1};
	struct store_delivery d[3] = {{.agent = span_str("host"), .epoch = 9, .sequence = 1, .batch = &batch, .received_ms = 1},
				      {.agent = span_str("host"), .epoch = 9, .sequence = 3, .batch = &batch, .received_ms = 2},
				      {.agent = span_str("host"), .epoch = 9, .sequence = 2, .batch = &batch, .received_ms = 3}};
	struct err err = {0};
	size_t done = 77;
	assert_int_equal(store_merge(w.store, d, 3, &done, &err), -ESTALE);
	assert_int_equal(done, 1);
	assert_string_equal(err.text, "agent host sent record 3 of epoch 9, 2 is expected");
	assert_int_equal(asked(&w, "SELECT sequence FROM stream"), 1);
	assert_int_equal(asked(&w, "SELECT sum(c2) FROM scope_hour"), 4 + 1);
	made_end(&m);
	world_end(&w);
}

/* ---- gaps and epochs ---- */

static uint64_t greeted(struct world *w, const char *agent, uint64_t epoch, uint64_t first_sequence)
{
	struct hello hello = {.agent = span_str(agent),
			      .epoch = epoch,
			      .first_sequence = first_sequence,
			      .version = span_str("0.1"),
			      .kernel = span_str("6.1")};
	uint64_t sequence = 0;
	struct err err = {0};
	assert_int_equal(store_hello(w->store, &hello, MORNING_MS, &sequence, &err), 0);
	return sequence;
}

static int only_agent(void *ctx, const struct store_agent_row *row)
{
	struct store_agent_row *out = ctx;
	assert_null(out->agent);
	*out = *row;
	out->agent = "seen";
	return 0;
}

static struct store_agent_row the_agent(struct world *w)
{
	struct store_agent_row row = {0};
	struct err err = {0};
	assert_int_equal(store_each_agent(w->store, only_agent, &row, &err), 0);
	assert_non_null(row.agent);
	return row;
}

static void lost_record_advances_the_sequence_and_is_counted(void **state)
{
	(void)state;
	struct world w = world_new(480, NULL, 0);
	struct made m;
	make_window(&m, 0, 1);
	assert_int_equal(greeted(&w, "host", 5, 1), 0);
	merged(&w, "host", 5, 1, &m);
	merged(&w, "host", 5, 2, NULL);
	merged(&w, "host", 5, 2, NULL);
	merged(&w, "host", 5, 3, &m);
	struct store_agent_row agent = the_agent(&w);
	assert_int_equal(agent.sequence, 3);
	assert_int_equal(agent.lost_records, 1);
	assert_int_equal(agent.ledger.seen, 400);
	assert_int_equal(agent.ledger.events, 4);
	assert_int_equal(agent.sources, 1);
	made_end(&m);
	world_end(&w);
}

static void agent_that_no_longer_holds_what_the_store_needs_leaves_a_declared_gap(void **state)
{
	(void)state;
	struct world w = world_new(480, NULL, 0);
	struct made m;
	make_window(&m, 0, 1);
	merged(&w, "host", 5, 1, &m);
	assert_int_equal(greeted(&w, "host", 5, 0), 1); /* holds none: nothing to say */
	assert_int_equal(greeted(&w, "host", 5, 1), 1); /* holds what is merged already */
	assert_int_equal(greeted(&w, "host", 5, 2), 1); /* holds exactly the next */
	assert_int_equal(the_agent(&w).lost_records, 0);
	assert_int_equal(greeted(&w, "host", 5, 10), 9);
	assert_int_equal(the_agent(&w).lost_records, 8);
	merged(&w, "host", 5, 10, &m);
	assert_int_equal(greeted(&w, "host", 5, UINT64_MAX), UINT64_MAX - 1);
	made_end(&m);
	world_end(&w);
}

static void each_epoch_counts_its_own_sequences(void **state)
{
	(void)state;
	struct world w = world_new(480, NULL, 0);
	struct made m;
	make_window(&m, 0, 1);
	uint64_t old = 0xfedcba9876543210u, new = 3;
	merged(&w, "host", old, 1, &m);
	merged(&w, "host", old, 2, &m);
	assert_int_equal(greeted(&w, "host", new, 1), 0);
	merged(&w, "host", new, 1, &m);
	merged(&w, "host", old, 2, &m); /* sent again by the former life: merged already */
	struct store_agent_row agent = the_agent(&w);
	assert_true(agent.epoch == new);
	assert_int_equal(agent.sequence, 1);
	assert_true(agent.connected);
	assert_int_equal(asked(&w, "SELECT sum(events) FROM ledger"), 3 * 2);
	assert_int_equal(greeted(&w, "host", old, 1), 2);
	for (uint64_t epoch = 100; epoch < 200; epoch++)
		greeted(&w, "host", epoch, 0);
	assert_int_equal(asked(&w, "SELECT count(*) FROM stream"), 64);
	made_end(&m);
	world_end(&w);
}

static void agents_are_connected_from_hello_to_goodbye_and_never_after_a_start(void **state)
{
	(void)state;
	struct world w = world_new(480, NULL, 0);
	struct err err = {0};
	greeted(&w, "host", 1, 0);
	assert_true(the_agent(&w).connected);
	assert_int_equal(store_goodbye(w.store, span_str("host"), MORNING_MS + 5, &err), 0);
	assert_false(the_agent(&w).connected);
	assert_int_equal(the_agent(&w).last_seen_ms, MORNING_MS + 5);
	greeted(&w, "host", 1, 0);
	world_close(&w);
	world_open(&w);
	assert_false(the_agent(&w).connected);
	world_end(&w);
}

/* ---- hostile parts ---- */

static void malformed_sketch_is_refused_alone_and_never_stops_the_stream(void **state)
{
	(void)state;
	struct world w = world_new(480, NULL, 0);
	struct made m, good;
	struct ull narrow;
	struct buf wire;
	buf_init(&wire, 4096);
	ull_init(&narrow, 12);
	assert_int_equal(ull_insert(&narrow, mix(1)), 0);
	assert_int_equal(ull_encode(&narrow, &wire), 0);
	ull_done(&narrow);
	made_begin(&m, MORNING_MS, "web", "a.test");
	made_endpoint(&m, "GET", "/forum", STATUS_2XX, 11);
	m.sketches[0] = (struct sketch_part){.kind = IDENTITY_ACCOUNT, .requests = 5, .data = span_str("no sketch at all")};
	m.sketches[1] = (struct sketch_part){.kind = IDENTITY_ADDRESS, .requests = 5, .data = buf_span(&wire)};
	m.scope.sketch_count = 2;
	merged(&w, "host", 1, 1, &m);
	assert_int_equal(the_agent(&w).sketches_refused, 2);
	assert_int_equal(the_agent(&w).sequence, 1);
	assert_int_equal(asked(&w, "SELECT sum(c2) FROM scope_hour"), 11);
	assert_int_equal(asked(&w, "SELECT count(*) FROM sketch_day"), 0);
	make_window(&good, 0, 1);
	merged(&w, "host", 1, 2, &good);
	assert_int_equal(the_agent(&w).sketches_refused, 2);
	assert_int_equal(asked(&w, "SELECT count(*) FROM sketch_day"), 2);
	made_end(&good);
	buf_done(&wire);
	world_end(&w);
}

static void endless_routes_of_one_scope_end_in_an_overflow_row(void **state)
{
	(void)state;
	enum { ROUTES = 20003 };
	struct world w = world_new(480, NULL, 0);
	struct made m;
	static struct endpoint endpoints[ROUTES];
	static char names[ROUTES][16];
	made_begin(&m, MORNING_MS, "web", "a.test");
	for (int i = 0; i < ROUTES; i++) {
		snprintf(names[i], sizeof names[i], "/r%d", i);
		endpoints[i] = (struct endpoint){
			.method = span_str("GET"), .template = span_str(names[i]), .first_ms = MORNING_MS, .last_ms = MORNING_MS};
		endpoints[i].count[STATUS_2XX] = 1;
	}
	m.scope.endpoints = endpoints;
	m.scope.endpoint_count = ROUTES;
	merged(&w, "host", 1, 1, &m);
	assert_int_equal(asked(&w, "SELECT count(*) FROM endpoint WHERE template LIKE '/r%'"), 20000);
	assert_int_equal(asked(&w, "SELECT requests FROM endpoint WHERE template = '{overflow}'"), 3);
	assert_int_equal(asked(&w, "SELECT sum(c2) FROM scope_hour"), ROUTES);
	world_end(&w);
}

static void counters_stop_at_their_ceiling_instead_of_overflowing(void **state)
{
	(void)state;
	struct world w = world_new(480, NULL, 0);
	struct made m;
	made_begin(&m, MORNING_MS, "web", "a.test");
	struct endpoint *e = made_endpoint(&m, "GET", "/forum", STATUS_2XX, (uint64_t)1 << 48);
	e->answer_bytes = (uint64_t)1 << 48;
	made_ledger(&m, "/var/log/a.log", (uint64_t)1 << 48);
	for (uint64_t i = 1; i <= 10; i++)
		merged(&w, "host", 1, i, &m);
	assert_true(asked(&w, "SELECT c2 FROM endpoint_hour") == INT64_C(1) << 40);
	assert_true(asked(&w, "SELECT answer_bytes FROM scope_hour") == INT64_C(1) << 50);
	assert_true(asked(&w, "SELECT requests FROM endpoint") == INT64_C(1) << 50);
	assert_true(the_agent(&w).ledger.seen == UINT64_C(1) << 50);
	world_end(&w);
}

static void more_sketches_than_are_remembered_all_arrive(void **state)
{
	(void)state;
	enum { SCOPES = 4200 };
	struct world w = world_new(480, NULL, 0);
	static struct scope scopes[SCOPES];
	static char names[SCOPES][16];
	struct made m;
	made_begin(&m, MORNING_MS, "web", "a.test");
	made_endpoint(&m, "GET", "/forum", STATUS_2XX, 1);
	made_users(&m, IDENTITY_ACCOUNT, 1, 0, 3);
	for (int i = 0; i < SCOPES; i++) {
		snprintf(names[i], sizeof names[i], "w%d", i);
		scopes[i] = m.scope;
		scopes[i].workload = span_str(names[i]);
	}
	struct window window = {.start_ms = MORNING_MS, .span_ms = 10000, .scopes = scopes, .scope_count = SCOPES};
	struct batch batch = {.windows = &window, .window_count = 1};
	struct store_delivery d = {.agent = span_str("host"), .epoch = 1, .batch = &batch, .received_ms = MORNING_MS};
	size_t done;
	struct err err = {0};
	for (d.sequence = 1; d.sequence <= 2; d.sequence++)
		assert_int_equal(store_merge(w.store, &d, 1, &done, &err), 0);
	assert_int_equal(
		asked(&w, "SELECT count(*) FROM sketch_day d JOIN sketch_part p ON p.sketch_id = d.id WHERE d.requests + p.requests = 6"),
		SCOPES);
	made_end(&m);
	world_end(&w);
}

static int only_users(void *ctx, const struct store_users_row *row)
{
	*(double *)ctx = row->users;
	return 0;
}

static double users_in(struct world *w)
{
	double users = 0;
	struct err err = {0};
	assert_int_equal(store_users_total(w->store, 1, "", "", only_users, &users, &err), 0);
	return users;
}

static void parts_of_a_sketch_are_folded_at_their_limit_and_count_the_same(void **state)
{
	(void)state;
	struct world w = world_new(480, NULL, 0);
	for (uint64_t n = 1; n <= 66; n++) {
		struct made m;
		made_begin(&m, MORNING_MS, "web", "a.test");
		made_users(&m, IDENTITY_ACCOUNT, 1, n * 10, n * 10 + 20);
		merged(&w, "host", 1, n, &m);
		made_end(&m);
		/* the first makes the sketch, 64 stand beside it, the next is folded in with them */
		assert_int_equal(asked(&w, "SELECT count(*) FROM sketch_part"), n <= 65 ? n - 1 : 0);
		double users = users_in(&w);
		assert_true(users > (double)n * 10 + 9 && users < (double)n * 10 + 11);
	}
	assert_int_equal(asked(&w, "SELECT requests FROM sketch_day"), 66 * 20);
	struct made dense;
	made_begin(&dense, MORNING_MS, "web", "a.test");
	made_users(&dense, IDENTITY_ACCOUNT, 1, 0, 9000);
	merged(&w, "host", 1, 67, &dense);
	assert_int_equal(asked(&w, "SELECT count(*) FROM sketch_part"), 0);
	assert_true(users_in(&w) > 8800 && users_in(&w) < 9200);
	made_end(&dense);
	world_end(&w);
}

/* ---- crashes and faults ---- */

enum { KILLS = 20 };

/* Record n holds n requests: the sum says exactly which records are merged. */
static void merge_until_killed(struct world *w, int acknowledge)
{
	uint64_t n = greeted(w, "host", 1, 1);
	struct made m;
	for (;;) {
		n++;
		made_begin(&m, MORNING_MS + (int64_t)(n % 5) * HOUR_MS, n % 2 ? "web" : "api", "a.test");
		made_endpoint(&m, "GET", "/forum", STATUS_2XX, n);
		made_users(&m, IDENTITY_ACCOUNT, 1, n, n + 50);
		made_ledger(&m, "/var/log/a.log", n);
		merged(w, "host", 1, n, &m);
		made_end(&m);
		if (write(acknowledge, &n, sizeof n) != (ssize_t)sizeof n)
			_exit(1);
	}
}

static void killed_writer_loses_and_doubles_nothing_that_was_acknowledged(void **state)
{
	(void)state;
	struct world w = world_new(480, NULL, 0);
	for (int kill_number = 0; kill_number < KILLS; kill_number++) {
		int pipe_fds[2];
		uint64_t acknowledged = 0;
		world_close(&w); /* a child must not inherit an open database */
		assert_int_equal(pipe(pipe_fds), 0);
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			close(pipe_fds[0]);
			world_open(&w);
			merge_until_killed(&w, pipe_fds[1]);
		}
		close(pipe_fds[1]);
		for (int i = 0; i <= kill_number % 7; i++)
			assert_int_equal(read(pipe_fds[0], &acknowledged, sizeof acknowledged), sizeof acknowledged);
		for (volatile int spin = 0; spin < kill_number * 20000; spin++) /* another point of the next merge each time */
			;
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, NULL, 0), child);
		uint64_t more;
		while (read(pipe_fds[0], &more, sizeof more) == (ssize_t)sizeof more)
			acknowledged = more;
		close(pipe_fds[0]);
		world_open(&w);
		int64_t n = asked(&w, "SELECT sequence FROM stream");
		assert_true((uint64_t)n >= acknowledged);
		assert_int_equal(asked(&w, "SELECT sum(c2) FROM scope_hour"), n * (n + 1) / 2);
		assert_int_equal(asked(&w, "SELECT sum(requests) FROM endpoint"), n * (n + 1) / 2);
		assert_int_equal(asked(&w, "SELECT sum(c2) FROM endpoint_hour"), n * (n + 1) / 2);
		assert_int_equal(asked(&w, "SELECT seen FROM ledger"), n * (n + 1) / 2);
		assert_int_equal(
			asked(&w, "SELECT (SELECT sum(requests) FROM sketch_day) + (SELECT coalesce(sum(requests), 0) FROM sketch_part)"),
			n * 50);
	}
	assert_true(asked(&w, "SELECT sequence FROM stream") >= KILLS);
	world_end(&w);
}

/* Lets the nth write or sync of a merge fail, for every n until the merge needs fewer. After each fault nothing of it may be seen, and the same
 * record must go in once there is room again. */
static void every_nth_fault_is_survived(int code, int expected)
{
	int faults = 0;
	struct world w = world_new(480, NULL, 0);
	struct made m;
	make_window(&m, 0, 0);
	merged(&w, "host", 1, 1, &m);
	made_end(&m);
	for (uint64_t sequence = 2;; sequence++) {
		struct err err = {0};
		struct buf before, after;
		buf_init(&before, 1 << 20);
		buf_init(&after, 1 << 20);
		dump(&w, &before);
		make_window(&m, 0, (unsigned)sequence % WINDOWS);
		faulty_break((int)sequence - 1, code);
		int r = merge_one(&w, "host", 1, sequence, &m, &err);
		bool failed = faulty.failing;
		faulty_mend();
		if (failed) {
			assert_true(r == expected || r == -EIO);
			assert_true(strlen(err.text) > 0);
			dump(&w, &after);
			assert_true(span_equal(buf_span(&before), buf_span(&after)));
			merged(&w, "host", 1, sequence, &m);
			faults++;
		}
		made_end(&m);
		buf_done(&before);
		buf_done(&after);
		assert_int_equal(asked(&w, "SELECT sequence FROM stream"), sequence);
		if (!failed)
			break;
		assert_true(faults < 1000);
	}
	assert_true(faults >= 5);
	struct buf broken, sound;
	struct world other = world_new(480, NULL, 0);
	for (uint64_t sequence = 1; sequence <= (uint64_t)faults + 2; sequence++) {
		make_window(&m, 0, sequence == 1 ? 0 : (unsigned)sequence % WINDOWS);
		merged(&other, "host", 1, sequence, &m);
		made_end(&m);
	}
	buf_init(&broken, 1 << 20);
	buf_init(&sound, 1 << 20);
	dump(&w, &broken);
	dump(&other, &sound);
	assert_true(span_equal(buf_span(&broken), buf_span(&sound)));
	buf_done(&broken);
	buf_done(&sound);
	world_end(&other);
	world_end(&w);
}

static void full_disk_at_any_write_acknowledges_nothing_and_heals(void **state)
{
	(void)state;
	every_nth_fault_is_survived(SQLITE_FULL, -ENOSPC);
}

static void failing_disk_at_any_write_acknowledges_nothing_and_heals(void **state)
{
	(void)state;
	every_nth_fault_is_survived(SQLITE_IOERR_WRITE, -EIO);
}

/* ---- beside others ---- */

static int merge_in_between(void *ctx, const struct store_endpoint_row *row)
{
	struct world *w = ctx;
	struct made m;
	(void)row;
	make_window(&m, 1, 8);
	merged(w, "other", 1,
	       (uint64_t)asked(w, "SELECT coalesce(max(sequence), 0) + 1 FROM stream s JOIN agent a ON a.id = s.agent_id"
				  " WHERE a.name = 'other'"),
	       &m);
	made_end(&m);
	return 0;
}

static int count_rows(void *ctx, const struct store_endpoint_row *row)
{
	(void)row;
	(*(int *)ctx)++;
	return 0;
}

static void reader_sees_whole_transactions_and_never_stops_the_writer(void **state)
{
	(void)state;
	struct world w = world_new(480, NULL, 0);
	struct store *reader = NULL;
	struct err err = {0};
	struct store_options options = {.path = w.path, .day_offset_minutes = 480, .read_only = true};
	struct made m;
	int rows = 0;
	make_window(&m, 0, 1);
	merged(&w, "host", 1, 1, &m);
	made_end(&m);
	assert_int_equal(store_open(&options, &reader, &err), 0);
	assert_int_equal(store_each_endpoint(reader, NULL, merge_in_between, &w, &err), 0); /* writes while rows are being read */
	assert_int_equal(store_each_endpoint(reader, NULL, count_rows, &rows, &err), 0);
	assert_int_equal(rows, 2 + 2);
	assert_int_equal(asked(&w, "SELECT sequence FROM stream s JOIN agent a ON a.id = s.agent_id WHERE a.name = 'other'"), 2);
	size_t done;
	assert_int_equal(store_merge(reader, NULL, 0, &done, &err), -EROFS);
	store_close(reader);
	world_end(&w);
}

static void change_by_another_program_is_not_overwritten_from_memory(void **state)
{
	(void)state;
	struct world w = world_new(480, NULL, 0);
	struct made m;
	make_window(&m, 0, 1);
	merged(&w, "host", 1, 1, &m);
	told(&w, "UPDATE endpoint SET requests = 1000; UPDATE stream SET sequence = 7");
	merged(&w, "host", 1, 8, &m);
	assert_int_equal(asked(&w, "SELECT min(requests) FROM endpoint"), 1001);
	made_end(&m);
	world_end(&w);
}

/* ---- opening ---- */

static int opened(const struct world *w, int day_offset_minutes, bool read_only, struct err *err)
{
	struct store *s = NULL;
	struct store_options options = {
		.path = w->path, .day_offset_minutes = day_offset_minutes, .services = w->services, .read_only = read_only};
	int r = store_open(&options, &s, err);
	store_close(s);
	return r;
}

static void database_that_cannot_be_used_is_refused_with_a_sentence(void **state)
{
	(void)state;
	struct world w = world_new(480, NULL, 0);
	struct err err = {0};
	world_close(&w);
	assert_int_equal(opened(&w, 0, false, &err), -EINVAL);
	assert_string_equal(err.file, w.path);
	assert_string_equal(
		err.text,
		"its days begin 480 minutes from UTC and the settings say 0; set day_offset_minutes back, or begin a new database");
	assert_int_equal(opened(&w, 0, true, &err), -EINVAL);
	assert_int_equal(opened(&w, 841, false, &err), -EINVAL);
	told(&w, "PRAGMA user_version = 99");
	assert_int_equal(opened(&w, 480, false, &err), -EPROTO);
	assert_int_equal(opened(&w, 480, true, &err), -EPROTO);
	assert_non_null(strstr(err.text, "newer than 1"));
	told(&w, "PRAGMA user_version = 1");
	assert_int_equal(opened(&w, 480, false, &err), 0);
	FILE *f = fopen(w.path, "w");
	assert_non_null(f);
	for (int i = 0; i < 1000; i++)
		fputs("this is no database ", f);
	fclose(f);
	assert_int_equal(opened(&w, 480, false, &err), -EIO);
	assert_non_null(strstr(err.text, "not a database"));
	unlink(w.path);
	assert_int_equal(opened(&w, 480, true, &err), -EIO);
	assert_int_equal(access(w.path, F_OK), -1); /* a reader makes no file */
	world_end(&w);
}

int main(void)
{
	faulty_install();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shuffled_windows_each_sent_three_times_make_identical_stores),
		cmocka_unit_test(deliveries_in_one_transaction_equal_deliveries_one_by_one),
		cmocka_unit_test(record_past_the_next_one_ends_the_run_and_keeps_what_came_before),
		cmocka_unit_test(lost_record_advances_the_sequence_and_is_counted),
		cmocka_unit_test(agent_that_no_longer_holds_what_the_store_needs_leaves_a_declared_gap),
		cmocka_unit_test(each_epoch_counts_its_own_sequences),
		cmocka_unit_test(agents_are_connected_from_hello_to_goodbye_and_never_after_a_start),
		cmocka_unit_test(malformed_sketch_is_refused_alone_and_never_stops_the_stream),
		cmocka_unit_test(endless_routes_of_one_scope_end_in_an_overflow_row),
		cmocka_unit_test(counters_stop_at_their_ceiling_instead_of_overflowing),
		cmocka_unit_test(more_sketches_than_are_remembered_all_arrive),
		cmocka_unit_test(parts_of_a_sketch_are_folded_at_their_limit_and_count_the_same),
		cmocka_unit_test(killed_writer_loses_and_doubles_nothing_that_was_acknowledged),
		cmocka_unit_test(full_disk_at_any_write_acknowledges_nothing_and_heals),
		cmocka_unit_test(failing_disk_at_any_write_acknowledges_nothing_and_heals),
		cmocka_unit_test(reader_sees_whole_transactions_and_never_stops_the_writer),
		cmocka_unit_test(change_by_another_program_is_not_overwritten_from_memory),
		cmocka_unit_test(database_that_cannot_be_used_is_refused_with_a_sentence),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
