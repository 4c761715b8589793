/* A buf is a growing byte buffer that declares its ceiling when it is made.
 *
 * Owns its bytes. Never grows past `max`: the append that would returns -EMSGSIZE and changes nothing, so whoever fills a
 * buffer from the network has its limit in one visible place. */
#ifndef TOCSIN_LIB_BUF_H
#define TOCSIN_LIB_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "lib/span.h"

struct buf {
	uint8_t *data;
	size_t len;
	size_t cap;
	size_t max;
};

void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b);
void buf_clear(struct buf *b);                               /* len = 0, memory kept */
int buf_reserve(struct buf *b, size_t more);                 /* room for `more` bytes after len; -EMSGSIZE, -ENOMEM */
int buf_append(struct buf *b, const void *data, size_t len); /* -EMSGSIZE, -ENOMEM */
int buf_append_span(struct buf *b, struct span s);
int buf_append_byte(struct buf *b, uint8_t byte);
int buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_consume(struct buf *b, size_t len); /* drops the first len bytes */

static inline struct span buf_span(const struct buf *b)
{
	return span_make(b->data, b->len);
}

#endif
