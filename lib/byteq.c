#include "lib/byteq.h"

/* An idle connection keeps at most this much. */
enum { KEEP_BYTES = 4096 };

static void reclaim(struct byteq *q)
{
	buf_consume(&q->buf, q->at);
	q->at = 0;
}

int byteq_append(struct byteq *q, struct span s)
{
	if (q->at > 0 && q->buf.len + s.len > q->buf.max)
		reclaim(q);
	return buf_append_span(&q->buf, s);
}

void byteq_consume(struct byteq *q, size_t len)
{
	q->at += len < byteq_len(q) ? len : byteq_len(q);
	if (byteq_len(q) > 0) {
		if (q->at > q->buf.len / 2)
			reclaim(q);
		return;
	}
	q->at = 0;
	buf_clear(&q->buf);
	if (q->buf.cap > KEEP_BYTES)
		buf_done(&q->buf);
}
