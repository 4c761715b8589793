#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "proto/record.h"
#include "proto/window.h"

static struct cursor some_cursor(void)
{
	return (struct cursor){
		.path = span_str("/var/log/nginx/access.log"),
		.device = 0xfe01,
		.inode = UINT64_MAX,
		.generation = 7,
		.offset = 123456789012,
		.head_len = CURSOR_HEAD_BYTES,
		.head_hash = 0xdeadbeefcafef00d,
		.tail_hash = 1,
	};
}

static void a_record_comes_back_as_it_was(void **state)
{
	(void)state;
	struct cursor cursors[2] = {some_cursor(), {.path = span_str("b")}};
	struct record record = {
		.batch = span_make("\0batch\xff", 7), .cursors = cursors, .cursor_count = 2, .clean = true, .written_ms = -1};
	struct buf out;
	buf_init(&out, RECORD_BYTES_MAX);
	assert_int_equal(record_encode(&record, &out), 0);
	struct record back;
	assert_int_equal(record_decode(buf_span(&out), &back, NULL), 0);
	assert_true(span_equal(back.batch, record.batch));
	assert_true(back.clean);
	assert_int_equal(back.written_ms, -1);
	assert_int_equal(back.cursor_count, 2);
	assert_true(span_equal(back.cursors[0].path, cursors[0].path));
	assert_int_equal(back.cursors[0].inode, UINT64_MAX);
	struct buf again;
	buf_init(&again, RECORD_BYTES_MAX);
	assert_int_equal(record_encode(&back, &again), 0);
	assert_true(span_equal(buf_span(&again), buf_span(&out)));
	buf_done(&again);
	record_done(&back);
	buf_done(&out);
}

static void encode_refuses_what_decode_would(void **state)
{
	(void)state;
	char *big = calloc(1, BATCH_BYTES_MAX + 1);
	struct cursor *many = calloc(RECORD_CURSORS_MAX + 1, sizeof *many);
	assert_non_null(big);
	assert_non_null(many);
	for (size_t i = 0; i <= RECORD_CURSORS_MAX; i++)
		many[i] = (struct cursor){.path = span_str("x")};
	struct cursor nameless = {.path = span_str("")};
	struct cursor headstrong = {.path = span_str("x"), .head_len = CURSOR_HEAD_BYTES + 1};
	struct cursor negative = {.path = span_str("x"), .offset = (uint64_t)INT64_MAX + 1};
	struct cursor cut = {.path = span_make("a\0b", 3)};
	const struct {
		struct record record;
		int want;
		const char *why;
	} rows[] = {
		{{.batch = span_make(big, BATCH_BYTES_MAX)}, 0, "a batch exactly at the ceiling"},
		{{.batch = span_make(big, BATCH_BYTES_MAX + 1)}, -EMSGSIZE, "a batch just past it"},
		{{.cursors = many, .cursor_count = RECORD_CURSORS_MAX}, 0, "cursors exactly at the ceiling"},
		{{.cursors = many, .cursor_count = RECORD_CURSORS_MAX + 1}, -EMSGSIZE, "one cursor too many"},
		{{.cursors = &nameless, .cursor_count = 1}, -EINVAL, "a cursor without a path"},
		{{.cursors = &headstrong, .cursor_count = 1}, -EINVAL, "a head longer than heads are"},
		{{.cursors = &negative, .cursor_count = 1}, -EINVAL, "an offset that is no off_t"},
		{{.cursors = &cut, .cursor_count = 1}, -EINVAL, "a NUL in a path"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct buf out;
		buf_init(&out, RECORD_BYTES_MAX);
		int r = record_encode(&rows[i].record, &out);
		if (r != rows[i].want)
			fail_msg("%s: %d", rows[i].why, r);
		if (r < 0 && out.len != 0)
			fail_msg("%s: left %zu bytes", rows[i].why, out.len);
		struct record back;
		if (r == 0 && record_decode(buf_span(&out), &back, NULL) != 0)
			fail_msg("%s: not read back", rows[i].why);
		if (r == 0)
			record_done(&back);
		buf_done(&out);
	}
	free(many);
	free(big);
}

static void long_paths_past_the_record_ceiling_are_refused(void **state)
{
	(void)state;
	char path[CURSOR_PATH_MAX];
	memset(path, 'p', sizeof path);
	struct cursor *many = calloc(RECORD_CURSORS_MAX, sizeof *many);
	assert_non_null(many);
	for (size_t i = 0; i < RECORD_CURSORS_MAX; i++)
		many[i] = (struct cursor){.path = span_make(path, sizeof path)};
	struct record record = {.cursors = many, .cursor_count = RECORD_CURSORS_MAX};
	struct buf out;
	buf_init(&out, SIZE_MAX / 2);
	assert_int_equal(record_encode(&record, &out), -EMSGSIZE);
	assert_int_equal(out.len, 0);
	buf_done(&out);
	free(many);
}

static void a_torn_or_foreign_record_is_refused_with_a_sentence(void **state)
{
	(void)state;
	struct cursor cursor = some_cursor();
	struct record record = {.batch = span_str("batch"), .cursors = &cursor, .cursor_count = 1, .written_ms = 5};
	struct buf out;
	buf_init(&out, RECORD_BYTES_MAX);
	assert_int_equal(record_encode(&record, &out), 0);
	const struct {
		struct span bytes;
		const char *why;
	} rows[] = {
		{span_make(out.data, out.len - 1), "cut in its last field"},
		{span_make(out.data, 3), "cut in its first field"},
		{span_str("\xff\xff\xff\xff"), "no message at all"},
		{span_make("\x12\x00", 2), "a cursor without a path"},
		{span_make("\x12\x06\x0a\x01x\x30\x81\x08", 8), "a head of 1,025 bytes"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct record back;
		struct err err = {0};
		if (record_decode(rows[i].bytes, &back, &err) != -EBADMSG || !err.text[0])
			fail_msg("%s: taken", rows[i].why);
	}
	buf_done(&out);
}

static void an_input_that_asks_for_much_memory_is_refused(void **state)
{
	(void)state;
	size_t len = RECORD_BYTES_MAX;
	char *bytes = malloc(len);
	assert_non_null(bytes);
	for (size_t i = 0; i + 1 < len; i += 2)
		memcpy(bytes + i, "\x12\x00", 2);
	struct record back;
	struct err err = {0};
	assert_int_equal(record_decode(span_make(bytes, len), &back, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "more than"));
	assert_int_equal(record_decode(span_make(bytes, len + 1), &back, &err), -EBADMSG);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_comes_back_as_it_was),
		cmocka_unit_test(encode_refuses_what_decode_would),
		cmocka_unit_test(long_paths_past_the_record_ceiling_are_refused),
		cmocka_unit_test(a_torn_or_foreign_record_is_refused_with_a_sentence),
		cmocka_unit_test(an_input_that_asks_for_much_memory_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
