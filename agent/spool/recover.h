/* Reading a spool folder back: which segments there are, what in them is whole, and what is set aside.
 *
 * Used by spool_open, which repairs, and by spool_scan, which only looks. Never fails for what it finds in a file. */
#ifndef TOCSIN_AGENT_SPOOL_RECOVER_H
#define TOCSIN_AGENT_SPOOL_RECOVER_H

#include <stddef.h>
#include <stdint.h>

#include "agent/spool/disk.h"
#include "agent/spool/segment.h"
#include "lib/buf.h"

enum { SEGMENT_NAME_BYTES = 40 }; /* "<epoch>-<first sequence>.seg", 16 hex digits each, and the NUL */

/* A segment file. Names sort as records do; a segment's records end where the next one of its epoch begins: what a given-up segment
 * holds beyond that was written again. */
struct segment {
	uint64_t epoch, first;
	uint64_t last;      /* newest valid record; first - 1 when empty */
	uint64_t last_from; /* offset of that record */
	uint64_t end;       /* of the valid records */
	uint64_t torn;      /* bytes written after `end` */
	uint64_t size;      /* of the file */
};

static inline bool segment_empty(const struct segment *s)
{
	return s->last < s->first;
}
void segment_name(const struct segment *s, char ret_name[SEGMENT_NAME_BYTES]);

/* The segments of a folder in order, by their names alone. Freed by the caller. -ENOMEM, or why the folder cannot be read. */
int recover_list(int dir, struct segment **ret_segments, size_t *ret_count);
/* The bytes of a segment into `bytes`; what the disk cannot read comes as zeros. */
int recover_load(const struct disk *disk, int dir, const struct segment *s, struct buf *bytes);
/* Loads segments[i] and walks it; fills its last, last_from, end, torn, size. `agent` 0 takes anybody's records. */
int recover_walk(const struct disk *disk, int dir, struct segment *segments, size_t count, size_t i, uint64_t agent, struct buf *bytes,
		 void (*each)(void *ctx, const struct segment_part *part), void *ctx, struct segment_summary *ret_summary);

/* Evidence for whoever looks into a damaged disk: copies bytes, or moves a whole segment, into the quarantine folder while there is room. */
void quarantine_bytes(const struct disk *disk, int dir, const struct segment *s, uint64_t offset, struct span bytes);
int quarantine_segment(const struct disk *disk, int dir, const struct segment *s);

#endif
