/* The commit: the one place where what is open becomes a record on disk, together with the cursors of the logs that it covers.
 *
 * Borrows windows, taps and spool. Encode, append (durable), and only then clear: a commit that fails leaves everything as it was, and is
 * tried again. */
#ifndef TOCSIN_AGENT_COMMIT_H
#define TOCSIN_AGENT_COMMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/spool.h"
#include "agent/tap/tap.h"
#include "agent/windows.h"
#include "lib/buf.h"
#include "lib/err.h"

struct commit {
	struct windows *windows;
	struct taps *taps; /* NULL: none */
	struct spool *spool;
	struct buf batch;
	struct buf record;
	uint64_t count; /* records written */
};

void commit_init(struct commit *c, struct windows *windows, struct taps *taps, struct spool *spool);
void commit_done(struct commit *c);

/* Seals all that is open, even when it is nothing: a record also says "I was here". `clean`: the last one of this run. On -ENOSPC the windows
 * are widened, so that there is room to go on until the disk has some. Errors as spool_append's, with a sentence. */
int commit_run(struct commit *c, int64_t now_ms, bool clean, struct err *err);

#endif
