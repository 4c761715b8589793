/* A byteq is a buf that is read from the front: bytes go in at the end and out at the beginning, with a declared ceiling.
 *
 * Consuming only moves a mark; what was read is reclaimed when it outweighs what is left, so a large queue is not moved for every frame. */
#ifndef TOCSIN_LIB_BYTEQ_H
#define TOCSIN_LIB_BYTEQ_H

#include <stddef.h>

#include "lib/buf.h"
#include "lib/span.h"

struct byteq {
	struct buf buf;
	size_t at; /* first byte not yet consumed */
};

static inline void byteq_init(struct byteq *q, size_t max)
{
	buf_init(&q->buf, max);
	q->at = 0;
}

static inline void byteq_done(struct byteq *q)
{
	buf_done(&q->buf);
	q->at = 0;
}

static inline size_t byteq_len(const struct byteq *q)
{
	return q->buf.len - q->at;
}

/* What is queued; valid until the next call. */
static inline struct span byteq_span(const struct byteq *q)
{
	return span_from(buf_span(&q->buf), q->at);
}

/* -EMSGSIZE past the ceiling (counted on what is queued), -ENOMEM; then nothing was taken. */
int byteq_append(struct byteq *q, struct span s);
/* Drops the first `len` bytes; memory is given back when the queue runs empty after having been large. */
void byteq_consume(struct byteq *q, size_t len);

#endif
