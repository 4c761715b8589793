#include "agent/token.h"

#include <stdint.h>

/* Both alphabets of RFC 4648, each value one too high so that zero is "no digit". */
static const uint8_t base64_digit[256] = {
	['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,  ['I'] = 9,  ['J'] = 10, ['K'] = 11,
	['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22,
	['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33,
	['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44,
	['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55,
	['3'] = 56, ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['-'] = 63, ['/'] = 64, ['_'] = 64,
};

/* Decodes until the input or the room ends; false at a byte that is no base64. */
static bool decode(struct span text, struct token_buffer *buffer, struct span *ret)
{
	uint32_t bits = 0;
	unsigned count = 0;
	size_t len = 0;
	while (text.len > 0 && text.data[text.len - 1] == '=')
		text.len--;
	for (size_t i = 0; i < text.len && len < sizeof buffer->bytes; i++) {
		uint8_t digit = base64_digit[(unsigned char)text.data[i]];
		if (digit == 0)
			return false;
		bits = bits << 6 | (uint32_t)(digit - 1);
		count += 6;
		if (count >= 8) {
			count -= 8;
			buffer->bytes[len++] = (char)(uint8_t)(bits >> count);
		}
	}
	*ret = span_make(buffer->bytes, len);
	return true;
}

bool token_is_jwt(struct span token)
{
	unsigned dots = 0;
	for (size_t i = 0; i < token.len; i++) {
		if (token.data[i] == '.')
			dots++;
		else if (!base64_digit[(unsigned char)token.data[i]])
			return false;
	}
	/* Every JOSE header is a JSON object: `{"` in base64url. */
	return dots == 2 && span_starts_with(token, span_str("eyJ"));
}

/* ---- just enough JSON to find a member of the outermost object ---- */

static void skip_space(struct span *s)
{
	while (s->len > 0 && (s->data[0] == ' ' || s->data[0] == '\t' || s->data[0] == '\n' || s->data[0] == '\r'))
		*s = span_from(*s, 1);
}

/* After the opening quote: the text up to the closing one. */
static bool take_string(struct span *s, struct span *ret)
{
	for (size_t i = 0; i < s->len; i++) {
		if (s->data[i] == '\\') {
			i++;
		} else if (s->data[i] == '"') {
			*ret = span_make(s->data, i);
			*s = span_from(*s, i + 1);
			return true;
		}
	}
	return false;
}

static bool take_byte(struct span *s, char byte)
{
	skip_space(s);
	if (s->len == 0 || s->data[0] != byte)
		return false;
	*s = span_from(*s, 1);
	return true;
}

/* A value: its text when it is a string or a bare word, nothing when it is an object or an array, whose inside is passed over. */
static bool take_value(struct span *s, struct span *ret)
{
	unsigned depth = 0;
	*ret = span_make(NULL, 0);
	skip_space(s);
	while (s->len > 0) {
		char c = s->data[0];
		struct span text;
		if (depth == 0 && (c == ',' || c == '}'))
			return true;
		if (c == '"') {
			*s = span_from(*s, 1);
			if (!take_string(s, &text))
				return false;
			if (depth == 0) {
				*ret = text;
				return true;
			}
			continue;
		}
		if (c == '{' || c == '[') {
			depth++;
		} else if (c == '}' || c == ']') {
			if (depth == 0)
				return false;
			depth--;
		} else if (depth == 0 && c != ' ' && c != '\t' && c != '\r' && c != '\n') {
			*ret = span_make(ret->data ? ret->data : s->data, ret->len + 1);
		}
		*s = span_from(*s, 1);
	}
	return false;
}

static bool find_subject(struct span json, struct span *ret)
{
	if (!take_byte(&json, '{'))
		return false;
	do {
		struct span name, value;
		if (!take_byte(&json, '"') || !take_string(&json, &name) || !take_byte(&json, ':') || !take_value(&json, &value))
			return false;
		if (span_equal(name, span_str("sub"))) {
			*ret = value;
			return value.len > 0 && !span_equal(value, span_str("null"));
		}
	} while (take_byte(&json, ','));
	return false;
}

bool token_subject(struct span jwt, struct token_buffer *buffer, struct span *ret)
{
	struct span claims;
	span_cut(&jwt, '.');
	return decode(span_cut(&jwt, '.'), buffer, &claims) && find_subject(claims, ret);
}

bool token_basic_user(struct span credentials, struct token_buffer *buffer, struct span *ret)
{
	struct span plain;
	if (!decode(credentials, buffer, &plain))
		return false;
	struct span user = span_cut(&plain, ':');
	if (user.len == 0)
		return false;
	*ret = user;
	return true;
}
