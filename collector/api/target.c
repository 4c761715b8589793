#include "collector/api/target.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Bytes of the code point at the front of `s`; 0 when there is none (RFC 3629, section 4). */
static size_t utf8_len(struct span s)
{
	const unsigned char *b = (const unsigned char *)s.data;
	if (b[0] < 0x80)
		return 1;
	size_t len = b[0] >= 0xf0 && b[0] <= 0xf4 ? 4 : b[0] >= 0xe0 && b[0] <= 0xef ? 3 : b[0] >= 0xc2 && b[0] <= 0xdf ? 2 : 0;
	if (len == 0 || len > s.len)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((b[i] & 0xc0) != 0x80)
			return 0;
	bool overlong = (b[0] == 0xe0 && b[1] < 0xa0) || (b[0] == 0xf0 && b[1] < 0x90);
	bool surrogate = b[0] == 0xed && b[1] > 0x9f;
	bool past_end = b[0] == 0xf4 && b[1] > 0x8f;
	return overlong || surrogate || past_end ? 0 : len;
}

bool text_is_plain(struct span text)
{
	while (text.len > 0) {
		unsigned char first = (unsigned char)text.data[0];
		size_t len = utf8_len(text);
		if (len == 0 || first < 0x20 || first == 0x7f)
			return false;
		text = span_from(text, len);
	}
	return true;
}

/* Decodes `raw` to `*end` of the target's text, terminates it there and moves `*end` past it. */
static int decode(struct span raw, bool plus_is_space, char **end, const char **ret, struct err *err)
{
	char *out = *end;
	for (size_t i = 0; i < raw.len; i++) {
		char c = raw.data[i];
		if (c == '+' && plus_is_space) {
			c = ' ';
		} else if (c == '%') {
			int high = i + 2 < raw.len ? hex_digit(raw.data[i + 1]) : -1;
			int low = i + 2 < raw.len ? hex_digit(raw.data[i + 2]) : -1;
			if (high < 0 || low < 0) {
				err_set(err, "a %% in the address is not followed by two hexadecimal digits");
				return -EINVAL;
			}
			c = (char)(high << 4 | low);
			i += 2;
		}
		*out++ = c;
	}
	if (!text_is_plain(span_make(*end, (size_t)(out - *end)))) {
		err_set(err, "the address holds bytes that are not printable UTF-8");
		return -EINVAL;
	}
	*out = '\0';
	*ret = *end;
	*end = out + 1;
	return 0;
}

static int parse_path(struct span path, struct target *t, char **end, struct err *err)
{
	if (path.len == 0 || path.data[0] != '/') {
		err_set(err, "the address does not begin with /");
		return -EINVAL;
	}
	for (path = span_from(path, 1); path.len > 0;) {
		if (t->segment_count == TARGET_SEGMENTS_MAX) {
			err_set(err, "the address has more than %d segments", TARGET_SEGMENTS_MAX);
			return -EMSGSIZE;
		}
		int r = decode(span_cut(&path, '/'), false, end, &t->segments[t->segment_count], err);
		if (r < 0)
			return r;
		t->segment_count++;
	}
	return 0;
}

static int parse_query(struct span query, struct target *t, char **end, struct err *err)
{
	while (query.len > 0) {
		struct span pair = span_cut(&query, '&');
		if (t->pair_count == TARGET_PAIRS_MAX) {
			err_set(err, "the query has more than %d keys", TARGET_PAIRS_MAX);
			return -EMSGSIZE;
		}
		struct target_pair *p = &t->pairs[t->pair_count];
		int r = decode(span_cut(&pair, '='), true, end, &p->key, err);
		if (r == 0)
			r = decode(pair, true, end, &p->value, err);
		if (r < 0)
			return r;
		if (target_value(t, p->key)) {
			err_set(err, "the query has the key \"%s\" twice", p->key);
			return -EINVAL;
		}
		t->pair_count++;
	}
	return 0;
}

int target_parse(struct span raw, struct target *ret, struct err *err)
{
	ret->segment_count = 0;
	ret->pair_count = 0;
	if (raw.len > TARGET_BYTES_MAX) {
		err_set(err, "the address is longer than %d bytes", TARGET_BYTES_MAX);
		return -EMSGSIZE;
	}
	char *end = ret->text;
	struct span query = raw;
	int r = parse_path(span_cut(&query, '?'), ret, &end, err);
	return r < 0 ? r : parse_query(query, ret, &end, err);
}

const char *target_value(const struct target *t, const char *key)
{
	for (size_t i = 0; i < t->pair_count; i++)
		if (strcmp(t->pairs[i].key, key) == 0)
			return t->pairs[i].value;
	return NULL;
}
