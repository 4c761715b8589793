/* The kernel side's judgement of segments, run in user space. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "bpf/http_judge.h"

static uint64_t head_of(const char *text)
{
	uint64_t head = 0;
	size_t len = strlen(text);
	for (size_t i = 0; i < 8; i++)
		head = head << 8 | (i < len ? (uint8_t)text[i] : 0);
	return head;
}

static uint64_t tail_of(uint64_t before, const char *text)
{
	for (; *text; text++)
		before = before << 8 | (uint8_t)*text;
	return before;
}

static enum http_take request(struct http_direction *d, const char *text, uint32_t len, uint8_t *ret_flags)
{
	*ret_flags = 0;
	return http_judge_request(d, http_skip_empty_line(head_of(text)), tail_of(d->tail, text), len, ret_flags);
}

static enum http_take answer(struct http_direction *d, const char *text, uint32_t len, uint8_t *ret_flags)
{
	*ret_flags = 0;
	return http_judge_answer(d, head_of(text), tail_of(d->tail, text), len, ret_flags);
}

static void segments_that_may_begin_a_request_are_taken(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum http_take take;
		const char *reason;
	} rows[] = {
		{"GET / HTTP/1.1", HTTP_TAKE_WHOLE, "three letters and a space"},
		{"DELETE /t", HTTP_TAKE_WHOLE, "longer than four letters"},
		{"M-SEARCH *", HTTP_TAKE_WHOLE, "a dash in a method"},
		{"G", HTTP_TAKE_WHOLE, "typed by hand, the first letter"},
		{"\r\nPOST /t", HTTP_TAKE_WHOLE, "an empty line before it"},
		{"\nGET /t", HTTP_TAKE_WHOLE, "and a bare one"},
		{"get / HTTP/1.1", HTTP_TAKE_NOTHING, "methods are case-sensitive"},
		{"GE /x", HTTP_TAKE_NOTHING, "no method has two letters"},
		{"{\"user\":1}", HTTP_TAKE_NOTHING, "a body"},
		{"\x16\x03\x01", HTTP_TAKE_NOTHING, "TLS"},
		{"", HTTP_TAKE_NOTHING, "nothing"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct http_direction d = {0};
		uint8_t flags;
		assert_int_equal(request(&d, rows[i].text, 100, &flags), rows[i].take);
	}
}

static void a_head_goes_on_until_its_blank_line(void **state)
{
	(void)state;
	struct http_direction d = {0};
	uint8_t flags;
	assert_int_equal(request(&d, "POST /t HTTP/1.1\r\nHost", 22, &flags), HTTP_TAKE_WHOLE);
	assert_int_equal(flags, 0);
	assert_int_equal(request(&d, ": x\r\n\r", 6, &flags), HTTP_TAKE_WHOLE);
	assert_int_equal(flags, HTTP_SLICE_CONTINUES);
	assert_int_equal(request(&d, "\n", 1, &flags), HTTP_TAKE_WHOLE);
	assert_int_equal(flags, HTTP_SLICE_CONTINUES);
	assert_int_equal(request(&d, "body", 4, &flags), HTTP_TAKE_NOTHING);
}

static void an_upload_stops_being_taken_at_its_budget(void **state)
{
	(void)state;
	static const struct {
		uint32_t len;
		unsigned taken;
		const char *reason;
	} rows[] = {
		{100, HTTP_HEAD_SEGMENTS, "small segments: their number"},  {1448, 12, "12 × 1,448 bytes are the first to pass 16 KB"},
		{HTTP_HEAD_BYTES / 2, 2, "exactly at the budget of bytes"}, {HTTP_HEAD_BYTES / 2 - 1, 3, "just below it"},
		{65000, 1, "one large segment is the head and more"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct http_direction d = {0};
		uint8_t flags;
		unsigned taken = 0;
		enum http_take take = request(&d, "POST /t HTTP/1.1\r\n", rows[i].len, &flags);
		for (; take == HTTP_TAKE_WHOLE && taken < 100; taken++)
			take = request(&d, "body", rows[i].len, &flags);
		assert_int_equal(taken, rows[i].taken);
	}
}

static void a_train_of_requests_without_bodies_has_a_larger_budget(void **state)
{
	(void)state;
	struct http_direction d = {0};
	uint8_t flags;
	assert_int_equal(request(&d, "GET /t HTTP/1.1\r\nHo", 65000, &flags), HTTP_TAKE_WHOLE);
	for (int i = 0; i < 100; i++)
		assert_int_equal(request(&d, "st: x", 65000, &flags), HTTP_TAKE_WHOLE);
}

static void the_end_of_a_body_that_ends_in_a_blank_line_is_taken(void **state)
{
	(void)state;
	struct http_direction d = {0};
	uint8_t flags;
	assert_int_equal(request(&d, "bodyGET / HTTP/1.1\r\n\r\n", 60000, &flags), HTTP_TAKE_END);
	assert_int_equal(flags, HTTP_SLICE_CONTINUES);
	assert_int_equal(request(&d, "5\r\nhello\r\n0\r\n\r\n", 16, &flags), HTTP_TAKE_NOTHING);
	assert_int_equal(request(&d, "GET / HTTP/1.1\r\n\r\n", 18, &flags), HTTP_TAKE_WHOLE);
	assert_int_equal(flags, HTTP_SLICE_LAST_CHUNK);
}

static void an_answer_goes_on_while_a_small_record_could_hold_more(void **state)
{
	(void)state;
	struct http_direction d = {0};
	uint8_t flags;
	assert_int_equal(answer(&d, "HTTP/1.1 200 OK\r\n", HTTP_ANSWER_BYTES - 1, &flags), HTTP_TAKE_WHOLE);
	assert_int_equal(answer(&d, "Content-Length: 1", 17, &flags), HTTP_TAKE_WHOLE);
	assert_int_equal(flags, HTTP_SLICE_CONTINUES);
	assert_int_equal(answer(&d, "body", 4, &flags), HTTP_TAKE_NOTHING);

	assert_int_equal(answer(&d, "HTTP/1.1 200 OK\r\n", HTTP_ANSWER_BYTES, &flags), HTTP_TAKE_WHOLE);
	assert_int_equal(answer(&d, "body", 4, &flags), HTTP_TAKE_NOTHING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_that_may_begin_a_request_are_taken),
		cmocka_unit_test(a_head_goes_on_until_its_blank_line),
		cmocka_unit_test(an_upload_stops_being_taken_at_its_budget),
		cmocka_unit_test(a_train_of_requests_without_bodies_has_a_larger_budget),
		cmocka_unit_test(the_end_of_a_body_that_ends_in_a_blank_line_is_taken),
		cmocka_unit_test(an_answer_goes_on_while_a_small_record_could_hold_more),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
