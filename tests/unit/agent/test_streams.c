/* The connection table on synthetic slices: what the kernel side would capture of known conversations, with event time made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/http/streams.h"

/* ---- what came out ---- */

struct seen {
	char line[256]; /* "GET host/path 200 html" and so on */
	bool takes_input;
	int64_t time_ms;
	uint64_t request_bytes, answer_bytes;
	struct identities who;
};

struct log {
	struct seen items[512];
	size_t count;
};

static void on_exchange(void *ctx, const struct exchange *e)
{
	struct log *log = ctx;
	assert_true(log->count < sizeof log->items / sizeof log->items[0]);
	struct seen *s = &log->items[log->count++];
	snprintf(s->line, sizeof s->line, "%.*s %.*s%.*s %u%s%.*s", (int)e->method.len, e->method.data, (int)e->host.len, e->host.data,
		 (int)e->path.len, e->path.data, e->status, e->content.len ? " " : "", (int)e->content.len, e->content.data);
	s->takes_input = e->takes_input;
	s->time_ms = e->time_ms;
	s->request_bytes = e->request_bytes;
	s->answer_bytes = e->answer_bytes;
	s->who = e->who;
}

/* ---- one conversation ---- */

enum side { REQUEST, ANSWER };

struct talk {
	struct http_streams *streams;
	struct log log;
	uint64_t cookie;
	uint32_t seq[2];
	uint32_t number[2];
	uint8_t flags; /* added to every slice */
	int64_t now_ms;
};

static void talk_begin_at(struct talk *t, struct http_limits limits, uint32_t seq)
{
	*t = (struct talk){.cookie = 7, .seq = {seq, seq + 12345}, .now_ms = 1000};
	t->streams = http_streams_new(&limits, NULL, on_exchange, &t->log);
	assert_non_null(t->streams);
}

static void talk_begin(struct talk *t)
{
	talk_begin_at(t, (struct http_limits){0}, 1000);
}

__attribute__((unused)) static struct http_stats stats_of(const struct talk *t)
{
	struct http_stats stats;
	http_streams_stats(t->streams, &stats);
	return stats;
}

static void talk_end(struct talk *t)
{
	http_streams_free(t->streams);
}

/* Hands a slice over: `captured` bytes at `text` of a segment of `len` at `seq`. */
static void show(struct talk *t, enum side side, uint32_t seq, const char *text, size_t captured, uint32_t len, uint8_t flags)
{
	struct http_slice slice = {
		.cookie = t->cookie,
		.number = t->number[side]++,
		.tcp_seq = seq,
		.segment_len = len,
		.captured = (uint16_t)captured,
		.event = HTTP_SLICE_DATA,
		.flags = (uint8_t)(flags | t->flags | (side == ANSWER ? HTTP_SLICE_ANSWER : 0)),
		.remote = {[10] = 0xff, [11] = 0xff, [12] = 192, [13] = 0, [14] = 2, [15] = 1},
	};
	/* A copy of exactly this size: the sanitizer then sees every read past the end. */
	char *copy = malloc(captured ? captured : 1);
	assert_non_null(copy);
	memcpy(copy, text, captured);
	http_streams_feed(t->streams, &slice, span_make(copy, captured), 3, t->now_ms);
	free(copy);
}

/* A whole segment in its turn. */
static void say(struct talk *t, enum side side, const char *text)
{
	uint32_t len = (uint32_t)strlen(text);
	show(t, side, t->seq[side], text, len, len, 0);
	t->seq[side] += len;
}

/* Bytes that the kernel side skipped. */
__attribute__((unused)) static void pass_over(struct talk *t, enum side side, uint32_t len)
{
	t->seq[side] += len;
}

__attribute__((unused)) static void hang_up(struct talk *t)
{
	struct http_slice slice = {.cookie = t->cookie, .number = t->number[ANSWER]++, .event = HTTP_SLICE_CLOSE, .flags = HTTP_SLICE_ANSWER};
	http_streams_feed(t->streams, &slice, span_make(NULL, 0), 3, t->now_ms);
}

static void expect(const struct talk *t, size_t count, const char *const *lines)
{
	for (size_t i = 0; i < count && i < t->log.count; i++)
		assert_string_equal(t->log.items[i].line, lines[i]);
	assert_int_equal(t->log.count, count);
}

#define EXPECT(t, ...)                                                                                                                     \
	do {                                                                                                                               \
		const char *const lines_[] = {__VA_ARGS__};                                                                                \
		expect(t, sizeof lines_ / sizeof lines_[0], lines_);                                                                       \
	} while (0)

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a.example\r\n\r\n"
#define OK_EMPTY  "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

static void request_and_answer_are_one_exchange(void **state)
{
	(void)state;
	struct talk t;
	talk_begin(&t);
	say(&t, REQUEST, "GET /t/1?q=secret#x HTTP/1.1\r\nHost: forum.example:8080\r\n\r\n");
	assert_int_equal(t.log.count, 0);
	t.now_ms = 1007;
	say(&t, ANSWER, "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 5\r\n\r\nhello");
	EXPECT(&t, "GET forum.example/t/1 200 html");
	assert_int_equal(t.log.items[0].time_ms, 1000);
	assert_int_equal(t.log.items[0].request_bytes, 58);
	assert_int_equal(t.log.items[0].answer_bytes, 83);
	assert_false(t.log.items[0].takes_input);
	talk_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_and_answer_are_one_exchange),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
