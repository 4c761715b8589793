/* The uplink against a scripted collector, with a real spool, real TLS and real gRPC between them: whatever the collector and the network do,
 * each record takes effect exactly once. */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/uplink.h"
#include "lib/file.h"
#include "lib/grpc.h"
#include "lib/log.h"
#include "proto/record.h"
#include "proto/window.h"
#include "tests/unit/certificates.h"

enum { PATIENCE_MS = 30000, SEQUENCES_MAX = 4096, IMPATIENT_MS = 4 };

static struct certificates certs;

static int set_up_group(void **state)
{
	(void)state;
	log_open("test", (enum log_level)0); /* what the log says is not the subject here */
	certificates_init(&certs);
	certificates_issue(&certs, "pki", PKI_SERVER, "collector", "localhost,127.0.0.1", -1, 30);
	certificates_issue(&certs, "pki", PKI_AGENT, "host-7", NULL, -1, 30);
	return 0;
}

static int tear_down_group(void **state)
{
	(void)state;
	certificates_done(&certs);
	return 0;
}

/* ---- a collector that merges as the real one does, and misbehaves as told ---- */

struct collector {
	uv_loop_t loop;
	uv_timer_t patience;
	struct tls_context *tls;
	struct grpc_server *server;
	uint16_t port;
	bool stopped;
	struct grpc_call *call;
	/* what it knows */
	uint64_t epoch, merged;
	uint8_t effects[SEQUENCES_MAX]; /* times that a sequence was merged */
	bool lost[SEQUENCES_MAX];
	/* what it saw */
	unsigned hellos, sealed, doubles;
	struct hello hello;
	char agent[64];
	/* what it does */
	unsigned swallow; /* sealed records merged without a receipt before it hangs up */
	unsigned refuse;  /* hellos answered with ALREADY_EXISTS */
	uint64_t poison;  /* the sequence that it can never take */
	bool repeats;     /* each receipt thrice, with older ones between */
	bool is_silent;   /* no receipts but the first */
	uint64_t invents; /* adds this to a receipt, once */
};

static void send_receipt(struct collector *c, uint64_t sequence)
{
	struct buf out;
	buf_init(&out, 64);
	assert_int_equal(receipt_encode(&(struct receipt){c->epoch, sequence}, &out), 0);
	assert_int_equal(grpc_call_send(c->call, buf_span(&out)), 0);
	buf_done(&out);
}

static void on_call(void *ctx, struct grpc_call *call)
{
	((struct collector *)ctx)->call = call;
}

static void on_hello(struct collector *c, const struct hello *hello)
{
	c->hellos++;
	c->hello = *hello;
	snprintf(c->agent, sizeof c->agent, "%.*s", (int)hello->agent.len, hello->agent.data);
	if (c->refuse > 0) {
		c->refuse--;
		grpc_call_end(c->call, GRPC_ALREADY_EXISTS, "agent host-7 is already connected");
		return;
	}
	if (c->epoch != hello->epoch)
		c->merged = 0;
	c->epoch = hello->epoch;
	send_receipt(c, c->merged);
}

static void on_sealed(struct collector *c, const struct delivery *d)
{
	assert_true(d->sequence < SEQUENCES_MAX);
	c->sealed++;
	if (d->sequence == c->poison && !d->lost) {
		grpc_call_end(c->call, GRPC_INVALID_ARGUMENT, "window 0: scope 0: the workload is empty");
		return;
	}
	if (d->sequence <= c->merged) {
		c->doubles++;
	} else if (d->sequence > c->merged + 1) {
		grpc_call_end(c->call, GRPC_OUT_OF_RANGE, "a sequence past the next one");
		return;
	} else {
		c->merged = d->sequence;
		c->effects[d->sequence]++;
		c->lost[d->sequence] = d->lost;
	}
	if (c->swallow > 0) {
		if (--c->swallow == 0)
			grpc_call_end(c->call, GRPC_UNAVAILABLE, "killed");
		return;
	}
	if (c->is_silent)
		return;
	uint64_t invents = c->invents;
	c->invents = 0;
	send_receipt(c, c->merged + invents);
	if (c->repeats) {
		send_receipt(c, c->merged > 3 ? c->merged - 3 : 0);
		send_receipt(c, c->merged);
	}
}

static void on_message(void *ctx, struct grpc_call *call, struct span message)
{
	struct collector *c = ctx;
	struct delivery d;
	struct err err;
	assert_ptr_equal(call, c->call);
	assert_int_equal(delivery_decode(message, &d, &err), 0);
	if (d.part == DELIVERY_HELLO)
		on_hello(c, &d.hello);
	else
		on_sealed(c, &d);
}

static void on_half_close(void *ctx, struct grpc_call *call)
{
	(void)ctx;
	grpc_call_end(call, GRPC_OK, "");
}

static void on_end(void *ctx, struct grpc_call *call, enum grpc_status status, const char *sentence)
{
	struct collector *c = ctx;
	(void)status;
	(void)sentence;
	if (c->call == call)
		c->call = NULL;
}

static const struct grpc_method methods[] = {
	{.path = "/tocsin.v1.Ingest/Deliver",
	 .on_call = on_call,
	 .on_message = on_message,
	 .on_half_close = on_half_close,
	 .on_end = on_end},
	{.path = NULL},
};

static void on_patience(uv_timer_t *timer)
{
	(void)timer;
	fprintf(stderr, "nothing happened for %d ms\n", PATIENCE_MS);
	abort();
}

static void on_stopped(void *ctx)
{
	((struct collector *)ctx)->stopped = true;
}

#define RUN_UNTIL(c, condition)                                                                                                            \
	while (!(condition))                                                                                                               \
	uv_run(&(c)->loop, UV_RUN_ONCE)

static void collector_come(struct collector *c)
{
	struct err err;
	certificates_must(grpc_server_start(&c->loop, c->tls, "127.0.0.1", c->port, methods, NULL, NULL, c, &c->server, &err), &err);
	c->port = grpc_server_port(c->server);
}

static void collector_go(struct collector *c)
{
	c->stopped = false;
	grpc_server_stop(c->server, "the collector is stopping", on_stopped);
	RUN_UNTIL(c, c->stopped);
	c->server = NULL;
}

/* ---- the scene: that collector, a spool, an uplink ---- */

struct scene {
	struct collector c;
	char *dir;
	struct spool *spool;
	struct uplink *uplink;
	uint64_t appended;
};

static const char *file_in(const struct scene *s, const char *name)
{
	static char path[256];
	snprintf(path, sizeof path, "%s/%s", s->dir, name);
	return path;
}

static void append_bytes(struct scene *s, struct span payload)
{
	struct err err;
	certificates_must(spool_append(s->spool, payload, &s->appended, &err), &err);
	if (s->uplink)
		uplink_wake(s->uplink);
}

static void append(struct scene *s, size_t batch_len)
{
	static const char batch[BATCH_BYTES_MAX];
	struct buf out;
	buf_init(&out, RECORD_BYTES_MAX);
	const struct record record = {.batch = span_make(batch, batch_len)};
	assert_int_equal(record_encode(&record, &out), 0);
	append_bytes(s, buf_span(&out));
	buf_done(&out);
}

static void append_many(struct scene *s, unsigned count)
{
	while (count-- > 0)
		append(s, 100);
}

static void open_spool(struct scene *s)
{
	struct err err;
	const struct spool_limits limits = {.bytes_max = 64 << 20, .segment_bytes = 4 << 20};
	certificates_must(spool_open(file_in(s, "spool"), span_str("host-7"), &limits, &s->spool, &err), &err);
}

static void start(struct scene *s)
{
	struct err err;
	char rejected[256];
	snprintf(rejected, sizeof rejected, "%s", file_in(s, "rejected"));
	const struct uplink_options options = {
		.loop = &s->c.loop,
		.spool = s->spool,
		.agent = "host-7",
		.host = "127.0.0.1",
		.port = s->c.port,
		.files = {certificates_path(&certs, "pki/ca.crt"), certificates_path(&certs, "host-7.crt"),
			  certificates_path(&certs, "host-7.key")},
		.version = "0.1.0",
		.kernel = "6.1.0",
		.started_ms = 1700000000000,
		.rejected_dir = rejected,
		.backoff_first_ms = IMPATIENT_MS,
	};
	certificates_must(uplink_start(&options, &s->uplink, &err), &err);
}

static void scene_init(struct scene *s)
{
	*s = (struct scene){.dir = strdup("/tmp/tocsin-uplink-XXXXXX")};
	assert_non_null(mkdtemp(s->dir));
	assert_int_equal(uv_loop_init(&s->c.loop), 0);
	uv_timer_init(&s->c.loop, &s->c.patience);
	uv_timer_start(&s->c.patience, on_patience, PATIENCE_MS, 0);
	s->c.tls = certificates_context(&certs, TLS_SERVER, "pki", "collector");
	collector_come(&s->c);
	open_spool(s);
}

static struct uplink_stats stats_of(const struct scene *s)
{
	struct uplink_stats stats;
	uplink_stats(s->uplink, &stats);
	return stats;
}

static void stop(struct scene *s)
{
	uplink_stop(s->uplink);
	RUN_UNTIL(&s->c, stats_of(s).state == UPLINK_STOPPED);
	uplink_free(s->uplink);
	s->uplink = NULL;
}

static void scene_done(struct scene *s)
{
	char command[128];
	if (s->uplink)
		stop(s);
	if (s->c.server)
		collector_go(&s->c);
	uv_close((uv_handle_t *)&s->c.patience, NULL);
	uv_run(&s->c.loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&s->c.loop), 0);
	tls_context_free(s->c.tls);
	spool_close(s->spool);
	snprintf(command, sizeof command, "rm -rf '%s'", s->dir);
	assert_int_equal(system(command), 0);
	free(s->dir);
}

static void assert_each_once(const struct scene *s)
{
	for (uint64_t i = 1; i <= s->appended; i++)
		if (s->c.effects[i] != 1)
			fail_msg("record %llu took effect %u times", (unsigned long long)i, s->c.effects[i]);
	assert_int_equal(s->c.effects[s->appended + 1], 0);
	assert_true(uplink_drained(s->uplink));
}

/* ---- the tests ---- */

static void what_is_in_the_spool_and_what_comes_later_is_delivered(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	append_many(&s, 103);
	start(&s);
	RUN_UNTIL(&s.c, uplink_drained(s.uplink));
	append_many(&s, 7);
	assert_false(uplink_drained(s.uplink));
	RUN_UNTIL(&s.c, uplink_drained(s.uplink));
	assert_each_once(&s);
	assert_int_equal(s.c.sealed, 110);
	assert_string_equal(s.c.agent, "host-7");
	assert_int_equal(s.c.hello.started_ms, 1700000000000);
	assert_int_equal(s.c.hello.first_sequence, 1);
	assert_true(stats_of(&s).state == UPLINK_STREAMING && stats_of(&s).acked == 110 && stats_of(&s).in_flight == 0);
	scene_done(&s);
}

static void unacknowledged_records_are_bounded_in_number(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	s.c.is_silent = true;
	append_many(&s, 2 * UPLINK_WINDOW_RECORDS);
	start(&s);
	RUN_UNTIL(&s.c, s.c.sealed == UPLINK_WINDOW_RECORDS);
	for (int i = 0; i < 50; i++)
		uv_run(&s.c.loop, UV_RUN_NOWAIT);
	assert_int_equal(s.c.sealed, UPLINK_WINDOW_RECORDS);
	assert_int_equal(stats_of(&s).in_flight, UPLINK_WINDOW_RECORDS);
	s.c.is_silent = false;
	send_receipt(&s.c, s.c.merged);
	RUN_UNTIL(&s.c, uplink_drained(s.uplink));
	assert_each_once(&s);
	scene_done(&s);
}

static void unacknowledged_records_are_bounded_in_bytes(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	s.c.is_silent = true;
	for (int i = 0; i < 5; i++)
		append(&s, BATCH_BYTES_MAX);
	start(&s);
	RUN_UNTIL(&s.c, s.c.sealed == 2);
	for (int i = 0; i < 200; i++)
		uv_run(&s.c.loop, UV_RUN_NOWAIT);
	assert_int_equal(s.c.sealed, 2); /* of a mebibyte and an envelope each: the second passes 2 MiB */
	s.c.is_silent = false;
	send_receipt(&s.c, s.c.merged);
	RUN_UNTIL(&s.c, uplink_drained(s.uplink));
	assert_each_once(&s);
	scene_done(&s);
}

static void lost_receipts_double_nothing(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	append_many(&s, 101);
	s.c.swallow = 37;
	start(&s);
	RUN_UNTIL(&s.c, s.c.hellos == 2);
	s.c.swallow = 11;
	RUN_UNTIL(&s.c, uplink_drained(s.uplink));
	assert_each_once(&s);
	assert_int_equal(s.c.hellos, 3);
	assert_int_equal(s.c.doubles, 0); /* each hello was answered with what was merged: nothing was even sent twice */
	scene_done(&s);
}

static void repeated_and_old_receipts_are_harmless(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	append_many(&s, 101);
	s.c.repeats = true;
	start(&s);
	RUN_UNTIL(&s.c, uplink_drained(s.uplink));
	assert_each_once(&s);
	assert_int_equal(s.c.hellos, 1);
	scene_done(&s);
}

static void a_receipt_for_what_was_never_sent_acknowledges_nothing(void **state)
{
	(void)state;
	struct scene s;
	struct spool_stats spool;
	scene_init(&s);
	append_many(&s, 5);
	s.c.invents = 1000;
	start(&s);
	RUN_UNTIL(&s.c, s.c.hellos == 2);
	spool_stats(s.spool, &spool);
	assert_true(spool.acked <= 5);
	RUN_UNTIL(&s.c, uplink_drained(s.uplink));
	assert_each_once(&s);
	scene_done(&s);
}

static void a_collector_that_was_away_gets_everything(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	collector_go(&s.c);
	append_many(&s, 20);
	start(&s);
	RUN_UNTIL(&s.c, stats_of(&s).attempts >= 4);
	assert_string_equal(stats_of(&s).trouble, "connection refused");
	append_many(&s, 3);
	collector_come(&s.c);
	RUN_UNTIL(&s.c, uplink_drained(s.uplink));
	assert_each_once(&s);
	assert_string_equal(stats_of(&s).trouble, "");
	for (int i = 0; i < 5; i++) {
		collector_go(&s.c);
		append_many(&s, 3);
		collector_come(&s.c);
		append_many(&s, 3);
		RUN_UNTIL(&s.c, uplink_drained(s.uplink));
	}
	assert_each_once(&s);
	scene_done(&s);
}

static void a_second_agent_of_this_id_is_told_so_and_waits_longer(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	append_many(&s, 3);
	s.c.refuse = 2;
	start(&s);
	RUN_UNTIL(&s.c, stats_of(&s).trouble[0]);
	assert_string_equal(stats_of(&s).trouble, "refused: agent host-7 is already connected");
	uint64_t before = uv_now(&s.c.loop);
	RUN_UNTIL(&s.c, s.c.hellos == 2);
	assert_true(uv_now(&s.c.loop) - before >= IMPATIENT_MS * 16); /* at least half of the longest wait, whatever the dice say */
	RUN_UNTIL(&s.c, uplink_drained(s.uplink));
	assert_each_once(&s);
	scene_done(&s);
}

static void a_record_that_cannot_be_read_is_declared_lost(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	append_many(&s, 2);
	append_bytes(&s, span_str("\x0A\x7Fno record"));
	append_many(&s, 2);
	start(&s);
	RUN_UNTIL(&s.c, uplink_drained(s.uplink));
	assert_each_once(&s);
	assert_true(!s.c.lost[2] && s.c.lost[3] && !s.c.lost[4]);
	assert_int_equal(stats_of(&s).lost, 1);
	scene_done(&s);
}

static void what_a_restored_collector_lacks_and_the_spool_no_longer_has_is_declared_lost(void **state)
{
	(void)state;
	struct scene s;
	struct spool_stats spool;
	scene_init(&s);
	for (int i = 0; i < 12; i++)
		append(&s, 1000000);
	start(&s);
	RUN_UNTIL(&s.c, uplink_drained(s.uplink));
	spool_stats(s.spool, &spool);
	assert_true(spool.first > 3);
	collector_go(&s.c);
	s.c.merged = 1; /* from an old backup */
	memset(s.c.effects + 2, 0, sizeof s.c.effects - 2);
	collector_come(&s.c);
	append(&s, 100);
	RUN_UNTIL(&s.c, s.c.merged == 13 && uplink_drained(s.uplink));
	assert_each_once(&s);
	for (uint64_t i = 2; i <= 13; i++)
		assert_int_equal(s.c.lost[i], i < spool.first);
	scene_done(&s);
}

static void a_record_that_can_never_be_taken_is_found_kept_and_declared_lost(void **state)
{
	(void)state;
	struct scene s;
	char path[64];
	struct buf kept;
	struct spool_stats spool;
	struct err err;
	scene_init(&s);
	append_many(&s, 40);
	s.c.poison = 23;
	start(&s);
	RUN_UNTIL(&s.c, uplink_drained(s.uplink));
	assert_each_once(&s);
	for (uint64_t i = 1; i <= 40; i++)
		assert_int_equal(s.c.lost[i], i == 23);
	assert_int_equal(stats_of(&s).rejected, 1);
	spool_stats(s.spool, &spool);
	snprintf(path, sizeof path, "rejected/%llu-23.record", (unsigned long long)spool.epoch);
	buf_init(&kept, RECORD_BYTES_MAX);
	assert_int_equal(file_read(file_in(&s, path), &kept, &err), 0);
	assert_true(kept.len > 100);
	buf_done(&kept);
	s.c.is_silent = true;
	append_many(&s, UPLINK_WINDOW_RECORDS);
	assert_int_equal(stats_of(&s).in_flight, UPLINK_WINDOW_RECORDS); /* the window is wide again */
	scene_done(&s);
}

static void a_state_folder_older_than_the_collector_s_knowledge_is_refused(void **state)
{
	(void)state;
	struct scene s;
	struct spool_stats spool;
	scene_init(&s);
	append_many(&s, 3);
	spool_stats(s.spool, &spool);
	s.c.epoch = spool.epoch;
	s.c.merged = 4;
	start(&s);
	RUN_UNTIL(&s.c, stats_of(&s).trouble[0]);
	assert_non_null(strstr(stats_of(&s).trouble, "the state folder is an old copy"));
	assert_int_equal(s.c.sealed, 0);
	assert_false(uplink_drained(s.uplink));
	scene_done(&s);
}

static void a_restarted_agent_goes_on_where_the_collector_stands(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	append_many(&s, 60);
	s.c.is_silent = true;
	start(&s);
	RUN_UNTIL(&s.c, s.c.merged == 60);
	stop(&s);
	spool_close(s.spool);
	open_spool(&s);
	append_many(&s, 10);
	s.c.is_silent = false;
	start(&s);
	RUN_UNTIL(&s.c, uplink_drained(s.uplink));
	assert_each_once(&s);
	assert_int_equal(s.c.doubles, 0);
	scene_done(&s);
}

static void it_stops_from_every_state(void **state)
{
	(void)state;
	for (enum uplink_state at = UPLINK_WAITING; at <= UPLINK_STREAMING; at++) {
		struct scene s;
		scene_init(&s);
		append_many(&s, 3);
		if (at == UPLINK_WAITING)
			collector_go(&s.c);
		start(&s);
		RUN_UNTIL(&s.c, stats_of(&s).state == at);
		stop(&s);
		scene_done(&s);
	}
}

static void a_certificate_that_cannot_be_read_stops_the_start(void **state)
{
	(void)state;
	struct scene s;
	struct err err;
	char text[1024];
	struct uplink *uplink = NULL;
	scene_init(&s);
	const struct uplink_options options = {
		.loop = &s.c.loop,
		.spool = s.spool,
		.agent = "host-7",
		.host = "127.0.0.1",
		.port = s.c.port,
		.files = {certificates_path(&certs, "pki/ca.crt"), certificates_path(&certs, "none.crt"),
			  certificates_path(&certs, "host-7.key")},
		.version = "0.1.0",
		.kernel = "6.1.0",
	};
	assert_true(uplink_start(&options, &uplink, &err) < 0);
	assert_non_null(strstr(err_text(&err, text, sizeof text), "none.crt"));
	assert_null(uplink);
	scene_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_in_the_spool_and_what_comes_later_is_delivered),
		cmocka_unit_test(unacknowledged_records_are_bounded_in_number),
		cmocka_unit_test(unacknowledged_records_are_bounded_in_bytes),
		cmocka_unit_test(lost_receipts_double_nothing),
		cmocka_unit_test(repeated_and_old_receipts_are_harmless),
		cmocka_unit_test(a_receipt_for_what_was_never_sent_acknowledges_nothing),
		cmocka_unit_test(a_collector_that_was_away_gets_everything),
		cmocka_unit_test(a_second_agent_of_this_id_is_told_so_and_waits_longer),
		cmocka_unit_test(a_record_that_cannot_be_read_is_declared_lost),
		cmocka_unit_test(what_a_restored_collector_lacks_and_the_spool_no_longer_has_is_declared_lost),
		cmocka_unit_test(a_record_that_can_never_be_taken_is_found_kept_and_declared_lost),
		cmocka_unit_test(a_state_folder_older_than_the_collector_s_knowledge_is_refused),
		cmocka_unit_test(a_restarted_agent_goes_on_where_the_collector_stands),
		cmocka_unit_test(it_stops_from_every_state),
		cmocka_unit_test(a_certificate_that_cannot_be_read_stops_the_start),
	};
	return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}
