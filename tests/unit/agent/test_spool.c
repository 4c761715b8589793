#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/spool.h"
#include "agent/spool/disk.h"
#include "agent/spool/segment.h"

enum { SEGMENT = 4096, PAYLOAD_MAX = SEGMENT - FRAME_HEADER_BYTES };

static char folder[] = "/tmp/tocsin-spool-XXXXXX";
static char path[64];

/* ---- a disk whose Nth call fails ---- */

enum call { CALL_ANY, CALL_PWRITE, CALL_FALLOCATE, CALL_FDATASYNC, CALL_FSYNC, CALL_FTRUNCATE, CALL_RENAME, CALL_UNLINK, CALLS };
static struct {
	enum call which;
	unsigned countdown; /* 1: the next one; 0: never */
	bool sticky;        /* and every one after it */
	int error;
	unsigned calls;
} fault;

static bool fails(enum call call)
{
	fault.calls++;
	if (fault.countdown == 0 || (fault.which != CALL_ANY && fault.which != call))
		return false;
	if (fault.countdown > 1) {
		fault.countdown--;
		return false;
	}
	if (!fault.sticky)
		fault.countdown = 0;
	errno = fault.error;
	return true;
}

/* A write that fails has still written half: that is what a full or dying disk leaves behind. */
static ssize_t faulty_pwrite(int fd, const void *data, size_t len, off_t offset)
{
	if (!fails(CALL_PWRITE))
		return pwrite(fd, data, len, offset);
	int error = errno;
	if (len > 1)
		assert_true(pwrite(fd, data, len / 2, offset) > 0);
	errno = error;
	return -1;
}

static int faulty_fallocate(int fd, off_t offset, off_t len)
{
	return fails(CALL_FALLOCATE) ? fault.error : posix_fallocate(fd, offset, len);
}

static int faulty_fdatasync(int fd)
{
	return fails(CALL_FDATASYNC) ? -1 : fdatasync(fd);
}

static int faulty_fsync(int fd)
{
	return fails(CALL_FSYNC) ? -1 : fsync(fd);
}

static int faulty_ftruncate(int fd, off_t len)
{
	return fails(CALL_FTRUNCATE) ? -1 : ftruncate(fd, len);
}

static int faulty_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	return fails(CALL_RENAME) ? -1 : renameat(from_dir, from, to_dir, to);
}

static int faulty_unlinkat(int dir, const char *name, int flags)
{
	return fails(CALL_UNLINK) ? -1 : unlinkat(dir, name, flags);
}

static const struct disk faulty_disk = {
	.pread = pread,
	.pwrite = faulty_pwrite,
	.fallocate = faulty_fallocate,
	.fdatasync = faulty_fdatasync,
	.fsync = faulty_fsync,
	.ftruncate = faulty_ftruncate,
	.renameat = faulty_renameat,
	.unlinkat = faulty_unlinkat,
};

/* ---- helpers ---- */

static struct spool *open_limited(uint64_t segments)
{
	struct spool_limits limits = {.bytes_max = segments * SEGMENT, .segment_bytes = SEGMENT, .disk = &faulty_disk};
	struct spool *s = NULL;
	struct err err = {0};
	if (spool_open(path, span_str("agent-1"), &limits, &s, &err) < 0)
		fail_msg("spool_open: %s", err.text);
	return s;
}

static struct spool *open_spool(void)
{
	return open_limited(64);
}

/* A payload that says which one it is and has `len` bytes. */
static struct span payload_of(unsigned number, size_t len)
{
	static char text[PAYLOAD_MAX + 1];
	assert_in_range(len, 16, PAYLOAD_MAX);
	snprintf(text, sizeof text, "payload %07u", number);
	for (size_t i = 15; i < len; i++)
		text[i] = (char)('a' + (number + i) % 26);
	return span_make(text, len);
}

static int append_number(struct spool *s, unsigned number, size_t len, uint64_t *ret_sequence)
{
	return spool_append(s, payload_of(number, len), ret_sequence, NULL);
}

static void append_many(struct spool *s, unsigned count, size_t len)
{
	for (unsigned i = 0; i < count; i++) {
		struct spool_stats stats;
		uint64_t sequence = 0;
		spool_stats(s, &stats);
		assert_int_equal(append_number(s, (unsigned)stats.next, len, &sequence), 0);
		assert_int_equal(sequence, stats.next);
	}
}

static struct spool_stats stats_of(struct spool *s)
{
	struct spool_stats stats;
	spool_stats(s, &stats);
	return stats;
}

/* Every record from `from` up to the newest is there and says its own number; those in `lost` (a bit set) are told as lost. */
static void expect_records(struct spool *s, uint64_t from, uint64_t to, uint64_t lost)
{
	struct buf out;
	uint64_t sequence = from - 1, got = 0;
	buf_init(&out, SEGMENT);
	while (sequence < to) {
		int r = spool_read_after(s, sequence, &out, &got);
		assert_int_equal(got, sequence + 1);
		if (got < 64 && (lost >> got & 1)) {
			assert_int_equal(r, -EBADMSG);
		} else {
			if (r != 0)
				fail_msg("record %" PRIu64 ": %s", got, strerror(-r));
			assert_true(span_equal(buf_span(&out), payload_of((unsigned)got, out.len)));
		}
		sequence = got;
	}
	assert_int_equal(spool_read_after(s, sequence, &out, &got), -ENOENT);
	buf_done(&out);
}

static char *file_in(const char *name)
{
	static char file[512];
	snprintf(file, sizeof file, "%s/%s", path, name);
	return file;
}

/* Names of the segments, in order. */
static size_t list_segments(char names[][256], size_t max)
{
	struct dirent **entries = NULL;
	int n = scandir(path, &entries, NULL, alphasort);
	size_t count = 0;
	for (int i = 0; i < n; i++) {
		if (strstr(entries[i]->d_name, ".seg") && count < max)
			snprintf(names[count++], 256, "%s", entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return count;
}

static char *segment_file(size_t number)
{
	char names[16][256];
	assert_true(list_segments(names, 16) > number);
	return file_in(names[number]);
}

static void flip(const char *file, off_t at, uint8_t mask)
{
	int fd = open(file, O_RDWR | O_CLOEXEC);
	uint8_t byte;
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= mask;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

static void wipe(const char *dir)
{
	DIR *listing = opendir(dir);
	if (!listing)
		return;
	for (struct dirent *e; (e = readdir(listing));) {
		if (e->d_name[0] == '.')
			continue;
		if (unlinkat(dirfd(listing), e->d_name, 0) == 0)
			continue;
		char inner[512];
		snprintf(inner, sizeof inner, "%s/%s", dir, e->d_name);
		wipe(inner);
	}
	closedir(listing);
	rmdir(dir);
}

static int start_clean(void **state)
{
	(void)state;
	wipe(path);
	memset(&fault, 0, sizeof fault);
	return 0;
}

static void copy_file(const char *from, const char *to)
{
	char bytes[SEGMENT * 2 + 64];
	int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t n = read(in, bytes, sizeof bytes);
	assert_true(n >= 0);
	assert_int_equal(write(out, bytes, (size_t)n), n);
	close(in);
	close(out);
}

/* ---- the life of a record ---- */

static void records_are_read_in_order_and_again_after_a_restart(void **state)
{
	(void)state;
	struct spool *s = open_spool();
	append_many(s, 40, 500);
	expect_records(s, 1, 40, 0);
	uint64_t epoch = stats_of(s).epoch;
	spool_close(s);

	s = open_spool();
	assert_int_equal(stats_of(s).epoch, epoch);
	assert_int_equal(stats_of(s).next, 41);
	expect_records(s, 1, 40, 0);
	append_many(s, 3, 500);
	expect_records(s, 41, 43, 0);
	assert_int_equal(stats_of(s).torn_tails + stats_of(s).bad_records, 0);
	spool_close(s);
}

static void an_empty_spool_has_nothing_to_read(void **state)
{
	(void)state;
	struct spool *s = open_spool();
	struct buf out;
	uint64_t sequence;
	buf_init(&out, SEGMENT);
	assert_int_equal(spool_read_after(s, 0, &out, &sequence), -ENOENT);
	assert_int_equal(spool_read_last(s, &out, &sequence), -ENOENT);
	assert_int_equal(spool_ack(s, 1, NULL), -EINVAL);
	assert_int_not_equal(stats_of(s).epoch, 0);
	assert_int_equal(stats_of(s).first, 0);
	buf_done(&out);
	spool_close(s);
}

static void a_record_fills_a_segment_exactly_or_is_refused(void **state)
{
	(void)state;
	struct spool *s = open_spool();
	uint64_t sequence;
	char more[PAYLOAD_MAX + 1] = {0};
	assert_int_equal(append_number(s, 1, PAYLOAD_MAX, &sequence), 0);
	assert_int_equal(spool_append(s, span_make(more, sizeof more), &sequence, NULL), -EMSGSIZE);
	assert_int_equal(append_number(s, 2, PAYLOAD_MAX, &sequence), 0);
	expect_records(s, 1, 2, 0);
	struct buf out;
	buf_init(&out, SEGMENT);
	assert_int_equal(spool_append(s, span_make("", 0), &sequence, NULL), 0);
	assert_int_equal(spool_read_after(s, 2, &out, &sequence), 0);
	assert_int_equal(sequence, 3);
	assert_int_equal(out.len, 0);
	buf_done(&out);
	spool_close(s);
}

static void a_reader_that_goes_back_finds_the_older_records(void **state)
{
	(void)state;
	struct spool *s = open_spool();
	append_many(s, 20, 700);
	expect_records(s, 1, 20, 0);
	expect_records(s, 3, 20, 0);
	expect_records(s, 19, 20, 0);
	expect_records(s, 1, 20, 0);
	spool_close(s);
}

static void acknowledged_segments_go_and_the_newest_record_stays(void **state)
{
	(void)state;
	struct spool *s = open_spool();
	struct buf out;
	uint64_t sequence = 0;
	append_many(s, 20, 1000); /* three to a segment */
	uint64_t segments = stats_of(s).segments;
	assert_int_equal(spool_ack(s, 10, NULL), 0);
	assert_int_equal(stats_of(s).segments, segments - 3);
	assert_int_equal(stats_of(s).first, 10);
	expect_records(s, 11, 20, 0);
	assert_int_equal(spool_ack(s, 20, NULL), 0);
	assert_int_equal(stats_of(s).segments, 1);
	spool_close(s);

	s = open_spool();
	buf_init(&out, SEGMENT);
	assert_int_equal(spool_read_last(s, &out, &sequence), 0);
	assert_int_equal(sequence, 20);
	assert_true(span_equal(buf_span(&out), payload_of(20, 1000)));
	assert_int_equal(spool_read_after(s, 20, &out, &sequence), -ENOENT);
	assert_int_equal(stats_of(s).acked, 20);
	append_many(s, 1, 1000);
	assert_int_equal(spool_read_after(s, 20, &out, &sequence), 0);
	assert_int_equal(sequence, 21);
	buf_done(&out);
	spool_close(s);
}

static void an_acknowledgement_of_what_was_never_written_is_refused(void **state)
{
	(void)state;
	struct spool *s = open_spool();
	struct err err = {0};
	append_many(s, 2, 100);
	assert_int_equal(spool_ack(s, 3, &err), -EINVAL);
	assert_non_null(strstr(err.text, "only 2"));
	assert_int_equal(spool_ack(s, 2, NULL), 0);
	assert_int_equal(spool_ack(s, 1, NULL), 0);
	assert_int_equal(stats_of(s).acked, 2);
	spool_close(s);
}

static void a_second_holder_is_refused_and_told_who_holds_it(void **state)
{
	(void)state;
	struct spool *s = open_spool(), *second = NULL;
	struct spool_limits limits = {.bytes_max = 8 * SEGMENT, .segment_bytes = SEGMENT};
	struct err err = {0};
	char pid[32];
	assert_int_equal(spool_open(path, span_str("agent-1"), &limits, &second, &err), -EBUSY);
	snprintf(pid, sizeof pid, "process %d", (int)getpid());
	assert_non_null(strstr(err.text, pid));
	spool_close(s);
	assert_int_equal(spool_open(path, span_str("agent-1"), &limits, &second, &err), 0);
	spool_close(second);
}

static void limits_that_cannot_work_are_refused(void **state)
{
	(void)state;
	const struct {
		uint64_t bytes_max;
		uint32_t segment_bytes;
		int want;
		const char *why;
	} rows[] = {
		{2 * SEGMENT, SEGMENT, 0, "exactly two segments"},
		{2 * SEGMENT - 1, SEGMENT, -EINVAL, "less than two segments"},
		{1 << 20, FRAME_HEADER_BYTES, -EINVAL, "no room for a payload"},
		{UINT64_MAX, SPOOL_SEGMENT_BYTES_MAX + 1, -EINVAL, "a segment too large to recover in memory"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct spool_limits limits = {.bytes_max = rows[i].bytes_max, .segment_bytes = rows[i].segment_bytes};
		struct spool *s = NULL;
		struct err err = {0};
		int r = spool_open(path, span_str("a"), &limits, &s, &err);
		if (r != rows[i].want || (r < 0 && !err.text[0]))
			fail_msg("%s: %d", rows[i].why, r);
		spool_close(s);
	}
}

static void the_limit_holds_and_room_comes_back_with_acknowledgements(void **state)
{
	(void)state;
	struct spool *s = open_limited(4);
	unsigned written = 0;
	uint64_t sequence = 0;
	while (append_number(s, written + 1, 1000, &sequence) == 0)
		assert_in_range(++written, 1, 12);
	assert_int_equal(written, 12);
	assert_int_equal(append_number(s, 13, 1000, &sequence), -ENOSPC);
	assert_int_equal(stats_of(s).bytes, 4 * SEGMENT);
	expect_records(s, 1, 12, 0);
	assert_int_equal(spool_ack(s, 3, NULL), 0);
	append_many(s, 3, 1000);
	expect_records(s, 4, 15, 0);
	assert_int_equal(append_number(s, 16, 1000, &sequence), -ENOSPC);
	assert_true(stats_of(s).bytes <= 4 * SEGMENT);
	spool_close(s);
}

static void when_the_disk_fills_up_the_spare_takes_a_last_segment_of_commits(void **state)
{
	(void)state;
	struct spool *s = open_spool();
	uint64_t sequence;
	append_many(s, 1, 1000);
	fault.which = CALL_FALLOCATE;
	fault.error = ENOSPC;
	fault.countdown = 1;
	fault.sticky = true;
	append_many(s, 5, 1000);
	assert_int_equal(append_number(s, 7, 1000, &sequence), -ENOSPC);
	assert_int_equal(append_number(s, 7, 100, &sequence), 0); /* a smaller record still fits */
	expect_records(s, 1, 7, 0);
	fault.countdown = 0;
	append_many(s, 4, 1000);
	expect_records(s, 1, 11, 0);
	spool_close(s);
}

/* ---- recovery ---- */

static void a_torn_tail_is_cut_at_every_byte(void **state)
{
	(void)state;
	struct spool *s = open_spool();
	append_many(s, 3, 60);
	spool_close(s);
	char file[512], whole[128];
	snprintf(file, sizeof file, "%s", segment_file(0));
	snprintf(whole, sizeof whole, "%s.whole", folder);
	copy_file(file, whole);
	off_t last = 2 * (FRAME_HEADER_BYTES + 60), end = 3 * (FRAME_HEADER_BYTES + 60);
	for (off_t cut = last; cut < end; cut++) {
		for (int refilled = 0; refilled < 2; refilled++) { /* the file ends there, or only zeros follow as after fallocate */
			copy_file(whole, file);
			assert_int_equal(truncate(file, cut), 0);
			if (refilled)
				assert_int_equal(truncate(file, SEGMENT), 0);
			s = open_spool();
			if (stats_of(s).next != 3 || stats_of(s).bad_records != 0)
				fail_msg("cut at %ld: next is %" PRIu64, (long)cut, stats_of(s).next);
			assert_int_equal(stats_of(s).torn_tails, cut > last);
			append_many(s, 2, 60);
			expect_records(s, 1, 4, 0);
			spool_close(s);
			s = open_spool();
			expect_records(s, 1, 4, 0);
			assert_int_equal(stats_of(s).torn_tails, 0);
			spool_close(s);
		}
	}
	unlink(whole);
}

static void a_flipped_bit_costs_its_own_record_and_no_other(void **state)
{
	(void)state;
	struct spool *s = open_spool();
	const off_t size = FRAME_HEADER_BYTES + 40;
	append_many(s, 3, 40);
	spool_close(s);
	char file[512], whole[128];
	snprintf(file, sizeof file, "%s", segment_file(0));
	snprintf(whole, sizeof whole, "%s.whole", folder);
	copy_file(file, whole);
	for (off_t at = 0; at < 3 * size; at++) {
		copy_file(whole, file);
		flip(file, at, (uint8_t)(1 << at % 8));
		s = open_spool();
		unsigned hit = (unsigned)(at / size) + 1;
		if (hit < 3) {
			assert_int_equal(stats_of(s).next, 4);
			expect_records(s, 1, 3, 1u << hit);
			assert_int_equal(stats_of(s).bad_records, 1);
		} else { /* the newest record cannot be told from one that a crash tore */
			assert_int_equal(stats_of(s).next, 3);
			expect_records(s, 1, 2, 0);
			assert_int_equal(stats_of(s).torn_tails, 1);
		}
		append_many(s, 1, 40);
		spool_close(s);
		wipe(file_in("quarantine"));
	}
	unlink(whole);
}

static void a_bit_that_rots_while_the_spool_is_open_costs_one_record(void **state)
{
	(void)state;
	struct spool *s = open_spool();
	const off_t size = FRAME_HEADER_BYTES + 40;
	append_many(s, 4, 40);
	flip(segment_file(0), size + 3, 1);         /* the header of 2 */
	flip(segment_file(0), 2 * size + 60, 0x80); /* the payload of 3 */
	expect_records(s, 1, 4, 1u << 2 | 1u << 3);
	spool_close(s);
}

static void bad_records_are_kept_as_evidence(void **state)
{
	(void)state;
	struct spool *s = open_spool();
	append_many(s, 3, 40);
	spool_close(s);
	flip(segment_file(0), FRAME_HEADER_BYTES, 4);
	for (int again = 0; again < 2; again++) {
		s = open_spool();
		DIR *listing = opendir(file_in("quarantine"));
		assert_non_null(listing);
		int files = 0;
		for (struct dirent *e; (e = readdir(listing));)
			files += e->d_name[0] != '.';
		closedir(listing);
		assert_int_equal(files, 1);
		spool_close(s);
	}
}

static void a_missing_segment_is_told_record_by_record(void **state)
{
	(void)state;
	struct spool *s = open_spool();
	append_many(s, 9, 1000);
	spool_close(s);
	assert_int_equal(unlink(segment_file(1)), 0);
	s = open_spool();
	assert_int_equal(stats_of(s).next, 10);
	expect_records(s, 1, 9, 1u << 4 | 1u << 5 | 1u << 6);
	spool_close(s);
}

static void a_missing_first_segment_is_told_when_it_was_not_acknowledged(void **state)
{
	(void)state;
	struct spool *s = open_spool();
	append_many(s, 9, 1000);
	assert_int_equal(spool_ack(s, 1, NULL), 0);
	spool_close(s);
	assert_int_equal(unlink(segment_file(0)), 0);
	s = open_spool();
	expect_records(s, 2, 9, 1u << 2 | 1u << 3);
	struct buf out;
	uint64_t sequence;
	buf_init(&out, SEGMENT);
	assert_int_equal(spool_read_after(s, 0, &out, &sequence), 0);
	assert_int_equal(sequence, 4);
	buf_done(&out);
	spool_close(s);
}

static void a_wholly_rotten_segment_is_set_aside(void **state)
{
	(void)state;
	struct spool *s = open_spool();
	append_many(s, 9, 1000);
	spool_close(s);
	char *file = segment_file(1);
	for (off_t at = 0; at < SEGMENT; at += 16)
		flip(file, at, 0xff);
	s = open_spool();
	assert_int_equal(stats_of(s).bad_records, 1);
	assert_int_equal(stats_of(s).segments, 2);
	expect_records(s, 1, 9, 1u << 4 | 1u << 5 | 1u << 6);
	spool_close(s);
}

static void a_stale_frontier_only_sends_again(void **state)
{
	(void)state;
	struct spool *s = open_spool();
	char old[128];
	snprintf(old, sizeof old, "%s.frontier", folder);
	append_many(s, 9, 1000);
	assert_int_equal(spool_ack(s, 2, NULL), 0);
	copy_file(file_in("frontier"), old);
	assert_int_equal(spool_ack(s, 7, NULL), 0);
	uint64_t epoch = stats_of(s).epoch;
	spool_close(s);
	copy_file(old, file_in("frontier"));
	unlink(old);
	s = open_spool();
	assert_int_equal(stats_of(s).epoch, epoch);
	assert_int_equal(stats_of(s).acked, 2);
	struct buf out;
	uint64_t sequence;
	buf_init(&out, SEGMENT);
	assert_int_equal(spool_read_after(s, 0, &out, &sequence), 0);
	assert_int_equal(sequence, 7); /* 1 to 6 were acknowledged and are gone */
	buf_done(&out);
	spool_close(s);
}

static void one_bad_frontier_slot_leaves_the_other(void **state)
{
	(void)state;
	struct spool *s = open_spool();
	append_many(s, 3, 100);
	assert_int_equal(spool_ack(s, 1, NULL), 0); /* generation 1: the second slot */
	assert_int_equal(spool_ack(s, 2, NULL), 0); /* generation 2: the first */
	spool_close(s);
	flip(file_in("frontier"), 24, 1);
	s = open_spool();
	assert_int_equal(stats_of(s).acked, 1);
	spool_close(s);
}

static void both_frontier_slots_bad_is_an_acknowledgement_of_nothing(void **state)
{
	(void)state;
	struct spool *s = open_spool();
	append_many(s, 3, 100);
	assert_int_equal(spool_ack(s, 1, NULL), 0);
	assert_int_equal(spool_ack(s, 2, NULL), 0);
	uint64_t epoch = stats_of(s).epoch;
	spool_close(s);
	flip(file_in("frontier"), 24, 1);
	flip(file_in("frontier"), 4096 + 24, 1);
	s = open_spool();
	assert_int_equal(stats_of(s).acked, 0);
	assert_int_equal(stats_of(s).epoch, epoch);
	expect_records(s, 1, 3, 0);
	assert_int_equal(spool_ack(s, 3, NULL), 0);
	spool_close(s);
	s = open_spool();
	assert_int_equal(stats_of(s).acked, 3);
	spool_close(s);
}

static void lost_state_begins_a_higher_epoch(void **state)
{
	(void)state;
	struct spool *s = open_spool();
	append_many(s, 6, 1000);
	assert_int_equal(spool_ack(s, 6, NULL), 0);
	uint64_t epoch = stats_of(s).epoch;
	spool_close(s);
	flip(segment_file(0), FRAME_HEADER_BYTES + 2 * (FRAME_HEADER_BYTES + 1000), 1); /* 6 was acknowledged, and is gone */
	s = open_spool();
	struct buf out;
	uint64_t sequence;
	buf_init(&out, SEGMENT);
	assert_true(stats_of(s).epoch > epoch);
	assert_int_equal(stats_of(s).next, 1);
	assert_int_equal(stats_of(s).acked, 0);
	assert_int_equal(spool_read_after(s, 0, &out, &sequence), -ENOENT);
	assert_int_equal(spool_read_last(s, &out, &sequence), 0); /* the best cursors there are */
	assert_int_equal(sequence, 5);
	append_many(s, 2, 1000);
	expect_records(s, 1, 2, 0);
	assert_int_equal(spool_ack(s, 1, NULL), 0);
	assert_int_equal(stats_of(s).segments, 1);
	epoch = stats_of(s).epoch;
	spool_close(s);

	s = open_spool();
	assert_int_equal(stats_of(s).epoch, epoch);
	expect_records(s, 1, 2, 0);
	spool_close(s);
	wipe(path);
	s = open_spool();
	assert_true(stats_of(s).epoch > epoch);
	buf_done(&out);
	spool_close(s);
}

static void another_agents_records_are_set_aside(void **state)
{
	(void)state;
	struct spool *s = open_spool();
	append_many(s, 3, 1000);
	uint64_t epoch = stats_of(s).epoch;
	spool_close(s);
	struct spool_limits limits = {.bytes_max = 8 * SEGMENT, .segment_bytes = SEGMENT};
	assert_int_equal(spool_open(path, span_str("agent-2"), &limits, &s, NULL), 0);
	assert_int_not_equal(stats_of(s).epoch, epoch);
	assert_int_equal(stats_of(s).next, 1);
	assert_int_equal(stats_of(s).bad_records, 1);
	assert_int_equal(stats_of(s).torn_tails, 0);
	append_many(s, 1, 1000);
	expect_records(s, 1, 1, 0);
	spool_close(s);
}

static void foreign_files_in_the_folder_disturb_nothing(void **state)
{
	(void)state;
	struct spool *s = open_spool();
	append_many(s, 3, 1000);
	spool_close(s);
	const char *names[] = {"x.seg", "0000000000000001-0000000000000000.seg", "1-1.seg", "spare", "frontier", "lock", "quarantine"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		int fd = open(file_in(names[i]), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		assert_int_equal(write(fd, "garbage", 7), 7);
		close(fd);
	}
	s = open_spool();
	append_many(s, 4, 1000);
	expect_records(s, 1, 7, 0);
	assert_int_equal(spool_ack(s, 7, NULL), 0);
	spool_close(s);
}

/* ---- a disk that fails ---- */

/* Appends, acknowledges and restarts under a fault; whatever was acknowledged by spool_append must be there, once, and nothing else. */
static void run_under_fault(enum call which, unsigned nth, int error, bool sticky)
{
	wipe(path);
	struct spool *s = open_spool();
	uint64_t sequence, written = 0, acked = 0;
	append_many(s, 2, 1000);
	written = 2;
	fault.which = which;
	fault.countdown = nth;
	fault.sticky = sticky;
	fault.error = error;
	for (unsigned round = 0; round < 10; round++) {
		int r = append_number(s, (unsigned)written + 1, 1000, &sequence);
		if (r == 0)
			assert_int_equal(sequence, ++written);
		else
			assert_true(r == -ENOSPC || r == -EIO);
		if (round % 4 == 3 && (spool_ack(s, written - 1, NULL) == 0 || written > 1))
			acked = written - 1;
		assert_int_equal(stats_of(s).next, written + 1);
	}
	fault.countdown = 0;
	expect_records(s, acked + 1, written, 0);
	append_many(s, 1, 1000);
	written++;
	spool_close(s);

	s = open_spool();
	assert_int_equal(stats_of(s).next, written + 1);
	assert_true(stats_of(s).acked <= acked);
	expect_records(s, acked + 1, written, 0);
	assert_int_equal(spool_ack(s, written, NULL), 0);
	append_many(s, 4, 1000);
	assert_int_equal(spool_ack(s, written + 4, NULL), 0);
	assert_int_equal(stats_of(s).segments, 1);
	spool_close(s);
}

static void every_call_may_fail_once_with_enospc_or_eio(void **state)
{
	(void)state;
	for (unsigned nth = 1; nth <= 80; nth++) {
		run_under_fault(CALL_ANY, nth, ENOSPC, false);
		run_under_fault(CALL_ANY, nth, EIO, false);
	}
}

static void every_kind_of_call_may_fail_from_some_moment_on(void **state)
{
	(void)state;
	for (enum call which = CALL_PWRITE; which < CALLS; which++)
		for (unsigned nth = 1; nth <= 6; nth++)
			run_under_fault(which, nth, nth % 2 ? EIO : ENOSPC, true);
	for (unsigned nth = 1; nth <= 40; nth++)
		run_under_fault(CALL_ANY, nth, EIO, true);
}

static void a_failed_sync_counts_the_record_as_not_written_even_after_a_crash(void **state)
{
	(void)state;
	struct spool *s = open_spool();
	uint64_t sequence;
	append_many(s, 2, 100);
	fault.which = CALL_FDATASYNC;
	fault.error = EIO;
	fault.countdown = 1;
	struct err err = {0};
	assert_int_equal(spool_append(s, payload_of(777, 100), &sequence, &err), -EIO);
	assert_non_null(strstr(err.text, "given up"));
	assert_int_equal(stats_of(s).next, 3);
	expect_records(s, 1, 2, 0);
	append_many(s, 1, 100);
	assert_int_equal(stats_of(s).segments, 2);
	spool_close(s);
	s = open_spool();
	expect_records(s, 1, 3, 0);
	spool_close(s);
}

static void a_failed_record_that_could_not_be_cut_gives_way_to_the_one_written_after_it(void **state)
{
	(void)state;
	struct spool *s = open_spool();
	append_many(s, 2, 100);
	const struct disk cannot_cut = {
		.pread = pread,
		.pwrite = pwrite,
		.fallocate = posix_fallocate,
		.fdatasync = faulty_fdatasync,
		.fsync = fsync,
		.ftruncate = faulty_ftruncate,
		.renameat = renameat,
		.unlinkat = unlinkat,
	};
	spool_close(s);
	struct spool_limits limits = {.bytes_max = 8 * SEGMENT, .segment_bytes = SEGMENT, .disk = &cannot_cut};
	assert_int_equal(spool_open(path, span_str("agent-1"), &limits, &s, NULL), 0);
	uint64_t sequence;
	fault.which = CALL_ANY;
	fault.error = EIO;
	fault.countdown = 1;
	fault.sticky = true;
	assert_int_equal(spool_append(s, payload_of(777, 100), &sequence, NULL), -EIO);
	fault.countdown = 0;
	append_many(s, 1, 100); /* 3, again, in the next segment */
	spool_close(s);
	s = open_spool();
	assert_int_equal(stats_of(s).next, 4);
	expect_records(s, 1, 3, 0);
	spool_close(s);
}

static void opening_survives_every_failing_call(void **state)
{
	(void)state;
	for (unsigned nth = 1; nth <= 12; nth++) {
		wipe(path);
		struct spool *s = open_spool();
		append_many(s, 7, 1000);
		spool_close(s);
		flip(segment_file(0), FRAME_HEADER_BYTES, 1);     /* quarantine */
		flip(segment_file(2), FRAME_HEADER_BYTES + 5, 1); /* a torn last segment, removed */
		fault.which = CALL_ANY;
		fault.error = EIO;
		fault.countdown = nth;
		fault.sticky = true;
		s = open_spool();
		assert_int_equal(stats_of(s).next, 7);
		fault.countdown = 0;
		expect_records(s, 1, 6, 1u << 1);
		append_many(s, 5, 1000);
		spool_close(s);
		s = open_spool();
		expect_records(s, 1, 11, 1u << 1);
		spool_close(s);
	}
}

/* ---- looking ---- */

struct seen {
	unsigned valid, bad;
	uint64_t last;
};

static void note_entry(void *ctx, const struct spool_entry *entry)
{
	struct seen *seen = ctx;
	if (entry->valid) {
		seen->valid++;
		assert_true(entry->sequence > seen->last);
		assert_int_equal(entry->payload_len, 100);
		seen->last = entry->sequence;
	} else {
		seen->bad++;
		assert_int_equal(entry->sequence, 2);
	}
}

static void a_scan_sees_every_record_of_a_spool_that_is_held(void **state)
{
	(void)state;
	struct spool *s = open_spool();
	append_many(s, 50, 100);
	assert_int_equal(spool_ack(s, 1, NULL), 0);
	flip(segment_file(0), FRAME_HEADER_BYTES * 2 + 100, 1);
	struct seen seen = {0};
	struct spool_stats stats;
	assert_int_equal(spool_scan(path, note_entry, &seen, &stats, NULL), 0);
	assert_int_equal(seen.valid, 49);
	assert_int_equal(seen.bad, 1);
	assert_int_equal(stats.epoch, stats_of(s).epoch);
	assert_int_equal(stats.first, 1);
	assert_int_equal(stats.next, 51);
	assert_int_equal(stats.acked, 1);
	assert_int_equal(stats.bad_records, 1);
	assert_int_equal(stats.torn_tails, 0);
	spool_close(s);
	struct err err = {0};
	assert_int_equal(spool_scan("/nonexistent/spool", note_entry, &seen, &stats, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nonexistent/spool"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(records_are_read_in_order_and_again_after_a_restart, start_clean),
		cmocka_unit_test_setup(an_empty_spool_has_nothing_to_read, start_clean),
		cmocka_unit_test_setup(a_record_fills_a_segment_exactly_or_is_refused, start_clean),
		cmocka_unit_test_setup(a_reader_that_goes_back_finds_the_older_records, start_clean),
		cmocka_unit_test_setup(acknowledged_segments_go_and_the_newest_record_stays, start_clean),
		cmocka_unit_test_setup(an_acknowledgement_of_what_was_never_written_is_refused, start_clean),
		cmocka_unit_test_setup(a_second_holder_is_refused_and_told_who_holds_it, start_clean),
		cmocka_unit_test_setup(limits_that_cannot_work_are_refused, start_clean),
		cmocka_unit_test_setup(the_limit_holds_and_room_comes_back_with_acknowledgements, start_clean),
		cmocka_unit_test_setup(when_the_disk_fills_up_the_spare_takes_a_last_segment_of_commits, start_clean),
		cmocka_unit_test_setup(a_torn_tail_is_cut_at_every_byte, start_clean),
		cmocka_unit_test_setup(a_flipped_bit_costs_its_own_record_and_no_other, start_clean),
		cmocka_unit_test_setup(a_bit_that_rots_while_the_spool_is_open_costs_one_record, start_clean),
		cmocka_unit_test_setup(bad_records_are_kept_as_evidence, start_clean),
		cmocka_unit_test_setup(a_missing_segment_is_told_record_by_record, start_clean),
		cmocka_unit_test_setup(a_missing_first_segment_is_told_when_it_was_not_acknowledged, start_clean),
		cmocka_unit_test_setup(a_wholly_rotten_segment_is_set_aside, start_clean),
		cmocka_unit_test_setup(a_stale_frontier_only_sends_again, start_clean),
		cmocka_unit_test_setup(one_bad_frontier_slot_leaves_the_other, start_clean),
		cmocka_unit_test_setup(both_frontier_slots_bad_is_an_acknowledgement_of_nothing, start_clean),
		cmocka_unit_test_setup(lost_state_begins_a_higher_epoch, start_clean),
		cmocka_unit_test_setup(another_agents_records_are_set_aside, start_clean),
		cmocka_unit_test_setup(foreign_files_in_the_folder_disturb_nothing, start_clean),
		cmocka_unit_test_setup(every_call_may_fail_once_with_enospc_or_eio, start_clean),
		cmocka_unit_test_setup(every_kind_of_call_may_fail_from_some_moment_on, start_clean),
		cmocka_unit_test_setup(a_failed_sync_counts_the_record_as_not_written_even_after_a_crash, start_clean),
		cmocka_unit_test_setup(a_failed_record_that_could_not_be_cut_gives_way_to_the_one_written_after_it, start_clean),
		cmocka_unit_test_setup(opening_survives_every_failing_call, start_clean),
		cmocka_unit_test_setup(a_scan_sees_every_record_of_a_spool_that_is_held, start_clean),
	};
	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof path, "%s/spool", folder);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	wipe(path);
	rmdir(folder);
	return failed;
}
