/* Heads of requests and answers, and chunks: what is read, what is refused, what is read in two ways by different servers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/http/chunks.h"
#include "agent/http/content.h"
#include "agent/http/head.h"

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

/* Through a copy of exactly this size, so that the sanitizer sees every read past the end. The spans of `head` die with it. */
static int parse_copy(const char *text, size_t len, bool request, struct head *head)
{
	char *copy = malloc(len ? len : 1);
	assert_non_null(copy);
	memcpy(copy, text, len);
	int r = request ? head_parse_request(span_make(copy, len), head) : head_parse_answer(span_make(copy, len), head);
	free(copy);
	return r;
}

enum { WHOLE = 1 }; /* expected: all bytes consumed */

static const char *verdict_name(int verdict)
{
	return verdict == HEAD_MORE ? "need more" : verdict == HEAD_BAD ? "bad" : "a head";
}

static void request_heads_are_read_or_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int verdict;
		enum head_framing framing;
		const char *why;
	} rows[] = {
		{"GET / HTTP/1.1\r\n\r\n", WHOLE, HEAD_FRAMING_NONE, "the least there is"},
		{"GET / HTTP/1.1\n\n", WHOLE, HEAD_FRAMING_NONE, "lines may end in LF alone"},
		{"\r\n\n\r\nGET / HTTP/1.0\r\n\r\n", WHOLE, HEAD_FRAMING_NONE, "empty lines may come first"},
		{"GET  /  HTTP/1.1\r\n\r\n", WHOLE, HEAD_FRAMING_NONE, "nginx and Apache pass over extra blanks"},
		{"OPTIONS * HTTP/1.1\r\n\r\n", WHOLE, HEAD_FRAMING_NONE, "asterisk-form"},
		{"CONNECT a:443 HTTP/1.1\r\n\r\n", WHOLE, HEAD_FRAMING_NONE, "authority-form"},
		{"GET http://a/b HTTP/1.1\r\n\r\n", WHOLE, HEAD_FRAMING_NONE, "absolute-form"},
		{"M-SEARCH * HTTP/1.1\r\n\r\n", WHOLE, HEAD_FRAMING_NONE, "a method is any token"},
		{"GET / HTTP/1.1\r\nA:\r\nB: \t x\t \r\n\r\n", WHOLE, HEAD_FRAMING_NONE, "empty and padded values"},
		{"GET /\xe8\xae\xba\xe5\x9d\x9b HTTP/1.1\r\nA: \xe8\xae\xba\r\n\r\n", WHOLE, HEAD_FRAMING_NONE, "raw UTF-8 is common"},
		{"P / HTTP/1.1\r\ncontent-LENGTH: 7\r\n\r\n", WHOLE, HEAD_FRAMING_LENGTH, "names know no case"},
		{"P / HTTP/1.1\r\nContent-Length: 7, 7\r\nContent-Length: 7\r\n\r\n", WHOLE, HEAD_FRAMING_LENGTH, "equal lengths are one"},
		{"P / HTTP/1.1\r\nContent-Length: 999999999999999\r\n\r\n", WHOLE, HEAD_FRAMING_LENGTH, "exactly 15 digits"},
		{"P / HTTP/1.1\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n", WHOLE, HEAD_FRAMING_CHUNKED, "chunked last"},
		{"P / HTTP/1.1\r\nTransfer-Encoding: identity\r\nContent-Length: 1\r\n\r\n", WHOLE, HEAD_FRAMING_LENGTH,
		 "identity is none"},

		{"P / HTTP/1.1\r\nContent-Length: 1000000000000000\r\n\r\n", WHOLE, HEAD_FRAMING_AMBIGUOUS, "16 digits: overflow wanted"},
		{"P / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", WHOLE, HEAD_FRAMING_AMBIGUOUS, "two lengths"},
		{"P / HTTP/1.1\r\nContent-Length: 1, 2\r\n\r\n", WHOLE, HEAD_FRAMING_AMBIGUOUS, "two lengths in one field"},
		{"P / HTTP/1.1\r\nContent-Length: 1,\r\n\r\n", WHOLE, HEAD_FRAMING_AMBIGUOUS, "an empty member"},
		{"P / HTTP/1.1\r\nContent-Length: +1\r\n\r\n", WHOLE, HEAD_FRAMING_AMBIGUOUS, "strtol would take the sign"},
		{"P / HTTP/1.1\r\nContent-Length: 0x1\r\n\r\n", WHOLE, HEAD_FRAMING_AMBIGUOUS, "and the base"},
		{"P / HTTP/1.1\r\nContent-Length:\r\n\r\n", WHOLE, HEAD_FRAMING_AMBIGUOUS, "no length at all"},
		{"P / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", WHOLE, HEAD_FRAMING_AMBIGUOUS, "CL.TE"},
		{"P / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", WHOLE, HEAD_FRAMING_AMBIGUOUS, "TE.CL"},
		{"P / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", WHOLE, HEAD_FRAMING_AMBIGUOUS,
		 "twice"},
		{"P / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", WHOLE, HEAD_FRAMING_AMBIGUOUS, "chunked must come last"},
		{"P / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n", WHOLE, HEAD_FRAMING_AMBIGUOUS, "unknown coding in a request"},
		{"P / HTTP/1.1\r\nTransfer-Encoding: chunked;q=1\r\n\r\n", WHOLE, HEAD_FRAMING_AMBIGUOUS, "chunked has no parameters"},
		{"P / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", WHOLE, HEAD_FRAMING_AMBIGUOUS, "HTTP/1.0 knows no codings"},
		{"P / HTTP/1.1\r\nTransfer-Encoding : chunked\r\n\r\n", WHOLE, HEAD_FRAMING_AMBIGUOUS, "blank before the colon"},
		{"P / HTTP/1.1\r\nX: a\r\n folded\r\n\r\n", WHOLE, HEAD_FRAMING_AMBIGUOUS, "obs-fold"},
		{"P / HTTP/1.1\r\n Content-Length: 1\r\n\r\n", WHOLE, HEAD_FRAMING_AMBIGUOUS, "blank before the first field"},

		{"GET /\r\n", HEAD_BAD, 0, "HTTP/0.9"},
		{"GET / HTTP/2.0\r\n", HEAD_BAD, 0, "another protocol"},
		{"GET / HTTP/1.x\r\n", HEAD_BAD, 0, "no version"},
		{"GET / HTTP/1.11\r\n", HEAD_BAD, 0, "minor versions have one digit"},
		{"GET / a HTTP/1.1\r\n", HEAD_BAD, 0, "blank in the target"},
		{"GET a HTTP/1.1\r\n", HEAD_BAD, 0, "target of no form"},
		{"GET ftp://a/ HTTP/1.1\r\n", HEAD_BAD, 0, "target of another scheme"},
		{"G@T / HTTP/1.1\r\n", HEAD_BAD, 0, "method is a token"},
		{"ABCDEFGHIJKLMNOPQRSTU / HTTP/1.1\r\n", HEAD_BAD, 0, "method of 21 letters"},
		{"GET /\x01 HTTP/1.1\r\n", HEAD_BAD, 0, "control character in the target"},
		{"GET / HTTP/1.1\r\nno colon\r\n", HEAD_BAD, 0, "field without a colon"},
		{"GET / HTTP/1.1\r\n: x\r\n", HEAD_BAD, 0, "field without a name"},
		{"GET / HTTP/1.1\r\nA\x80: x\r\n", HEAD_BAD, 0, "name is a token"},
		{"GET / HTTP/1.1\r\nA: x\ry\r\n", HEAD_BAD, 0, "CR alone"},
		{"GET / HTTP/1.1\r\nA: 0123456789\x7f\r\n", HEAD_BAD, 0, "DEL beyond the first eight bytes"},
		{"GET / HTTP/1.1\r\nA: x\r\r\n", HEAD_BAD, 0, "two CR"},

		{"", HEAD_MORE, 0, "nothing"},
		{"\r\n\r\n", HEAD_MORE, 0, "only empty lines"},
		{"GET / HTTP/1.1\r\n\r", HEAD_MORE, 0, "one byte is missing"},
		{"GET / HTTP/1.1\r\nA: b\r\n", HEAD_MORE, 0, "the empty line is missing"},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct head head;
		int r = parse_copy(rows[i].text, strlen(rows[i].text), true, &head);
		bool right =
			rows[i].verdict == WHOLE ? r == (int)strlen(rows[i].text) && head.framing == rows[i].framing : r == rows[i].verdict;
		if (!right)
			fail_msg("%s: %s (%d), framing %d", rows[i].why, verdict_name(r), r, head.framing);
	}
}

static void nul_byte_in_a_head_is_bad(void **state)
{
	(void)state;
	struct head head;
	assert_int_equal(parse_copy("GET / HTTP/1.1\r\nA: b\0c\r\n\r\n", 26, true, &head), HEAD_BAD);
	assert_int_equal(parse_copy("GET /\0 HTTP/1.1\r\n\r\n", 19, true, &head), HEAD_BAD);
}

static void answer_heads_are_read_or_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int verdict;
		uint16_t status;
		enum head_framing framing;
		const char *why;
	} rows[] = {
		{"HTTP/1.1 200 OK\r\n\r\n", WHOLE, 200, HEAD_FRAMING_NONE, "the usual"},
		{"HTTP/1.1 200\r\n\r\n", WHOLE, 200, HEAD_FRAMING_NONE, "no reason, no blank"},
		{"HTTP/1.0 999 \xe6\x8b\x92\r\n\r\n", WHOLE, 999, HEAD_FRAMING_NONE, "status and reason are the server's business"},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", WHOLE, 200, HEAD_FRAMING_CLOSE, "until close"},
		{"HTTP/1.1 200 OK\r\nno field\r\n\r\n", WHOLE, 200, HEAD_FRAMING_AMBIGUOUS, "a bad line costs the framing, not the status"},
		{"HTTP/1.1 200 OK\r\nA: x\x01\r\n\r\n", WHOLE, 200, HEAD_FRAMING_NONE, "an answer's values are its server's own"},
		{"HTTP/1.1 301 M\r\nA: b\r\nC", HEAD_MORE, 301, HEAD_FRAMING_NONE, "cut: what was seen is there"},
		{"HTTP/1.1 301 M\r\nContent-Length: 3\r\nC", HEAD_MORE, 301, HEAD_FRAMING_LENGTH, "cut after the length"},
		{"HTTP/1.1 301 M", HEAD_MORE, 0, HEAD_FRAMING_NONE, "cut in the status line: it may go on"},
		{"HTTP/1.1 20 OK\r\n", HEAD_BAD, 0, 0, "two digits"},
		{"HTTP/1.1 2000 OK\r\n", HEAD_BAD, 0, 0, "four digits"},
		{"HTTP/1.1 099 OK\r\n", HEAD_BAD, 0, 0, "below 100"},
		{"HTTP/2 200\r\n", HEAD_BAD, 0, 0, "another protocol"},
		{"ICY 200 OK\r\n", HEAD_BAD, 0, 0, "another protocol"},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct head head;
		int r = parse_copy(rows[i].text, strlen(rows[i].text), false, &head);
		bool right = r == (rows[i].verdict == WHOLE ? (int)strlen(rows[i].text) : rows[i].verdict) &&
			     (r == HEAD_BAD || (head.status == rows[i].status && head.framing == rows[i].framing));
		if (!right)
			fail_msg("%s: %s (%d), status %d, framing %d", rows[i].why, verdict_name(r), r, head.status, head.framing);
	}
}

static void head_split_anywhere_needs_more_and_never_turns_bad(void **state)
{
	(void)state;
	const char *text =
		"\r\nPOST /a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nCookie: a=b; c=d\r\nX-Long: 0123456789abcdef\r\n\r\nbody!";
	size_t head_len = strlen(text) - 5;
	struct head head;
	for (size_t cut = 0; cut < head_len; cut++)
		assert_int_equal(parse_copy(text, cut, true, &head), HEAD_MORE);
	for (size_t cut = head_len; cut <= strlen(text); cut++) {
		assert_int_equal(parse_copy(text, cut, true, &head), head_len);
		assert_int_equal(head.field_count, 4);
		assert_int_equal(head.content_length, 5);
	}
}

static void fields_beyond_the_ceiling_still_frame(void **state)
{
	(void)state;
	char text[4096];
	for (int fields = HEAD_FIELDS_MAX; fields <= HEAD_FIELDS_MAX + 1; fields++) {
		int len = snprintf(text, sizeof text, "GET / HTTP/1.1\r\n");
		for (int i = 1; i < fields; i++)
			len += snprintf(text + len, sizeof text - (size_t)len, "A%d: b\r\n", i);
		len += snprintf(text + len, sizeof text - (size_t)len, "Content-Length: 9\r\n\r\n");
		struct head head;
		assert_int_equal(head_parse_request(span_str(text), &head), len);
		assert_int_equal(head.field_count, HEAD_FIELDS_MAX);
		assert_int_equal(head.fields_dropped, fields - HEAD_FIELDS_MAX);
		assert_int_equal(head.content_length, 9);
	}
}

static void every_control_character_is_found_at_every_place(void **state)
{
	(void)state;
	char text[] = "GET / HTTP/1.1\r\nA: 0123456789abcdefghij\r\n\r\n";
	struct head head;
	for (size_t at = 19; at < 39; at++) {
		for (int c = 0; c < 256; c++) {
			char kept = text[at];
			text[at] = (char)c;
			bool control = (c < 0x20 && c != '\t') || c == 0x7f;
			int r = head_parse_request(span_make(text, sizeof text - 1), &head);
			if (c != '\n' && (r == HEAD_BAD) != control && !(c == '\r' && at == 38))
				fail_msg("byte %d at %zu: %d", c, at, r);
			text[at] = kept;
		}
	}
}

static void target_becomes_host_and_path(void **state)
{
	(void)state;
	static const struct {
		const char *line, *host_field, *host, *path, *why;
	} rows[] = {
		{"GET /a/b?q=1#f", "h", "h", "/a/b", "query and fragment stay behind"},
		{"GET /a#f?x", "h", "h", "/a", "fragment first"},
		{"GET /", "h.example:8080", "h.example", "/", "port goes"},
		{"GET /", "[2001:db8::1]:80", "[2001:db8::1]", "/", "IPv6 keeps its brackets"},
		{"GET /", "", "", "/", "no host is no host"},
		{"GET http://a.example:81/x?y", "b.example", "a.example", "/x", "absolute-form wins over Host"},
		{"GET http://a.example", "b", "a.example", "/", "absolute-form without a path"},
		{"GET https://a.example?q", "b", "a.example", "/", "query right after the authority"},
		{"GET http://user:secret@a.example/x", "b", "a.example", "/x", "user information names a person: it goes"},
		{"OPTIONS *", "h", "h", "*", "asterisk-form"},
		{"CONNECT a.example:443", "b", "a.example", "*", "authority-form"},
		{"GET //b.example/c", "h", "h", "//b.example/c", "two slashes are a path, not an authority"},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[256];
		struct head head;
		struct span host, path;
		snprintf(text, sizeof text, "%s HTTP/1.1\r\nHost: %s\r\n\r\n", rows[i].line, rows[i].host_field);
		assert_true(head_parse_request(span_str(text), &head) > 0);
		head_route(&head, &host, &path);
		if (!span_equal(host, span_str(rows[i].host)) || !span_equal(path, span_str(rows[i].path)))
			fail_msg("%s: \"%.*s\" \"%.*s\"", rows[i].why, (int)host.len, host.data, (int)path.len, path.data);
	}
}

static void few_bytes_tell_what_may_begin_a_head(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool request, answer;
		const char *why;
	} rows[] = {
		{"", true, true, "too short to tell"},
		{"G", true, false, "a prefix of a method"},
		{"HTTP/", false, true, "a prefix of a status line"},
		{"HTTP/1.1 200 OK\r\n", false, true, "a status line"},
		{"\r\nPROPFIND /x", true, false, "after an empty line"},
		{"get / HTTP/1.1", false, false, "methods know their case"},
		{"{\"a\":1}", false, false, "JSON"},
		{"AB /", false, false, "two letters are no method"},
		{"ABCDEFGHIJKLMNOPQRSTUVWXYZ", false, false, "longer than any method"},
		{"\x16\x03\x01", false, false, "TLS"},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		if (head_may_begin_request(span_str(rows[i].text)) != rows[i].request ||
		    head_may_begin_answer(span_str(rows[i].text)) != rows[i].answer)
			fail_msg("%s", rows[i].why);
}

static void chunked_bodies_end_where_they_end(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t took;
		enum chunks_phase phase;
		const char *why;
	} rows[] = {
		{"0\r\n\r\nGET", 5, CHUNKS_DONE, "empty body"},
		{"3\r\nabc\r\n0\r\n\r\nrest", 13, CHUNKS_DONE, "one chunk"},
		{"3\nabc\n0\n\nrest", 9, CHUNKS_DONE, "LF alone"},
		{"00A;x=\"y\"\r\n0\r\n\r\n12345\r\n0\r\nA: b\r\n\r\n", 34, CHUNKS_DONE, "extension, hidden end, trailer"},
		{"3 \r\nabc\r\n0\r\n\r\n", 14, CHUNKS_DONE, "blank after the size"},
		{"fffffff", 7, CHUNKS_SIZE, "goes on"},
		{"", 0, CHUNKS_SIZE_FIRST, "nothing yet"},
		{"\r\n", 1, CHUNKS_BAD, "no size"},
		{"-1\r\n", 1, CHUNKS_BAD, "sign"},
		{"0x3\r\n", 2, CHUNKS_BAD, "base"},
		{"3\r\nabcd\r\n", 7, CHUNKS_BAD, "data longer than its size"},
		{"fffffffffffffff\r\n", 15, CHUNKS_BAD, "overflow wanted"},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct chunks c;
		struct span text = span_str(rows[i].text);
		chunks_init(&c);
		size_t took = chunks_read(&c, text);
		if (took != rows[i].took || c.phase != rows[i].phase)
			fail_msg("%s: took %zu, phase %d", rows[i].why, took, c.phase);
		chunks_init(&c);
		size_t one_by_one = 0;
		while (one_by_one < text.len && chunks_read(&c, span_make(text.data + one_by_one, 1)) == 1)
			one_by_one++;
		if (one_by_one != took || c.phase != rows[i].phase)
			fail_msg("%s, byte by byte: took %zu, phase %d", rows[i].why, one_by_one, c.phase);
	}
}

static void unseen_chunk_data_is_passed_over(void **state)
{
	(void)state;
	struct chunks c;
	chunks_init(&c);
	assert_int_equal(chunks_read(&c, span_str("400\r\nabc")), 8);
	assert_int_equal(chunks_skip(&c), 0x400 - 3);
	assert_int_equal(chunks_skip(&c), 0);
	assert_int_equal(chunks_read(&c, span_str("\r\n0\r\n\r\n")), 7);
	assert_int_equal(c.phase, CHUNKS_DONE);
}

static void content_types_become_few_words(void **state)
{
	(void)state;
	static const struct {
		const char *type, *kind;
	} rows[] = {
		{"text/html; charset=gbk", "html"},
		{"TEXT/HTML", "html"},
		{"application/json", "json"},
		{"application/problem+json;q=1", "json"},
		{"application/atom+xml", "xml"},
		{"image/svg+xml", "image"},
		{"application/vnd.apple.mpegurl", "playlist"},
		{"video/mp4", "video"},
		{"audio/mpeg", "audio"},
		{"text/event-stream", "event-stream"},
		{"text/plain", "text"},
		{"application/grpc+proto", "grpc"},
		{"application/octet-stream", "binary"},
		{"secret-name@example.org", "binary"},
		{"", ""},
		{" ;", ""},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct span kind = content_kind(span_str(rows[i].type));
		if (!span_equal(kind, span_str(rows[i].kind)))
			fail_msg("%s became %.*s", rows[i].type, (int)kind.len, kind.data);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_heads_are_read_or_refused),
		cmocka_unit_test(nul_byte_in_a_head_is_bad),
		cmocka_unit_test(answer_heads_are_read_or_refused),
		cmocka_unit_test(head_split_anywhere_needs_more_and_never_turns_bad),
		cmocka_unit_test(fields_beyond_the_ceiling_still_frame),
		cmocka_unit_test(every_control_character_is_found_at_every_place),
		cmocka_unit_test(target_becomes_host_and_path),
		cmocka_unit_test(few_bytes_tell_what_may_begin_a_head),
		cmocka_unit_test(chunked_bodies_end_where_they_end),
		cmocka_unit_test(unseen_chunk_data_is_passed_over),
		cmocka_unit_test(content_types_become_few_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
