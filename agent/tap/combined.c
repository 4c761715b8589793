/* The combined log format of nginx and Apache:
 *   address ident user [day/month/year:h:m:s zone] "request" status bytes "referer" "user agent" …
 * and the common log format, which is its beginning. Inside quotes nginx writes \xXX and Apache \" and \\ as well, so a quote ends a field unless an
 * odd number of backslashes stands before it. A user name may hold spaces and brackets (nginx leaves them as they are): the time is the first
 * place that reads as one and is followed by a quote, which no name can hold unescaped.
 *
 * What stands behind the byte count is looked at only to tell a line from two that were torn into each other. Loggers cut long lines, so a last
 * field without its closing quote is let pass: all that counts stands before it. */
#include "agent/tap/format.h"

#include <string.h>

enum { TIME_BYTES = 26, ADDRESS_BYTES_MAX = 255, BYTES_DIGITS_MAX = 18 };

struct reader {
	const char *at;
	const char *end;
};

static size_t left(const struct reader *r)
{
	return (size_t)(r->end - r->at);
}

static bool take_byte(struct reader *r, char byte)
{
	if (r->at == r->end || *r->at != byte)
		return false;
	r->at++;
	return true;
}

/* Up to the next space, which is taken as well. */
static bool take_word(struct reader *r, struct span *ret)
{
	const char *space = memchr(r->at, ' ', left(r));
	if (!space || space == r->at)
		return false;
	*ret = span_make(r->at, (size_t)(space - r->at));
	r->at = space + 1;
	return true;
}

/* The user field, and the time behind it: leaves the reader behind the quote that opens the request. */
static bool take_user_and_time(struct reader *r, struct log_times *times, struct span *ret_user, int64_t *ret_ms)
{
	const char *start = r->at;
	for (const char *p = start; (p = memchr(p, '[', (size_t)(r->end - p))) != NULL; p++) {
		if ((size_t)(r->end - p) < 1 + TIME_BYTES + 3)
			return false;
		if (p == start || p[-1] != ' ' || memcmp(p + 1 + TIME_BYTES, "] \"", 3) != 0 || !log_time_common(times, p + 1, ret_ms))
			continue;
		*ret_user = span_make(start, (size_t)(p - 1 - start));
		r->at = p + 1 + TIME_BYTES + 3;
		return true;
	}
	return false;
}

/* The rest of a quoted field whose opening quote is taken. */
static bool take_quoted(struct reader *r, struct span *ret)
{
	for (const char *p = r->at; (p = memchr(p, '"', (size_t)(r->end - p))) != NULL; p++) {
		const char *slash = p;
		while (slash > r->at && slash[-1] == '\\')
			slash--;
		if ((p - slash) % 2 != 0)
			continue;
		*ret = span_make(r->at, (size_t)(p - r->at));
		r->at = p + 1;
		return true;
	}
	return false;
}

/* Three digits, or "-" where no answer was sent; nginx writes 000. */
static bool take_status(struct reader *r, uint16_t *ret)
{
	struct span word;
	if (!take_word(r, &word))
		return false;
	*ret = 0;
	if (word.len == 1 && word.data[0] == '-')
		return true;
	if (word.len != 3)
		return false;
	unsigned value = 0;
	for (size_t i = 0; i < 3; i++) {
		if (word.data[i] < '0' || word.data[i] > '9')
			return false;
		value = value * 10 + (unsigned)(word.data[i] - '0');
	}
	*ret = (uint16_t)value;
	return value == 0 || (value >= 100 && value <= 599);
}

/* Digits or "-", up to a space or the line's end. */
static bool take_bytes(struct reader *r, uint64_t *ret)
{
	*ret = 0;
	if (take_byte(r, '-'))
		return r->at == r->end || *r->at == ' ';
	const char *start = r->at;
	uint64_t value = 0;
	for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++) {
		if (r->at - start == BYTES_DIGITS_MAX)
			return false;
		value = value * 10 + (uint64_t)(*r->at - '0');
	}
	*ret = value;
	return r->at > start && (r->at == r->end || *r->at == ' ');
}

/* Referer and user agent: absent, whole, or the last one cut. Further fields are the operator's own. */
static bool rest_is_plausible(struct reader *r)
{
	struct span ignored;
	for (int field = 0; field < 2; field++) {
		if (r->at == r->end)
			return true;
		if (!take_byte(r, ' ') || !take_byte(r, '"'))
			return false;
		if (!take_quoted(r, &ignored))
			return true;
	}
	return r->at == r->end || *r->at == ' ';
}

enum log_verdict combined_parse(struct log_times *times, struct span line, struct log_line *ret_line)
{
	struct reader r = {.at = line.data, .end = line.data + line.len};
	struct log_line found = {0};
	struct span ident, request;
	if (line.len == 0 || !take_word(&r, &found.address) || found.address.len > ADDRESS_BYTES_MAX || !take_word(&r, &ident) ||
	    !take_user_and_time(&r, times, &found.user, &found.time_ms) || !take_quoted(&r, &request) || !take_byte(&r, ' ') ||
	    !take_status(&r, &found.status) || !take_bytes(&r, &found.answer_bytes) || !rest_is_plausible(&r))
		return LOG_MALFORMED;
	if (!log_request_line(request, &found))
		return LOG_OTHER;
	*ret_line = found;
	return LOG_REQUEST;
}
