/* A segment's bytes: how a record is framed, and how to walk through frames of which some may be torn or rotten.
 *
 * Pure: bytes in, frames out; no file is opened here. On disk, little-endian, 48 bytes before each payload:
 *   magic 8 | payload length 4 | crc32c of payload 4 | sequence 8 | epoch 8 | agent 8 | zero 4 | crc32c of these 44 bytes 4
 * The header's own checksum lets a reader believe the length of a record whose payload is rotten, and step over exactly it. */
#ifndef TOCSIN_AGENT_SPOOL_SEGMENT_H
#define TOCSIN_AGENT_SPOOL_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/span.h"

enum { FRAME_HEADER_BYTES = 48, FRAME_PAYLOAD_MAX = 2 << 20 };

struct frame {
	uint64_t sequence, epoch, agent;
	uint32_t payload_len;
	uint32_t payload_crc;
};

void frame_encode(const struct frame *frame, uint8_t header[FRAME_HEADER_BYTES]);
/* -EBADMSG unless header, checksum and length are right. The payload is not looked at. */
int frame_decode(const uint8_t header[FRAME_HEADER_BYTES], struct frame *ret_frame);
bool frame_payload_valid(const struct frame *frame, const void *payload);
static inline uint64_t frame_size(const struct frame *frame)
{
	return FRAME_HEADER_BYTES + (uint64_t)frame->payload_len;
}

/* What makes a frame belong to a segment: its epoch, its agent (0: any) and sequences that rise within [first, limit). */
struct segment_bounds {
	uint64_t epoch, agent, first, limit;
};

struct segment_part {
	uint64_t offset, len;
	uint64_t sequence; /* 0: unknown */
	bool valid;
};

struct segment_summary {
	uint64_t records;   /* valid ones */
	uint64_t bad;       /* stretches that are no valid record and have one behind them */
	uint64_t last;      /* sequence of the newest valid record; bounds.first - 1 when there is none */
	uint64_t last_from; /* its offset */
	uint64_t end;       /* where it ends: what follows is unwritten or torn */
	uint64_t torn;      /* bytes after `end` up to the last one that is not zero */
};

/* Calls `each` (may be NULL) for every valid record and every bad stretch before the last valid record, in order. */
void segment_walk(struct span bytes, const struct segment_bounds *bounds, void (*each)(void *ctx, const struct segment_part *part),
		  void *ctx, struct segment_summary *ret_summary);
/* Offset of the next header that decodes, at or after `from`; bytes.len when there is none. */
uint64_t segment_next_header(struct span bytes, uint64_t from);

#endif
