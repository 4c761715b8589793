/* Ingest between real gRPC clients and a store whose every commit the test decides: what is acknowledged, and when. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collector/ingest/ingest.h"
#include "lib/grpc.h"
#include "lib/log.h"
#include "proto/window.h"
#include "tests/unit/certificates.h"

enum { PATIENCE_MS = 30000, AGENTS = 4, SENTENCE = 256 };

/* ---- the fake store: one counter an agent, and a gate before each commit ---- */

struct store {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	bool gate_closed;
	bool is_at_gate;
	int fail; /* the next commit ends with this */
	/* What happened, in order: "hello host-1", "merge 3", "goodbye host-1". */
	char journal[4096];
	uint64_t merged[AGENTS + 1];
	size_t largest_merge;
};

static void note(struct store *s, const char *format, ...)
{
	va_list args;
	size_t at = strlen(s->journal);
	va_start(args, format);
	vsnprintf(s->journal + at, sizeof s->journal - at, format, args);
	va_end(args);
}

static unsigned index_of(struct span agent)
{
	assert_true(agent.len == 6 && agent.data[5] >= '1' && agent.data[5] <= '0' + AGENTS);
	return (unsigned)(agent.data[5] - '0');
}

static void pass_gate(struct store *s)
{
	s->is_at_gate = true;
	pthread_cond_broadcast(&s->moved);
	while (s->gate_closed)
		pthread_cond_wait(&s->moved, &s->lock);
	s->is_at_gate = false;
}

int store_merge(struct store *s, const struct store_delivery *deliveries, size_t count, size_t *ret_done, struct err *err)
{
	pthread_mutex_lock(&s->lock);
	pass_gate(s);
	int r = s->fail;
	s->fail = 0;
	size_t done = 0;
	for (; r == 0 && done < count; done++) {
		uint64_t *merged = &s->merged[index_of(deliveries[done].agent)];
		assert_true(deliveries[done].lost == !deliveries[done].batch);
		if (deliveries[done].sequence > *merged + 1)
			break;
		if (deliveries[done].sequence > *merged)
			*merged = deliveries[done].sequence;
	}
	if (r == 0) {
		*ret_done = done;
		if (done > s->largest_merge)
			s->largest_merge = done;
		note(s, "merge %zu\n", done);
		r = done < count ? -ESTALE : 0;
	} else {
		err_set(err, "disk I/O error");
	}
	pthread_mutex_unlock(&s->lock);
	return r;
}

int store_hello(struct store *s, const struct hello *hello, int64_t now_ms, uint64_t *ret_merged, struct err *err)
{
	(void)now_ms;
	(void)err;
	pthread_mutex_lock(&s->lock);
	pass_gate(s);
	*ret_merged = s->merged[index_of(hello->agent)];
	note(s, "hello %.*s\n", (int)hello->agent.len, hello->agent.data);
	pthread_mutex_unlock(&s->lock);
	return 0;
}

int store_goodbye(struct store *s, struct span agent, int64_t now_ms, struct err *err)
{
	(void)now_ms;
	(void)err;
	pthread_mutex_lock(&s->lock);
	note(s, "goodbye %.*s\n", (int)agent.len, agent.data);
	pthread_mutex_unlock(&s->lock);
	return 0;
}

static void close_gate(struct store *s)
{
	pthread_mutex_lock(&s->lock);
	s->gate_closed = true;
	pthread_mutex_unlock(&s->lock);
}

static void open_gate(struct store *s)
{
	pthread_mutex_lock(&s->lock);
	s->gate_closed = false;
	pthread_cond_broadcast(&s->moved);
	pthread_mutex_unlock(&s->lock);
}

static bool at_gate(struct store *s)
{
	pthread_mutex_lock(&s->lock);
	bool is_at_gate = s->is_at_gate;
	pthread_mutex_unlock(&s->lock);
	return is_at_gate;
}

/* ---- the scene ---- */

static struct certificates certs;

static int set_up_group(void **state)
{
	(void)state;
	log_open("test", (enum log_level)0);
	certificates_init(&certs);
	certificates_issue(&certs, "pki", PKI_SERVER, "collector", "127.0.0.1", -1, 30);
	certificates_issue(&certs, "pki", PKI_AGENT, "host-1", NULL, -1, 30);
	certificates_issue(&certs, "pki", PKI_AGENT, "host-2", NULL, -1, 30);
	return 0;
}

static int tear_down_group(void **state)
{
	(void)state;
	certificates_done(&certs);
	return 0;
}

struct scene {
	uv_loop_t loop;
	uv_timer_t patience;
	struct store store;
	struct ingest *ingest;
	atomic_uint commits, asks_again;
	struct tls_context *tls[AGENTS + 1];
};

static void on_patience(uv_timer_t *timer)
{
	(void)timer;
	fprintf(stderr, "nothing happened for %d ms\n", PATIENCE_MS);
	abort();
}

static uint64_t on_committed(void *ctx, struct store *store, bool wrote)
{
	struct scene *s = ctx;
	(void)wrote;
	assert_ptr_equal(store, &s->store);
	atomic_fetch_add(&s->commits, 1);
	return atomic_load(&s->asks_again) > 0 && atomic_fetch_sub(&s->asks_again, 1) > 0;
}

#define RUN_UNTIL(s, condition)                                                                                                            \
	while (!(condition))                                                                                                               \
	uv_run(&(s)->loop, UV_RUN_NOWAIT)

static void scene_init(struct scene *s)
{
	struct err err;
	memset(s, 0, sizeof *s);
	assert_int_equal(uv_loop_init(&s->loop), 0);
	uv_timer_init(&s->loop, &s->patience);
	uv_timer_start(&s->patience, on_patience, PATIENCE_MS, 0);
	pthread_mutex_init(&s->store.lock, NULL);
	pthread_cond_init(&s->store.moved, NULL);
	s->tls[1] = certificates_context(&certs, TLS_CLIENT, "pki", "host-1");
	s->tls[2] = certificates_context(&certs, TLS_CLIENT, "pki", "host-2");
	const struct ingest_options options = {
		.loop = &s->loop,
		.host = "127.0.0.1",
		.files = {certificates_path(&certs, "pki/ca.crt"), certificates_path(&certs, "collector.crt"),
			  certificates_path(&certs, "collector.key")},
		.store = &s->store,
		.on_committed = on_committed,
		.ctx = s,
	};
	certificates_must(ingest_start(&options, &s->ingest, &err), &err);
}

static void scene_done(struct scene *s)
{
	ingest_stop(s->ingest);
	uv_close((uv_handle_t *)&s->patience, NULL);
	uv_run(&s->loop, UV_RUN_DEFAULT);
	ingest_free(s->ingest);
	assert_int_equal(uv_loop_close(&s->loop), 0);
	tls_context_free(s->tls[1]);
	tls_context_free(s->tls[2]);
	pthread_cond_destroy(&s->store.moved);
	pthread_mutex_destroy(&s->store.lock);
}

/* ---- an agent ---- */

struct agent {
	struct grpc_client *client;
	bool open, closed, writable;
	unsigned receipts;
	uint64_t acked; /* of the last receipt */
	enum grpc_status status;
	char sentence[SENTENCE];
};

static void agent_on_open(void *ctx)
{
	((struct agent *)ctx)->open = true;
}

static void agent_on_message(void *ctx, struct span message)
{
	struct agent *a = ctx;
	struct receipt receipt;
	assert_int_equal(receipt_decode(message, &receipt, NULL), 0);
	assert_int_equal(receipt.epoch, 9);
	a->acked = receipt.sequence;
	a->receipts++;
}

static void agent_on_writable(void *ctx)
{
	((struct agent *)ctx)->writable = true;
}

static void agent_on_closed(void *ctx, enum grpc_status status, const char *sentence)
{
	struct agent *a = ctx;
	a->closed = true;
	a->client = NULL;
	a->status = status;
	snprintf(a->sentence, sizeof a->sentence, "%s", sentence);
}

static const struct grpc_client_events agent_events = {agent_on_open, agent_on_message, agent_on_writable, agent_on_closed};

static int send_bytes(struct agent *a, struct buf *out)
{
	int r = grpc_client_send(a->client, buf_span(out));
	buf_done(out);
	return r;
}

static void say_hello(struct agent *a, const char *name)
{
	struct buf out;
	buf_init(&out, 4096);
	assert_int_equal(delivery_encode_hello(&(struct hello){.agent = span_str(name), .epoch = 9, .first_sequence = 1}, &out), 0);
	assert_int_equal(send_bytes(a, &out), 0);
}

static int send_sealed_as(struct agent *a, uint64_t epoch, uint64_t sequence, struct span batch)
{
	struct buf out;
	buf_init(&out, GRPC_MESSAGE_MAX);
	assert_int_equal(delivery_encode_sealed(epoch, sequence, false, batch, &out), 0);
	return send_bytes(a, &out);
}

static void send_sealed(struct agent *a, uint64_t sequence)
{
	assert_int_equal(send_sealed_as(a, 9, sequence, span_make("", 0)), 0);
}

static void dial(struct agent *a, struct scene *s, uv_loop_t *loop, unsigned certificate)
{
	*a = (struct agent){0};
	const struct grpc_client_options options = {
		.tls = s->tls[certificate], .host = "127.0.0.1", .port = ingest_port(s->ingest), .path = "/tocsin.v1.Ingest/Deliver"};
	assert_int_equal(grpc_client_connect(loop, &options, &agent_events, a, &a->client), 0);
}

static void come(struct agent *a, struct scene *s, unsigned number)
{
	char name[16];
	snprintf(name, sizeof name, "host-%u", number);
	dial(a, s, &s->loop, number);
	RUN_UNTIL(s, a->open);
	say_hello(a, name);
}

static void go(struct agent *a, struct scene *s)
{
	if (a->client)
		grpc_client_close(a->client);
	RUN_UNTIL(s, a->closed);
}

static void assert_ended(const struct agent *a, enum grpc_status status, const char *part)
{
	if (a->status != status || !strstr(a->sentence, part))
		fail_msg("ended with %s: %s", grpc_status_word(a->status), a->sentence);
}

/* ---- the tests ---- */

static void a_receipt_follows_the_commit_and_never_precedes_it(void **state)
{
	(void)state;
	struct scene s;
	struct agent a;
	scene_init(&s);
	s.store.merged[1] = 41;
	come(&a, &s, 1);
	RUN_UNTIL(&s, a.receipts == 1);
	assert_int_equal(a.acked, 41); /* where to go on */
	close_gate(&s.store);
	send_sealed(&a, 42);
	RUN_UNTIL(&s, at_gate(&s.store));
	for (int i = 0; i < 100; i++)
		uv_run(&s.loop, UV_RUN_NOWAIT);
	assert_int_equal(a.receipts, 1);
	open_gate(&s.store);
	RUN_UNTIL(&s, a.acked == 42);
	go(&a, &s);
	scene_done(&s);
	assert_string_equal(s.store.journal, "hello host-1\nmerge 1\ngoodbye host-1\n");
}

static void what_waits_is_committed_together_and_receipted_once(void **state)
{
	(void)state;
	struct scene s;
	struct agent a, b;
	scene_init(&s);
	come(&a, &s, 1);
	come(&b, &s, 2);
	RUN_UNTIL(&s, a.receipts == 1 && b.receipts == 1);
	close_gate(&s.store);
	send_sealed(&a, 1);
	RUN_UNTIL(&s, at_gate(&s.store));
	for (uint64_t i = 2; i <= 101; i++)
		send_sealed(&a, i);
	for (uint64_t i = 1; i <= 50; i++)
		send_sealed(&b, i);
	for (int i = 0; i < 200; i++) /* all of it arrives while the store is busy */
		uv_run(&s.loop, UV_RUN_NOWAIT);
	open_gate(&s.store);
	RUN_UNTIL(&s, a.acked == 101 && b.acked == 50);
	assert_int_equal(s.store.largest_merge, 150);
	assert_int_equal(b.receipts, 2);
	go(&a, &s);
	go(&b, &s);
	scene_done(&s);
}

static void what_the_store_could_not_take_is_not_acknowledged(void **state)
{
	(void)state;
	struct scene s;
	struct agent a;
	scene_init(&s);
	come(&a, &s, 1);
	RUN_UNTIL(&s, a.receipts == 1);
	s.store.fail = -EIO;
	send_sealed(&a, 1);
	RUN_UNTIL(&s, a.closed);
	assert_ended(&a, GRPC_UNAVAILABLE, "the collector's store could not take it");
	assert_int_equal(a.receipts, 1);
	come(&a, &s, 1);
	send_sealed(&a, 1);
	RUN_UNTIL(&s, a.acked == 1);
	go(&a, &s);
	scene_done(&s);
}

static void a_hole_in_the_sequence_ends_its_own_stream_only(void **state)
{
	(void)state;
	struct scene s;
	struct agent a, b;
	scene_init(&s);
	come(&a, &s, 1);
	come(&b, &s, 2);
	RUN_UNTIL(&s, a.receipts == 1 && b.receipts == 1);
	close_gate(&s.store);
	send_sealed(&b, 1);
	RUN_UNTIL(&s, at_gate(&s.store));
	send_sealed(&a, 1);
	send_sealed(&a, 3);
	send_sealed(&a, 4);
	for (int i = 0; i < 100; i++)
		uv_run(&s.loop, UV_RUN_NOWAIT);
	send_sealed(&b, 2);
	for (int i = 0; i < 100; i++)
		uv_run(&s.loop, UV_RUN_NOWAIT);
	open_gate(&s.store);
	RUN_UNTIL(&s, a.closed && b.acked == 2);
	assert_ended(&a, GRPC_OUT_OF_RANGE, "sequence past the next one");
	assert_int_equal(s.store.merged[1], 1);
	go(&b, &s);
	scene_done(&s);
}

static void what_is_malformed_is_refused_counted_and_not_merged(void **state)
{
	(void)state;
	static const struct {
		const char *batch;
		size_t len;
		uint64_t epoch;
		const char *says;
	} rows[] = {
		{"\x0A\x7F", 2, 9, "no Batch message"},
		{"\x0A\x02\x10\x00", 4, 9, "window 0: its span is 0 ms"},
		{"", 0, 10, "another epoch"},
	};
	struct scene s;
	struct ingest_stats stats;
	scene_init(&s);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct agent a;
		come(&a, &s, 1);
		RUN_UNTIL(&s, a.receipts == 1);
		assert_int_equal(send_sealed_as(&a, rows[i].epoch, 1, span_make(rows[i].batch, rows[i].len)), 0);
		RUN_UNTIL(&s, a.closed);
		assert_ended(&a, GRPC_INVALID_ARGUMENT, rows[i].says);
	}
	ingest_stats(s.ingest, &stats);
	assert_int_equal(stats.malformed, 2);
	assert_int_equal(s.store.merged[1], 0);
	scene_done(&s);
}

static void an_agent_speaks_as_itself_only(void **state)
{
	(void)state;
	struct scene s;
	struct agent a;
	struct ingest_stats stats;
	scene_init(&s);
	dial(&a, &s, &s.loop, 1);
	RUN_UNTIL(&s, a.open);
	say_hello(&a, "host-2");
	RUN_UNTIL(&s, a.closed);
	assert_ended(&a, GRPC_PERMISSION_DENIED, "hello says agent host-2, but the certificate is host-1's");
	ingest_stats(s.ingest, &stats);
	assert_int_equal(stats.refused_names, 1);
	scene_done(&s);
	assert_string_equal(s.store.journal, "");
}

static void a_stream_begins_with_one_hello(void **state)
{
	(void)state;
	struct scene s;
	struct agent a;
	scene_init(&s);
	dial(&a, &s, &s.loop, 1);
	RUN_UNTIL(&s, a.open);
	send_sealed(&a, 1);
	RUN_UNTIL(&s, a.closed);
	assert_ended(&a, GRPC_FAILED_PRECONDITION, "begins with hello");
	come(&a, &s, 1);
	say_hello(&a, "host-1");
	RUN_UNTIL(&s, a.closed);
	assert_ended(&a, GRPC_FAILED_PRECONDITION, "a second hello");
	scene_done(&s);
}

static void a_second_agent_with_a_living_id_is_refused(void **state)
{
	(void)state;
	struct scene s;
	struct agent first, second;
	struct ingest_stats stats;
	scene_init(&s);
	come(&first, &s, 1);
	RUN_UNTIL(&s, first.receipts == 1);
	come(&second, &s, 1);
	RUN_UNTIL(&s, second.closed);
	assert_ended(&second, GRPC_ALREADY_EXISTS, "agent host-1 is already connected from 127.0.0.1:");
	send_sealed(&first, 1);
	RUN_UNTIL(&s, first.acked == 1);
	ingest_stats(s.ingest, &stats);
	assert_int_equal(stats.refused_twins, 1);
	go(&first, &s);
	scene_done(&s);
}

static void an_agent_that_comes_back_takes_the_place_of_its_dead_stream(void **state)
{
	(void)state;
	struct scene s;
	struct agent dead, back;
	uv_loop_t frozen; /* its kernel answers, its program does not: a host that hangs, or a network that swallows */
	scene_init(&s);
	assert_int_equal(uv_loop_init(&frozen), 0);
	dial(&dead, &s, &frozen, 1);
	while (!dead.open) {
		uv_run(&frozen, UV_RUN_NOWAIT);
		uv_run(&s.loop, UV_RUN_NOWAIT);
	}
	say_hello(&dead, "host-1");
	while (dead.receipts == 0) {
		uv_run(&frozen, UV_RUN_NOWAIT);
		uv_run(&s.loop, UV_RUN_NOWAIT);
	}
	come(&back, &s, 1);
	send_sealed(&back, 1);
	while (back.acked < 1)
		uv_run(&s.loop, UV_RUN_ONCE);
	while (!dead.closed)
		uv_run(&frozen, UV_RUN_ONCE);
	assert_int_equal(uv_loop_close(&frozen), 0);
	go(&back, &s);
	scene_done(&s);
	assert_string_equal(s.store.journal, "hello host-1\ngoodbye host-1\nhello host-1\nmerge 1\ngoodbye host-1\n");
}

static void whoever_comes_back_before_its_first_hello_is_merged_stays_connected(void **state)
{
	(void)state;
	struct scene s;
	struct agent first, back;
	struct ingest_stats stats;
	scene_init(&s);
	close_gate(&s.store);
	come(&first, &s, 1);
	RUN_UNTIL(&s, at_gate(&s.store));
	go(&first, &s);
	come(&back, &s, 1);
	do {
		uv_run(&s.loop, UV_RUN_NOWAIT);
		ingest_stats(s.ingest, &stats);
	} while (stats.hellos < 2);
	open_gate(&s.store);
	send_sealed(&back, 1);
	RUN_UNTIL(&s, back.acked == 1);
	pthread_mutex_lock(&s.store.lock);
	assert_string_equal(s.store.journal, "hello host-1\ngoodbye host-1\nhello host-1\nmerge 1\n");
	pthread_mutex_unlock(&s.store.lock);
	go(&back, &s);
	scene_done(&s);
}

static void a_stream_ahead_of_the_store_is_held_back_and_loses_nothing(void **state)
{
	(void)state;
	enum { SIZE = 500000, COUNT = 40 };
	static char batch[SIZE];
	struct scene s;
	struct agent a;
	uint64_t sent = 0;
	/* One unknown field, so that it is a batch: tag 15, length-delimited. */
	memcpy(batch, "\x7A\x9C\xC2\x1E", 4);
	scene_init(&s);
	come(&a, &s, 1);
	RUN_UNTIL(&s, a.receipts == 1);
	close_gate(&s.store);
	send_sealed(&a, ++sent);
	RUN_UNTIL(&s, at_gate(&s.store));
	for (int idle = 0; idle < 1000; idle++) {
		if (sent < COUNT && send_sealed_as(&a, 9, sent + 1, span_make(batch, SIZE)) == 0) {
			sent++;
			idle = 0;
		}
		uv_run(&s.loop, UV_RUN_NOWAIT);
	}
	/* 4 MiB of the client's, HTTP/2's window, 4 MiB of ingest's and the one that passed it. */
	assert_true(sent < 2 * (4 << 20) / SIZE + 4);
	open_gate(&s.store);
	while (sent < COUNT) {
		RUN_UNTIL(&s, a.writable);
		a.writable = false;
		while (sent < COUNT && send_sealed_as(&a, 9, sent + 1, span_make(batch, SIZE)) == 0)
			sent++;
	}
	RUN_UNTIL(&s, a.acked == COUNT);
	go(&a, &s);
	scene_done(&s);
}

static void what_was_received_before_the_stop_is_durable_after_it(void **state)
{
	(void)state;
	struct scene s;
	struct agent a;
	scene_init(&s);
	come(&a, &s, 1);
	RUN_UNTIL(&s, a.receipts == 1);
	close_gate(&s.store);
	send_sealed(&a, 1);
	RUN_UNTIL(&s, at_gate(&s.store));
	send_sealed(&a, 2);
	for (int i = 0; i < 100; i++)
		uv_run(&s.loop, UV_RUN_NOWAIT);
	ingest_stop(s.ingest);
	RUN_UNTIL(&s, a.closed);
	assert_ended(&a, GRPC_UNAVAILABLE, "the collector is stopping");
	open_gate(&s.store);
	scene_done(&s);
	assert_int_equal(s.store.merged[1], 2);
	assert_non_null(strstr(s.store.journal, "goodbye host-1\n"));
}

static void who_judges_is_asked_at_the_beginning_and_again_when_it_says_so(void **state)
{
	(void)state;
	struct scene s;
	struct agent a;
	scene_init(&s);
	RUN_UNTIL(&s, atomic_load(&s.commits) == 1);
	atomic_store(&s.asks_again, 3);
	come(&a, &s, 1);
	RUN_UNTIL(&s, atomic_load(&s.commits) == 5); /* the hello's, and three without any */
	for (int i = 0; i < 100; i++)
		uv_run(&s.loop, UV_RUN_NOWAIT);
	assert_int_equal(atomic_load(&s.commits), 5);
	atomic_store(&s.asks_again, 1000000); /* a stop does not wait for it */
	go(&a, &s);
	scene_done(&s);
	assert_string_equal(s.store.journal, "hello host-1\ngoodbye host-1\n");
}

/* ---- writes of other threads ---- */

struct writer {
	struct scene *scene;
	pthread_t thread;
	atomic_bool returned;
	unsigned commits_seen;
	int result;
	struct err err;
};

static int write_note(void *ctx, struct store *store, struct err *err)
{
	struct writer *w = ctx;
	pthread_mutex_lock(&store->lock);
	pass_gate(store);
	note(store, "write\n");
	pthread_mutex_unlock(&store->lock);
	err_set(err, "no such service");
	return w->result;
}

static void *run_writer(void *ctx)
{
	struct writer *w = ctx;
	int r = ingest_run_write(w->scene->ingest, write_note, w, &w->err);
	w->result = r;
	w->commits_seen = atomic_load(&w->scene->commits);
	atomic_store(&w->returned, true);
	return NULL;
}

static void start_writer(struct writer *w, struct scene *s, int result)
{
	*w = (struct writer){.scene = s, .result = result};
	assert_int_equal(pthread_create(&w->thread, NULL, run_writer, w), 0);
}

static void a_write_waits_for_its_turn_and_returns_after_the_judging(void **state)
{
	(void)state;
	struct scene s;
	struct agent a;
	struct writer w;
	scene_init(&s);
	come(&a, &s, 1);
	RUN_UNTIL(&s, a.receipts == 1);
	close_gate(&s.store);
	send_sealed(&a, 1);
	RUN_UNTIL(&s, at_gate(&s.store));
	start_writer(&w, &s, -ENOENT);
	for (int i = 0; i < 100; i++)
		uv_run(&s.loop, UV_RUN_NOWAIT);
	assert_false(atomic_load(&w.returned));
	unsigned before = atomic_load(&s.commits);
	open_gate(&s.store);
	RUN_UNTIL(&s, atomic_load(&w.returned));
	pthread_join(w.thread, NULL);
	assert_int_equal(w.result, -ENOENT);
	assert_string_equal(w.err.text, "no such service");
	assert_true(w.commits_seen > before);
	RUN_UNTIL(&s, a.acked == 1);
	go(&a, &s);
	scene_done(&s);
	assert_string_equal(s.store.journal, "hello host-1\nmerge 1\nwrite\ngoodbye host-1\n");
}

static void a_write_that_waits_when_the_collector_stops_is_answered(void **state)
{
	(void)state;
	struct scene s;
	struct agent a;
	struct writer w;
	scene_init(&s);
	come(&a, &s, 1);
	RUN_UNTIL(&s, a.receipts == 1);
	close_gate(&s.store);
	send_sealed(&a, 1);
	RUN_UNTIL(&s, at_gate(&s.store));
	start_writer(&w, &s, 0);
	ingest_stop(s.ingest);
	RUN_UNTIL(&s, a.closed);
	assert_false(atomic_load(&w.returned));
	open_gate(&s.store);
	scene_done(&s);
	pthread_join(w.thread, NULL); /* before it or after the last commit: done, or told that it was not */
	bool written = strstr(s.store.journal, "write\n") != NULL;
	assert_int_equal(w.result, written ? 0 : -ESHUTDOWN);
	assert_int_equal(s.store.merged[1], 1);
}

static void a_write_into_a_stopping_collector_is_refused(void **state)
{
	(void)state;
	struct scene s;
	struct writer w;
	scene_init(&s);
	ingest_stop(s.ingest);
	uv_close((uv_handle_t *)&s.patience, NULL);
	uv_run(&s.loop, UV_RUN_DEFAULT);
	start_writer(&w, &s, 0);
	pthread_join(w.thread, NULL);
	assert_int_equal(w.result, -ESHUTDOWN);
	assert_string_equal(w.err.text, "the collector is stopping");
	ingest_free(s.ingest);
	assert_int_equal(uv_loop_close(&s.loop), 0);
	tls_context_free(s.tls[1]);
	tls_context_free(s.tls[2]);
	pthread_cond_destroy(&s.store.moved);
	pthread_mutex_destroy(&s.store.lock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_receipt_follows_the_commit_and_never_precedes_it),
		cmocka_unit_test(what_waits_is_committed_together_and_receipted_once),
		cmocka_unit_test(what_the_store_could_not_take_is_not_acknowledged),
		cmocka_unit_test(a_hole_in_the_sequence_ends_its_own_stream_only),
		cmocka_unit_test(what_is_malformed_is_refused_counted_and_not_merged),
		cmocka_unit_test(an_agent_speaks_as_itself_only),
		cmocka_unit_test(a_stream_begins_with_one_hello),
		cmocka_unit_test(a_second_agent_with_a_living_id_is_refused),
		cmocka_unit_test(an_agent_that_comes_back_takes_the_place_of_its_dead_stream),
		cmocka_unit_test(whoever_comes_back_before_its_first_hello_is_merged_stays_connected),
		cmocka_unit_test(a_stream_ahead_of_the_store_is_held_back_and_loses_nothing),
		cmocka_unit_test(what_was_received_before_the_stop_is_durable_after_it),
		cmocka_unit_test(who_judges_is_asked_at_the_beginning_and_again_when_it_says_so),
		cmocka_unit_test(a_write_waits_for_its_turn_and_returns_after_the_judging),
		cmocka_unit_test(a_write_that_waits_when_the_collector_stops_is_answered),
		cmocka_unit_test(a_write_into_a_stopping_collector_is_refused),
	};
	return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}
