#include "agent/http/head.h"

#include <endian.h>

/* tchar of RFC 9110 section 5.6.2. */
static const uint8_t token_char[256] = {
	['0' ... '9'] = 1, ['a' ... 'z'] = 1, ['A' ... 'Z'] = 1, ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1,
	['*'] = 1,         ['+'] = 1,         ['-'] = 1,         ['.'] = 1, ['^'] = 1, ['_'] = 1, ['`'] = 1, ['|'] = 1, ['~'] = 1,
};

static bool is_token(char c)
{
	return token_char[(unsigned char)c];
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

enum { CHUNK = 16 };

/* In the vectors that gcc and clang both know: a loop over bytes is left scalar at -O2. */
typedef uint8_t chunk __attribute__((vector_size(CHUNK)));

/* Where in the chunk the first byte is that may not stand in a line: control characters but the tab; CHUNK when none is. A lone CR is one of
 * them: half of all smuggling begins with it. */
static inline unsigned find_control(const char *bytes)
{
	chunk c;
	uint64_t half[2];
	memcpy(&c, bytes, sizeof c);
	c = (chunk)(((c < 0x20) & ~(c == '\t')) | (c == 0x7f));
	memcpy(half, &c, sizeof half);
	if (!(half[0] | half[1]))
		return CHUNK;
	return half[0] ? (unsigned)__builtin_ctzll(le64toh(half[0])) / 8 : 8 + (unsigned)__builtin_ctzll(le64toh(half[1])) / 8;
}

/* Bytes before the first control character. */
static inline size_t clean_len(struct span s)
{
	size_t i = 0;
	for (; i + CHUNK <= s.len; i += CHUNK) {
		unsigned at = find_control(s.data + i);
		if (at < CHUNK)
			return i + at;
	}
	char last[CHUNK] = {0};
	if (i < s.len)
		memcpy(last, s.data + i, s.len - i);
	return i + find_control(last); /* what stands behind the end is 0: a control character */
}

struct line {
	struct span text;
	bool clean; /* no control character in it */
};

/* A line's end is the first control character of nearly every line: one pass finds both. */
static inline __attribute__((always_inline)) bool take_line(struct span *rest, struct line *ret)
{
	size_t len = clean_len(*rest), end = len;
	if (end + 1 < rest->len && rest->data[end] == '\r' && rest->data[end + 1] == '\n')
		end++;
	ret->clean = end < rest->len && rest->data[end] == '\n';
	if (!ret->clean) {
		const char *at = end < rest->len ? memchr(rest->data + end, '\n', rest->len - end) : NULL;
		if (!at)
			return false;
		end = (size_t)(at - rest->data);
		len = at[-1] == '\r' ? end - 1 : end;
	}
	ret->text = span_make(rest->data, len);
	*rest = span_make(rest->data + end + 1, rest->len - end - 1);
	return true;
}

static bool is_version(struct span s, uint8_t *ret_minor)
{
	if (s.len != 8 || memcmp(s.data, "HTTP/1.", 7) != 0 || !is_digit(s.data[7]))
		return false;
	*ret_minor = (uint8_t)(s.data[7] - '0');
	return true;
}

/* origin-form, absolute-form, asterisk-form, or authority-form for CONNECT (RFC 9112 section 3.2). */
static bool is_target(struct span method, struct span target)
{
	if (target.len == 0)
		return false;
	if (target.data[0] == '/' || span_equal(target, span_str("*")) || span_equal(method, span_str("CONNECT")))
		return true;
	return span_starts_with(target, span_str("http://")) || span_starts_with(target, span_str("https://"));
}

static bool parse_request_line(struct head *head, struct span line, bool clean)
{
	size_t method_len = 0;
	while (method_len < line.len && is_token(line.data[method_len]))
		method_len++;
	if (method_len == 0 || method_len > HEAD_METHOD_MAX || method_len == line.len || line.data[method_len] != ' ')
		return false;
	struct span method = span_make(line.data, method_len);
	struct span rest = span_trim(span_from(line, method_len));
	struct span target = span_cut(&rest, ' ');
	/* nginx and Apache pass over extra blanks between the parts; none may stand inside the target. */
	if (!is_version(span_trim(rest), &head->minor) || !clean || !is_target(method, target))
		return false;
	head->method = method;
	head->target = target;
	return true;
}

static bool parse_status_line(struct head *head, struct span line)
{
	if (line.len < 12 || !is_version(span_make(line.data, 8), &head->minor) || line.data[8] != ' ')
		return false;
	const char *digit = line.data + 9;
	if (!is_digit(digit[0]) || digit[0] == '0' || !is_digit(digit[1]) || !is_digit(digit[2]) || (line.len > 12 && digit[3] != ' '))
		return false;
	head->status = (uint16_t)((digit[0] - '0') * 100 + (digit[1] - '0') * 10 + (digit[2] - '0'));
	return true;
}

static bool parse_length(struct span text, uint64_t *ret_length)
{
	uint64_t length = 0;
	/* 15 digits are 888 TiB: a longer one is an attempt to overflow somebody. */
	if (text.len == 0 || text.len > 15)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (!is_digit(text.data[i]))
			return false;
		length = length * 10 + (uint64_t)(text.data[i] - '0');
	}
	*ret_length = length;
	return true;
}

/* A list of equal lengths is one length (RFC 9110 section 8.6); everything else is somebody's smuggling. */
static void note_content_length(struct head *head, struct span value)
{
	bool more = true;
	while (more) {
		more = memchr(value.data, ',', value.len) != NULL;
		uint64_t length;
		bool first = head->framing == HEAD_FRAMING_NONE;
		if (!parse_length(span_trim(span_cut(&value, ',')), &length) ||
		    (!first && (head->framing != HEAD_FRAMING_LENGTH || head->content_length != length))) {
			head->framing = HEAD_FRAMING_AMBIGUOUS;
			return;
		}
		head->framing = HEAD_FRAMING_LENGTH;
		head->content_length = length;
	}
}

static void note_transfer_encoding(struct head *head, struct span value)
{
	if (span_equal_nocase(value, span_str("identity")))
		return;
	/* Beside a length, twice, or in HTTP/1.0: RFC 9112 section 6.1 calls it faulty framing. */
	bool ambiguous = head->framing != HEAD_FRAMING_NONE || head->minor == 0;
	bool chunked = false;
	while (value.len > 0) {
		ambiguous |= chunked; /* a coding after chunked */
		chunked = span_equal_nocase(span_trim(span_cut(&value, ',')), span_str("chunked"));
	}
	if (!chunked && head->method.len > 0)
		ambiguous = true;
	if (ambiguous)
		head->framing = HEAD_FRAMING_AMBIGUOUS;
	else
		head->framing = chunked ? HEAD_FRAMING_CHUNKED : HEAD_FRAMING_CLOSE;
}

static void note_field(struct head *head, struct span name, struct span value)
{
	switch (name.len) {
	case 4:
		if (!head->host.data && span_equal_nocase(name, span_str("host")))
			head->host = value;
		break;
	case 12:
		if (!head->content_type.data && span_equal_nocase(name, span_str("content-type")))
			head->content_type = value;
		break;
	case 14:
		if (span_equal_nocase(name, span_str("content-length")))
			note_content_length(head, value);
		break;
	case 17:
		if (span_equal_nocase(name, span_str("transfer-encoding")))
			note_transfer_encoding(head, value);
		break;
	default: break;
	}
}

static bool parse_field(struct head *head, struct span line, bool clean)
{
	if (span_is_blank(line.data[0])) { /* obs-fold: what it continues is read differently by different servers */
		head->framing = HEAD_FRAMING_AMBIGUOUS;
		return head->method.len == 0 || clean;
	}
	size_t name_len = 0;
	while (is_token(line.data[name_len])) /* the line's end, which follows, is none */
		name_len++;
	size_t colon = name_len;
	while (colon < line.len && span_is_blank(line.data[colon]))
		colon++;
	if (name_len == 0 || colon == line.len || line.data[colon] != ':')
		return false;
	struct span name = span_make(line.data, name_len);
	struct span value = span_trim(span_from(line, colon + 1));
	/* An answer's values are its server's own; only what frames it is read, and that is checked where it is. */
	if (head->method.len > 0 && !clean)
		return false;
	note_field(head, name, value);
	if (colon != name_len)
		head->framing = HEAD_FRAMING_AMBIGUOUS;
	if (head->field_count < HEAD_FIELDS_MAX)
		head->fields[head->field_count++] = (struct head_field){.name = name, .value = value};
	else
		head->fields_dropped++;
	return true;
}

/* The field array stays as it is: 3 KB that field_count makes unreachable. */
static void reset(struct head *head)
{
	head->method = head->target = head->host = head->content_type = span_make(NULL, 0);
	head->status = 0;
	head->minor = 0;
	head->framing = HEAD_FRAMING_NONE;
	head->content_length = 0;
	head->field_count = head->fields_dropped = 0;
}

static struct span skip_empty_lines(struct span bytes)
{
	size_t i = 0;
	while (i < bytes.len && (bytes.data[i] == '\r' || bytes.data[i] == '\n'))
		i++;
	return span_from(bytes, i);
}

static int parse(struct span bytes, struct head *head, bool request)
{
	reset(head);
	struct span rest = skip_empty_lines(bytes);
	struct line line;
	if (!take_line(&rest, &line))
		return HEAD_MORE;
	if (!(request ? parse_request_line(head, line.text, line.clean) : parse_status_line(head, line.text)))
		return HEAD_BAD;
	while (take_line(&rest, &line)) {
		if (line.text.len == 0)
			return (int)(bytes.len - rest.len);
		if (parse_field(head, line.text, line.clean))
			continue;
		if (request)
			return HEAD_BAD;
		head->framing = HEAD_FRAMING_AMBIGUOUS;
	}
	return HEAD_MORE;
}

int head_parse_request(struct span bytes, struct head *head)
{
	return parse(bytes, head, true);
}

int head_parse_answer(struct span bytes, struct head *head)
{
	return parse(bytes, head, false);
}

bool head_may_begin_request(struct span bytes)
{
	struct span s = skip_empty_lines(bytes);
	size_t i = 0;
	while (i < s.len && i <= HEAD_METHOD_MAX && (is_upper(s.data[i]) || (i > 0 && (s.data[i] == '-' || s.data[i] == '_'))))
		i++;
	if (i > HEAD_METHOD_MAX)
		return false;
	if (i == s.len)
		return true;
	if (i < 3 || s.data[i] != ' ')
		return false;
	while (i < s.len && s.data[i] == ' ')
		i++;
	return i == s.len || s.data[i] == '/' || s.data[i] == '*' || s.data[i] == '[' || (is_token(s.data[i]) && s.data[i] != '%');
}

bool head_may_begin_answer(struct span bytes)
{
	struct span s = skip_empty_lines(bytes);
	struct span start = span_str("HTTP/1.");
	return s.len < start.len ? span_starts_with(start, s) : span_starts_with(s, start);
}

/* What stands before query and fragment. */
static struct span path_alone(struct span target)
{
	size_t i = 0;
	while (i < target.len && target.data[i] != '?' && target.data[i] != '#')
		i++;
	return span_make(target.data, i);
}

/* "user@example.org:8080" is "example.org"; "[::1]:80" is "[::1]". */
static struct span host_alone(struct span authority)
{
	struct span rest = authority;
	if (authority.len > 0 && memchr(authority.data, '@', authority.len)) {
		span_cut(&rest, '@');
		authority = rest;
	}
	if (authority.len > 0 && authority.data[0] == '[') {
		const char *end = memchr(authority.data, ']', authority.len);
		return end ? span_make(authority.data, (size_t)(end - authority.data) + 1) : authority;
	}
	return span_cut(&authority, ':');
}

void head_route(const struct head *head, struct span *ret_host, struct span *ret_path)
{
	struct span target = head->target;
	struct span authority = head->host;
	if (span_equal(head->method, span_str("CONNECT"))) {
		authority = target;
		target = span_str("*");
	} else if (target.len > 0 && target.data[0] != '/' && target.data[0] != '*') {
		struct span rest = target;
		span_cut(&rest, '/'); /* "http:" */
		span_cut(&rest, '/'); /* between the two slashes */
		struct span whole = path_alone(rest);
		authority = span_cut(&whole, '/');
		target = span_from(rest, authority.len);
	}
	struct span path = path_alone(target);
	*ret_host = host_alone(authority);
	*ret_path = path.len > 0 ? path : span_str("/");
}
