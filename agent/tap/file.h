/* One followed file: its identity, how far it was read, and its lines.
 *
 * Owns a descriptor and a path. `offset` is the end of the last line that was taken: an unfinished line stays in the file and is read again, so there
 * is nothing to lose in memory. The bytes before `offset` are remembered and compared at every read, because a file that was truncated and has
 * grown past its old size again looks like one that was appended to. */
#ifndef TOCSIN_AGENT_TAP_FILE_H
#define TOCSIN_AGENT_TAP_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/span.h"
#include "proto/record.h"

enum {
	FILE_LINE_MAX = 64 << 10,    /* bytes of a line without its newline */
	FILE_READ_BYTES = 256 << 10, /* of one read */
	FILE_BUFFER_BYTES = CURSOR_TAIL_BYTES + FILE_LINE_MAX + FILE_READ_BYTES,
};

struct file {
	int fd;
	char *path;
	unsigned rule;
	uint64_t device, inode, generation;
	uint64_t offset;  /* end of the last line taken */
	uint64_t scanned; /* no newline lies between offset and here */
	uint64_t size;    /* when last looked at */
	int64_t mtime_ns;
	uint64_t links;
	unsigned quiet; /* looks in a row that found it unchanged */
	bool rotated;   /* its path belongs to another file now; held until that one is rotated too */
	bool present;   /* a rule still finds it */
	bool resumed;   /* goes on where a cursor left off */
	bool failed;    /* could not be read, and that was told */
	uint32_t head_len;
	uint64_t head_hash;
	uint8_t tail[CURSOR_TAIL_BYTES]; /* the bytes before offset */
	uint32_t tail_len;
};

/* Opens a regular file and looks at it. `f` owns nothing when this fails. -EINVAL when it is something else than a file. */
int file_open(struct file *f, const char *path);
void file_close(struct file *f);
/* Asks the kernel for size, time and links. -errno. */
int file_look(struct file *f);
/* Begins anew at its first byte. */
void file_rewind(struct file *f);
bool file_same(const struct file *f, uint64_t device, uint64_t inode);

/* Whether the file still begins with the cursor's head and has the cursor's tail before its offset; then goes on from there. */
bool file_resume(struct file *f, const struct cursor *c);
/* The same without moving: is this file, or the beginning of a copy still under way, what the cursor was taken of? */
bool file_looks_like(const struct file *f, const struct cursor *c);
/* Path borrowed from `f`. */
struct cursor file_cursor(const struct file *f);

enum file_piece {
	FILE_LINE,     /* without its end; text is valid during the call */
	FILE_TOO_LONG, /* a line past FILE_LINE_MAX: only its size is known */
	FILE_FILLING,  /* no line: a run of NULs, as a truncated file leaves them, or a byte order mark */
};

/* `bytes`: what the piece takes in the file, its newline included. Anything but 0 stops reading in front of it. */
typedef int (*on_piece_fn)(void *ctx, const struct file *f, enum file_piece piece, struct span text, uint64_t bytes);

struct file_reading {
	uint8_t *buffer; /* FILE_BUFFER_BYTES */
	size_t budget;   /* bytes still to be read; stops when it is used up */
	bool final;      /* nobody will finish the last line: take it as it is */
	on_piece_fn on_piece;
	void *ctx;
};

enum file_progress { FILE_DONE, FILE_MORE, FILE_CHANGED };
/* Reads up to `size` as last looked at. DONE: all of it; MORE: the budget is used up; CHANGED: the bytes before offset are not those that were
 * read, it is another text now; -errno of the disk; or what on_piece returned. */
int file_read_lines(struct file *f, struct file_reading *reading);
/* Whether bytes wait: unread ones, or with `final` an unterminated last line. */
static inline bool file_waits(const struct file *f, bool final)
{
	return f->size > (final ? f->offset : f->scanned);
}

#endif
