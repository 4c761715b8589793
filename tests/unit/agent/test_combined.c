#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>
#include <time.h>

#include "agent/tap/format.h"

#define AT     "[17/May/2015:10:05:03 +0000] "
#define AT_MS  INT64_C(1431857103000)
#define TAIL   " 200 10 \"-\" \"ua\""
#define GET    "\"GET / HTTP/1.1\""
#define A_LINE "1.2.3.4 - - " AT GET TAIL

enum { R = LOG_REQUEST, O = LOG_OTHER, M = LOG_MALFORMED };

struct row {
	const char *line;
	int want;
	const char *why;
	/* for requests only; NULL: not looked at */
	const char *path, *method, *user, *address, *host;
	int status; /* -1: not looked at */
	long bytes;
};

#define TARGET(text)  "1.2.3.4 - - " AT "\"GET " text " HTTP/1.1\"" TAIL
#define REQUEST(text) "1.2.3.4 - - " AT "\"" text "\"" TAIL
#define AFTER(text)   "1.2.3.4 - - " AT GET text
#define TIME(text)    "1.2.3.4 - - [" text "] " GET TAIL

static const struct row rows[] = {
	{A_LINE, R, "the usual line", "/", "GET", "-", "1.2.3.4", "", 200, 10},
	{"1.2.3.4 - - " AT GET " 200 10", R, "common log format", "/", "GET", "-", "1.2.3.4", "", 200, 10},
	{A_LINE " \"10.0.0.1\" rt=0.001", R, "the operator's own fields behind it", "/", "GET", "-", NULL, NULL, 200, 10},
	/* addresses */
	{"2001:db8::1 - - " AT GET TAIL, R, "IPv6", "/", NULL, "-", "2001:db8::1", NULL, 200, 10},
	{"::ffff:1.2.3.4 - - " AT GET TAIL, R, "IPv4 mapped", "/", NULL, "-", "::ffff:1.2.3.4", NULL, 200, 10},
	{"fe80::1%eth0 - - " AT GET TAIL, R, "a zone", "/", NULL, "-", "fe80::1%eth0", NULL, 200, 10},
	{"client.example.com - - " AT GET TAIL, R, "HostnameLookups On", "/", NULL, "-", "client.example.com", NULL, 200, 10},
	{"unix: - - " AT GET TAIL, R, "nginx behind a Unix socket", "/", NULL, "-", "unix:", NULL, 200, 10},
	{" - - " AT GET TAIL, M, "no address", .status = -1},
	/* users */
	{"1.2.3.4 - alice " AT GET TAIL, R, "a user", "/", NULL, "alice", NULL, NULL, 200, 10},
	{"1.2.3.4 ident alice " AT GET TAIL, R, "an ident answer", "/", NULL, "alice", NULL, NULL, 200, 10},
	{"1.2.3.4 - alice smith " AT GET TAIL, R, "a user with a space", "/", NULL, "alice smith", NULL, NULL, 200, 10},
	{"1.2.3.4 - al[ice] " AT GET TAIL, R, "a user with brackets", "/", NULL, "al[ice]", NULL, NULL, 200, 10},
	{"1.2.3.4 - x [01/Jan/2020:00:00:00 +0000] y " AT GET TAIL, R, "a user that contains a time", "/", NULL,
	 "x [01/Jan/2020:00:00:00 +0000] y", NULL, NULL, 200, 10},
	{"1.2.3.4 - x [01/Jan/2020:00:00:00 +0000] \\x22GET /forged HTTP/1.1\\x22 200 1 " AT GET TAIL, R,
	 "a user that plays a whole line, as nginx escapes it", "/", NULL, NULL, NULL, NULL, 200, 10},
	{"1.2.3.4 - x [01/Jan/2020:00:00:00 +0000] \\\"GET /forged HTTP/1.1\\\" 200 1 " AT GET TAIL, R, "the same as Apache escapes it",
	 "/", NULL, NULL, NULL, NULL, 200, 10},
	{"1.2.3.4 -  " AT GET TAIL, R, "an empty user", "/", NULL, "", NULL, NULL, 200, 10},
	{"1.2.3.4 - \"\" " AT GET TAIL, R, "Apache's empty user", "/", NULL, "\"\"", NULL, NULL, 200, 10},
	{"1.2.3.4 - " AT GET TAIL, M, "no user field", .status = -1},
	{"1.2.3.4 " AT GET TAIL, M, "neither ident nor user", .status = -1},
	/* times */
	{TIME("29/Feb/2016:23:59:59 +0800"), R, "a leap day", "/", .status = 200, .bytes = 10},
	{TIME("30/Jun/2015:23:59:60 +0000"), R, "a leap second", "/", .status = 200, .bytes = 10},
	{TIME("01/Jan/1970:00:00:00 +1400"), R, "before the epoch, by its zone", "/", .status = 200, .bytes = 10},
	{TIME("29/Feb/2015:23:59:59 +0000"), M, "no leap year", .status = -1},
	{TIME("29/Feb/2100:00:00:00 +0000"), M, "a century that is none", .status = -1},
	{TIME("31/Apr/2015:10:05:03 +0000"), M, "April has 30 days", .status = -1},
	{TIME("00/May/2015:10:05:03 +0000"), M, "no day 0", .status = -1},
	{TIME("17/may/2015:10:05:03 +0000"), M, "months are capitalised", .status = -1},
	{TIME("17/May/1969:10:05:03 +0000"), M, "before 1970", .status = -1},
	{TIME("17/May/2015:24:00:00 +0000"), M, "hour 24", .status = -1},
	{TIME("17/May/2015:10:60:00 +0000"), M, "minute 60", .status = -1},
	{TIME("17/May/2015:10:05:61 +0000"), M, "second 61", .status = -1},
	{TIME("17/May/2015:10:05:03 +0060"), M, "60 minutes in a zone", .status = -1},
	{TIME("17/May/2015:10:05:03 00000"), M, "a zone without a sign", .status = -1},
	{TIME("17-May-2015:10:05:03 +0000"), M, "wrong separators", .status = -1},
	{TIME("2015-05-17T10:05:03+00:00"), M, "ISO 8601 is another format", .status = -1},
	{"1.2.3.4 - - 17/May/2015:10:05:03 +0000 " GET TAIL, M, "no brackets", .status = -1},
	/* requests */
	{TARGET("/a?b=c&d=/e"), R, "a query", "/a", "GET", .status = 200, .bytes = 10},
	{TARGET("/a#b?c"), R, "a fragment", "/a", .status = 200, .bytes = 10},
	{TARGET("/a\\x22b"), R, "a quote as nginx escapes it", "/a\\x22b", .status = 200, .bytes = 10},
	{TARGET("/a\\\"b"), R, "a quote as Apache escapes it", "/a\\\"b", .status = 200, .bytes = 10},
	{TARGET("/a\\\\"), R, "an escaped backslash before a space", "/a\\\\", .status = 200, .bytes = 10},
	{TARGET("/a b c"), R, "spaces in a target", "/a b c", .status = 200, .bytes = 10},
	{TARGET("/\xe4\xbd\xa0"), R, "UTF-8", "/\xe4\xbd\xa0", .status = 200, .bytes = 10},
	{TARGET("/\xff\xfe"), R, "bytes that are no UTF-8", "/\xff\xfe", .status = 200, .bytes = 10},
	{TARGET("http://Example.com:8080/x?y"), R, "absolute-form", "/x", NULL, NULL, NULL, "Example.com", 200, 10},
	{TARGET("http://[::1]:80/x"), R, "absolute-form with IPv6", "/x", NULL, NULL, NULL, "[::1]", 200, 10},
	{TARGET("https://example.com"), R, "absolute-form without a path", "/", NULL, NULL, NULL, "example.com", 200, 10},
	{TARGET("https://example.com?q"), R, "absolute-form with a query alone", "/", NULL, NULL, NULL, "example.com", 200, 10},
	{REQUEST("OPTIONS * HTTP/1.1"), R, "asterisk-form", "*", "OPTIONS", .status = 200, .bytes = 10},
	{REQUEST("VERSION-CONTROL /f HTTP/1.1"), R, "a method with a hyphen", "/f", "VERSION-CONTROL", .status = 200, .bytes = 10},
	{REQUEST("GET /old"), R, "HTTP/0.9", "/old", "GET", .status = 200, .bytes = 10},
	{REQUEST("GET / HTTP/2.0"), R, "HTTP/2 as nginx writes it", "/", .status = 200, .bytes = 10},
	{REQUEST("POST /old"), O, "HTTP/0.9 knew no POST", .status = -1},
	{REQUEST("GET /a b"), O, "no version behind the space", .status = -1},
	{REQUEST("GET / HTTP/x.y"), O, "no version", .status = -1},
	{REQUEST("get / HTTP/1.1"), O, "methods are upper case", .status = -1},
	{REQUEST("CONNECT host:443 HTTP/1.1"), O, "authority-form names no path", .status = -1},
	{REQUEST("GET relative HTTP/1.1"), O, "no path", .status = -1},
	{REQUEST("GET http:///x HTTP/1.1"), O, "absolute-form without a host", .status = -1},
	{REQUEST("GET /a\x01 HTTP/1.1"), O, "a control character", .status = -1},
	{REQUEST("AVERYLONGMETHODNAMETHATNOBODYHASEVERSEEN / HTTP/1.1"), O, "a method without end", .status = -1},
	{REQUEST("-"), O, "closed before a request came", .status = -1},
	{REQUEST(""), O, "nothing was asked", .status = -1},
	{REQUEST("\\x16\\x03\\x01\\x02\\x00\\x01\\x00\\x01\\xfc\\x03\\x03"), O, "TLS to a clear port, escaped", .status = -1},
	{REQUEST("\x16\x03\x01\x02 \x01\x01\xfc\x03\x03"), O, "TLS to a clear port, raw", .status = -1},
	{REQUEST("SSH-2.0-Go"), O, "another protocol", .status = -1},
	/* answers and what follows */
	{AFTER(" 404 -"), R, "no body", "/", .status = 404, .bytes = 0},
	{AFTER(" 000 0 \"-\" \"-\""), R, "nginx had no answer", "/", .status = 0, .bytes = 0},
	{AFTER(" - - \"-\" \"-\""), R, "Apache had no answer", "/", .status = 0, .bytes = 0},
	{AFTER(" 599 1"), R, "the last status", "/", .status = 599, .bytes = 1},
	{AFTER(" 600 1"), M, "just past it", .status = -1},
	{AFTER(" 100 1"), R, "the first status", "/", .status = 100, .bytes = 1},
	{AFTER(" 099 1"), M, "just before it", .status = -1},
	{AFTER(" 20 1"), M, "two digits", .status = -1},
	{AFTER(" 2000 1"), M, "four digits", .status = -1},
	{AFTER(" 2x0 1"), M, "a letter", .status = -1},
	{AFTER(" 200 999999999999999999"), R, "18 digits", "/", .status = 200, .bytes = 999999999999999999},
	{AFTER(" 200 9999999999999999999"), M, "19 digits", .status = -1},
	{AFTER(" 200 -5"), M, "a negative size", .status = -1},
	{AFTER(" 200 5x"), M, "a size with a letter", .status = -1},
	{AFTER(" 200 "), M, "no size", .status = -1},
	{AFTER(" 200"), M, "neither size nor a space", .status = -1},
	{AFTER(""), M, "the request is the end", .status = -1},
	{AFTER(" 200 5 \"http://a/\\\"b\" \"u\\\"a\""), R, "quotes in the last fields", "/", .status = 200, .bytes = 5},
	{AFTER(" 200 5 \"-\" \"Mozilla/5.0 (cut"), R, "a user agent that was cut", "/", .status = 200, .bytes = 5},
	{AFTER(" 200 5 \"http://cut"), R, "a referer that was cut", "/", .status = 200, .bytes = 5},
	{AFTER(" 200 5 \"-\""), R, "a referer alone", "/", .status = 200, .bytes = 5},
	{AFTER(" 200 5 -"), M, "a referer without quotes", .status = -1},
	{AFTER(" 200 5 \"http://a1.2.3.4 - - " AT GET TAIL), M, "two lines torn into each other", .status = -1},
	{AFTER(" 200 5 \"-\" \"ua\"x"), M, "something glued to the last quote", .status = -1},
	{"1.2.3.4 - - " AT "\"GET / HTTP/1.1", M, "the request was cut", .status = -1},
	{"1.2.3.4 - - " AT "\"GET / HTTP/1.1\\\"" TAIL, M, "the closing quote is escaped", .status = -1},
	{"1.2.3.4 - - " AT "GET / HTTP/1.1" TAIL, M, "a request without quotes", .status = -1},
	{"", M, "an empty line", .status = -1},
	{" ", M, "a space", .status = -1},
	{"{\"ts\":\"2015-05-17\"}", M, "JSON", .status = -1},
	{"\xff\xfe"
	 "1",
	 M, "UTF-16", .status = -1},
};

static void expect_span(const struct row *row, const char *what, struct span got, const char *want)
{
	if (want && !span_equal(got, span_str(want)))
		fail_msg("%s: %s is \"%.*s\", not \"%s\"", row->why, what, (int)got.len, got.data, want);
}

static void each_line_is_what_it_is(void **state)
{
	(void)state;
	struct log_times times = {0};
	assert_true(sizeof rows / sizeof rows[0] >= 60);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct row *row = &rows[i];
		struct log_line line = {0};
		int verdict = (int)combined_parse(&times, span_str(row->line), &line);
		if (verdict != row->want)
			fail_msg("%s: %d, not %d: %s", row->why, verdict, row->want, row->line);
		if (verdict != LOG_REQUEST)
			continue;
		expect_span(row, "path", line.path, row->path);
		expect_span(row, "method", line.method, row->method);
		expect_span(row, "user", line.user, row->user);
		expect_span(row, "address", line.address, row->address);
		expect_span(row, "host", line.host, row->host);
		if (line.status != row->status || line.answer_bytes != (uint64_t)row->bytes)
			fail_msg("%s: status %u, %lu bytes", row->why, line.status, (unsigned long)line.answer_bytes);
	}
}

/* On a copy of exactly that length, so that a sanitizer sees a byte read past it. */
static int parse_copy(const char *text, size_t len)
{
	struct log_times times = {0};
	struct log_line line;
	char *copy = malloc(len ? len : 1);
	assert_non_null(copy);
	memcpy(copy, text, len);
	int verdict = (int)combined_parse(&times, span_make(copy, len), &line);
	free(copy);
	return verdict;
}

static void a_line_cut_before_its_size_is_never_a_request(void **state)
{
	(void)state;
	static const char line[] = "1.2.3.4 - al ice " AT "\"GET /a\\\"b?q HTTP/1.1\" 200 10 \"http://r/\" \"u a\" x";
	size_t size_at = (size_t)(strstr(line, " 10 ") - line) + 1;
	size_t referer_at = (size_t)(strstr(line, "\"http") - line);
	for (size_t len = 0; len < sizeof line; len++) {
		int verdict = parse_copy(line, len);
		if (len <= size_at || len == referer_at)
			assert_int_equal(verdict, LOG_MALFORMED);
		else if (len > referer_at && line[len - 1] != ' ')
			assert_int_equal(verdict, LOG_REQUEST);
	}
}

static void a_byte_replaced_anywhere_is_never_read_past_the_line(void **state)
{
	(void)state;
	static const char line[] = A_LINE;
	static const char with[] = {'\0', '"', '\\', '[', ']', ' ', '\n', '9', '\xff'};
	char copy[sizeof line];
	unsigned verdicts[3] = {0};
	for (size_t at = 0; at < sizeof line - 1; at++)
		for (size_t w = 0; w < sizeof with; w++) {
			memcpy(copy, line, sizeof copy);
			copy[at] = with[w];
			verdicts[parse_copy(copy, sizeof line - 1)]++;
		}
	assert_true(verdicts[LOG_REQUEST] > 0 && verdicts[LOG_OTHER] > 0 && verdicts[LOG_MALFORMED] > 0);
}

static void times_are_those_of_the_calendar(void **state)
{
	(void)state;
	struct log_times times = {0};
	int64_t ms;
	/* One instant every 40 days and some hours, 1970 to 2100, against the C library. */
	for (time_t t = 0; t < (time_t)4102444800; t += 40 * 86400 + 12345) {
		struct tm tm;
		char text[32];
		assert_non_null(gmtime_r(&t, &tm));
		assert_int_equal(strftime(text, sizeof text, "%d/%b/%Y:%H:%M:%S +0000", &tm), 26);
		assert_true(log_time_common(&times, text, &ms));
		assert_int_equal(ms, (int64_t)t * 1000);
		assert_true(log_time_common(&times, text, &ms)); /* from the cache */
		assert_int_equal(ms, (int64_t)t * 1000);
	}
	assert_true(log_time_common(&times, "17/May/2015:10:05:03 +0000", &ms));
	assert_int_equal(ms, AT_MS);
	assert_true(log_time_common(&times, "17/May/2015:18:05:03 +0800", &ms));
	assert_int_equal(ms, AT_MS);
	assert_true(log_time_common(&times, "17/May/2015:06:35:03 -0330", &ms));
	assert_int_equal(ms, AT_MS);
	assert_true(log_time_common(&times, "17/May/2015:10:05:04 +0000", &ms));
	assert_int_equal(ms, AT_MS + 1000);
}

static void a_time_of_zeros_is_no_time_even_for_a_fresh_cache(void **state)
{
	(void)state;
	struct log_times times = {0};
	int64_t ms;
	char zeros[26] = {0}, mixed[26] = "\0\0\0\0\0\0\0\0\0\0\0\0"
					  "10:05:03 ";
	assert_false(log_time_common(&times, zeros, &ms));
	assert_false(log_time_common(&times, mixed, &ms));
}

static void every_line_of_a_real_log_is_a_request(void **state)
{
	(void)state;
	char *line = NULL;
	FILE *f = fopen("tests/data/elastic_apache_10k.log", "re");
	assert_non_null(f);
	struct log_times times = {0};
	size_t cap = 0;
	unsigned requests = 0, lines = 0;
	for (ssize_t n; (n = getline(&line, &cap, f)) > 0; lines++) {
		struct log_line found;
		requests += combined_parse(&times, span_make(line, (size_t)n - 1), &found) == LOG_REQUEST;
	}
	free(line);
	fclose(f);
	assert_int_equal(lines, 10000);
	assert_int_equal(requests, 10000);
}

static void formats_are_found_by_name(void **state)
{
	(void)state;
	assert_ptr_equal(log_format_find(span_str("combined"))->parse, combined_parse);
	assert_null(log_format_find(span_str("combine")));
	assert_null(log_format_find(span_str("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_line_is_what_it_is),
		cmocka_unit_test(a_line_cut_before_its_size_is_never_a_request),
		cmocka_unit_test(a_byte_replaced_anywhere_is_never_read_past_the_line),
		cmocka_unit_test(times_are_those_of_the_calendar),
		cmocka_unit_test(a_time_of_zeros_is_no_time_even_for_a_fresh_cache),
		cmocka_unit_test(every_line_of_a_real_log_is_a_request),
		cmocka_unit_test(formats_are_found_by_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
