/* Text that may be shown: RFC 3629's table of well-formed sequences, at both ends of each row, and no control characters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/utf8.h"

static void well_formed_text_without_controls_is_clean(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t clean;
		const char *reason;
	} rows[] = {
		{"", 0, "nothing"},
		{" ~", 2, "the first and the last printable ASCII"},
		{"a\x1F", 1, "the last C0 control"},
		{"a\x7F", 1, "DEL"},
		{"a\xC2\x9F", 1, "the last C1 control"},
		{"a\xC2\xA0", 3, "just past the C1 controls"},
		{"\xC0\x80", 0, "overlong NUL"},
		{"\xC1\xBF", 0, "overlong DEL"},
		{"\xDF\xBF", 2, "the last of two bytes"},
		{"\xE0\x9F\xBF", 0, "overlong in three"},
		{"\xE0\xA0\x80", 3, "the first of three bytes"},
		{"\xED\x9F\xBF", 3, "just below the surrogates"},
		{"\xED\xA0\x80", 0, "the first surrogate"},
		{"\xEE\x80\x80", 3, "just above the surrogates"},
		{"\xF0\x8F\xBF\xBF", 0, "overlong in four"},
		{"\xF0\x90\x80\x80", 4, "the first of four bytes"},
		{"\xF4\x8F\xBF\xBF", 4, "U+10FFFF"},
		{"\xF4\x90\x80\x80", 0, "past U+10FFFF"},
		{"\xF5\x80\x80\x80", 0, "no lead byte"},
		{"\x80", 0, "a continuation alone"},
		{"ab\xE8\xAE", 2, "cut short"},
		{"ab\xE8\x28\xBA", 2, "a continuation that is none"},
		{"\xE8\xAE\xBA\xE5\x9D\x9B", 6, "two Chinese characters"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (utf8_clean_len(span_str(rows[i].text)) != rows[i].clean)
			fail_msg("%s", rows[i].reason);
	assert_int_equal(utf8_clean_len(span_make("a\0b", 3)), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(well_formed_text_without_controls_is_clean),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
