/* Taps, windows, commits and the spool together, on a real log: what stands in the spool is what stood in the file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/replay.h"
#include "lib/ull.h"
#include "proto/record.h"
#include "proto/window.h"

#define DAY_MS INT64_C(86400000)
#define MAY_17 INT64_C(1431820800000) /* 2015-05-17T00:00Z */

static char folder[] = "/tmp/tocsin-replay-XXXXXX";
static const char log_path[] = "tests/data/elastic_apache_10k.log";
static uint64_t log_size;
static char made_path[64]; /* a log of our own, longer than a few steps of a replay */
static uint64_t made_size;
enum { MADE_LINES = 100000 };

/* ---- one run of the agent ---- */

struct run {
	struct pipeline pipeline;
	struct spool *spool;
	struct replay *replay;
};

static void begin_limited(struct run *run, const char *file, size_t commit_bytes, uint32_t segment_bytes)
{
	struct identity_rules rules = {.key = "a fleet key, 16"};
	struct template_limits templates = {.nodes_max = 100000, .clients_min = 3, .children_max = 24};
	struct windows_limits windows = {.span_ms = REPLAY_SPAN_MS, .memory_bytes = 32 << 20};
	struct spool_limits limits = {.bytes_max = 4 * (uint64_t)segment_bytes, .segment_bytes = segment_bytes};
	struct replay_input input = {.files = &file, .count = 1, .format = "combined", .workload = "old", .commit_bytes = commit_bytes};
	char path[64];
	snprintf(path, sizeof path, "%s/spool", folder);
	*run = (struct run){0};
	assert_int_equal(identity_new(&rules, &run->pipeline.identity, NULL), 0);
	run->pipeline.workloads = workloads_new(16);
	run->pipeline.templates = templates_new(&templates);
	run->pipeline.windows =
		windows_new(&windows, run->pipeline.templates, run->pipeline.workloads, identity_key_id(run->pipeline.identity));
	assert_non_null(run->pipeline.windows);
	struct err err = {0};
	if (spool_open(path, span_str("replayer"), &limits, &run->spool, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(replay_new(&run->pipeline, run->spool, &input, &run->replay, &err), 0);
}

static void begin(struct run *run, const char *file)
{
	begin_limited(run, file, 0, 8 << 20);
}

static void end(struct run *run)
{
	replay_free(run->replay);
	spool_close(run->spool);
	windows_free(run->pipeline.windows);
	templates_free(run->pipeline.templates);
	workloads_free(run->pipeline.workloads);
	identity_free(run->pipeline.identity);
}

static void finish(struct run *run)
{
	struct err err = {0};
	int r;
	while ((r = replay_step(run->replay, 1, &err)) == 1)
		;
	if (r < 0)
		fail_msg("%s", err.text);
}

/* ---- what a collector would find in the spool ---- */

static struct totals {
	uint64_t records, requests, seen, counted, malformed, skipped, known_gap, events;
	struct ull day[5], all; /* distinct addresses; the first four days begin on May 17 */
} totals;

static void add_scope(const struct window *w, const struct scope *scope)
{
	for (size_t i = 0; i < scope->endpoint_count; i++)
		for (int c = 0; c < STATUS_CLASSES; c++)
			totals.requests += scope->endpoints[i].count[c];
	for (size_t i = 0; i < scope->sketch_count; i++) {
		struct ull sketch;
		if (scope->sketches[i].kind != IDENTITY_ADDRESS)
			continue;
		int64_t day = (w->start_ms - MAY_17) / DAY_MS;
		assert_int_equal(ull_decode(scope->sketches[i].data, &sketch, NULL), 0);
		assert_int_equal(ull_merge(&totals.all, &sketch), 0);
		assert_int_equal(ull_merge(&totals.day[day >= 0 && day < 4 ? day : 4], &sketch), 0);
		ull_done(&sketch);
	}
}

static void add_window(const struct window *w)
{
	for (size_t i = 0; i < w->scope_count; i++)
		add_scope(w, &w->scopes[i]);
	for (size_t i = 0; i < w->ledger_count; i++) {
		totals.seen += w->ledger[i].seen;
		totals.counted += w->ledger[i].counted;
		totals.malformed += w->ledger[i].malformed;
		totals.skipped += w->ledger[i].skipped;
		totals.known_gap += w->ledger[i].known_gap;
		totals.events += w->ledger[i].events;
	}
}

/* Reads what is new since `after` and acknowledges it. */
static uint64_t collect(struct spool *spool, uint64_t after)
{
	struct buf bytes;
	uint64_t sequence;
	buf_init(&bytes, RECORD_BYTES_MAX);
	while (spool_read_after(spool, after, &bytes, &sequence) == 0) {
		struct record record;
		struct batch *batch;
		assert_int_equal(record_decode(buf_span(&bytes), &record, NULL), 0);
		assert_int_equal(batch_decode(record.batch, &batch, NULL), 0);
		for (size_t i = 0; i < batch->window_count; i++)
			add_window(&batch->windows[i]);
		totals.records++;
		batch_free(batch);
		record_done(&record);
		assert_int_equal(sequence, after + 1);
		after = sequence;
		assert_int_equal(spool_ack(spool, sequence, NULL), 0);
	}
	buf_done(&bytes);
	return after;
}

static void expect_once(uint64_t lines, uint64_t bytes)
{
	assert_int_equal(totals.requests, lines);
	assert_int_equal(totals.events, lines);
	assert_int_equal(totals.seen, bytes);
	assert_int_equal(totals.counted, bytes);
	assert_int_equal(totals.malformed + totals.skipped + totals.known_gap, 0);
}

static int start_clean(void **state)
{
	char path[64];
	(void)state;
	snprintf(path, sizeof path, "%s/spool", folder);
	DIR *listing = opendir(path);
	for (struct dirent *e; listing && (e = readdir(listing));)
		unlinkat(dirfd(listing), e->d_name, 0);
	if (listing)
		closedir(listing);
	for (int i = 0; i < 5; i++)
		ull_done(&totals.day[i]);
	ull_done(&totals.all);
	memset(&totals, 0, sizeof totals);
	for (int i = 0; i < 5; i++)
		ull_init(&totals.day[i], ULL_P);
	ull_init(&totals.all, ULL_P);
	return 0;
}

/* ---- tests ---- */

static void a_real_log_is_counted_to_its_last_line_and_client(void **state)
{
	(void)state;
	struct run run;
	begin(&run, log_path);
	finish(&run);
	collect(run.spool, 0);
	expect_once(10000, log_size);
	const double days[] = {341, 627, 561, 505};
	for (int i = 0; i < 4; i++)
		assert_in_range((long)(ull_estimate(&totals.day[i]) + .5), (long)(days[i] * .99), (long)(days[i] * 1.01 + 1));
	assert_true(ull_empty(&totals.day[4]));
	assert_in_range((long)(ull_estimate(&totals.all) + .5), (long)(1753 * .99), (long)(1753 * 1.01));
	end(&run);
}

static void a_second_replay_counts_nothing(void **state)
{
	(void)state;
	struct run run;
	begin(&run, log_path);
	finish(&run);
	uint64_t last = collect(run.spool, 0);
	end(&run);
	begin(&run, log_path);
	finish(&run);
	assert_int_equal(collect(run.spool, last), last);
	expect_once(10000, log_size);
	end(&run);
}

static void a_replay_that_was_interrupted_goes_on_where_its_last_record_ends(void **state)
{
	(void)state;
	struct run run;
	uint64_t last = 0;
	unsigned interrupted = 0;
	/* A step is less than what is read between two commits: what was read after the last one dies. */
	for (int steps = 1, more = 1; more; steps++) {
		begin_limited(&run, made_path, 6 << 20, 8 << 20);
		for (int i = 0; i < steps && more; i++)
			more = replay_step(run.replay, 1, NULL);
		assert_in_range(more, 0, 1);
		interrupted += more && !windows_empty(run.pipeline.windows);
		last = collect(run.spool, last);
		end(&run);
	}
	assert_true(interrupted > 0);
	expect_once(MADE_LINES, made_size);
}

static void a_full_spool_waits_for_the_collector_and_loses_nothing(void **state)
{
	(void)state;
	struct run run;
	uint64_t last = 0;
	unsigned waited = 0;
	begin_limited(&run, made_path, 256 << 10, 64 << 10);
	for (int r = 1; r != 0;) {
		r = replay_step(run.replay, 1, NULL);
		assert_true(r == 0 || r == 1 || r == -ENOSPC);
		waited += r == -ENOSPC;
		if (r == -ENOSPC || r == 0)
			last = collect(run.spool, last);
	}
	assert_true(waited > 0);
	expect_once(MADE_LINES, made_size);
	end(&run);
}

/* Numbered lines of many clients, a week of them, every line to be told from every other. */
static uint64_t make_log(const char *path)
{
	static const char *const days[] = {"01", "02", "03", "04", "05", "06", "07"};
	FILE *f = fopen(path, "we");
	if (!f)
		return 0;
	for (int i = 0; i < MADE_LINES; i++) {
		int second = i * 6 % 86400;
		fprintf(f,
			"10.%d.%d.%d - member%d [%s/Mar/2026:%02d:%02d:%02d +0800] \"GET /t/%d/reply/%d HTTP/1.1\" 200 %d \"-\" \"a user agent\"\n",
			i % 7, i % 251, i % 13, i % 977, days[i * 6 / 86400], second / 3600, second / 60 % 60, second % 60, i, i * 3, i);
	}
	uint64_t size = (uint64_t)ftell(f);
	return fclose(f) == 0 ? size : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_real_log_is_counted_to_its_last_line_and_client, start_clean),
		cmocka_unit_test_setup(a_second_replay_counts_nothing, start_clean),
		cmocka_unit_test_setup(a_replay_that_was_interrupted_goes_on_where_its_last_record_ends, start_clean),
		cmocka_unit_test_setup(a_full_spool_waits_for_the_collector_and_loses_nothing, start_clean),
	};
	struct stat st;
	if (stat(log_path, &st) < 0) {
		fprintf(stderr, "%s is not there: run the tests from the top folder\n", log_path);
		return 1;
	}
	log_size = (uint64_t)st.st_size;
	if (!mkdtemp(folder))
		return 1;
	snprintf(made_path, sizeof made_path, "%s/made.log", folder);
	made_size = make_log(made_path);
	if (made_size == 0)
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	start_clean(NULL);
	char path[64];
	snprintf(path, sizeof path, "%s/spool", folder);
	rmdir(path);
	unlink(made_path);
	rmdir(folder);
	return failed;
}
