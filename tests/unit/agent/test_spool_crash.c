/* The spool under kill -9 and under power loss: what spool_append acknowledged is there afterwards, once, and nothing was made up. */
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
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/spool.h"
#include "agent/spool/disk.h"

enum { SEGMENT = 16384, KILLS = 100, POWER_LOSSES = 300, PAYLOAD_MAX = 3000 };

static char folder[] = "/tmp/tocsin-crash-XXXXXX";
static char path[64];

/* The same numbers at every run. */
static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static struct spool *open_with(const struct disk *disk)
{
	struct spool_limits limits = {.bytes_max = 1 << 20, .segment_bytes = SEGMENT, .disk = disk};
	struct spool *s = NULL;
	struct err err = {0};
	if (spool_open(path, span_str("crash"), &limits, &s, &err) < 0)
		fail_msg("%s", err.text);
	return s;
}

/* A payload says its own number, in a length that depends on it. */
static struct span payload_of(uint64_t number)
{
	static char text[PAYLOAD_MAX];
	size_t len = 20 + number * 7919 % (PAYLOAD_MAX - 20);
	memset(text, 'a' + (int)(number % 26), len);
	snprintf(text, sizeof text, "%019" PRIu64, number);
	return span_make(text, len);
}

static uint64_t next_of(const struct spool *s)
{
	struct spool_stats stats;
	spool_stats(s, &stats);
	return stats.next;
}

/* All that is not acknowledged can be read, in order, without a hole, and ends at `newest`. */
static void expect_whole(struct spool *s, uint64_t newest)
{
	struct spool_stats stats;
	struct buf out;
	uint64_t got;
	buf_init(&out, SEGMENT);
	spool_stats(s, &stats);
	assert_int_equal(stats.next, newest + 1);
	assert_int_equal(stats.bad_records, 0);
	for (uint64_t at = stats.acked; at < newest; at = got) {
		assert_int_equal(spool_read_after(s, at, &out, &got), 0);
		assert_int_equal(got, at + 1);
		assert_true(span_equal(buf_span(&out), payload_of(got)));
	}
	if (newest > 0) {
		assert_int_equal(spool_read_last(s, &out, &got), 0);
		assert_int_equal(got, newest);
	}
	buf_done(&out);
}

/* ---- kill -9 ---- */

/* Appends as fast as it can, tells every record that is durable, and acknowledges some as a collector would. */
static void run_child(int out)
{
	struct spool *s = open_with(NULL);
	for (;;) {
		uint64_t sequence = 0;
		if (spool_append(s, payload_of(next_of(s)), &sequence, NULL) < 0 ||
		    write(out, &sequence, sizeof sequence) != sizeof sequence)
			_exit(1);
		if (sequence % 5 == 0 && spool_ack(s, sequence - 3, NULL) < 0)
			_exit(1);
	}
}

/* Starts a child, kills it after `count` records, and returns the last one that it told of. */
static uint64_t run_and_kill(unsigned count)
{
	int ends[2];
	uint64_t told, last = 0;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(ends[0]);
		run_child(ends[1]);
	}
	close(ends[1]);
	for (; count > 0 && read(ends[0], &told, sizeof told) == sizeof told; count--)
		last = told;
	kill(child, SIGKILL);
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	while (read(ends[0], &told, sizeof told) == sizeof told) /* told before it died, not yet heard */
		last = told;
	close(ends[0]);
	return last;
}

static void nothing_acknowledged_is_lost_or_doubled_by_a_hundred_kills(void **state)
{
	(void)state;
	uint32_t seed = 1;
	uint64_t newest = 0, epoch = 0;
	for (int i = 0; i < KILLS; i++) {
		uint64_t told = run_and_kill(1 + next_random(&seed) % 12);
		struct spool *s = open_with(NULL);
		struct spool_stats stats;
		spool_stats(s, &stats);
		assert_true(told > newest);
		/* At most one more than was told of: durable, but killed before it could say so. */
		assert_in_range(stats.next - 1, told, told + 1);
		assert_true(epoch == 0 || stats.epoch == epoch);
		epoch = stats.epoch;
		newest = stats.next - 1;
		expect_whole(s, newest);
		spool_close(s);
	}
}

/* ---- power loss ---- */

/* What the disk has not been told to keep: each write with what stood there before, by sectors. */
enum { SECTOR = 512, UNSYNCED_MAX = 64 };
static struct unsynced {
	int fd, of; /* a descriptor of our own; the spool's */
	off_t offset;
	size_t len;
	char before[PAYLOAD_MAX + 64];
} unsynced[UNSYNCED_MAX];
static size_t unsynced_count;
static unsigned calls_left; /* until the power fails: from then on nothing succeeds */

static bool power_failed(void)
{
	if (calls_left > 0) {
		calls_left--;
		return false;
	}
	errno = EIO;
	return true;
}

static ssize_t noting_pwrite(int fd, const void *data, size_t len, off_t offset)
{
	if (power_failed())
		return -1;
	struct unsynced *u = &unsynced[unsynced_count++];
	assert_in_range(unsynced_count, 1, UNSYNCED_MAX);
	assert_in_range(len, 0, sizeof u->before);
	*u = (struct unsynced){.fd = dup(fd), .of = fd, .offset = offset, .len = len};
	assert_true(pread(fd, u->before, len, offset) >= 0); /* what is past the end was zero */
	return pwrite(fd, data, len, offset);
}

static void settle_writes(int fd)
{
	size_t kept = 0;
	for (size_t i = 0; i < unsynced_count; i++) {
		if (unsynced[i].of == fd)
			close(unsynced[i].fd);
		else
			unsynced[kept++] = unsynced[i];
	}
	unsynced_count = kept;
}

static int noting_fdatasync(int fd)
{
	if (power_failed())
		return -1;
	settle_writes(fd);
	return 0;
}

static int noting_ftruncate(int fd, off_t len)
{
	return power_failed() ? -1 : ftruncate(fd, len);
}

static int noting_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	return power_failed() ? -1 : renameat(from_dir, from, to_dir, to);
}

static int noting_unlinkat(int dir, const char *name, int flags)
{
	return power_failed() ? -1 : unlinkat(dir, name, flags);
}

static int quick_fallocate(int fd, off_t offset, off_t len)
{
	return ftruncate(fd, offset + len) < 0 ? errno : 0;
}

static const struct disk noting_disk = {
	.pread = pread,
	.pwrite = noting_pwrite,
	.fallocate = quick_fallocate,
	.fdatasync = noting_fdatasync,
	.fsync = noting_fdatasync,
	.ftruncate = noting_ftruncate,
	.renameat = noting_renameat,
	.unlinkat = noting_unlinkat,
};

/* Some sectors of what was not synced reached the disk and some did not, in no order. */
static void lose_unsynced(uint32_t *seed)
{
	for (size_t i = unsynced_count; i > 0; i--) {
		struct unsynced *u = &unsynced[i - 1];
		off_t end = u->offset + (off_t)u->len;
		for (off_t at = u->offset; at < end;) {
			off_t next = at - at % SECTOR + SECTOR < end ? at - at % SECTOR + SECTOR : end;
			if (next_random(seed) % 2)
				assert_int_equal(pwrite(u->fd, u->before + (at - u->offset), (size_t)(next - at), at), next - at);
			at = next;
		}
		close(u->fd);
	}
	unsynced_count = 0;
}

static void power_loss_at_any_call_costs_nothing_acknowledged(void **state)
{
	(void)state;
	uint32_t seed = 2;
	uint64_t newest = 0;
	for (int i = 0; i < POWER_LOSSES; i++) {
		uint64_t sequence;
		calls_left = 1000;
		struct spool *s = open_with(&noting_disk);
		expect_whole(s, newest);
		calls_left = next_random(&seed) % 60;
		while (calls_left > 0) {
			if (spool_append(s, payload_of(newest + 1), &sequence, NULL) == 0)
				assert_int_equal(sequence, ++newest);
			if (newest % 7 == 6)
				spool_ack(s, newest - 3, NULL);
		}
		spool_close(s);
		lose_unsynced(&seed);
		/* The record that was under way may have become whole all the same. */
		calls_left = 1000;
		s = open_with(&noting_disk);
		assert_in_range(next_of(s) - 1, newest, newest + 1);
		newest = next_of(s) - 1;
		spool_close(s);
	}
	assert_true(newest > POWER_LOSSES);
}

static void wipe(void)
{
	DIR *listing = opendir(path);
	for (struct dirent *e; listing && (e = readdir(listing));)
		unlinkat(dirfd(listing), e->d_name, 0);
	if (listing)
		closedir(listing);
}

static int start_clean(void **state)
{
	(void)state;
	wipe();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nothing_acknowledged_is_lost_or_doubled_by_a_hundred_kills, start_clean),
		cmocka_unit_test_setup(power_loss_at_any_call_costs_nothing_acknowledged, start_clean),
	};
	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof path, "%s/spool", folder);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	wipe();
	rmdir(path);
	rmdir(folder);
	return failed;
}
