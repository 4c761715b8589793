#include "agent/template/path.h"

#include <stdint.h>

enum byte_class { BYTE_PLAIN, BYTE_SLASH, BYTE_SPECIAL };

/* Special: encoded, a parameter's mark, no ASCII text, or what has a meaning in templates. */
static const uint8_t classes[256] = {
	[0 ... 0x1f] = BYTE_SPECIAL, ['%'] = BYTE_SPECIAL, ['/'] = BYTE_SLASH,   [';'] = BYTE_SPECIAL,
	['\\'] = BYTE_SPECIAL,       ['{'] = BYTE_SPECIAL, ['}'] = BYTE_SPECIAL, [0x7f ... 0xff] = BYTE_SPECIAL,
};

static bool is_dots(struct span s, size_t count)
{
	return s.len == count && s.data[0] == '.' && s.data[count - 1] == '.';
}

static bool add(struct segments *ret, struct span raw, bool plain)
{
	if (!plain)
		raw = span_cut(&raw, ';');
	if (raw.len == 0 || is_dots(raw, 1))
		return true;
	if (is_dots(raw, 2)) {
		ret->count -= ret->count > 0;
		return true;
	}
	if (ret->count == SEGMENTS_MAX) {
		ret->more = true;
		return false;
	}
	ret->items[ret->count++] = (struct segment){.raw = raw, .plain = plain};
	return true;
}

void path_split(struct span path, struct segments *ret)
{
	const char *p = path.data, *end = path.data + path.len;

	ret->count = 0;
	ret->more = false;
	for (bool room = true; room && p < end; p++) {
		const char *start = p;
		unsigned seen = 0;
		for (; p < end && classes[(uint8_t)*p] != BYTE_SLASH; p++)
			seen |= classes[(uint8_t)*p];
		room = add(ret, span_make(start, (size_t)(p - start)), seen == 0);
	}
}
