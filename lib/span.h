/* A span is borrowed text: a pointer and a length, never owned, never NUL-terminated by promise.
 *
 * Every parser here reads spans and returns spans into the same bytes, so nothing is copied until somebody decides to keep it. */
#ifndef TOCSIN_LIB_SPAN_H
#define TOCSIN_LIB_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct span {
	const char *data;
	size_t len;
};

static inline struct span span_make(const void *data, size_t len)
{
	return (struct span){.data = data, .len = len};
}

static inline struct span span_str(const char *text)
{
	return (struct span){.data = text, .len = text ? strlen(text) : 0};
}

static inline bool span_equal(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* Bytes of the span from `from` on; empty when `from` lies past its end. */
static inline struct span span_from(struct span s, size_t from)
{
	if (from > s.len)
		from = s.len;
	return from == 0 ? s : span_make(s.data + from, s.len - from); /* adding even 0 to a null pointer is undefined */
}

/* ASCII case only: header names, cookie attributes and host names know no other. Most comparisons end at the length or the first letter. */
bool span_same_letters(const char *a, const char *b, size_t len);
static inline bool span_equal_nocase(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || (((a.data[0] ^ b.data[0]) & 0xdf) == 0 && span_same_letters(a.data, b.data, a.len)));
}

static inline bool span_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static inline struct span span_trim(struct span s)
{
	size_t from = 0;
	while (from < s.len && span_is_blank(s.data[from]))
		from++;
	while (s.len > from && span_is_blank(s.data[s.len - 1]))
		s.len--;
	return span_from(s, from);
}

bool span_starts_with(struct span s, struct span prefix);
/* Cuts `*rest` at the first `sep`: returns what stood before it and leaves what follows; without one, returns everything. */
struct span span_cut(struct span *rest, char sep);

#endif
