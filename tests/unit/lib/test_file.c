#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/file.h"

static char folder[64];

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/tocsin-file-test-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static const char *in_folder(const char *name)
{
	static char path[256];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

static void a_written_file_reads_back_with_its_mode(void **state)
{
	(void)state;
	struct buf b;
	struct stat st;
	buf_init(&b, 100);
	assert_int_equal(file_write(in_folder("a"), span_str("first"), 0600, NULL), 0);
	assert_int_equal(file_write(in_folder("a"), span_str("second"), 0600, NULL), 0);
	assert_int_equal(file_read(in_folder("a"), &b, NULL), 0);
	assert_true(span_equal(buf_span(&b), span_str("second")));
	assert_int_equal(stat(in_folder("a"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(access(in_folder("a.new"), F_OK), -1);
	buf_done(&b);
	unlink(in_folder("a"));
}

static void a_file_past_the_ceiling_is_refused(void **state)
{
	(void)state;
	struct err err = {0};
	struct buf b;
	assert_int_equal(file_write(in_folder("b"), span_str("12345"), 0600, NULL), 0);
	buf_init(&b, 5);
	assert_int_equal(file_read(in_folder("b"), &b, NULL), 0); /* exactly at */
	buf_done(&b);
	buf_init(&b, 4);
	assert_int_equal(file_read(in_folder("b"), &b, &err), -EFBIG); /* just past */
	assert_string_equal(err.file, in_folder("b"));
	buf_done(&b);
	unlink(in_folder("b"));
}

static void a_file_that_cannot_be_written_leaves_the_old_one(void **state)
{
	(void)state;
	struct err err = {0};
	assert_int_equal(file_write(in_folder("none/c"), span_str("x"), 0600, &err), -ENOENT);
	assert_non_null(strstr(err.text, "cannot be written"));
	struct buf none;
	buf_init(&none, 1);
	assert_int_equal(file_read(in_folder("none/c"), &none, &err), -ENOENT);
}

static void folders_are_made_with_their_parents(void **state)
{
	(void)state;
	struct stat st;
	assert_int_equal(file_make_folder(in_folder("x/y"), NULL), 0);
	assert_int_equal(file_make_folder(in_folder("x/y"), NULL), 0);
	assert_int_equal(stat(in_folder("x/y"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	rmdir(in_folder("x/y"));
	rmdir(in_folder("x"));
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_written_file_reads_back_with_its_mode),
		cmocka_unit_test(a_file_past_the_ceiling_is_refused),
		cmocka_unit_test(a_file_that_cannot_be_written_leaves_the_old_one),
		cmocka_unit_test(folders_are_made_with_their_parents),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
