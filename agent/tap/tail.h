/* Following files by path or glob through rotation, truncation and restarts, each line exactly once.
 *
 * Owns the followed files, one entry per inode however many rules, links or names lead to it, and the cursors it was resumed with. The rules of
 * resuming: the same device, inode and generation, not shorter than the offset, and the same bytes before it; else the files beside it are
 * searched by inode, then by head and tail; else it is new, and a possible gap is told. A rotated file is drained and then held until its
 * successor is rotated too, because writers go on in it for as long as they like; no timer closes a file with unread bytes. */
#ifndef TOCSIN_AGENT_TAP_TAIL_H
#define TOCSIN_AGENT_TAP_TAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/tap/file.h"
#include "lib/span.h"
#include "proto/record.h"

enum {
	TAIL_FILES_MAX = RECORD_CURSORS_MAX / 2, /* followed; as many cursors of others are handed on */
	TAIL_PATH_BYTES_MAX = 512 << 10,         /* of all their paths together, so that a record always has room for the cursors */
	TAIL_WATCHES_MAX = 1024,
};

struct tail_sink {
	/* A piece of a file that rules[f->rule] follows; see on_piece_fn. */
	on_piece_fn on_piece;
	/* Something was, or may have been, missed: `bytes` when it is known how much. */
	void (*on_gap)(void *ctx, unsigned rule, const char *path, uint64_t bytes, const char *what);
	void *ctx;
};

struct tail;

/* `paths` are copied. `once`: files are read to their ends in the order of the rules and not followed. */
int tail_new(const char *const *paths, size_t count, bool once, const struct tail_sink *sink, struct tail **ret);
void tail_free(struct tail *t);
/* Before the first sweep. `written_ms`: when the cursors were durable. */
int tail_resume(struct tail *t, const struct cursor *cursors, size_t count, int64_t written_ms);

int tail_fd(const struct tail *t);
void tail_on_wake(struct tail *t);
void tail_sweep(struct tail *t);
/* 1: there is more; 0: all read; or what on_piece returned. */
int tail_poll(struct tail *t, size_t budget);
int tail_cursors(struct tail *t, const struct cursor **ret_cursors, size_t *ret_count);
size_t tail_files(const struct tail *t);
size_t tail_refused(const struct tail *t); /* in the last sweep */

#endif
