/* The spool: a durable queue of records on this host's disk. One log, one commit.
 *
 * Owns a directory of 8 MiB preallocated segments, a two-slot frontier file and a lock. A record is on disk when spool_append returned
 * (pwrite, fdatasync, and the directory's fsync when a segment was made); it is deleted only after the frontier that covers it is durable.
 * It knows nothing of windows or networks: payloads are bytes. Recovery always starts: a torn tail is cut in the last segment only, a bad
 * record elsewhere is skipped to the next magic, quarantined and counted. An fsync error is never retried on the same descriptor.
 *
 * Sequences count from 1 within an epoch. When records that the collector has acknowledged are missing, or there is nothing at all, state was
 * lost: a new, higher epoch begins. Not safe for several threads: one thread owns a spool. */
#ifndef TOCSIN_AGENT_SPOOL_H
#define TOCSIN_AGENT_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/span.h"

struct spool;
struct disk;

enum {
	SPOOL_SEGMENT_BYTES = 8 << 20,
	SPOOL_SEGMENT_BYTES_MAX = 64 << 20, /* one segment is held in memory while it is recovered */
	SPOOL_SEGMENTS_MAX = 8192,
	SPOOL_QUARANTINE_MAX = 64, /* files kept of what could not be read; past it they are only counted */
};

struct spool_limits {
	uint64_t bytes_max;      /* of all segments together; one segment is kept spare for a last commit */
	uint32_t segment_bytes;  /* SPOOL_SEGMENT_BYTES; tests take less */
	const struct disk *disk; /* NULL: the kernel's calls; tests make them fail */
};

struct spool_stats {
	uint64_t epoch;
	uint64_t first; /* oldest sequence held; 0 when none */
	uint64_t next;  /* sequence that the next append gets */
	uint64_t acked; /* cumulative frontier */
	uint64_t bytes;
	uint64_t segments;
	uint64_t torn_tails;  /* cut at recovery */
	uint64_t bad_records; /* skipped and quarantined */
};

/* Takes the lock: -EBUSY names the process that holds it (a second agent on the same state folder). `agent` is written into records. */
int spool_open(const char *dir, struct span agent, const struct spool_limits *limits, struct spool **ret, struct err *err);
void spool_close(struct spool *s);

/* Durable when it returns 0. -ENOSPC: at the limit or the disk is full, nothing was written, try again after acknowledgements;
 * -EIO: this segment is given up, the next append begins a new one; -EMSGSIZE: past 2 MiB or a segment. The record then does not count as
 * written and its sequence goes to the next one. */
int spool_append(struct spool *s, struct span payload, uint64_t *ret_sequence, struct err *err);
/* The record after `sequence` (0, or older than all that is held: the oldest held). 0 and the payload in `out`; -ENOENT when there is none yet;
 * -EBADMSG when it cannot be read back: `ret_sequence` says which one is lost, go on after it. Other errors (-EMFILE, -ENOMEM, -EMSGSIZE of
 * `out`) lose nothing. */
int spool_read_after(struct spool *s, uint64_t sequence, struct buf *out, uint64_t *ret_sequence);
/* The newest record, for the cursors in it. -ENOENT when the spool never held one; acknowledged records stay readable here. */
int spool_read_last(struct spool *s, struct buf *out, uint64_t *ret_sequence);
/* Everything up to `sequence` is committed by the collector. Whole segments before it are deleted once the frontier is durable; an error says that
 * this could not be done yet, the next acknowledgement tries again. -EINVAL for a sequence that was never written. */
int spool_ack(struct spool *s, uint64_t sequence, struct err *err);
void spool_stats(const struct spool *s, struct spool_stats *ret);

/* For `tocsin-agent spool list|check`: reads a spool without taking it; of a running agent's it may see the last record half written. Calls `each` per record, in order, bad ones too. */
struct spool_entry {
	uint64_t epoch, sequence, offset;
	uint32_t payload_len;
	const char *segment;
	bool valid; /* when not, payload_len is the length of the stretch, and sequence 0 where it is not known */
};
int spool_scan(const char *dir, void (*each)(void *ctx, const struct spool_entry *entry), void *ctx, struct spool_stats *ret,
	       struct err *err);

#endif
