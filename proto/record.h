/* What one spool record holds: a batch, still encoded, and the cursors of every tap that it covers.
 *
 * The cursors never leave the host; the batch goes to the wire byte for byte. */
#ifndef TOCSIN_PROTO_RECORD_H
#define TOCSIN_PROTO_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/span.h"

enum {
	CURSOR_HEAD_BYTES = 1024,
	CURSOR_TAIL_BYTES = 64,
	CURSOR_PATH_MAX = 4095,
	RECORD_CURSORS_MAX = 4096,
	RECORD_BYTES_MAX = 2 << 20, /* encoded; also the spool's ceiling for one payload */
};

/* How far a file was read, and how to recognise it again. */
struct cursor {
	struct span path;
	uint64_t device, inode, generation;
	uint64_t offset;   /* of the first byte not yet counted: the end of the last complete line */
	uint32_t head_len; /* bytes of the head that were hashed, at most CURSOR_HEAD_BYTES */
	uint64_t head_hash;
	uint64_t tail_hash; /* of the CURSOR_TAIL_BYTES before offset */
};

struct record {
	struct span batch; /* encoded Batch */
	struct cursor *cursors;
	size_t cursor_count;
	bool clean; /* the agent stopped in order after this record: no probe gap follows it */
	int64_t written_ms;
	void *owner; /* of a decoded record's spans; NULL when the caller made it */
};

/* Appends to `out`. -EMSGSIZE past a ceiling, -EINVAL for a cursor no file can have, -ENOMEM; `out` is then as it was. */
int record_encode(const struct record *record, struct buf *out);
/* Spans and cursors are owned by the record, until record_done. -EBADMSG with a sentence when `bytes` are not a record or are past a
 * ceiling, -ENOMEM. */
int record_decode(struct span bytes, struct record *ret_record, struct err *err);
void record_done(struct record *record);

#endif
