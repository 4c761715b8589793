/* A queue of bytes against a plain model of one, and its ceiling. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/byteq.h"

static void what_goes_in_comes_out_in_order(void **state)
{
	(void)state;
	enum { MAX = 1000 };
	struct byteq q;
	uint8_t next_in = 0, next_out = 0;
	size_t held = 0;
	unsigned dice = 7;
	byteq_init(&q, MAX);
	for (int i = 0; i < 20000; i++) {
		uint8_t bytes[300];
		size_t len = (dice = dice * 1103515245 + 12345) / 65536 % sizeof bytes;
		if (dice & 1 << 30) {
			for (size_t k = 0; k < len; k++)
				bytes[k] = (uint8_t)(next_in + k);
			int r = byteq_append(&q, span_make(bytes, len));
			assert_int_equal(r, held + len > MAX ? -EMSGSIZE : 0);
			if (r == 0) {
				held += len;
				next_in = (uint8_t)(next_in + len);
			}
		} else {
			byteq_consume(&q, len);
			len = len < held ? len : held;
			held -= len;
			next_out = (uint8_t)(next_out + len);
		}
		assert_int_equal(byteq_len(&q), held);
		struct span s = byteq_span(&q);
		assert_int_equal(s.len, held);
		assert_true(held == 0 || ((uint8_t)s.data[0] == next_out && (uint8_t)s.data[held - 1] == (uint8_t)(next_out + held - 1)));
	}
	byteq_done(&q);
}

static void an_empty_queue_that_was_large_gives_its_memory_back(void **state)
{
	(void)state;
	struct byteq q;
	char *large = calloc(1, 1 << 20);
	assert_non_null(large);
	byteq_init(&q, 1 << 20);
	assert_int_equal(byteq_append(&q, span_make(large, 1 << 20)), 0);
	assert_int_equal(byteq_append(&q, span_make(large, 1)), -EMSGSIZE);
	byteq_consume(&q, 1 << 20);
	assert_int_equal(q.buf.cap, 0);
	byteq_done(&q);
	free(large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_goes_in_comes_out_in_order),
		cmocka_unit_test(an_empty_queue_that_was_large_gives_its_memory_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
