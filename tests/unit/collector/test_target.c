#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collector/api/target.h"

static struct target target;

static int parse(const char *raw)
{
	struct err err = {0};
	int r = target_parse(span_str(raw), &target, &err);
	assert_true(r == 0 || *err.text);
	return r;
}

static void a_slash_inside_a_segment_is_no_border(void **state)
{
	(void)state;
	assert_int_equal(parse("/api/v1/services/shop%2Fweb/users"), 0);
	assert_int_equal(target.segment_count, 5);
	assert_string_equal(target.segments[3], "shop/web");
	assert_string_equal(target.segments[4], "users");
}

static void a_path_keeps_its_empty_and_dotted_segments(void **state)
{
	(void)state;
	assert_int_equal(parse("/"), 0);
	assert_int_equal(target.segment_count, 0);
	assert_int_equal(parse("//../%2e"), 0);
	assert_int_equal(target.segment_count, 3);
	assert_string_equal(target.segments[0], "");
	assert_string_equal(target.segments[1], "..");
	assert_string_equal(target.segments[2], ".");
}

static void a_plus_is_a_blank_in_the_query_and_a_plus_in_the_path(void **state)
{
	(void)state;
	assert_int_equal(parse("/a+b?c+d=e+f%2B"), 0);
	assert_string_equal(target.segments[0], "a+b");
	assert_string_equal(target_value(&target, "c d"), "e f+");
}

static void pairs_may_lack_value_or_sign(void **state)
{
	(void)state;
	assert_int_equal(parse("/?a&b=&c=d=e"), 0);
	assert_string_equal(target_value(&target, "a"), "");
	assert_string_equal(target_value(&target, "b"), "");
	assert_string_equal(target_value(&target, "c"), "d=e");
	assert_null(target_value(&target, "d"));
}

static void what_cannot_be_decoded_is_refused(void **state)
{
	static const struct {
		const char *raw;
		int error;
		const char *why;
	} rows[] = {
		{"", -EINVAL, "nothing"},
		{"*", -EINVAL, "no path"},
		{"/%", -EINVAL, "a lone %"},
		{"/%2", -EINVAL, "one digit"},
		{"/%zz", -EINVAL, "no digits"},
		{"/%00", -EINVAL, "a NUL would end the text early"},
		{"/%0a", -EINVAL, "a line end"},
		{"/%7f", -EINVAL, "DEL"},
		{"/%ff", -EINVAL, "no UTF-8"},
		{"/%c0%af", -EINVAL, "an overlong slash"},
		{"/%e0%80%af", -EINVAL, "an overlong slash of three bytes"},
		{"/%ed%a0%80", -EINVAL, "a surrogate"},
		{"/%f4%90%80%80", -EINVAL, "past the last code point"},
		{"/%e8%ae", -EINVAL, "a character cut short"},
		{"/?a=%", -EINVAL, "a lone % in a value"},
		{"/?a=1&a=2", -EINVAL, "a key twice"},
		{"/?&&", -EINVAL, "the empty key twice"},
		{"/1/2/3/4/5/6/7/8", 0, "exactly as many segments as there may be"},
		{"/1/2/3/4/5/6/7/8/9", -EMSGSIZE, "one segment more"},
		{"/?a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p", 0, "exactly as many keys as there may be"},
		{"/?a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q", -EMSGSIZE, "one key more"},
		{"/%e8%ae%ba%f0%9f%94%94", 0, "Chinese and a bell"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (parse(rows[i].raw) != rows[i].error)
			fail_msg("%s: %s", rows[i].raw, rows[i].why);
}

static void a_target_is_read_up_to_its_ceiling(void **state)
{
	char raw[TARGET_BYTES_MAX + 2];
	(void)state;
	memset(raw, 'x', sizeof raw);
	raw[0] = '/';
	raw[TARGET_BYTES_MAX + 1] = '\0';
	assert_int_equal(parse(raw), -EMSGSIZE);
	raw[TARGET_BYTES_MAX] = '\0';
	assert_int_equal(parse(raw), 0);
	assert_int_equal(strlen(target.segments[0]), TARGET_BYTES_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slash_inside_a_segment_is_no_border),
		cmocka_unit_test(a_path_keeps_its_empty_and_dotted_segments),
		cmocka_unit_test(a_plus_is_a_blank_in_the_query_and_a_plus_in_the_path),
		cmocka_unit_test(pairs_may_lack_value_or_sign),
		cmocka_unit_test(what_cannot_be_decoded_is_refused),
		cmocka_unit_test(a_target_is_read_up_to_its_ceiling),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
