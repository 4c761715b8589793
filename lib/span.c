#include "lib/span.h"

static unsigned char lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c + ('a' - 'A')) : c;
}

bool span_same_letters(const char *a, const char *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (a[i] != b[i] && lower((unsigned char)a[i]) != lower((unsigned char)b[i]))
			return false;
	return true;
}

bool span_starts_with(struct span s, struct span prefix)
{
	return s.len >= prefix.len && memcmp(s.data, prefix.data, prefix.len) == 0;
}

struct span span_cut(struct span *rest, char sep)
{
	const char *at = rest->len ? memchr(rest->data, sep, rest->len) : NULL;
	if (!at) {
		struct span all = *rest;
		*rest = span_from(*rest, rest->len);
		return all;
	}
	struct span head = span_make(rest->data, (size_t)(at - rest->data));
	*rest = span_make(at + 1, rest->len - head.len - 1);
	return head;
}
