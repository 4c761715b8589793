#include "agent/tap/tap.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/tap/format.h"
#include "agent/tap/tail.h"

struct tap {
	char *path;
	const struct log_format *format;
	uint32_t workload;
	struct log_times times;
	struct ledger *ledger; /* borrowed from the sink during one taps_poll */
};

struct taps {
	struct tap *items;
	size_t count;
	const struct identity *identity;
	struct tap_sink sink;
	struct tail *tail;
	struct taps_stats stats;
};

static struct ledger *ledger_of(struct taps *t, struct tap *tap)
{
	if (!tap->ledger)
		tap->ledger = t->sink.ledger(t->sink.ctx, span_str(tap->path));
	return tap->ledger;
}

static bool takes_input(struct span method)
{
	return span_equal(method, span_str("POST")) || span_equal(method, span_str("PUT")) || span_equal(method, span_str("PATCH"));
}

static int hand_over(struct taps *t, const struct tap *tap, const struct log_line *line)
{
	struct exchange x = {
		.time_ms = line->time_ms,
		.workload = tap->workload,
		.method = line->method,
		.host = line->host,
		.path = line->path,
		.status = line->status,
		.takes_input = takes_input(line->method),
		.answer_bytes = line->answer_bytes,
	};
	identity_from_log(t->identity, line->address, line->user, &x.who);
	return t->sink.on_exchange(t->sink.ctx, &x);
}

/* The ledger moves only when the line is taken: a refused one is still in the file. */
static int on_line(struct taps *t, struct tap *tap, struct ledger *ledger, struct span text, uint64_t bytes)
{
	struct log_line line;
	enum log_verdict verdict = tap->format->parse(&tap->times, text, &line);
	int r = verdict == LOG_REQUEST ? hand_over(t, tap, &line) : 0;
	if (r < 0)
		return r;
	if (verdict == LOG_REQUEST) {
		ledger->counted += bytes;
		ledger->events++;
		t->stats.lines++;
	} else if (verdict == LOG_OTHER) {
		ledger->skipped += bytes;
		t->stats.others++;
	} else {
		ledger->malformed += bytes;
		ledger->events_malformed++;
		t->stats.malformed++;
	}
	return 0;
}

static int on_piece(void *ctx, const struct file *f, enum file_piece piece, struct span text, uint64_t bytes)
{
	struct taps *t = ctx;
	struct tap *tap = &t->items[f->rule];
	struct ledger *ledger = ledger_of(t, tap);
	if (!ledger)
		return -ENOBUFS;
	if (piece == FILE_LINE) {
		int r = on_line(t, tap, ledger, text, bytes);
		if (r < 0)
			return r;
	} else if (piece == FILE_TOO_LONG) {
		ledger->malformed += bytes;
		ledger->events_malformed++;
		t->stats.malformed++;
	} else {
		ledger->skipped += bytes;
	}
	ledger->seen += bytes;
	t->stats.bytes += bytes;
	return 0;
}

static void on_gap(void *ctx, unsigned rule, const char *path, uint64_t bytes, const char *what)
{
	struct taps *t = ctx;
	struct ledger *ledger = ledger_of(t, &t->items[rule]);
	if (ledger) {
		ledger->seen += bytes;
		ledger->known_gap += bytes;
	}
	t->stats.gaps++;
	if (!t->sink.on_notice)
		return;
	char text[512];
	if (bytes > 0)
		snprintf(text, sizeof text, "%s: %s; %" PRIu64 " bytes were not read and are counted as a gap", path, what, bytes);
	else
		snprintf(text, sizeof text, "%s: %s", path, what);
	t->sink.on_notice(t->sink.ctx, text);
}

/* ---- life ---- */

static int make_tap(struct tap *tap, const struct tap_rule *rule, struct workloads *workloads, struct err *err)
{
	tap->format = log_format_find(span_str(rule->format));
	if (!tap->format) {
		err_set(err, "tap %.100s: no log format is called \"%.100s\"; the first one is \"%s\"", rule->path, rule->format,
			log_formats[0].name);
		return -EINVAL;
	}
	if (!rule->path[0] || strlen(rule->path) > NAME_BYTES_MAX || strlen(rule->workload) > NAME_BYTES_MAX) {
		err_set(err, "tap %.100s: path and workload have between 1 and %d bytes", rule->path, NAME_BYTES_MAX);
		return -EINVAL;
	}
	tap->path = strdup(rule->path);
	tap->workload = workloads_intern(workloads, WORKLOAD_LOG, span_str(rule->workload));
	return tap->path ? 0 : -ENOMEM;
}

static int make_tail(struct taps *t, bool once)
{
	struct tail_sink sink = {.on_piece = on_piece, .on_gap = on_gap, .ctx = t};
	const char **paths = calloc(t->count ? t->count : 1, sizeof(char *));
	if (!paths)
		return -ENOMEM;
	for (size_t i = 0; i < t->count; i++)
		paths[i] = t->items[i].path;
	int r = tail_new(paths, t->count, once, &sink, &t->tail);
	free((void *)(uintptr_t)paths);
	return r;
}

int taps_new(const struct tap_rule *rules, size_t count, const struct identity *identity, struct workloads *workloads,
	     const struct tap_sink *sink, bool once, struct taps **ret, struct err *err)
{
	if (count > TAPS_MAX) {
		err_set(err, "%zu taps, more than %d", count, TAPS_MAX);
		return -EINVAL;
	}
	struct taps *t = calloc(1, sizeof *t);
	int r = t && (t->items = calloc(count ? count : 1, sizeof *t->items)) ? 0 : -ENOMEM;
	for (; r == 0 && t->count < count; t->count++)
		r = make_tap(&t->items[t->count], &rules[t->count], workloads, err);
	if (r == 0) {
		t->identity = identity;
		t->sink = *sink;
		r = make_tail(t, once);
	}
	if (r < 0) {
		taps_free(t);
		return r;
	}
	*ret = t;
	return 0;
}

void taps_free(struct taps *t)
{
	if (!t)
		return;
	tail_free(t->tail);
	for (size_t i = 0; i < t->count; i++)
		free(t->items[i].path);
	free(t->items);
	free(t);
}

int taps_resume(struct taps *t, const struct record *last)
{
	return tail_resume(t->tail, last->cursors, last->cursor_count, last->written_ms);
}

/* ---- work ---- */

/* The sink's ledgers change at a commit, which never happens inside a call. */
static void forget_ledgers(struct taps *t)
{
	for (size_t i = 0; i < t->count; i++)
		t->items[i].ledger = NULL;
}

int taps_fd(const struct taps *t)
{
	return tail_fd(t->tail);
}

void taps_on_wake(struct taps *t)
{
	forget_ledgers(t);
	tail_on_wake(t->tail);
}

void taps_sweep(struct taps *t)
{
	forget_ledgers(t);
	tail_sweep(t->tail);
}

int taps_poll(struct taps *t, size_t budget)
{
	forget_ledgers(t);
	return tail_poll(t->tail, budget);
}

int taps_cursors(struct taps *t, const struct cursor **ret_cursors, size_t *ret_count)
{
	return tail_cursors(t->tail, ret_cursors, ret_count);
}

void taps_stats(const struct taps *t, struct taps_stats *ret)
{
	*ret = t->stats;
	ret->files = tail_files(t->tail);
	ret->refused = tail_refused(t->tail);
}
