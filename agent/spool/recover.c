#include "agent/spool/recover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/spool.h"

#define QUARANTINE "quarantine"

enum { READ_STEP = 64 << 10 };

void segment_name(const struct segment *s, char ret_name[SEGMENT_NAME_BYTES])
{
	snprintf(ret_name, SEGMENT_NAME_BYTES, "%016" PRIx64 "-%016" PRIx64 ".seg", s->epoch, s->first);
}

static bool parse_name(const char *name, struct segment *ret)
{
	struct segment s = {0};
	char again[SEGMENT_NAME_BYTES];
	/* What a sign or too many digits would be read as is found out by comparing names below. NOLINTNEXTLINE(cert-err34-c) */
	if (sscanf(name, "%16" SCNx64 "-%16" SCNx64 ".seg", &s.epoch, &s.first) != 2 || s.first == 0)
		return false;
	segment_name(&s, again);
	s.last = s.first - 1;
	*ret = s;
	return strcmp(name, again) == 0;
}

static int by_name(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;
	if (x->epoch != y->epoch)
		return x->epoch < y->epoch ? -1 : 1;
	return x->first < y->first ? -1 : x->first > y->first;
}

static DIR *open_listing(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *listing = fd < 0 ? NULL : fdopendir(fd);
	if (!listing && fd >= 0)
		close(fd);
	return listing;
}

int recover_list(int dir, struct segment **ret_segments, size_t *ret_count)
{
	struct segment *list = NULL;
	size_t count = 0, cap = 0;
	DIR *listing = open_listing(dir, ".");
	if (!listing)
		return -errno;
	for (struct dirent *entry; (entry = readdir(listing));) {
		struct segment s;
		if (!parse_name(entry->d_name, &s))
			continue;
		if (count == cap) {
			cap = cap ? cap * 2 : 16;
			struct segment *more = realloc(list, cap * sizeof *more);
			if (!more) {
				free(list);
				closedir(listing);
				return -ENOMEM;
			}
			list = more;
		}
		list[count++] = s;
	}
	closedir(listing);
	if (count > 0)
		qsort(list, count, sizeof *list, by_name);
	*ret_segments = list;
	*ret_count = count;
	return 0;
}

int recover_load(const struct disk *disk, int dir, const struct segment *s, struct buf *bytes)
{
	char name[SEGMENT_NAME_BYTES];
	segment_name(s, name);
	buf_clear(bytes);
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	struct stat st;
	uint64_t size = fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
	if (size > SPOOL_SEGMENT_BYTES_MAX)
		size = SPOOL_SEGMENT_BYTES_MAX;
	int r = buf_reserve(bytes, size);
	while (r == 0 && bytes->len < size) {
		size_t step = size - bytes->len < READ_STEP ? size - bytes->len : READ_STEP;
		ssize_t n = disk_read(disk, fd, bytes->data + bytes->len, step, bytes->len);
		if (n < (ssize_t)step)
			memset(bytes->data + bytes->len + (n > 0 ? n : 0), 0, step - (size_t)(n > 0 ? n : 0));
		bytes->len += step;
	}
	close(fd);
	return r;
}

int recover_walk(const struct disk *disk, int dir, struct segment *segments, size_t count, size_t i, uint64_t agent, struct buf *bytes,
		 void (*each)(void *ctx, const struct segment_part *part), void *ctx, struct segment_summary *ret_summary)
{
	struct segment *s = &segments[i];
	struct segment_bounds bounds = {.epoch = s->epoch, .agent = agent, .first = s->first, .limit = UINT64_MAX};
	if (i + 1 < count && segments[i + 1].epoch == s->epoch)
		bounds.limit = segments[i + 1].first;
	int r = recover_load(disk, dir, s, bytes);
	if (r < 0)
		return r;
	segment_walk(buf_span(bytes), &bounds, each, ctx, ret_summary);
	s->last = ret_summary->last;
	s->last_from = ret_summary->last_from;
	s->end = ret_summary->end;
	s->torn = ret_summary->torn;
	s->size = bytes->len;
	return 0;
}

/* A descriptor of the quarantine folder, or -1 when it is full or cannot be had: quarantine is a courtesy and stops nothing. */
static int open_quarantine(int dir)
{
	size_t count = 0;
	mkdirat(dir, QUARANTINE, 0700);
	DIR *listing = open_listing(dir, QUARANTINE);
	if (!listing)
		return -1;
	while (readdir(listing))
		count++;
	closedir(listing);
	if (count >= SPOOL_QUARANTINE_MAX + 2) /* "." and ".." */
		return -1;
	return openat(dir, QUARANTINE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

void quarantine_bytes(const struct disk *disk, int dir, const struct segment *s, uint64_t offset, struct span bytes)
{
	char name[SEGMENT_NAME_BYTES], file[SEGMENT_NAME_BYTES + 24];
	segment_name(s, name);
	snprintf(file, sizeof file, "%s.%" PRIu64, name, offset);
	int folder = open_quarantine(dir);
	if (folder < 0)
		return;
	/* O_EXCL: the same stretch is found at every start until its segment is gone. */
	int fd = openat(folder, file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0) {
		if (disk_write(disk, fd, bytes.data, bytes.len, 0) < 0)
			disk_unlink(disk, folder, file);
		close(fd);
	}
	close(folder);
}

int quarantine_segment(const struct disk *disk, int dir, const struct segment *s)
{
	char name[SEGMENT_NAME_BYTES];
	segment_name(s, name);
	int folder = open_quarantine(dir);
	if (folder < 0)
		return disk_unlink(disk, dir, name);
	int r = disk->renameat(dir, name, folder, name) < 0 ? disk_unlink(disk, dir, name) : 0;
	close(folder);
	return r;
}
