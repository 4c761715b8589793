#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/check.h"

static char *run(const struct check_options *options, int *ret_missing)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	assert_non_null(out);
	*ret_missing = check_run(options, out);
	fclose(out);
	return text;
}

static void every_thing_the_agent_needs_has_a_row(void **state)
{
	(void)state;
	static const char *const names[] = {"kernel",   "capabilities", "cgroup2",    "locked memory",
					    "lockdown", "tracefs",      "HTTP probe", "state folder"};
	const struct check_options options = {.state_dir = "/tmp"};
	int missing;
	char *text = run(&options, &missing);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		assert_non_null(strstr(text, names[i]));
	free(text);
}

static void a_missing_state_folder_is_said_with_its_remedy(void **state)
{
	(void)state;
	const struct check_options options = {.state_dir = "/nonexistent/tocsin"};
	int missing;
	char *text = run(&options, &missing);
	assert_int_equal(missing, 1);
	assert_non_null(strstr(text, "MISSING  state folder   /nonexistent/tocsin: No such file or directory"));
	assert_non_null(strstr(text, "mend: make the folder"));
	free(text);
}

static void a_disk_smaller_than_the_spool_is_said(void **state)
{
	(void)state;
	const struct check_options options = {.state_dir = "/tmp", .spool_bytes = UINT64_MAX};
	int missing;
	char *text = run(&options, &missing);
	assert_int_equal(missing, 1);
	assert_non_null(strstr(text, "mend: free some space"));
	free(text);
}

static void a_glob_of_logs_is_looked_at_file_by_file(void **state)
{
	(void)state;
	char folder[] = "/tmp/tocsin-check-XXXXXX", first[64], second[64], some[64], none[64];
	assert_non_null(mkdtemp(folder));
	snprintf(first, sizeof first, "%s/a.log", folder);
	snprintf(second, sizeof second, "%s/b.log", folder);
	snprintf(some, sizeof some, "%s/*.log", folder);
	snprintf(none, sizeof none, "%s/*.txt", folder);
	fclose(fopen(first, "w"));
	assert_int_equal(symlink("/nonexistent/b.log", second), 0);
	const char *const logs[] = {first, some, none};
	const struct check_options options = {.state_dir = "/tmp", .logs = logs, .log_count = 3};
	int missing;
	char *text = run(&options, &missing), line[128];
	assert_int_equal(missing, 1);
	snprintf(line, sizeof line, "MISSING  log            %s: No such file or directory\n", second);
	assert_non_null(strstr(text, line));
	snprintf(line, sizeof line, "MISSING  log            %s\n", none);
	assert_non_null(strstr(text, line));
	free(text);
	unlink(second);
	text = run(&options, &missing);
	snprintf(line, sizeof line, "ok       log            %s, now 1\n", some);
	assert_non_null(strstr(text, line));
	free(text);
	unlink(first);
	rmdir(folder);
}

static void each_log_has_its_own_row(void **state)
{
	(void)state;
	char path[] = "/tmp/tocsin-check-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	const char *const logs[] = {path, "/nonexistent/access.log"};
	const struct check_options options = {.state_dir = "/tmp", .logs = logs, .log_count = 2};
	int missing;
	char *text = run(&options, &missing), line[128];
	snprintf(line, sizeof line, "ok       log            %s\n", path);
	assert_int_equal(missing, 1);
	assert_non_null(strstr(text, line));
	assert_non_null(strstr(text, "MISSING  log            /nonexistent/access.log: No such file or directory"));
	close(fd);
	unlink(path);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_thing_the_agent_needs_has_a_row),
		cmocka_unit_test(a_missing_state_folder_is_said_with_its_remedy),
		cmocka_unit_test(a_disk_smaller_than_the_spool_is_said),
		cmocka_unit_test(each_log_has_its_own_row),
		cmocka_unit_test(a_glob_of_logs_is_looked_at_file_by_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
