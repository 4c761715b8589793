/* The chunked transfer coding (RFC 9112 section 7.1), read only to know where the body ends.
 *
 * Resumable at every byte. Data is never looked at: where a chunk's data is not at hand, chunks_skip passes over it. */
#ifndef TOCSIN_AGENT_HTTP_CHUNKS_H
#define TOCSIN_AGENT_HTTP_CHUNKS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/span.h"

enum {
	CHUNKS_LINE_MAX = 4096,     /* a size line with its extensions */
	CHUNKS_TRAILER_MAX = 16384, /* all trailer fields */
};

enum chunks_phase {
	CHUNKS_SIZE_FIRST, /* at least one digit must stand here */
	CHUNKS_SIZE,
	CHUNKS_EXTENSION,
	CHUNKS_DATA,
	CHUNKS_DATA_END, /* CRLF, or LF alone */
	CHUNKS_TRAILER_START,
	CHUNKS_TRAILER,
	CHUNKS_DONE,
	CHUNKS_BAD,
};

struct chunks {
	uint64_t left; /* of the size being read, then of the data */
	uint16_t line; /* bytes of the line or trailer so far */
	uint8_t phase; /* enum chunks_phase */
};

void chunks_init(struct chunks *c);
/* Reads on and returns how many bytes it took: all of them, unless the body ended (CHUNKS_DONE) or is no chunked body (CHUNKS_BAD). */
size_t chunks_read(struct chunks *c, struct span bytes);
/* Passes over the data of the present chunk that was not shown; returns its length. */
uint64_t chunks_skip(struct chunks *c);

#endif
