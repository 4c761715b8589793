/* A spool of two segments with any bytes flipped, cut or added: it opens, reads to its end, appends, and reads the same after it was closed.
 *
 * Input: how many records the segments have and how long they are, then patches (offset, value to xor), so that checksums do not end every run
 * at the first record. What remains replaces the frontier. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/spool.h"
#include "agent/spool/disk.h"
#include "agent/spool/segment.h"
#include "lib/crc32c.h"
#include "lib/fnv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SEGMENT = 4096, EPOCH = 7, RECORDS_MAX = 8, PATCHES_MAX = 16 };

static char folder[64];

static int no_sync(int fd)
{
	(void)fd;
	return 0;
}

static int no_fallocate(int fd, off_t offset, off_t len)
{
	return ftruncate(fd, offset + len) < 0 ? errno : 0;
}

static const struct disk quick_disk = {
	.pread = pread,
	.pwrite = pwrite,
	.fallocate = no_fallocate,
	.fdatasync = no_sync,
	.fsync = no_sync,
	.ftruncate = ftruncate,
	.renameat = renameat,
	.unlinkat = unlinkat,
};

struct input {
	const uint8_t *at;
	size_t left;
};

static unsigned take(struct input *in)
{
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->at++;
}

static void wipe(const char *path)
{
	DIR *listing = opendir(path);
	if (!listing)
		return;
	for (struct dirent *e; (e = readdir(listing));)
		unlinkat(dirfd(listing), e->d_name, 0);
	closedir(listing);
}

/* All files, and those in the quarantine. */
static void wipe_folder(void)
{
	char inner[160];
	snprintf(inner, sizeof inner, "%s/quarantine", folder);
	wipe(inner);
	wipe(folder);
}

static void remove_folder(void)
{
	char inner[160];
	wipe_folder();
	snprintf(inner, sizeof inner, "%s/quarantine", folder);
	rmdir(inner);
	rmdir(folder);
}

static void put_file(const char *name, const void *bytes, size_t len)
{
	char path[160];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, bytes, len) != (ssize_t)len)
		abort();
	close(fd);
}

static uint64_t put_segment(struct input *in, uint64_t first)
{
	static uint8_t bytes[SEGMENT];
	size_t end = 0;
	uint64_t sequence = first;
	memset(bytes, 0, sizeof bytes);
	for (unsigned count = take(in) % RECORDS_MAX; count > 0; count--, sequence++) {
		uint8_t *payload = bytes + end + FRAME_HEADER_BYTES;
		struct frame frame = {.sequence = sequence, .epoch = EPOCH, .agent = fnv1a64("fuzz", 4), .payload_len = take(in)};
		memset(payload, (int)sequence, frame.payload_len);
		frame.payload_crc = crc32c(0, payload, frame.payload_len);
		frame_encode(&frame, bytes + end);
		end += frame_size(&frame);
	}
	for (unsigned patches = take(in) % PATCHES_MAX; patches > 0; patches--) {
		unsigned at = take(in) << 8 | take(in);
		bytes[at % SEGMENT] ^= (uint8_t)take(in);
	}
	size_t len = in->left > 0 && take(in) == 0 ? end / 2 : SEGMENT;
	char name[64];
	snprintf(name, sizeof name, "%016x-%016llx.seg", EPOCH, (unsigned long long)first);
	put_file(name, bytes, len);
	return sequence;
}

/* How many records can be read, and that the rest is told as lost one by one. */
static unsigned read_through(struct spool *s)
{
	struct buf out;
	struct spool_stats stats;
	uint64_t at = 0, got = 0;
	unsigned readable = 0;
	buf_init(&out, SEGMENT);
	spool_stats(s, &stats);
	for (int r; (r = spool_read_after(s, at, &out, &got)) != -ENOENT; at = got) {
		if (got <= at || got >= stats.next)
			abort();
		readable += r == 0;
	}
	buf_done(&out);
	return readable;
}

static struct spool *open_spool(void)
{
	struct spool_limits limits = {.bytes_max = 64 * SEGMENT, .segment_bytes = SEGMENT, .disk = &quick_disk};
	struct spool *s = NULL;
	if (spool_open(folder, span_str("fuzz"), &limits, &s, NULL) < 0)
		abort();
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {.at = data, .left = size};
	if (!folder[0]) {
		snprintf(folder, sizeof folder, "/tmp/tocsin-fuzz-spool-%d", (int)getpid());
		struct spool *made = open_spool();
		spool_close(made);
		atexit(remove_folder);
	}
	put_segment(&in, put_segment(&in, 1) + take(&in) % 3);
	put_file("frontier", in.at, in.left);

	struct spool *s = open_spool();
	unsigned readable = read_through(s);
	uint64_t sequence;
	struct spool_stats stats;
	spool_stats(s, &stats);
	if (spool_append(s, span_str("appended"), &sequence, NULL) < 0 || sequence != stats.next || read_through(s) != readable + 1)
		abort();
	spool_close(s);

	s = open_spool();
	if (read_through(s) != readable + 1)
		abort();
	spool_close(s);

	wipe_folder();
	return 0;
}
