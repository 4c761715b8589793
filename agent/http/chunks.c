#include "agent/http/chunks.h"

#include <string.h>

void chunks_init(struct chunks *c)
{
	*c = (struct chunks){.phase = CHUNKS_SIZE_FIRST};
}

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

static enum chunks_phase after_size_line(struct chunks *c)
{
	c->line = 0;
	return c->left > 0 ? CHUNKS_DATA : CHUNKS_TRAILER_START;
}

static enum chunks_phase read_size(struct chunks *c, char byte)
{
	int digit = hex_digit(byte);
	if (digit >= 0) {
		if (c->left >> 52) /* 13 digits are 4 PiB: nobody sends that, somebody wants an overflow */
			return CHUNKS_BAD;
		c->left = c->left << 4 | (uint64_t)digit;
		return CHUNKS_SIZE;
	}
	if (c->phase == CHUNKS_SIZE_FIRST)
		return CHUNKS_BAD;
	if (byte == '\n')
		return after_size_line(c);
	return byte == ';' || byte == ' ' || byte == '\t' || byte == '\r' ? CHUNKS_EXTENSION : CHUNKS_BAD;
}

static enum chunks_phase read_byte(struct chunks *c, char byte)
{
	switch ((enum chunks_phase)c->phase) {
	case CHUNKS_SIZE_FIRST:
	case CHUNKS_SIZE: return ++c->line > CHUNKS_LINE_MAX ? CHUNKS_BAD : read_size(c, byte);
	case CHUNKS_EXTENSION:
		if (byte == '\n')
			return after_size_line(c);
		return ++c->line > CHUNKS_LINE_MAX ? CHUNKS_BAD : CHUNKS_EXTENSION;
	case CHUNKS_DATA_END:
		if (byte == '\r' && c->line++ == 0)
			return CHUNKS_DATA_END;
		chunks_init(c);
		return byte == '\n' ? CHUNKS_SIZE_FIRST : CHUNKS_BAD;
	case CHUNKS_TRAILER_START:
		if (byte == '\n')
			return CHUNKS_DONE;
		if (byte == '\r')
			return ++c->line > CHUNKS_TRAILER_MAX ? CHUNKS_BAD : CHUNKS_TRAILER_START;
		return CHUNKS_TRAILER;
	case CHUNKS_TRAILER:
		if (++c->line > CHUNKS_TRAILER_MAX)
			return CHUNKS_BAD;
		return byte == '\n' ? CHUNKS_TRAILER_START : CHUNKS_TRAILER;
	case CHUNKS_DATA:
	case CHUNKS_DONE:
	case CHUNKS_BAD: break;
	}
	return CHUNKS_BAD;
}

size_t chunks_read(struct chunks *c, struct span bytes)
{
	size_t i = 0;
	while (i < bytes.len && c->phase != CHUNKS_DONE && c->phase != CHUNKS_BAD) {
		if (c->phase == CHUNKS_DATA) {
			size_t rest = bytes.len - i;
			size_t take = c->left < rest ? (size_t)c->left : rest;
			c->left -= take;
			i += take;
			if (c->left == 0)
				c->phase = CHUNKS_DATA_END;
			continue;
		}
		c->phase = (uint8_t)read_byte(c, bytes.data[i++]);
	}
	return i;
}

uint64_t chunks_skip(struct chunks *c)
{
	if (c->phase != CHUNKS_DATA)
		return 0;
	uint64_t left = c->left;
	c->left = 0;
	c->phase = CHUNKS_DATA_END;
	return left;
}
