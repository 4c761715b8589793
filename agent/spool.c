#include "agent/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/spool/disk.h"
#include "agent/spool/frontier.h"
#include "agent/spool/recover.h"
#include "agent/spool/segment.h"
#include "lib/clock.h"
#include "lib/crc32c.h"
#include "lib/fnv.h"

#define SPARE_FILE "spare"
#define LOCK_FILE  "lock"

/* Where the last read ended, so that reading in order seeks nothing. `fd` is -1 when nothing is open. */
struct reader {
	int fd;
	uint64_t epoch, first; /* of the segment */
	uint64_t offset;       /* of a frame whose sequence is at least `next` */
	uint64_t next;
};

struct spool {
	const struct disk *disk;
	struct spool_limits limits;
	char *path;
	int dir, lock;
	int active; /* the last segment, open for appending; -1: the next append begins a new one */
	bool spare; /* a preallocated file waits to become the next segment */
	uint64_t agent, epoch, next;
	struct frontier frontier;
	uint64_t acked;
	struct segment *segments;
	size_t count, cap;
	struct reader reader;
	uint64_t torn_tails, bad_records;
};

static int fail(const struct spool *s, struct err *err, int r, const char *what)
{
	err_set(err, "spool %s: %s: %s", s->path, what, strerror(-r));
	return r;
}

/* ---- the lock ---- */

static int take_lock(struct spool *s, struct err *err)
{
	char pid[24] = "";
	s->lock = openat(s->dir, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock < 0)
		return fail(s, err, -errno, "cannot open its lock");
	if (flock(s->lock, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return fail(s, err, -errno, "cannot be locked");
		ssize_t n = pread(s->lock, pid, sizeof pid - 1, 0);
		pid[n > 0 ? n : 0] = '\0';
		err_set(err, "spool %s is held by process %s: is another agent running on the same state folder?", s->path,
			pid[0] ? pid : "unknown");
		return -EBUSY;
	}
	int len = snprintf(pid, sizeof pid, "%d", (int)getpid());
	/* The process id is for people only: a lock without it still holds, and a full disk must not keep the spool from opening. */
	ssize_t written = ftruncate(s->lock, 0) < 0 ? -1 : pwrite(s->lock, pid, (size_t)len, 0);
	(void)written;
	return 0;
}

/* ---- segments ---- */

static uint64_t bytes_held(const struct spool *s)
{
	uint64_t bytes = s->spare ? s->limits.segment_bytes : 0;
	for (size_t i = 0; i < s->count; i++)
		bytes += s->segments[i].size;
	return bytes;
}

static int segment_open(const struct spool *s, const struct segment *segment, int flags)
{
	char name[SEGMENT_NAME_BYTES];
	segment_name(segment, name);
	int fd = openat(s->dir, name, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static void reader_close(struct spool *s)
{
	if (s->reader.fd >= 0)
		close(s->reader.fd);
	s->reader = (struct reader){.fd = -1};
}

static void segment_forget(struct spool *s, size_t i)
{
	if (s->reader.epoch == s->segments[i].epoch && s->reader.first == s->segments[i].first)
		reader_close(s);
	memmove(&s->segments[i], &s->segments[i + 1], (--s->count - i) * sizeof s->segments[0]);
}

static int segment_unlink(const struct spool *s, size_t i)
{
	char name[SEGMENT_NAME_BYTES];
	segment_name(&s->segments[i], name);
	int r = disk_unlink(s->disk, s->dir, name);
	return r == -ENOENT ? 0 : r;
}

/* The segment of the newest record: its cursors are where the taps resume, so it is never deleted. NULL when there is no record. */
static struct segment *newest(const struct spool *s)
{
	for (size_t i = s->count; i > 0; i--)
		if (!segment_empty(&s->segments[i - 1]))
			return &s->segments[i - 1];
	return NULL;
}

static int spare_make(struct spool *s)
{
	if (bytes_held(s) + s->limits.segment_bytes > s->limits.bytes_max)
		return -ENOSPC;
	int fd = openat(s->dir, SPARE_FILE, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	int r = disk_reserve(s->disk, fd, s->limits.segment_bytes);
	if (r == 0)
		r = disk_sync(s->disk, fd);
	close(fd);
	s->spare = r == 0;
	if (r < 0)
		disk_unlink(s->disk, s->dir, SPARE_FILE);
	return r;
}

static int room_for_one_more(struct spool *s)
{
	if (s->count >= SPOOL_SEGMENTS_MAX)
		return -ENOSPC;
	if (s->count < s->cap)
		return 0;
	size_t cap = s->cap ? s->cap * 2 : 16;
	struct segment *more = realloc(s->segments, cap * sizeof *more);
	if (!more)
		return -ENOMEM;
	s->segments = more;
	s->cap = cap;
	return 0;
}

/* The spare becomes the next segment, and the next spare is made while there is room: when the disk fills up, one whole segment of
 * commits still goes through. A rename replaces what an earlier, failed beginning may have left under the name. */
static int begin_segment(struct spool *s)
{
	struct segment next = {.epoch = s->epoch, .first = s->next, .last = s->next - 1, .size = s->limits.segment_bytes};
	char name[SEGMENT_NAME_BYTES];
	segment_name(&next, name);
	int r = room_for_one_more(s);
	if (r == 0 && !s->spare)
		r = spare_make(s);
	if (r < 0)
		return r;
	int fd = openat(s->dir, SPARE_FILE, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		s->spare = false;
		return -errno;
	}
	r = disk_rename(s->disk, s->dir, SPARE_FILE, name);
	if (r < 0) {
		close(fd);
		return r;
	}
	/* From here on the name is taken: even if the folder cannot be synced, nothing may follow in the segment before. */
	s->spare = false;
	if (s->active >= 0)
		close(s->active);
	s->active = -1;
	r = disk_sync_dir(s->disk, s->dir);
	if (r < 0) {
		close(fd);
		return r;
	}
	s->active = fd;
	s->segments[s->count++] = next;
	spare_make(s);
	return 0;
}

/* After an error nothing more is written through this descriptor. What the failed record left behind is cut if that is still possible; if
 * not, the name of the next segment tells a recovery to stop before it. An empty one is forgotten even when its file stays: the next append
 * renames its segment over it, and a recovery drops segments without records. */
static void give_up_segment(struct spool *s)
{
	struct segment *last = &s->segments[s->count - 1];
	if (segment_empty(last)) {
		segment_unlink(s, s->count - 1);
		segment_forget(s, s->count - 1);
	} else if (disk_cut(s->disk, s->active, last->end) == 0) {
		last->size = last->end;
	}
	close(s->active);
	s->active = -1;
}

/* ---- opening ---- */

struct quarantine {
	const struct spool *spool;
	const struct segment *segment;
	const struct buf *bytes;
};

static void keep_bad_stretch(void *ctx, const struct segment_part *part)
{
	const struct quarantine *q = ctx;
	if (!part->valid)
		quarantine_bytes(q->spool->disk, q->spool->dir, q->segment, part->offset,
				 span_make(q->bytes->data + part->offset, part->len));
}

/* On a cloned machine with a new name: the records are the original's, and the original sends them. */
static bool is_foreign(const struct segment *segment, const struct buf *bytes)
{
	struct segment_summary anybody;
	struct segment_bounds bounds = {.epoch = segment->epoch, .first = segment->first, .limit = UINT64_MAX};
	segment_walk(buf_span(bytes), &bounds, NULL, NULL, &anybody);
	return anybody.records > 0;
}

/* Whether segments[i] holds records of ours. `at_end`: nothing valid was found behind it, so what is broken here was torn by a crash. */
static int recover_segment(struct spool *s, size_t i, bool at_end, struct buf *bytes)
{
	struct segment *segment = &s->segments[i];
	struct segment_summary sum;
	struct quarantine q = {.spool = s, .segment = segment, .bytes = bytes};
	int r = recover_walk(s->disk, s->dir, s->segments, s->count, i, s->agent, bytes, keep_bad_stretch, &q, &sum);
	if (r < 0)
		return r;
	bool torn = sum.torn > 0 && at_end && (sum.records > 0 || !is_foreign(segment, bytes));
	s->torn_tails += torn;
	s->bad_records += sum.bad + (sum.torn > 0 && !torn);
	if (sum.records > 0)
		return 1;
	if (sum.torn > 0 && !torn)
		quarantine_segment(s->disk, s->dir, segment);
	else
		segment_unlink(s, i);
	return 0;
}

/* Later segments go first, because a segment ends where the next one begins that has records. */
static int recover_segments(struct spool *s)
{
	struct buf bytes;
	int r = recover_list(s->dir, &s->segments, &s->count);
	if (r < 0)
		return r;
	s->cap = s->count;
	buf_init(&bytes, SPOOL_SEGMENT_BYTES_MAX);
	bool at_end = true;
	for (size_t i = s->count; i > 0 && r >= 0; i--) {
		r = recover_segment(s, i - 1, at_end, &bytes);
		if (r == 0)
			segment_forget(s, i - 1);
		at_end = at_end && r == 0;
	}
	buf_done(&bytes);
	return r < 0 ? r : 0;
}

/* Higher than every epoch before, and different from what a clone or a restored backup of this machine would choose. */
static uint64_t new_epoch(uint64_t previous)
{
	uint32_t noise = 0;
	if (getrandom(&noise, sizeof noise, 0) != (ssize_t)sizeof noise)
		noise = (uint32_t)clock_monotonic_ns();
	uint64_t epoch = (uint64_t)clock_wall_ns() >> 10 << 10 | (noise & 0x3ff);
	return epoch > previous ? epoch : previous + 1;
}

static void settle_epoch(struct spool *s)
{
	const struct segment *last = newest(s);
	s->epoch = last ? last->epoch : 0;
	s->next = last ? last->last + 1 : 1;
	if (s->frontier.epoch > s->epoch) {
		s->epoch = s->frontier.epoch;
		s->next = 1;
	}
	s->acked = s->frontier.epoch == s->epoch ? s->frontier.acked : 0;
	if (s->epoch != 0 && s->acked < s->next)
		return;
	/* The collector has records that are no longer here: to give their sequences away again would make it drop new ones as known. */
	s->epoch = new_epoch(s->epoch);
	s->next = 1;
	s->acked = 0;
}

/* Goes on in the last segment where that is safe, else leaves it as it is: the next append begins a new one. */
static void resume_last_segment(struct spool *s)
{
	struct segment *last = s->count > 0 ? &s->segments[s->count - 1] : NULL;
	if (!last || last->epoch != s->epoch || last->size > s->limits.segment_bytes)
		return;
	int fd = segment_open(s, last, O_RDWR);
	if (fd < 0)
		return;
	int r = 0;
	if (last->torn > 0)
		r = disk_cut(s->disk, fd, last->end);
	if (r == 0 && last->torn > 0)
		last->size = last->end;
	if (r == 0 && last->size < s->limits.segment_bytes) {
		r = disk_reserve(s->disk, fd, s->limits.segment_bytes);
		if (r == 0)
			r = disk_sync(s->disk, fd);
	}
	if (r < 0) {
		close(fd);
		return;
	}
	last->size = s->limits.segment_bytes;
	s->active = fd;
}

static void adopt_spare(struct spool *s)
{
	struct stat st;
	s->spare = fstatat(s->dir, SPARE_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
		   (uint64_t)st.st_size == s->limits.segment_bytes;
	if (!s->spare)
		disk_unlink(s->disk, s->dir, SPARE_FILE);
}

static int open_folder(struct spool *s, struct err *err)
{
	bool made = mkdir(s->path, 0700) == 0;
	if (!made && errno != EEXIST)
		return fail(s, err, -errno, "cannot be made");
	s->dir = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0)
		return fail(s, err, -errno, "cannot be opened");
	int parent = made ? openat(s->dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (parent >= 0) {
		int r = disk_sync(s->disk, parent);
		close(parent);
		if (r < 0)
			return fail(s, err, r, "its parent folder cannot be synced");
	}
	return 0;
}

int spool_open(const char *dir, struct span agent, const struct spool_limits *limits, struct spool **ret, struct err *err)
{
	if (limits->segment_bytes <= FRAME_HEADER_BYTES || limits->segment_bytes > SPOOL_SEGMENT_BYTES_MAX ||
	    limits->bytes_max < 2 * (uint64_t)limits->segment_bytes) {
		err_set(err, "spool %s: %" PRIu64 " bytes in segments of %" PRIu32 ": at least two segments are needed, each of at most %d",
			dir, limits->bytes_max, limits->segment_bytes, SPOOL_SEGMENT_BYTES_MAX);
		return -EINVAL;
	}
	struct spool *s = calloc(1, sizeof *s);
	if (!s) {
		err_set(err, "spool %s: out of memory", dir);
		return -ENOMEM;
	}
	s->disk = limits->disk ? limits->disk : &disk_kernel;
	s->limits = *limits;
	s->dir = s->lock = s->active = s->frontier.fd = s->reader.fd = -1;
	s->agent = fnv1a64(agent.data, agent.len);
	s->path = strdup(dir);
	int r = s->path ? 0 : -ENOMEM;
	if (r < 0)
		err_set(err, "spool %s: out of memory", dir);
	if (r == 0)
		r = open_folder(s, err);
	if (r == 0)
		r = take_lock(s, err);
	if (r < 0)
		goto fail;
	r = recover_segments(s);
	if (r < 0) {
		fail(s, err, r, "cannot be read");
		goto fail;
	}
	frontier_open(&s->frontier, s->disk, s->dir);
	settle_epoch(s);
	resume_last_segment(s);
	adopt_spare(s);
	*ret = s;
	return 0;
fail:
	spool_close(s);
	return r;
}

void spool_close(struct spool *s)
{
	if (!s)
		return;
	reader_close(s);
	frontier_close(&s->frontier);
	if (s->active >= 0)
		close(s->active);
	if (s->dir >= 0)
		close(s->dir);
	if (s->lock >= 0)
		close(s->lock);
	free(s->segments);
	free(s->path);
	free(s);
}

/* ---- appending ---- */

static int write_record(struct spool *s, struct segment *segment, const struct frame *frame, struct span payload)
{
	uint8_t header[FRAME_HEADER_BYTES];
	frame_encode(frame, header);
	int r = disk_write(s->disk, s->active, header, sizeof header, segment->end);
	if (r == 0)
		r = disk_write(s->disk, s->active, payload.data, payload.len, segment->end + sizeof header);
	if (r == 0)
		r = disk_sync_data(s->disk, s->active);
	return r;
}

/* The two answers that a caller acts on differently: wait for room, or go on in a new segment. */
static int append_error(int r)
{
	if (r == -EDQUOT)
		return -ENOSPC;
	return r == -ENOSPC || r == -ENOMEM ? r : -EIO;
}

int spool_append(struct spool *s, struct span payload, uint64_t *ret_sequence, struct err *err)
{
	uint64_t need = FRAME_HEADER_BYTES + (uint64_t)payload.len;
	if (payload.len > FRAME_PAYLOAD_MAX || need > s->limits.segment_bytes) {
		err_set(err, "spool %s: a record of %zu bytes is larger than a segment can hold", s->path, payload.len);
		return -EMSGSIZE;
	}
	if (s->active < 0 || s->segments[s->count - 1].end + need > s->segments[s->count - 1].size) {
		int r = begin_segment(s);
		if (r < 0)
			return fail(s, err, append_error(r), "no new segment, the record waits");
	}
	struct segment *segment = &s->segments[s->count - 1];
	struct frame frame = {
		.sequence = s->next,
		.epoch = s->epoch,
		.agent = s->agent,
		.payload_len = (uint32_t)payload.len,
		.payload_crc = crc32c(0, payload.data, payload.len),
	};
	int r = write_record(s, segment, &frame, payload);
	if (r < 0) {
		give_up_segment(s);
		return fail(s, err, append_error(r), "a segment is given up, the record waits");
	}
	segment->last = s->next;
	segment->last_from = segment->end;
	segment->end += need;
	*ret_sequence = s->next++;
	return 0;
}

/* ---- reading ---- */

static int reader_seek(struct spool *s, const struct segment *segment, uint64_t wanted)
{
	if (s->reader.fd < 0 || s->reader.epoch != segment->epoch || s->reader.first != segment->first) {
		int fd = segment_open(s, segment, O_RDONLY);
		if (fd < 0)
			return fd;
		reader_close(s);
		s->reader = (struct reader){.fd = fd, .epoch = segment->epoch, .first = segment->first, .next = segment->first};
	}
	if (s->reader.next > wanted) {
		s->reader.offset = 0;
		s->reader.next = segment->first;
	}
	return 0;
}

/* Where the next believable header lies behind a rotten one. */
static int reader_resync(struct spool *s, const struct segment *segment)
{
	struct buf bytes;
	buf_init(&bytes, SPOOL_SEGMENT_BYTES_MAX);
	int r = recover_load(s->disk, s->dir, segment, &bytes);
	if (r == 0)
		s->reader.offset = segment_next_header(buf_span(&bytes), s->reader.offset + 1);
	buf_done(&bytes);
	return r;
}

static int read_payload(struct spool *s, int fd, uint64_t offset, const struct frame *frame, struct buf *out)
{
	buf_clear(out);
	int r = buf_reserve(out, frame->payload_len);
	if (r < 0)
		return r;
	ssize_t n = disk_read(s->disk, fd, out->data, frame->payload_len, offset + FRAME_HEADER_BYTES);
	if (n != (ssize_t)frame->payload_len || !frame_payload_valid(frame, out->data))
		return -EBADMSG;
	out->len = frame->payload_len;
	return 0;
}

static bool read_header(struct spool *s, int fd, uint64_t offset, const struct segment *segment, struct frame *ret_frame)
{
	uint8_t header[FRAME_HEADER_BYTES];
	return disk_read(s->disk, fd, header, sizeof header, offset) == (ssize_t)sizeof header && frame_decode(header, ret_frame) == 0 &&
	       ret_frame->epoch == segment->epoch && ret_frame->agent == s->agent;
}

static int read_from_segment(struct spool *s, const struct segment *segment, uint64_t wanted, struct buf *out)
{
	int r = reader_seek(s, segment, wanted);
	while (r == 0 && s->reader.offset < segment->end) {
		struct frame frame;
		if (!read_header(s, s->reader.fd, s->reader.offset, segment, &frame)) {
			r = reader_resync(s, segment);
			continue;
		}
		if (frame.sequence > wanted)
			return -EBADMSG;
		if (frame.sequence == wanted)
			r = read_payload(s, s->reader.fd, s->reader.offset, &frame, out);
		if (r < 0 && r != -EBADMSG)
			return r;
		s->reader.offset += frame_size(&frame);
		s->reader.next = frame.sequence + 1;
		if (frame.sequence == wanted)
			return r;
	}
	return r < 0 ? r : -EBADMSG;
}

static const struct segment *segment_of(const struct spool *s, uint64_t sequence)
{
	for (size_t i = s->count; i > 0; i--)
		if (s->segments[i - 1].epoch == s->epoch && s->segments[i - 1].first <= sequence)
			return &s->segments[i - 1];
	return NULL;
}

static uint64_t oldest(const struct spool *s)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->segments[i].epoch == s->epoch && !segment_empty(&s->segments[i]))
			return s->segments[i].first;
	return 0;
}

int spool_read_after(struct spool *s, uint64_t sequence, struct buf *out, uint64_t *ret_sequence)
{
	uint64_t first = oldest(s), wanted = sequence + 1;
	if (first == 0 || sequence >= s->next - 1)
		return -ENOENT;
	/* Older ones were deleted after their acknowledgement; a hole behind the frontier is a loss and is told, sequence by sequence. */
	if (sequence == 0 || (wanted < first && wanted <= s->acked))
		wanted = first;
	const struct segment *segment = segment_of(s, wanted);
	int r = segment && wanted <= segment->last ? read_from_segment(s, segment, wanted, out) : -EBADMSG;
	if (r == 0 || r == -EBADMSG)
		*ret_sequence = wanted;
	return r;
}

int spool_read_last(struct spool *s, struct buf *out, uint64_t *ret_sequence)
{
	const struct segment *segment = newest(s);
	if (!segment)
		return -ENOENT;
	int fd = segment_open(s, segment, O_RDONLY);
	if (fd < 0)
		return fd;
	struct frame frame;
	int r = -EBADMSG;
	if (read_header(s, fd, segment->last_from, segment, &frame) && frame.sequence == segment->last)
		r = read_payload(s, fd, segment->last_from, &frame, out);
	close(fd);
	if (r == 0)
		*ret_sequence = segment->last;
	return r;
}

/* ---- acknowledging ---- */

static bool deletable(const struct spool *s, size_t i)
{
	const struct segment *segment = &s->segments[i];
	if (segment == newest(s) || (i + 1 == s->count && s->active >= 0))
		return false;
	return segment->epoch != s->epoch || segment->last <= s->acked;
}

static int delete_acknowledged(struct spool *s)
{
	int r = 0;
	bool deleted = false;
	while (r == 0 && s->count > 0 && deletable(s, 0)) {
		r = segment_unlink(s, 0);
		if (r == 0)
			segment_forget(s, 0);
		deleted |= r == 0;
	}
	if (deleted && r == 0)
		r = disk_sync_dir(s->disk, s->dir);
	if (deleted && !s->spare)
		spare_make(s);
	return r;
}

int spool_ack(struct spool *s, uint64_t sequence, struct err *err)
{
	if (sequence >= s->next) {
		err_set(err, "spool %s: %" PRIu64 " is acknowledged, but only %" PRIu64 " were written", s->path, sequence, s->next - 1);
		return -EINVAL;
	}
	if (sequence <= s->acked)
		return 0;
	s->acked = sequence;
	int r = frontier_write(&s->frontier, s->disk, s->dir, s->epoch, sequence);
	if (r < 0)
		return fail(s, err, r, "the acknowledged frontier cannot be written, nothing is deleted");
	if (s->count == 0 || !deletable(s, 0))
		return 0;
	r = frontier_sync(&s->frontier, s->disk);
	if (r < 0)
		return fail(s, err, r, "the acknowledged frontier is not durable, nothing is deleted");
	r = delete_acknowledged(s);
	return r < 0 ? fail(s, err, r, "an acknowledged segment cannot be deleted") : 0;
}

void spool_stats(const struct spool *s, struct spool_stats *ret)
{
	*ret = (struct spool_stats){
		.epoch = s->epoch,
		.first = oldest(s),
		.next = s->next,
		.acked = s->acked,
		.bytes = bytes_held(s),
		.segments = s->count,
		.torn_tails = s->torn_tails,
		.bad_records = s->bad_records,
	};
}
