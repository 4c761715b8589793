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
#include <unistd.h>

#include "agent/tap/tap.h"

#define GOOD(n)  "192.0.2." #n " - member" #n " [17/May/2015:10:05:03 +0000] \"GET /t/" #n "?q HTTP/1.1\" 200 " #n " \"-\" \"ua\"\n"
#define POST     "192.0.2.1 - - [17/May/2015:10:05:03 +0000] \"POST /t HTTP/1.1\" 201 7 \"-\" \"ua\"\n"
#define NOTHING  "192.0.2.1 - - [17/May/2015:10:05:03 +0000] \"-\" 408 0 \"-\" \"-\"\n"
#define NONSENSE "this is no line of an access log\n"

static char folder[] = "/tmp/tocsin-tap-XXXXXX";
static char path[64];

static struct {
	struct ledger ledger;
	unsigned count;
	int refuse_after;
	bool no_ledger;
	struct exchange last;
	char last_path[64];
	char notice[512];
} got;

static int on_exchange(void *ctx, const struct exchange *x)
{
	(void)ctx;
	if (got.refuse_after == 0)
		return -ENOBUFS;
	got.refuse_after--;
	got.count++;
	got.last = *x;
	snprintf(got.last_path, sizeof got.last_path, "%.*s", (int)x->path.len, x->path.data);
	return 0;
}

static struct ledger *ledger_of(void *ctx, struct span source)
{
	(void)ctx;
	assert_true(span_equal(source, span_str(path)));
	return got.no_ledger ? NULL : &got.ledger;
}

static void on_notice(void *ctx, const char *text)
{
	(void)ctx;
	snprintf(got.notice, sizeof got.notice, "%s", text);
}

static void write_log(int flags, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static struct identity *identity;
static struct workloads *workloads;

static struct taps *start(void)
{
	struct tap_rule rule = {.path = path, .format = "combined", .workload = "forum"};
	struct tap_sink sink = {.on_exchange = on_exchange, .ledger = ledger_of, .on_notice = on_notice};
	struct taps *t = NULL;
	assert_int_equal(taps_new(&rule, 1, identity, workloads, &sink, false, &t, NULL), 0);
	taps_sweep(t);
	return t;
}

static int start_clean(void **state)
{
	(void)state;
	unlink(path);
	memset(&got, 0, sizeof got);
	got.refuse_after = 1000000;
	return 0;
}

static void expect_closed_ledger(uint64_t seen)
{
	const struct ledger *l = &got.ledger;
	assert_int_equal(l->seen, seen);
	assert_int_equal(l->seen, l->counted + l->malformed + l->skipped + l->known_gap);
}

static void a_line_becomes_an_exchange(void **state)
{
	(void)state;
	write_log(0, GOOD(42));
	struct taps *t = start();
	assert_int_equal(taps_poll(t, 1 << 20), 0);
	assert_int_equal(got.count, 1);
	assert_int_equal(got.last.time_ms, INT64_C(1431857103000));
	assert_string_equal(got.last_path, "/t/42");
	assert_int_equal(got.last.status, 200);
	assert_int_equal(got.last.answer_bytes, 42);
	assert_false(got.last.takes_input);
	assert_int_equal(got.last.who.mask, 1 << IDENTITY_ADDRESS | 1 << IDENTITY_ACCOUNT);
	assert_int_equal(workloads_get(workloads, got.last.workload)->kind, WORKLOAD_LOG);
	assert_true(span_equal(workloads_get(workloads, got.last.workload)->name, span_str("forum")));
	write_log(O_APPEND, POST);
	taps_sweep(t);
	assert_int_equal(taps_poll(t, 1 << 20), 0);
	assert_true(got.last.takes_input);
	assert_int_equal(got.last.who.mask, 1 << IDENTITY_ADDRESS);
	taps_free(t);
}

static void every_byte_stands_in_the_ledger_once(void **state)
{
	(void)state;
	write_log(0, GOOD(1) NOTHING GOOD(2) NONSENSE "\n" GOOD(3));
	struct taps *t = start();
	assert_int_equal(taps_poll(t, 1 << 20), 0);
	assert_int_equal(got.ledger.events, 3);
	assert_int_equal(got.ledger.events_malformed, 2);
	assert_int_equal(got.ledger.counted, strlen(GOOD(1) GOOD(2) GOOD(3)));
	assert_int_equal(got.ledger.malformed, strlen(NONSENSE "\n"));
	assert_int_equal(got.ledger.skipped, strlen(NOTHING));
	expect_closed_ledger(strlen(GOOD(1) NOTHING GOOD(2) NONSENSE "\n" GOOD(3)));
	struct taps_stats stats;
	taps_stats(t, &stats);
	assert_int_equal(stats.lines, 3);
	assert_int_equal(stats.others, 1);
	assert_int_equal(stats.malformed, 2);
	assert_int_equal(stats.bytes, got.ledger.seen);
	assert_int_equal(stats.files, 1);
	taps_free(t);
}

static void a_refused_line_is_in_no_ledger_until_it_is_taken(void **state)
{
	(void)state;
	write_log(0, GOOD(1) GOOD(2) GOOD(3));
	struct taps *t = start();
	got.refuse_after = 1;
	assert_int_equal(taps_poll(t, 1 << 20), -ENOBUFS);
	assert_int_equal(got.ledger.events, 1);
	expect_closed_ledger(strlen(GOOD(1)));
	const struct cursor *cursors;
	size_t count;
	assert_int_equal(taps_cursors(t, &cursors, &count), 0);
	assert_int_equal(count, 1);
	assert_int_equal(cursors[0].offset, strlen(GOOD(1)));
	memset(&got.ledger, 0, sizeof got.ledger); /* a commit */
	got.refuse_after = 10;
	assert_int_equal(taps_poll(t, 1 << 20), 0);
	assert_int_equal(got.count, 3);
	expect_closed_ledger(strlen(GOOD(2) GOOD(3)));
	taps_free(t);
}

static void without_a_ledger_nothing_is_read(void **state)
{
	(void)state;
	write_log(0, GOOD(1));
	struct taps *t = start();
	got.no_ledger = true;
	assert_int_equal(taps_poll(t, 1 << 20), -ENOBUFS);
	assert_int_equal(got.count, 0);
	got.no_ledger = false;
	assert_int_equal(taps_poll(t, 1 << 20), 0);
	assert_int_equal(got.count, 1);
	taps_free(t);
}

static void a_truncation_is_a_known_gap_with_a_sentence(void **state)
{
	(void)state;
	write_log(0, GOOD(1));
	struct taps *t = start();
	assert_int_equal(taps_poll(t, 1 << 20), 0);
	write_log(O_APPEND, GOOD(2) GOOD(3));
	taps_sweep(t);
	write_log(O_TRUNC, "");
	taps_sweep(t);
	assert_int_equal(got.ledger.known_gap, strlen(GOOD(2) GOOD(3)));
	expect_closed_ledger(strlen(GOOD(1) GOOD(2) GOOD(3)));
	assert_non_null(strstr(got.notice, path));
	assert_non_null(strstr(got.notice, "counted as a gap"));
	taps_free(t);
}

static void rules_that_cannot_work_are_refused_with_a_sentence(void **state)
{
	(void)state;
	char *name = calloc(1, NAME_BYTES_MAX + 2);
	assert_non_null(name);
	memset(name, 'n', NAME_BYTES_MAX + 1);
	const struct {
		struct tap_rule rule;
		const char *sentence;
	} rows[] = {
		{{"/log", "combine", "w"}, "combined"},
		{{"", "combined", "w"}, "between 1 and"},
		{{name, "combined", "w"}, "between 1 and"},
		{{"/log", "combined", name}, "between 1 and"},
	};
	struct tap_sink sink = {.on_exchange = on_exchange, .ledger = ledger_of};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct taps *t = NULL;
		struct err err = {0};
		assert_int_equal(taps_new(&rows[i].rule, 1, identity, workloads, &sink, false, &t, &err), -EINVAL);
		assert_non_null(strstr(err.text, rows[i].sentence));
	}
	free(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_line_becomes_an_exchange, start_clean),
		cmocka_unit_test_setup(every_byte_stands_in_the_ledger_once, start_clean),
		cmocka_unit_test_setup(a_refused_line_is_in_no_ledger_until_it_is_taken, start_clean),
		cmocka_unit_test_setup(without_a_ledger_nothing_is_read, start_clean),
		cmocka_unit_test_setup(a_truncation_is_a_known_gap_with_a_sentence, start_clean),
		cmocka_unit_test_setup(rules_that_cannot_work_are_refused_with_a_sentence, start_clean),
	};
	struct identity_rules rules = {.key = "a fleet key, 16"};
	if (!mkdtemp(folder) || identity_new(&rules, &identity, NULL) < 0 || !(workloads = workloads_new(8)))
		return 1;
	snprintf(path, sizeof path, "%s/access.log", folder);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	start_clean(NULL);
	rmdir(folder);
	workloads_free(workloads);
	identity_free(identity);
	return failed;
}
