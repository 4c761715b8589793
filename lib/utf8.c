#include "lib/utf8.h"

#include <stdbool.h>
#include <stdint.h>

/* Bytes of the sequence that a lead byte announces; 0 when it cannot lead (continuation, overlong C0 and C1, past U+10FFFF). */
static size_t sequence_len(uint8_t lead)
{
	if (lead < 0x80)
		return 1;
	if (lead < 0xC2)
		return 0;
	if (lead < 0xE0)
		return 2;
	if (lead < 0xF0)
		return 3;
	return lead < 0xF5 ? 4 : 0;
}

/* The second byte alone decides what RFC 3629 section 4 excludes: overlong forms, surrogates, points past U+10FFFF; and the C1 controls. */
static bool second_fits(uint8_t lead, uint8_t second)
{
	switch (lead) {
	case 0xC2: return second >= 0xA0;
	case 0xE0: return second >= 0xA0;
	case 0xED: return second < 0xA0;
	case 0xF0: return second >= 0x90;
	case 0xF4: return second < 0x90;
	default: return true;
	}
}

size_t utf8_clean_len(struct span s)
{
	const uint8_t *p = (const uint8_t *)s.data;
	size_t at = 0;
	while (at < s.len) {
		size_t len = sequence_len(p[at]);
		if (len == 0 || len > s.len - at)
			return at;
		if (len == 1 && (p[at] < 0x20 || p[at] == 0x7F))
			return at;
		if (len > 1 && !second_fits(p[at], p[at + 1]))
			return at;
		for (size_t i = 1; i < len; i++)
			if ((p[at + i] & 0xC0) != 0x80)
				return at;
		at += len;
	}
	return at;
}
