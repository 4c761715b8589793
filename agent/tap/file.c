#include "agent/tap/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fnv.h"

int file_open(struct file *f, const char *path)
{
	*f = (struct file){.fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)}; /* a FIFO must not hold the agent */
	if (f->fd < 0)
		return -errno;
	struct stat st;
	int r = fstat(f->fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;
	if (r == 0 && !(f->path = strdup(path)))
		r = -ENOMEM;
	if (r < 0) {
		close(f->fd);
		return r;
	}
	f->device = st.st_dev;
	f->inode = st.st_ino;
	/* A number that changes when an inode is used again; most file systems have it, and 0 means unknown. */
	int generation = 0;
	if (ioctl(f->fd, FS_IOC_GETVERSION, &generation) == 0)
		f->generation = (uint32_t)generation;
	return file_look(f);
}

void file_close(struct file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	free(f->path);
	*f = (struct file){.fd = -1};
}

int file_look(struct file *f)
{
	struct stat st;
	if (fstat(f->fd, &st) < 0)
		return -errno;
	int64_t mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	bool unchanged = mtime_ns == f->mtime_ns && (uint64_t)st.st_size == f->size;
	f->quiet = unchanged ? f->quiet + 1 : 0;
	f->mtime_ns = mtime_ns;
	f->size = (uint64_t)st.st_size;
	f->links = st.st_nlink;
	return 0;
}

void file_rewind(struct file *f)
{
	f->offset = f->scanned = 0;
	f->head_len = f->tail_len = 0;
	f->quiet = 0;
}

bool file_same(const struct file *f, uint64_t device, uint64_t inode)
{
	return f->device == device && f->inode == inode;
}

/* ---- cursors ---- */

static bool read_exactly(int fd, void *bytes, size_t len, uint64_t offset)
{
	return pread(fd, bytes, len, (off_t)offset) == (ssize_t)len;
}

static bool has_head(const struct file *f, const struct cursor *c)
{
	uint8_t head[CURSOR_HEAD_BYTES];
	if (c->head_len == 0)
		return true;
	return c->head_len <= CURSOR_HEAD_BYTES && read_exactly(f->fd, head, c->head_len, 0) && fnv1a64(head, c->head_len) == c->head_hash;
}

static bool has_tail(const struct file *f, const struct cursor *c, uint8_t tail[CURSOR_TAIL_BYTES], uint32_t *ret_len)
{
	*ret_len = c->offset < CURSOR_TAIL_BYTES ? (uint32_t)c->offset : CURSOR_TAIL_BYTES;
	return f->size >= c->offset && read_exactly(f->fd, tail, *ret_len, c->offset - *ret_len) && fnv1a64(tail, *ret_len) == c->tail_hash;
}

bool file_resume(struct file *f, const struct cursor *c)
{
	uint8_t tail[CURSOR_TAIL_BYTES];
	uint32_t tail_len;
	if (!has_head(f, c) || !has_tail(f, c, tail, &tail_len))
		return false;
	f->offset = f->scanned = c->offset;
	f->head_len = c->head_len;
	f->head_hash = c->head_hash;
	memcpy(f->tail, tail, tail_len);
	f->tail_len = tail_len;
	f->resumed = true;
	return true;
}

bool file_looks_like(const struct file *f, const struct cursor *c)
{
	uint8_t tail[CURSOR_TAIL_BYTES];
	uint32_t tail_len;
	if (c->head_len == 0 || !has_head(f, c))
		return false;
	/* Shorter than the original: a copy that is being made, but only a whole head says so. */
	return f->size < c->offset ? c->head_len == CURSOR_HEAD_BYTES : has_tail(f, c, tail, &tail_len);
}

/* Called whenever the offset has moved: what is hashed was read just now, so it is the text that the offset belongs to. */
static void learn_head(struct file *f)
{
	uint8_t head[CURSOR_HEAD_BYTES];
	uint32_t len = f->offset < CURSOR_HEAD_BYTES ? (uint32_t)f->offset : CURSOR_HEAD_BYTES;
	if (f->head_len < len && read_exactly(f->fd, head, len, 0)) {
		f->head_len = len;
		f->head_hash = fnv1a64(head, len);
	}
}

struct cursor file_cursor(const struct file *f)
{
	return (struct cursor){
		.path = span_str(f->path),
		.device = f->device,
		.inode = f->inode,
		.generation = f->generation,
		.offset = f->offset,
		.head_len = f->head_len,
		.head_hash = f->head_hash,
		.tail_hash = fnv1a64(f->tail, f->tail_len),
	};
}

/* ---- lines ---- */

/* The buffer holds [base, base + len) of the file: up to CURSOR_TAIL_BYTES before what is not taken yet, and as much of that as fits. Of a line
 * past the limit only its last bytes are kept. */
struct held {
	uint8_t *bytes;
	uint64_t base;
	size_t len;
};

static uint64_t held_end(const struct held *h)
{
	return h->base + h->len;
}

static void keep_tail(struct file *f, const struct held *h)
{
	size_t before = (size_t)(f->offset - h->base);
	size_t len = before < CURSOR_TAIL_BYTES ? before : CURSOR_TAIL_BYTES;
	memcpy(f->tail, h->bytes + before - len, len);
	f->tail_len = (uint32_t)len;
}

static int take(struct file *f, const struct file_reading *r, enum file_piece piece, struct span text, uint64_t bytes)
{
	int e = r->on_piece(r->ctx, f, piece, text, bytes);
	if (e != 0)
		return e;
	f->offset += bytes;
	f->scanned = f->offset;
	return 0;
}

/* What stands at a line's start and is none: a byte order mark in front of a file, and the hole that truncation leaves under a writer that does
 * not append. */
static int take_filling(struct file *f, const struct file_reading *r, const struct held *h)
{
	const uint8_t *at = h->bytes + (f->offset - h->base);
	size_t left = (size_t)(held_end(h) - f->offset), len = 0;
	if (f->offset == 0 && left >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0)
		len = 3;
	while (len < left && at[len] == 0)
		len++;
	return len > 0 ? take(f, r, FILE_FILLING, span_make(at, 0), len) : 0;
}

/* The line that ends in front of `end` and takes `newline` (0 or 1) bytes more. */
static int take_line(struct file *f, const struct file_reading *r, const struct held *h, uint64_t end, uint64_t newline)
{
	uint64_t len = end - f->offset;
	if (len > FILE_LINE_MAX)
		return take(f, r, FILE_TOO_LONG, span_make(h->bytes, 0), len + newline);
	const uint8_t *at = h->bytes + (f->offset - h->base);
	uint64_t text = len > 0 && at[len - 1] == '\r' ? len - 1 : len;
	return take(f, r, FILE_LINE, span_make(at, text), len + newline);
}

static int take_lines(struct file *f, const struct file_reading *r, const struct held *h)
{
	int e = 0;
	while (e == 0 && f->scanned < held_end(h)) {
		uint8_t first = h->bytes[f->scanned - h->base];
		if (f->scanned == f->offset && (first == 0 || (first == 0xef && f->offset == 0))) {
			e = take_filling(f, r, h);
			if (e != 0 || f->scanned == held_end(h))
				break;
		}
		const uint8_t *at = h->bytes + (f->scanned - h->base);
		const uint8_t *newline = memchr(at, '\n', (size_t)(held_end(h) - f->scanned));
		if (!newline) {
			f->scanned = held_end(h);
			break;
		}
		e = take_line(f, r, h, h->base + (uint64_t)(newline - h->bytes), 1);
	}
	return e;
}

/* Makes room for the next read. */
static void slide(const struct file *f, struct held *h)
{
	uint64_t from = f->scanned - f->offset > FILE_LINE_MAX ? f->scanned : f->offset;
	uint64_t keep = from - h->base < CURSOR_TAIL_BYTES ? from - h->base : CURSOR_TAIL_BYTES;
	size_t drop = (size_t)(from - keep - h->base);
	memmove(h->bytes, h->bytes + drop, h->len - drop);
	h->base += drop;
	h->len -= drop;
}

/* Loads the bytes before the offset, and says whether they are still the ones that were read. */
static int load_tail(const struct file *f, struct held *h)
{
	h->base = f->offset - f->tail_len;
	h->len = f->tail_len;
	ssize_t n = pread(f->fd, h->bytes, h->len, (off_t)h->base);
	if (n < 0)
		return -errno;
	return (size_t)n == h->len && memcmp(h->bytes, f->tail, h->len) == 0 ? FILE_DONE : FILE_CHANGED;
}

static ssize_t load_more(const struct file *f, struct held *h)
{
	if (f->scanned > held_end(h)) { /* of a line past the limit what was searched before is not read again, but for its tail */
		h->base = f->scanned - CURSOR_TAIL_BYTES;
		h->len = 0;
	}
	uint64_t left = f->size > held_end(h) ? f->size - held_end(h) : 0;
	size_t want = left < FILE_READ_BYTES ? (size_t)left : FILE_READ_BYTES;
	ssize_t n = want > 0 ? pread(f->fd, h->bytes + h->len, want, (off_t)held_end(h)) : 0;
	if (n < 0)
		return -errno;
	h->len += (size_t)n;
	return n;
}

static void after_taking(struct file *f, const struct held *h)
{
	keep_tail(f, h);
	learn_head(f);
}

int file_read_lines(struct file *f, struct file_reading *r)
{
	struct held h = {.bytes = r->buffer};
	if (f->scanned - f->offset <= FILE_LINE_MAX)
		f->scanned = f->offset;
	int e = load_tail(f, &h);
	while (e == 0) {
		if (r->budget == 0)
			return FILE_MORE;
		ssize_t n = load_more(f, &h);
		if (n <= 0) {
			e = (int)n;
			break;
		}
		r->budget -= (size_t)n < r->budget ? (size_t)n : r->budget;
		uint64_t before = f->offset;
		e = take_lines(f, r, &h);
		if (f->offset != before)
			after_taking(f, &h);
		slide(f, &h);
	}
	if (e == 0 && r->final && f->offset < f->scanned) {
		e = take_line(f, r, &h, f->scanned, 0);
		if (e == 0)
			after_taking(f, &h);
	}
	return e;
}
