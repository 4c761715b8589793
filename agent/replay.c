#include "agent/replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/commit.h"
#include "proto/record.h"

enum { STEP_BYTES = 4 << 20 };

struct replay {
	struct pipeline *pipeline;
	struct replay_input input;
	struct taps *taps;
	struct commit commit;
	uint64_t committed_bytes; /* of the logs, at the last commit */
	bool started;
	bool all_read;
};

static int on_exchange(void *ctx, const struct exchange *exchange)
{
	const struct replay *r = ctx;
	return windows_add(r->pipeline->windows, exchange);
}

static struct ledger *ledger_of(void *ctx, struct span source)
{
	const struct replay *r = ctx;
	return windows_ledger(r->pipeline->windows, SOURCE_FILE, source);
}

static void on_notice(void *ctx, const char *text)
{
	const struct replay *r = ctx;
	if (r->input.on_notice)
		r->input.on_notice(r->input.ctx, text);
}

static int make_taps(struct replay *r, const struct replay_input *input, struct err *err)
{
	struct tap_sink sink = {.on_exchange = on_exchange, .ledger = ledger_of, .on_notice = on_notice, .ctx = r};
	struct tap_rule *rules = calloc(input->count ? input->count : 1, sizeof *rules);
	if (!rules)
		return -ENOMEM;
	for (size_t i = 0; i < input->count; i++)
		rules[i] = (struct tap_rule){.path = input->files[i], .format = input->format, .workload = input->workload};
	int e = taps_new(rules, input->count, r->pipeline->identity, r->pipeline->workloads, &sink, true, &r->taps, err);
	free(rules);
	return e;
}

/* A spool that never held a record: the files are read from their beginnings. */
static int resume(struct replay *r, struct spool *spool, struct err *err)
{
	struct buf bytes;
	struct record last;
	uint64_t sequence;
	buf_init(&bytes, RECORD_BYTES_MAX);
	int e = spool_read_last(spool, &bytes, &sequence);
	if (e < 0 && e != -ENOENT)
		err_set(err, "replay: the newest record of the spool cannot be read, so nobody knows what was counted: %s", strerror(-e));
	if (e == 0)
		e = record_decode(buf_span(&bytes), &last, err);
	if (e == 0) {
		e = taps_resume(r->taps, &last);
		record_done(&last);
	} else if (e == -ENOENT) {
		e = 0;
	}
	buf_done(&bytes);
	return e;
}

int replay_new(struct pipeline *pipeline, struct spool *spool, const struct replay_input *input, struct replay **ret, struct err *err)
{
	struct replay *r = calloc(1, sizeof *r);
	if (!r) {
		err_set(err, "out of memory");
		return -ENOMEM;
	}
	r->pipeline = pipeline;
	r->input = *input;
	if (r->input.commit_bytes == 0)
		r->input.commit_bytes = REPLAY_COMMIT_BYTES;
	int e = make_taps(r, input, err);
	if (e == 0) {
		commit_init(&r->commit, pipeline->windows, r->taps, spool);
		e = resume(r, spool, err);
	}
	if (e < 0) {
		replay_free(r);
		return e;
	}
	*ret = r;
	return 0;
}

void replay_free(struct replay *r)
{
	if (!r)
		return;
	commit_done(&r->commit);
	taps_free(r->taps);
	free(r);
}

static uint64_t bytes_read(const struct replay *r)
{
	struct taps_stats stats;
	taps_stats(r->taps, &stats);
	return stats.bytes;
}

static int commit(struct replay *r, int64_t now_ms, struct err *err)
{
	int e = commit_run(&r->commit, now_ms, r->all_read, err);
	if (e == 0)
		r->committed_bytes = bytes_read(r);
	return e;
}

int replay_step(struct replay *r, int64_t now_ms, struct err *err)
{
	if (!r->started)
		taps_sweep(r->taps);
	r->started = true;
	int more = r->all_read ? 0 : taps_poll(r->taps, r->input.commit_bytes < STEP_BYTES ? r->input.commit_bytes : STEP_BYTES);
	r->all_read = more == 0;
	int e = 0;
	if (more < 0 && windows_empty(r->pipeline->windows)) { /* a commit would make no room */
		err_set(err, "replay: no room to count a single line: raise memory_bytes");
		return -ENOMEM;
	}
	if (more < 0 || bytes_read(r) - r->committed_bytes >= r->input.commit_bytes ||
	    (r->all_read && !windows_empty(r->pipeline->windows)))
		e = commit(r, now_ms, err);
	if (e < 0)
		return e;
	return r->all_read ? 0 : 1;
}

void replay_stats(const struct replay *r, struct taps_stats *ret, uint64_t *ret_records)
{
	taps_stats(r->taps, ret);
	*ret_records = r->commit.count;
}
