#include "agent/commit.h"

#include <errno.h>
#include <string.h>

#include "proto/record.h"
#include "proto/window.h"

void commit_init(struct commit *c, struct windows *windows, struct taps *taps, struct spool *spool)
{
	*c = (struct commit){.windows = windows, .taps = taps, .spool = spool};
	buf_init(&c->batch, BATCH_BYTES_MAX);
	buf_init(&c->record, RECORD_BYTES_MAX);
}

void commit_done(struct commit *c)
{
	buf_done(&c->batch);
	buf_done(&c->record);
}

static int encode(struct commit *c, int64_t now_ms, bool clean)
{
	const struct batch *batch = NULL;
	const struct cursor *cursors = NULL;
	struct record record = {.clean = clean, .written_ms = now_ms};
	buf_clear(&c->batch);
	buf_clear(&c->record);
	int r = windows_batch(c->windows, now_ms, &batch);
	if (r == 0)
		r = batch_encode(batch, &c->batch);
	if (r == 0 && c->taps)
		r = taps_cursors(c->taps, &cursors, &record.cursor_count);
	if (r < 0)
		return r;
	record.batch = buf_span(&c->batch);
	record.cursors = (struct cursor *)(uintptr_t)cursors; /* only read by record_encode */
	return record_encode(&record, &c->record);
}

int commit_run(struct commit *c, int64_t now_ms, bool clean, struct err *err)
{
	uint64_t sequence;
	int r = encode(c, now_ms, clean);
	if (r < 0) {
		err_set(err, "what was counted since the last commit cannot be made a record: %s", strerror(-r));
		return r;
	}
	r = spool_append(c->spool, buf_span(&c->record), &sequence, err);
	if (r < 0) {
		if (r == -ENOSPC)
			windows_widen(c->windows);
		return r;
	}
	windows_clear(c->windows);
	c->count++;
	return 0;
}
