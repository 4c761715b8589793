/* The acknowledged frontier: one small file with two slots, written in turn, each with a generation and a checksum.
 *
 * A torn write spoils one slot and the other still speaks; it may be stale, which only means that records are sent again. It is durable when
 * frontier_sync returned 0, and only then may anything be deleted for its sake. */
#ifndef TOCSIN_AGENT_SPOOL_FRONTIER_H
#define TOCSIN_AGENT_SPOOL_FRONTIER_H

#include <stdint.h>

#include "agent/spool/disk.h"

#define FRONTIER_FILE "frontier"

struct frontier {
	int fd; /* -1 when there is none, or when an error has made it useless: the next write makes a new file */
	uint64_t generation;
	uint64_t epoch;
	uint64_t acked;
};

/* Never fails: without a readable slot epoch and acked are 0. */
void frontier_open(struct frontier *f, const struct disk *disk, int dir);
void frontier_close(struct frontier *f);
/* Values are set even when writing them fails: they are known, only not yet kept. */
int frontier_write(struct frontier *f, const struct disk *disk, int dir, uint64_t epoch, uint64_t acked);
int frontier_sync(struct frontier *f, const struct disk *disk);

#endif
