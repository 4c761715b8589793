/* spool_scan of agent/spool.h: looking at a spool without taking it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/spool.h"
#include "agent/spool/disk.h"
#include "agent/spool/frontier.h"
#include "agent/spool/recover.h"

struct scan {
	const struct segment *segment;
	char name[SEGMENT_NAME_BYTES];
	void (*each)(void *ctx, const struct spool_entry *entry);
	void *ctx;
};

static void scan_part(void *ctx, const struct segment_part *part)
{
	const struct scan *scan = ctx;
	struct spool_entry entry = {
		.epoch = scan->segment->epoch,
		.sequence = part->sequence,
		.offset = part->offset,
		.payload_len = (uint32_t)(part->valid ? part->len - FRAME_HEADER_BYTES : part->len),
		.segment = scan->name,
		.valid = part->valid,
	};
	scan->each(scan->ctx, &entry);
}

static void scan_segment(int dir, struct segment *segments, size_t count, size_t i, struct buf *bytes, struct scan *scan,
			 struct spool_stats *stats)
{
	struct segment *segment = &segments[i];
	struct segment_summary sum;
	scan->segment = segment;
	segment_name(segment, scan->name);
	if (recover_walk(&disk_kernel, dir, segments, count, i, 0, bytes, scan_part, scan, &sum) < 0)
		return;
	if (sum.torn > 0) {
		struct segment_part torn = {.offset = sum.end, .len = sum.torn};
		scan_part(scan, &torn);
	}
	stats->segments++;
	stats->bytes += segment->size;
	stats->bad_records += sum.bad + (sum.torn > 0 && i + 1 < count);
	stats->torn_tails += sum.torn > 0 && i + 1 == count;
	if (sum.records == 0)
		return;
	if (stats->epoch != segment->epoch || stats->first == 0)
		stats->first = segment->first;
	stats->epoch = segment->epoch;
	stats->next = segment->last + 1;
}

int spool_scan(const char *dir, void (*each)(void *ctx, const struct spool_entry *entry), void *ctx, struct spool_stats *ret,
	       struct err *err)
{
	struct segment *segments = NULL;
	size_t count = 0;
	struct scan scan = {.each = each, .ctx = ctx};
	struct spool_stats stats = {.next = 1};
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 ? -errno : recover_list(fd, &segments, &count);
	if (r < 0) {
		err_set(err, "spool %s: cannot be read: %s", dir, strerror(-r));
		if (fd >= 0)
			close(fd);
		return r;
	}
	struct buf bytes;
	buf_init(&bytes, SPOOL_SEGMENT_BYTES_MAX);
	for (size_t i = 0; i < count; i++)
		scan_segment(fd, segments, count, i, &bytes, &scan, &stats);
	struct frontier frontier;
	frontier_open(&frontier, &disk_kernel, fd);
	frontier_close(&frontier);
	stats.acked = frontier.epoch == stats.epoch ? frontier.acked : 0;
	buf_done(&bytes);
	free(segments);
	close(fd);
	*ret = stats;
	return 0;
}
