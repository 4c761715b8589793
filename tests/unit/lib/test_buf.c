#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "lib/span.h"

static void a_buffer_never_grows_past_its_ceiling(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 8);
	assert_int_equal(buf_append(&b, "12345678", 8), 0); /* exactly at */
	assert_int_equal(buf_append(&b, "9", 1), -EMSGSIZE);
	assert_int_equal(buf_reserve(&b, SIZE_MAX), -EMSGSIZE);
	assert_true(span_equal(buf_span(&b), span_str("12345678")));
	buf_consume(&b, 3);
	assert_true(span_equal(buf_span(&b), span_str("45678")));
	assert_int_equal(buf_printf(&b, "%d", 12), 0); /* two digits and vsnprintf's NUL */
	assert_int_equal(buf_printf(&b, "%d", 3), -EMSGSIZE);
	assert_true(span_equal(buf_span(&b), span_str("4567812")));
	buf_done(&b);
}

static void spans_are_cut_trimmed_and_compared(void **state)
{
	(void)state;
	struct span rest = span_str("a; b ;;c");
	assert_true(span_equal(span_cut(&rest, ';'), span_str("a")));
	assert_true(span_equal(span_trim(span_cut(&rest, ';')), span_str("b")));
	assert_int_equal(span_cut(&rest, ';').len, 0);
	assert_true(span_equal(span_cut(&rest, ';'), span_str("c")));
	assert_int_equal(rest.len, 0);
	assert_int_equal(span_cut(&rest, ';').len, 0);
	assert_true(span_equal_nocase(span_str("Content-Length"), span_str("content-lengtH")));
	assert_false(span_equal_nocase(span_str("a"), span_str("ab")));
	assert_false(span_equal_nocase(span_str("@"), span_str("`"))); /* only letters have a case */
	assert_true(span_starts_with(span_str("abc"), span_str("ab")));
	assert_false(span_starts_with(span_str("a"), span_str("ab")));
	assert_int_equal(span_from(span_str("abc"), 7).len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_buffer_never_grows_past_its_ceiling),
					   cmocka_unit_test(spans_are_cut_trimmed_and_compared)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
