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
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/tap/tail.h"
#include "lib/buf.h"

/* ---- what was read ---- */

static struct {
	struct buf text; /* every line and a '|' behind it, in the order of reading */
	uint64_t line_bytes, long_bytes, filling_bytes, gap_bytes;
	unsigned lines, too_long, gaps;
	int refuse_after; /* lines; -1: never */
} got;

static int on_piece(void *ctx, const struct file *f, enum file_piece piece, struct span text, uint64_t bytes)
{
	(void)ctx;
	(void)f;
	if (piece == FILE_LINE) {
		if (got.refuse_after == 0)
			return -ENOBUFS;
		if (got.refuse_after > 0)
			got.refuse_after--;
		assert_int_equal(buf_append_span(&got.text, text), 0);
		assert_int_equal(buf_append_byte(&got.text, '|'), 0);
		got.line_bytes += bytes;
		got.lines++;
	} else if (piece == FILE_TOO_LONG) {
		got.long_bytes += bytes;
		got.too_long++;
	} else {
		got.filling_bytes += bytes;
	}
	return 0;
}

static void on_gap(void *ctx, unsigned rule, const char *path, uint64_t bytes, const char *what)
{
	(void)ctx;
	(void)rule;
	assert_true(path[0] && what[0]);
	got.gaps++;
	got.gap_bytes += bytes;
}

static void forget_all(void)
{
	buf_done(&got.text);
	memset(&got, 0, sizeof got);
	buf_init(&got.text, 64 << 20);
	got.refuse_after = -1;
}

static void expect(const char *text)
{
	if (!span_equal(buf_span(&got.text), span_str(text)))
		fail_msg("read \"%.*s\", expected \"%s\"", (int)got.text.len, (const char *)got.text.data, text);
}

/* ---- files ---- */

static char folder[] = "/tmp/tocsin-tail-XXXXXX";

static const char *in(const char *name)
{
	static char paths[4][128];
	static unsigned turn;
	char *path = paths[turn++ % 4];
	snprintf(path, sizeof paths[0], "%s/%s", folder, name);
	return path;
}

static void write_to(const char *name, int flags, const void *bytes, size_t len)
{
	int fd = open(in(name), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	close(fd);
}

static void append(const char *name, const char *text)
{
	write_to(name, O_APPEND, text, strlen(text));
}

static void overwrite(const char *name, const char *text)
{
	write_to(name, O_TRUNC, text, strlen(text));
}

static void move(const char *from, const char *to)
{
	assert_int_equal(rename(in(from), in(to)), 0);
}

static void copy(const char *from, const char *to)
{
	char bytes[16384];
	int fd = open(in(from), O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, bytes, sizeof bytes);
	assert_in_range(n, 0, sizeof bytes - 1);
	close(fd);
	write_to(to, O_TRUNC, bytes, (size_t)n);
}

/* Event time, not sleeping: a file's age is set. */
static void set_mtime(const char *name, time_t seconds)
{
	struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
	assert_int_equal(utimensat(AT_FDCWD, in(name), times, 0), 0);
}

static int start_clean(void **state)
{
	(void)state;
	DIR *listing = opendir(folder);
	for (struct dirent *e; (e = readdir(listing));)
		unlinkat(dirfd(listing), e->d_name, 0);
	closedir(listing);
	forget_all();
	return 0;
}

/* ---- an agent's life with its taps ---- */

static struct cursor saved[64];
static size_t saved_count;
static int64_t saved_ms;

static struct tail *start_rules(const char *const *rules, size_t count, bool once, bool resume)
{
	struct tail *t = NULL;
	struct tail_sink sink = {.on_piece = on_piece, .on_gap = on_gap};
	assert_int_equal(tail_new(rules, count, once, &sink, &t), 0);
	if (resume)
		assert_int_equal(tail_resume(t, saved, saved_count, saved_ms), 0);
	tail_sweep(t);
	return t;
}

static struct tail *start(const char *name)
{
	const char *rule = in(name);
	return start_rules(&rule, 1, false, false);
}

static struct tail *resume(const char *name)
{
	const char *rule = in(name);
	return start_rules(&rule, 1, false, true);
}

static void read_all(struct tail *t)
{
	int r;
	while ((r = tail_poll(t, 1 << 20)) == 1)
		;
	assert_int_equal(r, 0);
}

static void sweep_and_read(struct tail *t)
{
	tail_sweep(t);
	read_all(t);
}

static void settle(struct tail *t)
{
	for (int i = 0; i < 4; i++)
		sweep_and_read(t);
}

/* What a commit keeps; `at_ms` is its time. */
static void save(struct tail *t, int64_t at_ms)
{
	const struct cursor *cursors;
	for (size_t i = 0; i < saved_count; i++)
		free((char *)(uintptr_t)saved[i].path.data);
	assert_int_equal(tail_cursors(t, &cursors, &saved_count), 0);
	assert_in_range(saved_count, 0, 64);
	for (size_t i = 0; i < saved_count; i++) {
		saved[i] = cursors[i];
		saved[i].path.data = strndup(cursors[i].path.data, cursors[i].path.len);
	}
	saved_ms = at_ms;
}

/* The record is durable, and the agent is killed with whatever it read after it. */
static void kill_agent(struct tail *t)
{
	tail_free(t);
}

/* ---- lines ---- */

static void lines_come_once_as_they_are_written(void **state)
{
	(void)state;
	append("log", "one\ntwo\n");
	struct tail *t = start("log");
	read_all(t);
	expect("one|two|");
	sweep_and_read(t);
	append("log", "three\n");
	sweep_and_read(t);
	expect("one|two|three|");
	assert_int_equal(got.line_bytes, 14);
	tail_free(t);
}

static void an_unfinished_line_waits_at_every_byte(void **state)
{
	(void)state;
	const char *text = "first line\r\nsecond\nthird\n";
	struct tail *t = start("log");
	for (size_t i = 0; text[i]; i++) {
		write_to("log", O_APPEND, text + i, 1);
		sweep_and_read(t);
		save(t, 0);
		if (i % 3 == 0) { /* and a restart loses nothing of it either */
			tail_free(t);
			t = resume("log");
			read_all(t);
		}
	}
	expect("first line|second|third|");
	append("log", "never finished");
	settle(t);
	assert_int_equal(got.lines, 3);
	tail_free(t);
}

static void odd_lines_are_lines(void **state)
{
	(void)state;
	const char text[] = "\xef\xbb\xbf"
			    "bom\n\ncr\r\nnul\0inside\n\0\0\0\0after a hole\n\xff\xfe\n\r\n";
	write_to("log", 0, text, sizeof text - 1);
	struct tail *t = start("log");
	read_all(t);
	const char want[] = "bom||cr|nul\0inside|after a hole|\xff\xfe||";
	assert_int_equal(got.text.len, sizeof want - 1);
	assert_memory_equal(got.text.data, want, sizeof want - 1);
	assert_int_equal(got.filling_bytes, 3 + 4);
	assert_int_equal(got.line_bytes + got.filling_bytes, sizeof text - 1);
	tail_free(t);
}

static char *line_of(size_t len)
{
	char *line = malloc(len + 2);
	assert_non_null(line);
	memset(line, 'x', len);
	memcpy(line + len, "\n", 2);
	return line;
}

static void a_line_at_the_limit_is_a_line_and_one_past_it_is_counted_to_the_byte(void **state)
{
	(void)state;
	const size_t lens[] = {FILE_LINE_MAX - 1, FILE_LINE_MAX, FILE_LINE_MAX + 1, FILE_READ_BYTES, 3 * FILE_READ_BYTES + 17};
	for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
		start_clean(NULL);
		char *line = line_of(lens[i]);
		append("log", "before\n");
		append("log", line);
		append("log", "after\n");
		struct tail *t = start("log");
		read_all(t);
		bool fits = lens[i] <= FILE_LINE_MAX;
		assert_int_equal(got.lines, fits ? 3 : 2);
		assert_int_equal(got.too_long, fits ? 0 : 1);
		assert_int_equal(got.long_bytes, fits ? 0 : lens[i] + 1);
		assert_int_equal(got.line_bytes + got.long_bytes, lens[i] + 1 + 13);
		save(t, 0);
		tail_free(t);
		append("log", "again\n");
		t = resume("log");
		read_all(t);
		assert_int_equal(got.gaps, 0);
		assert_int_equal(got.lines, fits ? 4 : 3);
		tail_free(t);
		free(line);
	}
}

static void a_line_past_the_limit_may_arrive_slowly_and_over_restarts(void **state)
{
	(void)state;
	char *part = line_of(50000);
	part[50000] = '\0';
	append("log", "before\n");
	struct tail *t = start("log");
	for (int i = 0; i < 9; i++) {
		append("log", part);
		sweep_and_read(t);
		if (i % 4 == 3) {
			save(t, 0);
			tail_free(t);
			t = resume("log");
		}
	}
	assert_int_equal(got.too_long, 0);
	append("log", "\nafter\n");
	sweep_and_read(t);
	expect("before|after|");
	assert_int_equal(got.long_bytes, 9 * 50000 + 1);
	save(t, 0);
	tail_free(t);
	append("log", "end\n");
	t = resume("log");
	read_all(t);
	expect("before|after|end|");
	assert_int_equal(got.gaps, 0);
	tail_free(t);
	free(part);
}

static void lines_survive_every_size_of_budget(void **state)
{
	(void)state;
	char text[64];
	struct buf want;
	buf_init(&want, 1 << 20);
	for (int i = 0; i < 20000; i++) {
		snprintf(text, sizeof text, "line %d of some length\n", i);
		assert_int_equal(buf_append(&want, text, strlen(text)), 0);
	}
	write_to("log", 0, want.data, want.len);
	for (size_t budget = 1; budget < 1 << 20; budget = budget * 7 + 1) {
		forget_all();
		struct tail *t = start("log");
		while (tail_poll(t, budget) == 1)
			;
		assert_int_equal(got.lines, 20000);
		for (size_t i = 0; i < got.text.len; i++)
			got.text.data[i] = got.text.data[i] == '|' ? '\n' : got.text.data[i];
		assert_true(span_equal(buf_span(&got.text), buf_span(&want)));
		tail_free(t);
	}
	buf_done(&want);
}

static void a_refused_line_stays_and_the_cursor_stands_in_front_of_it(void **state)
{
	(void)state;
	append("log", "1\n2\n3\n4\n5\n");
	struct tail *t = start("log");
	got.refuse_after = 2;
	assert_int_equal(tail_poll(t, 1 << 20), -ENOBUFS);
	assert_int_equal(tail_poll(t, 1 << 20), -ENOBUFS);
	expect("1|2|");
	save(t, 0);
	assert_int_equal(saved[0].offset, 4);
	got.refuse_after = 1;
	assert_int_equal(tail_poll(t, 1 << 20), -ENOBUFS);
	kill_agent(t); /* "3" was read, and not committed */
	forget_all();
	t = resume("log");
	read_all(t);
	expect("3|4|5|");
	tail_free(t);
}

/* ---- rotation ---- */

static void a_renamed_file_is_drained_before_the_new_one(void **state)
{
	(void)state;
	append("log", "1\n");
	struct tail *t = start("log");
	read_all(t);
	append("log", "2\n3\n");
	move("log", "log.1");
	append("log", "4\n");
	sweep_and_read(t);
	expect("1|2|3|4|");
	append("log.1", "a late one\n"); /* a worker that has not reopened its log yet */
	append("log", "5\n");
	sweep_and_read(t);
	expect("1|2|3|4|a late one|5|");
	assert_int_equal(got.gaps, 0);
	tail_free(t);
}

static void a_gap_between_rename_and_creation_loses_nothing(void **state)
{
	(void)state;
	append("log", "1\n");
	struct tail *t = start("log");
	read_all(t);
	move("log", "log.1");
	settle(t);
	append("log.1", "2\n");
	settle(t);
	append("log", "3\n");
	settle(t);
	expect("1|2|3|");
	assert_int_equal(got.gaps, 0);
	tail_free(t);
}

static void an_unlinked_file_is_read_to_its_end(void **state)
{
	(void)state;
	append("log", "1\n");
	struct tail *t = start("log");
	append("log", "2\nunfinished");
	tail_sweep(t);
	assert_int_equal(unlink(in("log")), 0);
	append("log", "3\n");
	settle(t);
	expect("1|2|3|unfinished|");
	assert_int_equal(tail_files(t), 1);
	tail_free(t);
}

static void an_unterminated_last_line_counts_once_its_writer_has_gone(void **state)
{
	(void)state;
	append("log", "1\ncut off");
	struct tail *t = start("log");
	settle(t);
	expect("1|");
	move("log", "log.1");
	append("log", "");
	settle(t);
	expect("1|"); /* nobody writes to the new file yet: the old one may go on */
	append("log", "2\n");
	settle(t);
	assert_int_equal(got.lines, 3);
	assert_non_null(memmem(got.text.data, got.text.len, "cut off|", 8));
	assert_int_equal(got.line_bytes, 2 + 7 + 2);
	settle(t);
	assert_int_equal(got.lines, 3);
	tail_free(t);
}

static void several_rotations_between_two_looks_are_all_read(void **state)
{
	(void)state;
	append("log.9", "old news\n");
	set_mtime("log.9", 1000);
	append("log", "1\n");
	struct tail *t = start("log");
	read_all(t);
	append("log", "2\n");
	move("log", "log.3");
	append("log.2", "3\n");
	append("log.1", "4\n");
	append("log", "5\n");
	set_mtime("log.3", 2000);
	set_mtime("log.2", 3000);
	set_mtime("log.1", 4000);
	sweep_and_read(t);
	expect("1|2|3|4|5|");
	settle(t);
	assert_int_equal(got.lines, 5);
	tail_free(t);
}

static void rotations_that_go_on_hold_one_old_file(void **state)
{
	(void)state;
	char text[32], want[512] = "0|";
	append("log", "0\n");
	set_mtime("log", 999);
	struct tail *t = start("log");
	for (int i = 1; i < 20; i++) {
		snprintf(text, sizeof text, "%d\n", i);
		append("log", text);
		set_mtime("log", 1000 + i);
		snprintf(want + strlen(want), sizeof want - strlen(want), i < 19 ? "%d|" : "%d|end|", i);
		if (i % 2)
			sweep_and_read(t);
		rename(in("log.1"), in("log.2"));
		move("log", "log.1");
		settle(t);
	}
	append("log", "end\n");
	settle(t);
	expect(want);
	assert_in_range(tail_files(t), 1, 2);
	tail_free(t);
}

static void rotation_while_down_goes_on_in_the_renamed_file_and_all_that_came_after(void **state)
{
	(void)state;
	append("log.7", "old news\n");
	set_mtime("log.7", 1000);
	append("log", "1\n2\n");
	struct tail *t = start("log");
	read_all(t);
	save(t, 1500000);
	kill_agent(t);
	append("log", "3\n");
	move("log", "log.2");
	append("log.1", "4\n");
	append("log", "5\n");
	set_mtime("log.2", 2000);
	set_mtime("log.1", 3000);
	t = resume("log");
	read_all(t);
	expect("1|2|3|4|5|");
	assert_int_equal(got.gaps, 0);
	save(t, 3500000);
	kill_agent(t);
	append("log", "6\n");
	t = resume("log"); /* three files are known now, and none is read twice */
	settle(t);
	expect("1|2|3|4|5|6|");
	tail_free(t);
}

static void two_known_files_that_were_both_rotated_are_not_taken_for_strangers(void **state)
{
	(void)state;
	append("log", "1\n");
	struct tail *t = start("log");
	read_all(t);
	move("log", "log.1");
	append("log", "2\n");
	sweep_and_read(t);
	save(t, 1500000); /* both are known */
	kill_agent(t);
	move("log.1", "log.2");
	append("log", "3\n");
	move("log", "log.1");
	append("log", "4\n");
	set_mtime("log.2", 1000);
	set_mtime("log.1", 2000);
	t = resume("log");
	settle(t);
	expect("1|2|3|4|");
	assert_int_equal(got.gaps, 0);
	tail_free(t);
}

static void a_rotation_with_the_new_file_not_there_yet_is_survived_while_down(void **state)
{
	(void)state;
	append("log", "1\n");
	struct tail *t = start("log");
	read_all(t);
	save(t, 1000);
	kill_agent(t);
	append("log", "2\n");
	move("log", "log.1");
	t = resume("log");
	read_all(t);
	append("log", "3\n");
	sweep_and_read(t);
	expect("1|2|3|");
	assert_int_equal(got.gaps, 0);
	tail_free(t);
}

static void a_file_gone_while_down_is_told_as_a_gap(void **state)
{
	(void)state;
	append("log", "1\n");
	struct tail *t = start("log");
	read_all(t);
	save(t, 1500000);
	kill_agent(t);
	append("keep the inode", ""); /* so that the new file cannot get the old one's */
	assert_int_equal(unlink(in("log")), 0);
	append("log.1", "2\n");
	append("log", "3\n");
	t = resume("log");
	read_all(t);
	assert_int_equal(got.gaps, 1);
	assert_int_equal(got.lines, 3); /* what was rotated after the commit is read all the same */
	settle(t);
	assert_int_equal(got.gaps, 1);
	tail_free(t);
}

static void another_file_in_the_same_inode_is_read_from_its_start(void **state)
{
	(void)state;
	append("log", "same first line\nthe old second line\n");
	struct tail *t = start("log");
	read_all(t);
	save(t, 1000);
	kill_agent(t);
	overwrite("log", "same first line\nthe new second line, which is longer\n"); /* as a file system that reuses inodes would have it */
	forget_all();
	t = resume("log");
	read_all(t);
	expect("same first line|the new second line, which is longer|");
	assert_int_equal(got.gaps, 1);
	tail_free(t);
}

/* ---- truncation ---- */

static void truncation_is_noticed_and_counted(void **state)
{
	(void)state;
	append("log", "1\n2\n");
	struct tail *t = start("log");
	read_all(t);
	append("log", "never read\n");
	tail_sweep(t);
	overwrite("log", "3\n");
	sweep_and_read(t);
	expect("1|2|3|");
	assert_int_equal(got.gaps, 1);
	assert_int_equal(got.gap_bytes, 11);
	tail_free(t);
}

static void a_file_truncated_and_grown_past_its_offset_is_another_text(void **state)
{
	(void)state;
	append("log", "1\n2\n");
	struct tail *t = start("log");
	read_all(t);
	overwrite("log", "3\n4\n5\n6\n7\n");
	sweep_and_read(t);
	expect("1|2|3|4|5|6|7|");
	assert_int_equal(got.gaps, 1);
	tail_free(t);
}

static void an_unfinished_line_taken_back_rereads_nothing(void **state)
{
	(void)state;
	append("log", "1\nunfinished");
	struct tail *t = start("log");
	read_all(t);
	assert_int_equal(truncate(in("log"), 2), 0);
	sweep_and_read(t);
	append("log", "2\n");
	sweep_and_read(t);
	expect("1|2|");
	assert_int_equal(got.gaps, 0);
	tail_free(t);
}

static void a_copytruncated_file_is_finished_in_its_copy(void **state)
{
	(void)state;
	append("log", "1\n2\n");
	struct tail *t = start("log");
	read_all(t);
	append("log", "3\n");
	copy("log", "log.1");
	overwrite("log", "4\n");
	sweep_and_read(t);
	assert_int_equal(got.lines, 4);
	expect("1|2|3|4|");
	assert_int_equal(got.gaps, 0);
	settle(t);
	assert_int_equal(got.lines, 4);
	tail_free(t);
}

static void a_copytruncate_while_down_is_finished_in_its_copy(void **state)
{
	(void)state;
	append("log", "1\n2\n");
	struct tail *t = start("log");
	read_all(t);
	save(t, 1000);
	kill_agent(t);
	append("log", "3\n");
	copy("log", "log-20260101");
	overwrite("log", "4\nfour is longer than what stood here\n");
	t = resume("log");
	read_all(t);
	expect("1|2|3|4|four is longer than what stood here|");
	assert_int_equal(got.gaps, 0);
	tail_free(t);
}

static void a_glob_that_finds_the_copy_does_not_read_it_twice(void **state)
{
	(void)state;
	append("log", "1\n2\n");
	struct tail *t = start("log*");
	read_all(t);
	append("log", "3\n");
	copy("log", "log.1");
	sweep_and_read(t); /* between the copy and the truncation */
	overwrite("log", "4\n");
	settle(t);
	expect("1|2|3|4|");
	assert_int_equal(got.gaps, 0);
	save(t, 0);
	kill_agent(t);
	t = resume("log*");
	settle(t);
	assert_int_equal(got.lines, 4);
	tail_free(t);
}

static void a_hole_of_zeros_under_a_writer_that_does_not_append_is_no_line(void **state)
{
	(void)state;
	char *line = line_of(300000);
	write_to("log", 0, line, 300001);
	struct tail *t = start("log");
	read_all(t);
	assert_int_equal(truncate(in("log"), 0), 0);
	int fd = open(in("log"), O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "2\n", 2, 300001), 2);
	close(fd);
	sweep_and_read(t);
	expect("2|");
	assert_int_equal(got.filling_bytes, 300001);
	assert_int_equal(got.gaps, 1);
	tail_free(t);
	free(line);
}

/* ---- names ---- */

static void one_file_through_two_globs_a_link_and_a_symlink_is_read_once(void **state)
{
	(void)state;
	append("a.log", "1\n");
	assert_int_equal(link(in("a.log"), in("b.log")), 0);
	assert_int_equal(symlink(in("a.log"), in("c.log")), 0);
	char one[128], two[128], three[128];
	snprintf(one, sizeof one, "%s", in("*.log"));
	snprintf(two, sizeof two, "%s", in("a*"));
	snprintf(three, sizeof three, "%s", in("c.log"));
	const char *rules[] = {one, two, three};
	struct tail *t = start_rules(rules, 3, false, false);
	settle(t);
	append("b.log", "2\n");
	settle(t);
	expect("1|2|");
	assert_int_equal(tail_files(t), 1);
	tail_free(t);
}

static void a_glob_that_matches_rotated_names_reads_each_file_once(void **state)
{
	(void)state;
	append("log", "1\n");
	struct tail *t = start("log*");
	read_all(t);
	for (int i = 2; i < 8; i++) {
		char text[16];
		rename(in("log.2"), in("log.3"));
		rename(in("log.1"), in("log.2"));
		move("log", "log.1");
		snprintf(text, sizeof text, "%d\n", i);
		append("log", text);
		settle(t);
		if (i == 5) {
			save(t, 0);
			kill_agent(t);
			t = resume("log*");
		}
	}
	expect("1|2|3|4|5|6|7|");
	assert_in_range(tail_files(t), 4, 5);
	tail_free(t);
}

static void a_symlink_that_points_elsewhere_is_followed(void **state)
{
	(void)state;
	append("one", "1\n");
	append("two", "2\n");
	assert_int_equal(symlink(in("one"), in("now")), 0);
	struct tail *t = start("now");
	read_all(t);
	append("one", "1 again\n");
	assert_int_equal(unlink(in("now")), 0);
	assert_int_equal(symlink(in("two"), in("now")), 0);
	settle(t);
	expect("1|1 again|2|");
	tail_free(t);
}

static void a_new_file_of_a_glob_wakes_the_descriptor(void **state)
{
	(void)state;
	append("a.log", "1\n");
	struct tail *t = start("*.log");
	read_all(t);
	assert_true(tail_fd(t) >= 0);
	append("b.log", "2\n");
	char byte;
	assert_int_equal(read(tail_fd(t), &byte, 0), -1); /* EINVAL, not EAGAIN: an event waits, and does not fit into nothing */
	assert_int_equal(errno, EINVAL);
	tail_on_wake(t);
	assert_int_equal(read(tail_fd(t), &byte, 0), -1);
	assert_int_equal(errno, EAGAIN);
	read_all(t);
	expect("1|2|");
	tail_free(t);
}

static void what_is_no_file_is_left_alone(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(in("log.fifo"), 0600), 0);
	assert_int_equal(symlink(in("nowhere"), in("log.dangling")), 0);
	append("log", "1\n");
	char one[128], two[128];
	snprintf(one, sizeof one, "%s", in("log*"));
	snprintf(two, sizeof two, "%s", in("missing/log"));
	const char *rules[] = {one, two, "/"};
	struct tail *t = start_rules(rules, 3, false, false);
	settle(t);
	expect("1|");
	tail_free(t);
}

/* ---- replays, and cursors of others ---- */

static void a_replay_reads_whole_files_in_order_and_only_once(void **state)
{
	(void)state;
	append("b", "1\n2\nunterminated");
	append("a", "3\n");
	char one[128], two[128];
	snprintf(one, sizeof one, "%s", in("b"));
	snprintf(two, sizeof two, "%s", in("a"));
	const char *rules[] = {one, two};
	struct tail *t = start_rules(rules, 2, true, false);
	got.refuse_after = 2;
	assert_int_equal(tail_poll(t, 1 << 20), -ENOBUFS);
	save(t, 0);
	kill_agent(t); /* interrupted, and started again */
	got.refuse_after = -1;
	t = start_rules(rules, 2, true, true);
	read_all(t);
	expect("1|2|unterminated|3|");
	save(t, 0);
	tail_free(t);
	t = start_rules(rules, 2, true, true);
	read_all(t);
	assert_int_equal(got.lines, 4);
	assert_int_equal(got.gaps, 0);
	tail_free(t);
}

static void cursors_of_files_that_no_rule_names_are_handed_on(void **state)
{
	(void)state;
	append("live", "1\n");
	append("old", "2\n");
	struct tail *t = start("live");
	read_all(t);
	save(t, 0);
	kill_agent(t);
	const char *rule = in("old");
	t = start_rules(&rule, 1, true, true);
	read_all(t);
	save(t, 0);
	assert_int_equal(saved_count, 2);
	tail_free(t);
	append("live", "3\n");
	t = resume("live");
	settle(t);
	expect("1|2|3|");
	assert_int_equal(got.gaps, 0);
	tail_free(t);
}

static void cursors_are_bounded(void **state)
{
	(void)state;
	struct cursor *many = calloc(RECORD_CURSORS_MAX, sizeof *many);
	char path[1000];
	memset(path, 'p', sizeof path);
	assert_non_null(many);
	for (size_t i = 0; i < RECORD_CURSORS_MAX; i++)
		many[i] = (struct cursor){.path = span_make(path, sizeof path), .inode = i};
	struct tail *t = NULL;
	struct tail_sink sink = {.on_piece = on_piece, .on_gap = on_gap};
	const char *rule = in("log");
	append("log", "1\n");
	assert_int_equal(tail_new(&rule, 1, false, &sink, &t), 0);
	assert_int_equal(tail_resume(t, many, RECORD_CURSORS_MAX, 0), 0);
	sweep_and_read(t);
	const struct cursor *cursors;
	size_t count, bytes = 0;
	assert_int_equal(tail_cursors(t, &cursors, &count), 0);
	for (size_t i = 0; i < count; i++)
		bytes += cursors[i].path.len;
	assert_true(span_equal(cursors[0].path, span_str(in("log")))); /* its own come first */
	assert_in_range(bytes, 1, TAIL_PATH_BYTES_MAX);
	assert_in_range(count, 2, RECORD_CURSORS_MAX);
	tail_free(t);
	free(many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(lines_come_once_as_they_are_written, start_clean),
		cmocka_unit_test_setup(an_unfinished_line_waits_at_every_byte, start_clean),
		cmocka_unit_test_setup(odd_lines_are_lines, start_clean),
		cmocka_unit_test_setup(a_line_at_the_limit_is_a_line_and_one_past_it_is_counted_to_the_byte, start_clean),
		cmocka_unit_test_setup(a_line_past_the_limit_may_arrive_slowly_and_over_restarts, start_clean),
		cmocka_unit_test_setup(lines_survive_every_size_of_budget, start_clean),
		cmocka_unit_test_setup(a_refused_line_stays_and_the_cursor_stands_in_front_of_it, start_clean),
		cmocka_unit_test_setup(a_renamed_file_is_drained_before_the_new_one, start_clean),
		cmocka_unit_test_setup(a_gap_between_rename_and_creation_loses_nothing, start_clean),
		cmocka_unit_test_setup(an_unlinked_file_is_read_to_its_end, start_clean),
		cmocka_unit_test_setup(an_unterminated_last_line_counts_once_its_writer_has_gone, start_clean),
		cmocka_unit_test_setup(several_rotations_between_two_looks_are_all_read, start_clean),
		cmocka_unit_test_setup(rotations_that_go_on_hold_one_old_file, start_clean),
		cmocka_unit_test_setup(rotation_while_down_goes_on_in_the_renamed_file_and_all_that_came_after, start_clean),
		cmocka_unit_test_setup(two_known_files_that_were_both_rotated_are_not_taken_for_strangers, start_clean),
		cmocka_unit_test_setup(a_rotation_with_the_new_file_not_there_yet_is_survived_while_down, start_clean),
		cmocka_unit_test_setup(a_file_gone_while_down_is_told_as_a_gap, start_clean),
		cmocka_unit_test_setup(another_file_in_the_same_inode_is_read_from_its_start, start_clean),
		cmocka_unit_test_setup(truncation_is_noticed_and_counted, start_clean),
		cmocka_unit_test_setup(a_file_truncated_and_grown_past_its_offset_is_another_text, start_clean),
		cmocka_unit_test_setup(an_unfinished_line_taken_back_rereads_nothing, start_clean),
		cmocka_unit_test_setup(a_copytruncated_file_is_finished_in_its_copy, start_clean),
		cmocka_unit_test_setup(a_copytruncate_while_down_is_finished_in_its_copy, start_clean),
		cmocka_unit_test_setup(a_glob_that_finds_the_copy_does_not_read_it_twice, start_clean),
		cmocka_unit_test_setup(a_hole_of_zeros_under_a_writer_that_does_not_append_is_no_line, start_clean),
		cmocka_unit_test_setup(one_file_through_two_globs_a_link_and_a_symlink_is_read_once, start_clean),
		cmocka_unit_test_setup(a_glob_that_matches_rotated_names_reads_each_file_once, start_clean),
		cmocka_unit_test_setup(a_symlink_that_points_elsewhere_is_followed, start_clean),
		cmocka_unit_test_setup(a_new_file_of_a_glob_wakes_the_descriptor, start_clean),
		cmocka_unit_test_setup(what_is_no_file_is_left_alone, start_clean),
		cmocka_unit_test_setup(a_replay_reads_whole_files_in_order_and_only_once, start_clean),
		cmocka_unit_test_setup(cursors_of_files_that_no_rule_names_are_handed_on, start_clean),
		cmocka_unit_test_setup(cursors_are_bounded, start_clean),
	};
	if (!mkdtemp(folder))
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	start_clean(NULL);
	buf_done(&got.text);
	for (size_t i = 0; i < saved_count; i++)
		free((char *)(uintptr_t)saved[i].path.data);
	rmdir(folder);
	return failed;
}
