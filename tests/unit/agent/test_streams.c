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
	struct seen items[1024];
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

static struct http_stats stats_of(const struct talk *t)
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
static void pass_over(struct talk *t, enum side side, uint32_t len)
{
	t->seq[side] += len;
}

static void hang_up(struct talk *t)
{
	struct http_slice slice = {
		.cookie = t->cookie, .number = t->number[ANSWER]++, .event = HTTP_SLICE_CLOSE, .flags = HTTP_SLICE_ANSWER};
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

static void answers_meet_pipelined_requests_in_stream_order(void **state)
{
	(void)state;
	struct talk t;
	talk_begin(&t);
	say(&t, REQUEST, GET("/1") GET("/2") GET("/3"));
	say(&t, ANSWER,
	    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"
	    "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
	say(&t, ANSWER, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
	EXPECT(&t, "GET a.example/1 200", "GET a.example/2 404", "GET a.example/3 503");
	talk_end(&t);
}

static void body_that_begins_with_a_request_is_no_request(void **state)
{
	(void)state;
	struct talk t;
	talk_begin(&t);
	say(&t, REQUEST, "POST /p HTTP/1.1\r\nHost: a.example\r\nContent-Length: 27\r\n\r\n");
	say(&t, REQUEST, "GET /fake HTTP/1.1\r\n\r\nHello");
	say(&t, ANSWER, OK_EMPTY);
	say(&t, REQUEST, GET("/real"));
	say(&t, ANSWER, OK_EMPTY);
	assert_int_equal(stats_of(&t).requests, 1 + 1);
	EXPECT(&t, "POST a.example/p 200", "GET a.example/real 200");
	assert_true(t.log.items[0].takes_input);
	talk_end(&t);
}

static void head_after_a_body_in_the_same_segment_is_read(void **state)
{
	(void)state;
	struct talk t;
	talk_begin(&t);
	say(&t, REQUEST, "POST /p HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\nabc" GET("/next"));
	say(&t, ANSWER, OK_EMPTY);
	say(&t, ANSWER, OK_EMPTY);
	EXPECT(&t, "POST a.example/p 200", "GET a.example/next 200");
	talk_end(&t);
}

static void chunked_request_hides_heads_in_its_chunks(void **state)
{
	(void)state;
	struct talk t;
	talk_begin(&t);
	say(&t, REQUEST, "POST /c HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n");
	say(&t, REQUEST, "1c;ext=1\r\nGET /fake HTTP/1.1\r\nHost: x\r\n0\r\nX-Trailer: y\r\n\r\n" GET("/real"));
	say(&t, ANSWER, OK_EMPTY);
	say(&t, ANSWER, OK_EMPTY);
	EXPECT(&t, "POST a.example/c 200", "GET a.example/real 200");
	assert_true(t.log.items[0].takes_input);
	assert_int_equal(stats_of(&t).gaps, 0);
	talk_end(&t);
}

/* The answer is cut at 448 bytes; its chunks are not seen, only that the segment before the next head ended in the last chunk. */
static void chunked_answer_beyond_the_capture_ends_at_the_last_chunk_flag(void **state)
{
	(void)state;
	struct talk t;
	talk_begin(&t);
	const char *first = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n400\r\nabc";
	for (int i = 0; i < 3; i++) {
		say(&t, REQUEST, GET("/"));
		show(&t, ANSWER, t.seq[ANSWER], first, strlen(first), 5000, i > 0 ? HTTP_SLICE_LAST_CHUNK : 0);
		pass_over(&t, ANSWER, 5000);
	}
	EXPECT(&t, "GET a.example/ 200", "GET a.example/ 200", "GET a.example/ 200");
	assert_int_equal(stats_of(&t).gaps, 0);
	talk_end(&t);
}

static void request_in_an_unseen_chunk_needs_the_last_chunk_flag(void **state)
{
	(void)state;
	struct talk t;
	talk_begin(&t);
	const char *first = "POST /c HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n400\r\nabc";
	show(&t, REQUEST, t.seq[REQUEST], first, strlen(first), 9000, 0);
	pass_over(&t, REQUEST, 9000);
	say(&t, REQUEST, GET("/fake"));
	const char *next = GET("/real");
	show(&t, REQUEST, t.seq[REQUEST], next, strlen(next), (uint32_t)strlen(next), HTTP_SLICE_LAST_CHUNK);
	say(&t, ANSWER, OK_EMPTY);
	say(&t, ANSWER, OK_EMPTY);
	EXPECT(&t, "POST a.example/c 200", "GET a.example/real 200");
	talk_end(&t);
}

/* What follows a head, by request and answer: RFC 9112 section 6.3, one row a rule. */
static void answer_body_follows_the_rules_of_the_protocol(void **state)
{
	(void)state;
	static const struct {
		const char *request, *answer, *line, *why;
		bool goes_on; /* the next answer begins right behind */
	} rows[] = {
		{"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", "HEAD h/ 200", "HEAD has no body",
		 true},
		{"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 204 No\r\n\r\n", "GET h/ 204", "204 has no body", true},
		{"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 304 Not\r\nContent-Length: 77\r\n\r\n", "GET h/ 304", "304 has no body",
		 true},
		{"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
		 "HTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", "GET h/ 200",
		 "interim answers come first", true},
		{"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		 "GET h/ 200", "chunks end themselves", true},
		{"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nuntil the end", "GET h/ 200",
		 "neither length nor chunks: until close", false},
		{"GET / HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK\r\nContent-Type: text/css\r\n\r\nHTTP/1.1 500 x\r\n\r\n", "GET / 200 css",
		 "HTTP/1.0 ends by closing", false},
		{"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nxx", "GET h/ 200",
		 "last coding is not chunked: until close", false},
		{"GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n", "HTTP/1.1 101 Switching\r\n\r\nHTTP/1.1 200 frame",
		 "GET h/ws 101", "a tunnel speaks no HTTP", false},
		{"CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "CONNECT h* 200",
		 "CONNECT ignores lengths and becomes a tunnel", false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct talk t;
		talk_begin(&t);
		say(&t, REQUEST, rows[i].request);
		say(&t, ANSWER, rows[i].answer);
		say(&t, REQUEST, GET("/after"));
		say(&t, ANSWER, OK_EMPTY);
		if (t.log.count != (rows[i].goes_on ? 2 : 1) || strcmp(t.log.items[0].line, rows[i].line) != 0)
			fail_msg("%s: %zu exchanges, the first %s", rows[i].why, t.log.count, t.log.items[0].line);
		talk_end(&t);
	}
}

static void request_after_an_answer_that_ends_by_closing_is_reported_unanswered(void **state)
{
	(void)state;
	struct talk t;
	talk_begin(&t);
	say(&t, REQUEST, GET("/1") GET("/2"));
	say(&t, ANSWER, "HTTP/1.1 200 OK\r\n\r\nbody");
	EXPECT(&t, "GET a.example/1 200");
	hang_up(&t);
	EXPECT(&t, "GET a.example/1 200", "GET a.example/2 0");
	assert_int_equal(stats_of(&t).exchanges_unanswered, 1);
	assert_int_equal(stats_of(&t).connections, 0);
	assert_int_equal(stats_of(&t).memory, 0);
	talk_end(&t);
}

static void retransmitted_segment_counts_once(void **state)
{
	(void)state;
	struct talk t;
	talk_begin(&t);
	uint32_t at = t.seq[REQUEST];
	const char *request = GET("/1");
	say(&t, REQUEST, request);
	show(&t, REQUEST, at, request, strlen(request), (uint32_t)strlen(request), 0);
	at = t.seq[ANSWER];
	say(&t, ANSWER, OK_EMPTY);
	show(&t, ANSWER, at, OK_EMPTY, strlen(OK_EMPTY), (uint32_t)strlen(OK_EMPTY), 0);
	assert_int_equal(stats_of(&t).duplicates, 2);
	say(&t, REQUEST, GET("/2"));
	say(&t, ANSWER, OK_EMPTY);
	EXPECT(&t, "GET a.example/1 200", "GET a.example/2 200");
	talk_end(&t);
}

static void retransmission_that_carries_new_bytes_too_gives_only_those(void **state)
{
	(void)state;
	struct talk t;
	talk_begin(&t);
	uint32_t at = t.seq[REQUEST];
	say(&t, REQUEST, GET("/1"));
	const char *both = GET("/1") GET("/2");
	show(&t, REQUEST, at, both, strlen(both), (uint32_t)strlen(both), 0);
	say(&t, ANSWER, OK_EMPTY OK_EMPTY);
	EXPECT(&t, "GET a.example/1 200", "GET a.example/2 200");
	talk_end(&t);
}

static void reordered_requests_are_read_in_stream_order(void **state)
{
	(void)state;
	struct talk t;
	talk_begin(&t);
	const char *one = GET("/1"), *two = GET("/2"), *three = GET("/3");
	uint32_t len = (uint32_t)strlen(one), at = t.seq[REQUEST];
	show(&t, REQUEST, at, one, len, len, 0);
	show(&t, REQUEST, at + 2 * len, three, len, len, 0);
	show(&t, REQUEST, at + len, two, len, len, 0);
	say(&t, ANSWER, OK_EMPTY OK_EMPTY OK_EMPTY);
	EXPECT(&t, "GET a.example/1 200", "GET a.example/2 200", "GET a.example/3 200");
	assert_int_equal(stats_of(&t).out_of_order, 1);
	assert_int_equal(stats_of(&t).gaps, 0);
	talk_end(&t);
}

static void last_two_parts_of_a_head_may_come_swapped(void **state)
{
	(void)state;
	struct talk t;
	talk_begin(&t);
	const char *head = GET("/abcdefghij");
	uint32_t len = (uint32_t)strlen(head), at = t.seq[REQUEST];
	show(&t, REQUEST, at, head, 10, 10, 0);
	show(&t, REQUEST, at + 20, head + 20, len - 20, len - 20, HTTP_SLICE_CONTINUES);
	show(&t, REQUEST, at + 10, head + 10, 10, 10, HTTP_SLICE_CONTINUES);
	say(&t, ANSWER, OK_EMPTY);
	EXPECT(&t, "GET a.example/abcdefghij 200");
	talk_end(&t);
}

static void slice_that_stays_out_of_order_is_taken_when_its_answer_comes(void **state)
{
	(void)state;
	struct talk t;
	talk_begin(&t);
	say(&t, REQUEST, GET("/1"));
	say(&t, ANSWER, OK_EMPTY);
	pass_over(&t, REQUEST, 100);
	say(&t, REQUEST, GET("/2"));
	assert_int_equal(t.log.count, 1);
	say(&t, ANSWER, OK_EMPTY);
	EXPECT(&t, "GET a.example/1 200", "GET a.example/2 200");
	assert_int_equal(stats_of(&t).gaps, 1);
	assert_int_equal(stats_of(&t).resynced, 1);
	talk_end(&t);
}

static void lost_request_is_a_counted_gap_and_shifts_no_answer(void **state)
{
	(void)state;
	struct talk t;
	talk_begin(&t);
	say(&t, REQUEST, GET("/1"));
	say(&t, ANSWER, OK_EMPTY);
	pass_over(&t, REQUEST, 60); /* one request record lost in the ring */
	t.number[REQUEST]++;
	say(&t, ANSWER, "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n");
	say(&t, REQUEST, GET("/3"));
	say(&t, ANSWER, OK_EMPTY);
	EXPECT(&t, "GET a.example/1 200", "GET a.example/3 200");
	assert_int_equal(stats_of(&t).records_missing, 1);
	assert_int_equal(stats_of(&t).answers_unpaired, 1);
	assert_int_equal(stats_of(&t).gaps, 1);
	talk_end(&t);
}

static void lost_answer_leaves_its_own_request_unanswered(void **state)
{
	(void)state;
	struct talk t;
	talk_begin(&t);
	say(&t, REQUEST, GET("/1"));
	say(&t, ANSWER, OK_EMPTY);
	say(&t, REQUEST, GET("/2"));
	pass_over(&t, ANSWER, 60);
	t.number[ANSWER]++;
	say(&t, REQUEST, GET("/3"));
	say(&t, ANSWER, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
	EXPECT(&t, "GET a.example/1 200", "GET a.example/2 0", "GET a.example/3 403");
	talk_end(&t);
}

static void one_lost_answer_of_a_pipeline_costs_one_request_its_status(void **state)
{
	(void)state;
	struct talk t;
	talk_begin(&t);
	say(&t, REQUEST, GET("/1") GET("/2") GET("/3"));
	say(&t, ANSWER, OK_EMPTY);
	pass_over(&t, ANSWER, 60);
	t.number[ANSWER]++;
	say(&t, ANSWER, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
	EXPECT(&t, "GET a.example/1 200", "GET a.example/2 0", "GET a.example/3 403");
	talk_end(&t);
}

static void answers_hidden_behind_the_capture_are_given_up_not_guessed(void **state)
{
	(void)state;
	struct talk t;
	talk_begin(&t);
	say(&t, REQUEST, GET("/1") GET("/2"));
	const char *answers = "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n";
	show(&t, ANSWER, t.seq[ANSWER], answers, strlen(answers), 1000, 0);
	pass_over(&t, ANSWER, 1000);
	EXPECT(&t, "GET a.example/1 200", "GET a.example/2 0");
	say(&t, REQUEST, GET("/3"));
	say(&t, ANSWER, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
	EXPECT(&t, "GET a.example/1 200", "GET a.example/2 0", "GET a.example/3 403");
	talk_end(&t);
}

static void sequence_wraps_between_and_inside_heads(void **state)
{
	(void)state;
	for (uint32_t before = 0; before < 200; before++) {
		struct talk t;
		talk_begin_at(&t, (struct http_limits){0}, 0u - before);
		t.seq[ANSWER] = 0u - before / 2;
		for (int i = 0; i < 4; i++) {
			say(&t, REQUEST, "POST /w HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\nabc");
			say(&t, ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab");
		}
		EXPECT(&t, "POST a.example/w 200", "POST a.example/w 200", "POST a.example/w 200", "POST a.example/w 200");
		assert_int_equal(stats_of(&t).gaps + stats_of(&t).duplicates, 0);
		talk_end(&t);
	}
}

/* 200 MB by sendfile, and a length around every half turn of the 32-bit sequence. */
static void skipped_bodies_of_any_length_end_where_their_head_said(void **state)
{
	(void)state;
	static const uint64_t lengths[] = {200u << 20,        (1u << 30) - 1,          (1u << 30) + 1,    1u << 31,
					   UINT64_C(1) << 32, (UINT64_C(1) << 32) + 5, UINT64_C(5) << 31, UINT64_C(999999999999)};
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		struct talk t;
		talk_begin(&t);
		char head[128];
		snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %llu\r\n\r\n", (unsigned long long)lengths[i]);
		say(&t, REQUEST, GET("/big"));
		say(&t, ANSWER, head);
		uint32_t before = t.seq[ANSWER];
		t.seq[ANSWER] += 70000;
		say(&t, ANSWER, "HTTP/1.1 500 in the body\r\nContent-Length: 0\r\n\r\n");
		t.seq[ANSWER] = before + (uint32_t)lengths[i];
		say(&t, REQUEST, GET("/next"));
		say(&t, ANSWER, "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
		EXPECT(&t, "GET a.example/big 200", "GET a.example/next 404");
		assert_int_equal(t.log.items[0].answer_bytes, lengths[i] + strlen(head));
		talk_end(&t);
	}
}

static void joined_connection_is_picked_up_at_the_next_head(void **state)
{
	(void)state;
	struct talk t;
	talk_begin(&t);
	t.flags = HTTP_SLICE_JOINED;
	t.number[REQUEST] = t.number[ANSWER] = 1;
	say(&t, ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"); /* to a request from before */
	say(&t, REQUEST, "tail of a body that nobody knows");
	say(&t, REQUEST, GET("/1"));
	say(&t, ANSWER, "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n");
	EXPECT(&t, "GET a.example/1 302");
	assert_int_equal(stats_of(&t).answers_unpaired, 1);
	assert_int_equal(stats_of(&t).gaps, 0);
	talk_end(&t);
}

static void head_is_the_same_wherever_it_is_split(void **state)
{
	(void)state;
	const char *requests = GET("/1") "POST /2 HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nGET\r\n0\r\n\r\n" GET("/3");
	const char *answers = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nHTTP"
			      "HTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxx\r\n0\r\n\r\n" OK_EMPTY;
	size_t request_len = strlen(requests), answer_len = strlen(answers);
	for (size_t cut = 1; cut < request_len || cut < answer_len; cut++) {
		struct talk t;
		talk_begin(&t);
		size_t r = cut < request_len ? cut : 1, a = cut < answer_len ? cut : 1;
		show(&t, REQUEST, 1000, requests, r, (uint32_t)r, 0);
		show(&t, REQUEST, 1000 + (uint32_t)r, requests + r, request_len - r, (uint32_t)(request_len - r), HTTP_SLICE_CONTINUES);
		show(&t, ANSWER, 5000, answers, a, (uint32_t)a, 0);
		show(&t, ANSWER, 5000 + (uint32_t)a, answers + a, answer_len - a, (uint32_t)(answer_len - a), HTTP_SLICE_CONTINUES);
		EXPECT(&t, "GET a.example/1 200", "POST b/2 201", "GET a.example/3 200");
		assert_int_equal(stats_of(&t).gaps + stats_of(&t).heads_cut, 0);
		talk_end(&t);
	}
}

static void heads_arrive_byte_by_byte(void **state)
{
	(void)state;
	const char *requests = GET("/1") GET("/2");
	struct talk t;
	talk_begin(&t);
	for (const char *p = requests; *p; p++)
		show(&t, REQUEST, t.seq[REQUEST]++, p, 1, 1, HTTP_SLICE_CONTINUES);
	for (const char *p = OK_EMPTY OK_EMPTY; *p; p++)
		show(&t, ANSWER, t.seq[ANSWER]++, p, 1, 1, HTTP_SLICE_CONTINUES);
	EXPECT(&t, "GET a.example/1 200", "GET a.example/2 200");
	talk_end(&t);
}

/* bpf/http.h: a long segment of GETs comes as several records in a row. */
static void pipelined_heads_go_on_in_the_next_record_of_the_same_segment(void **state)
{
	(void)state;
	struct talk t;
	talk_begin(&t);
	const char *requests = GET("/1") GET("/2") GET("/3");
	uint32_t len = (uint32_t)strlen(requests);
	for (uint32_t from = 0; from < len; from += 50) {
		uint32_t captured = len - from < 50 ? len - from : 50;
		show(&t, REQUEST, 1000 + from, requests + from, captured, len - from, from ? HTTP_SLICE_CONTINUES : 0);
	}
	say(&t, ANSWER, OK_EMPTY OK_EMPTY OK_EMPTY);
	EXPECT(&t, "GET a.example/1 200", "GET a.example/2 200", "GET a.example/3 200");
	assert_int_equal(stats_of(&t).gaps, 0);
	talk_end(&t);
}

static void answer_head_longer_than_the_capture_still_gives_its_status(void **state)
{
	(void)state;
	struct talk t;
	talk_begin(&t);
	const char *seen = "HTTP/1.1 418 Teapot\r\nContent-Type: application/json\r\nSet-Cook";
	for (int i = 0; i < 2; i++) {
		say(&t, REQUEST, GET("/1"));
		show(&t, ANSWER, t.seq[ANSWER], seen, strlen(seen), 1400, 0);
		pass_over(&t, ANSWER, 1400 + 9 * 1460);
	}
	EXPECT(&t, "GET a.example/1 418 json", "GET a.example/1 418 json");
	assert_int_equal(stats_of(&t).heads_cut, 2);
	talk_end(&t);
}

static void request_head_longer_than_the_capture_is_taken_when_its_answer_comes(void **state)
{
	(void)state;
	struct talk t;
	talk_begin(&t);
	const char *seen = "POST /upload HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4000\r\nCookie: aaaa";
	show(&t, REQUEST, t.seq[REQUEST], seen, strlen(seen), 1400, 0);
	pass_over(&t, REQUEST, 1400);
	say(&t, REQUEST, GET("/fake")); /* in the body, for all that is known of it */
	say(&t, ANSWER, OK_EMPTY);
	EXPECT(&t, "POST a.example/upload 200");
	pass_over(&t, REQUEST, 4000);
	say(&t, REQUEST, GET("/next"));
	say(&t, ANSWER, OK_EMPTY);
	EXPECT(&t, "POST a.example/upload 200", "GET a.example/next 200");
	talk_end(&t);
}

static void ambiguous_framing_counts_the_request_and_believes_no_length(void **state)
{
	(void)state;
	struct talk t;
	talk_begin(&t);
	say(&t, REQUEST, "POST /s HTTP/1.1\r\nHost: a.example\r\nContent-Length: 40\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
	say(&t, REQUEST, GET("/smuggled"));
	say(&t, ANSWER, "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n");
	say(&t, REQUEST, GET("/after"));
	say(&t, ANSWER, OK_EMPTY);
	EXPECT(&t, "POST a.example/s 400", "GET a.example/after 200");
	assert_int_equal(stats_of(&t).heads_ambiguous, 1);
	talk_end(&t);
}

static void malformed_head_is_counted_and_the_next_one_read(void **state)
{
	(void)state;
	struct talk t;
	talk_begin(&t);
	say(&t, REQUEST, "GET / HTTP/1.1\r\nbad header line\r\n\r\n");
	say(&t, ANSWER, "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n");
	say(&t, REQUEST, GET("/1"));
	say(&t, ANSWER, OK_EMPTY);
	EXPECT(&t, "GET a.example/1 200");
	assert_int_equal(stats_of(&t).heads_malformed, 1);
	talk_end(&t);
}

static void http2_preface_makes_the_connection_opaque(void **state)
{
	(void)state;
	struct talk t;
	talk_begin(&t);
	say(&t, REQUEST, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	say(&t, REQUEST, GET("/1"));
	assert_int_equal(stats_of(&t).tunnels, 1);
	assert_int_equal(stats_of(&t).requests, 0);
	talk_end(&t);
}

static void answer_that_comes_too_late_is_not_given_to_the_next_request(void **state)
{
	(void)state;
	struct talk t;
	talk_begin_at(&t, (struct http_limits){.answer_wait_ms = 500}, 1);
	say(&t, REQUEST, GET("/slow"));
	http_streams_sweep(t.streams, 1500);
	assert_int_equal(t.log.count, 0); /* exactly at the limit */
	http_streams_sweep(t.streams, 1501);
	EXPECT(&t, "GET a.example/slow 0");
	t.now_ms = 1600;
	say(&t, REQUEST, GET("/next"));
	say(&t, ANSWER, "HTTP/1.1 504 Late\r\nContent-Length: 0\r\n\r\n");
	say(&t, ANSWER, OK_EMPTY);
	EXPECT(&t, "GET a.example/slow 0", "GET a.example/next 200");
	talk_end(&t);
}

static void connection_that_was_silent_longest_gives_way(void **state)
{
	(void)state;
	struct talk t;
	talk_begin_at(&t, (struct http_limits){.connections_max = 2}, 1);
	for (t.cookie = 1; t.cookie <= 2; t.cookie++)
		show(&t, REQUEST, 1, GET("/first"), strlen(GET("/first")), (uint32_t)strlen(GET("/first")), 0);
	t.cookie = 1;
	show(&t, ANSWER, 1, OK_EMPTY, strlen(OK_EMPTY), (uint32_t)strlen(OK_EMPTY), 0);
	t.cookie = 3;
	show(&t, REQUEST, 1, GET("/third"), strlen(GET("/third")), (uint32_t)strlen(GET("/third")), 0);
	EXPECT(&t, "GET a.example/first 200", "GET a.example/first 0");
	assert_int_equal(stats_of(&t).evicted, 1);
	assert_int_equal(stats_of(&t).connections, 2);
	talk_end(&t);
	EXPECT(&t, "GET a.example/first 200", "GET a.example/first 0", "GET a.example/third 0");
}

static void pipeline_past_its_limit_gives_up_the_oldest_request_only(void **state)
{
	(void)state;
	struct talk t;
	talk_begin_at(&t, (struct http_limits){.waiting_max = 2}, 1);
	say(&t, REQUEST, GET("/1") GET("/2"));
	assert_int_equal(t.log.count, 0); /* exactly at the limit */
	say(&t, REQUEST, GET("/3"));
	EXPECT(&t, "GET a.example/1 0");
	say(&t, ANSWER, "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n");
	say(&t, ANSWER, "HTTP/1.1 402 No\r\nContent-Length: 0\r\n\r\n");
	say(&t, ANSWER, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
	EXPECT(&t, "GET a.example/1 0", "GET a.example/2 402", "GET a.example/3 403");
	talk_end(&t);
}

static void pipeline_past_its_memory_gives_up_the_oldest_requests_only(void **state)
{
	(void)state;
	struct talk t;
	talk_begin_at(&t, (struct http_limits){.waiting_bytes = 1000}, 1);
	for (int i = 0; i < 20; i++)
		say(&t, REQUEST, GET("/1"));
	size_t given_up = t.log.count;
	assert_in_range(given_up, 1, 19);
	assert_true(stats_of(&t).memory < 2048);
	for (size_t i = 0; i < 20; i++)
		say(&t, ANSWER, OK_EMPTY);
	assert_int_equal(t.log.count, 20);
	for (size_t i = 0; i < 20; i++)
		assert_string_equal(t.log.items[i].line, i < given_up ? "GET a.example/1 0" : "GET a.example/1 200");
	talk_end(&t);
}

static void burst_of_1009_pipelined_requests_gets_all_its_answers(void **state)
{
	(void)state;
	struct talk t;
	talk_begin(&t);
	for (int i = 0; i < 1009; i++)
		say(&t, REQUEST, GET("/1"));
	assert_int_equal(t.log.count, 0);
	for (int i = 0; i < 1009; i++)
		say(&t, ANSWER, OK_EMPTY);
	assert_int_equal(stats_of(&t).exchanges, 1009);
	assert_int_equal(stats_of(&t).exchanges_unanswered, 0);
	talk_end(&t);
}

static void head_past_its_limit_is_taken_as_far_as_it_goes(void **state)
{
	(void)state;
	struct talk t;
	talk_begin_at(&t, (struct http_limits){.head_bytes_max = 256}, 1);
	say(&t, REQUEST, "GET /long HTTP/1.1\r\nHost: a.example\r\n");
	for (int i = 0; i < 20; i++)
		say(&t, REQUEST, "X-Filler: 0123456789\r\n");
	say(&t, REQUEST, "\r\n");
	assert_true(stats_of(&t).memory < 2048);
	say(&t, ANSWER, OK_EMPTY);
	EXPECT(&t, "GET a.example/long 200");
	assert_int_equal(stats_of(&t).heads_cut, 1);
	talk_end(&t);
}

static void memory_stays_below_its_ceiling(void **state)
{
	(void)state;
	struct talk t;
	talk_begin_at(&t, (struct http_limits){.memory_max = 8192}, 1);
	for (t.cookie = 1; t.cookie <= 200; t.cookie++) {
		show(&t, REQUEST, 1, GET("/1"), strlen(GET("/1")), (uint32_t)strlen(GET("/1")), 0);
		assert_true(stats_of(&t).memory <= 8192);
	}
	assert_true(stats_of(&t).evicted > 100);
	talk_end(&t);
	assert_int_equal(t.log.count, 200); /* given way or not, every request was reported */
}

static void slices_whose_lengths_contradict_each_other_are_refused(void **state)
{
	(void)state;
	struct talk t;
	talk_begin(&t);
	show(&t, REQUEST, 1, "GET", 3, 2, 0);
	show(&t, REQUEST, 1, "GET", 3, UINT32_MAX, 0);
	show(&t, REQUEST, 1, "", 0, 10, 0);
	assert_int_equal(stats_of(&t).slices_bad, 3);
	assert_int_equal(stats_of(&t).connections, 0);
	talk_end(&t);
}

static void client_is_known_by_the_hash_of_its_address(void **state)
{
	(void)state;
	struct identity *id;
	assert_int_equal(identity_new(&(struct identity_rules){.key = "0123456789abcde"}, &id, NULL), 0);
	struct talk t;
	talk_begin(&t);
	http_streams_free(t.streams);
	t.streams = http_streams_new(&(struct http_limits){0}, id, on_exchange, &t.log);
	say(&t, REQUEST, "GET / HTTP/1.1\r\nHost: a\r\nCookie: PHPSESSID=abc\r\n\r\n");
	say(&t, ANSWER, OK_EMPTY);
	struct identities log;
	identity_from_log(id, span_str("192.0.2.1"), span_str("-"), &log);
	assert_int_equal(t.log.items[0].who.mask, 1u << IDENTITY_ADDRESS | 1u << IDENTITY_SESSION);
	assert_int_equal(t.log.items[0].who.hash[IDENTITY_ADDRESS], log.hash[IDENTITY_ADDRESS]);
	talk_end(&t);
	identity_free(id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_and_answer_are_one_exchange),
		cmocka_unit_test(answers_meet_pipelined_requests_in_stream_order),
		cmocka_unit_test(body_that_begins_with_a_request_is_no_request),
		cmocka_unit_test(head_after_a_body_in_the_same_segment_is_read),
		cmocka_unit_test(chunked_request_hides_heads_in_its_chunks),
		cmocka_unit_test(chunked_answer_beyond_the_capture_ends_at_the_last_chunk_flag),
		cmocka_unit_test(request_in_an_unseen_chunk_needs_the_last_chunk_flag),
		cmocka_unit_test(answer_body_follows_the_rules_of_the_protocol),
		cmocka_unit_test(request_after_an_answer_that_ends_by_closing_is_reported_unanswered),
		cmocka_unit_test(retransmitted_segment_counts_once),
		cmocka_unit_test(retransmission_that_carries_new_bytes_too_gives_only_those),
		cmocka_unit_test(reordered_requests_are_read_in_stream_order),
		cmocka_unit_test(last_two_parts_of_a_head_may_come_swapped),
		cmocka_unit_test(slice_that_stays_out_of_order_is_taken_when_its_answer_comes),
		cmocka_unit_test(lost_request_is_a_counted_gap_and_shifts_no_answer),
		cmocka_unit_test(lost_answer_leaves_its_own_request_unanswered),
		cmocka_unit_test(one_lost_answer_of_a_pipeline_costs_one_request_its_status),
		cmocka_unit_test(answers_hidden_behind_the_capture_are_given_up_not_guessed),
		cmocka_unit_test(sequence_wraps_between_and_inside_heads),
		cmocka_unit_test(skipped_bodies_of_any_length_end_where_their_head_said),
		cmocka_unit_test(joined_connection_is_picked_up_at_the_next_head),
		cmocka_unit_test(head_is_the_same_wherever_it_is_split),
		cmocka_unit_test(heads_arrive_byte_by_byte),
		cmocka_unit_test(pipelined_heads_go_on_in_the_next_record_of_the_same_segment),
		cmocka_unit_test(answer_head_longer_than_the_capture_still_gives_its_status),
		cmocka_unit_test(request_head_longer_than_the_capture_is_taken_when_its_answer_comes),
		cmocka_unit_test(ambiguous_framing_counts_the_request_and_believes_no_length),
		cmocka_unit_test(malformed_head_is_counted_and_the_next_one_read),
		cmocka_unit_test(http2_preface_makes_the_connection_opaque),
		cmocka_unit_test(answer_that_comes_too_late_is_not_given_to_the_next_request),
		cmocka_unit_test(connection_that_was_silent_longest_gives_way),
		cmocka_unit_test(pipeline_past_its_limit_gives_up_the_oldest_request_only),
		cmocka_unit_test(pipeline_past_its_memory_gives_up_the_oldest_requests_only),
		cmocka_unit_test(burst_of_1009_pipelined_requests_gets_all_its_answers),
		cmocka_unit_test(head_past_its_limit_is_taken_as_far_as_it_goes),
		cmocka_unit_test(memory_stays_below_its_ceiling),
		cmocka_unit_test(slices_whose_lengths_contradict_each_other_are_refused),
		cmocka_unit_test(client_is_known_by_the_hash_of_its_address),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
