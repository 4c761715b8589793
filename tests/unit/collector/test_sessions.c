/* Login codes, sessions and the token, by times that are arguments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/api/sessions.h"

#define NOW INT64_C(1800000000000)
static const struct span here = {"\x7f\0\0\1", 4}, there = {"\xa\0\0\1", 4};
static char dir[64], token_file[96];

static int set_up(void **state)
{
	struct err err = {0};
	snprintf(dir, sizeof dir, "/tmp/tocsin-sessions-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(token_file, sizeof token_file, "%s/api.token", dir);
	return sessions_new(dir, (struct sessions **)state, &err);
}

static int tear_down(void **state)
{
	sessions_free(*state);
	unlink(token_file);
	return rmdir(dir);
}

static int login(struct sessions *s, struct span source, const char *code, int64_t now_ms, char secret[SECRET_CAP])
{
	int64_t expires_ms;
	int retry_s;
	return sessions_login(s, source, span_str(code), now_ms, secret, &expires_ms, &retry_s);
}

static bool is_open(struct sessions *s, const char *secret, int64_t now_ms)
{
	int64_t expires_ms;
	return sessions_has(s, span_str(secret), now_ms, &expires_ms);
}

static void read_token(char out[64])
{
	FILE *f = fopen(token_file, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%63s", out), 1);
	fclose(f);
}

static void a_code_opens_one_session(void **state)
{
	struct sessions *s = *state;
	char code[SECRET_CAP], secret[SECRET_CAP];
	int64_t expires_ms;
	sessions_code(s, NOW, code, &expires_ms);
	assert_int_equal(expires_ms, NOW + LOGIN_CODE_LIFE_MS);
	assert_int_equal(login(s, here, code, NOW, secret), 0);
	assert_true(is_open(s, secret, NOW));
	assert_int_equal(login(s, here, code, NOW, secret), -EACCES);
}

static void a_code_lives_until_just_before_its_end(void **state)
{
	struct sessions *s = *state;
	char code[SECRET_CAP], secret[SECRET_CAP];
	int64_t expires_ms;
	sessions_code(s, NOW, code, &expires_ms);
	assert_int_equal(login(s, here, code, expires_ms, secret), -EACCES);
	assert_int_equal(login(s, here, code, expires_ms - 1, secret), 0);
}

static void a_session_lives_until_just_before_its_end(void **state)
{
	struct sessions *s = *state;
	char code[SECRET_CAP], secret[SECRET_CAP];
	int64_t expires_ms, end = NOW + SESSION_LIFE_S * INT64_C(1000);
	sessions_code(s, NOW, code, &expires_ms);
	assert_int_equal(login(s, here, code, NOW, secret), 0);
	assert_true(is_open(s, secret, end - 1));
	assert_false(is_open(s, secret, end));
}

static void a_logout_ends_one_session_and_no_other(void **state)
{
	struct sessions *s = *state;
	char code[SECRET_CAP], one[SECRET_CAP], two[SECRET_CAP];
	int64_t expires_ms;
	sessions_code(s, NOW, code, &expires_ms);
	assert_int_equal(login(s, here, code, NOW, one), 0);
	sessions_code(s, NOW, code, &expires_ms);
	assert_int_equal(login(s, here, code, NOW, two), 0);
	sessions_logout(s, span_str(one));
	assert_false(is_open(s, one, NOW));
	assert_true(is_open(s, two, NOW));
}

static void an_empty_secret_opens_nothing(void **state)
{
	struct sessions *s = *state;
	char secret[SECRET_CAP];
	assert_int_equal(login(s, here, "", NOW, secret), -EACCES);
	assert_false(is_open(s, "", NOW));
	assert_false(sessions_is_token(s, span_str("")));
	assert_false(sessions_is_token(s, span_str(NULL)));
}

static void one_code_too_many_ends_the_oldest(void **state)
{
	struct sessions *s = *state;
	char first[SECRET_CAP], second[SECRET_CAP], more[SECRET_CAP], secret[SECRET_CAP];
	int64_t expires_ms;
	sessions_code(s, NOW, first, &expires_ms);
	sessions_code(s, NOW + 1, second, &expires_ms);
	for (int i = 2; i <= LOGIN_CODES_MAX; i++)
		sessions_code(s, NOW + i, more, &expires_ms);
	assert_int_equal(login(s, here, first, NOW + 20, secret), -EACCES);
	assert_int_equal(login(s, here, second, NOW + 20, secret), 0);
}

static void one_session_too_many_ends_the_oldest(void **state)
{
	struct sessions *s = *state;
	char code[SECRET_CAP], first[SECRET_CAP], second[SECRET_CAP], more[SECRET_CAP];
	int64_t expires_ms;
	for (int i = 0; i <= SESSIONS_MAX; i++) {
		sessions_code(s, NOW + i, code, &expires_ms);
		assert_int_equal(login(s, here, code, NOW + i, i == 0 ? first : i == 1 ? second : more), 0);
	}
	assert_false(is_open(s, first, NOW + SESSIONS_MAX));
	assert_true(is_open(s, second, NOW + SESSIONS_MAX));
	struct sessions_stats stats;
	sessions_stats(s, NOW + SESSIONS_MAX, &stats);
	assert_int_equal(stats.open, SESSIONS_MAX);
}

static void the_tenth_failure_shuts_its_own_address_out_for_a_minute(void **state)
{
	struct sessions *s = *state;
	char code[SECRET_CAP], secret[SECRET_CAP];
	int64_t expires_ms;
	int retry_s = 0;
	sessions_code(s, NOW, code, &expires_ms);
	for (int i = 0; i < LOGIN_FAILURES_MAX; i++)
		assert_int_equal(login(s, here, "wrong", NOW + 1000, secret), -EACCES);
	assert_int_equal(sessions_login(s, here, span_str(code), NOW + 2000, secret, &expires_ms, &retry_s), -EAGAIN);
	assert_int_equal(retry_s, 59);
	assert_int_equal(login(s, there, "wrong", NOW + 2000, secret), -EACCES); /* another address is still heard */
	assert_int_equal(login(s, here, code, NOW + 1000 + LOGIN_FAILURES_SPAN_MS - 1, secret), -EAGAIN);
	assert_int_equal(login(s, here, code, NOW + 1000 + LOGIN_FAILURES_SPAN_MS, secret), 0);
}

static void many_addresses_do_not_grow_the_table(void **state)
{
	struct sessions *s = *state;
	char secret[SECRET_CAP];
	struct sessions_stats stats;
	for (uint32_t i = 0; i < 10 * LOGIN_SOURCES_MAX; i++)
		assert_int_equal(login(s, span_make(&i, sizeof i), "wrong", NOW + i, secret), -EACCES);
	sessions_stats(s, NOW, &stats);
	assert_int_equal(stats.failures, 10 * LOGIN_SOURCES_MAX);
}

static void the_token_survives_a_restart(void **state)
{
	struct sessions *again;
	struct err err = {0};
	char token[64];
	read_token(token);
	assert_true(sessions_is_token(*state, span_str(token)));
	assert_int_equal(sessions_new(dir, &again, &err), 0);
	assert_true(sessions_is_token(again, span_str(token)));
	token[0] = (char)(token[0] == 'A' ? 'B' : 'A');
	assert_false(sessions_is_token(again, span_str(token)));
	sessions_free(again);
}

static void the_token_is_for_its_owner_alone(void **state)
{
	struct stat st;
	(void)state;
	assert_int_equal(stat(token_file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void a_token_file_that_cannot_be_trusted_is_refused(void **state)
{
	static const struct {
		const char *content;
		mode_t mode;
		int error;
		const char *why;
	} rows[] = {
		{"0123456789012345678901\n", 0640, -EPERM, "the group can read it"},
		{"0123456789012345678901\n", 0604, -EPERM, "anybody can read it"},
		{"", 0600, -EINVAL, "empty: it would let in whoever sends an empty token"},
		{"012345678901234567890\n", 0600, -EINVAL, "one character too few"},
		{"0123456789012345678901\n", 0600, 0, "exactly as long as ours"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct sessions *s = NULL;
		struct err err = {0};
		FILE *f = fopen(token_file, "w");
		fputs(rows[i].content, f);
		fclose(f);
		assert_int_equal(chmod(token_file, rows[i].mode), 0);
		int r = sessions_new(dir, &s, &err);
		if (r != rows[i].error || (r < 0 && strcmp(err.file, token_file) != 0))
			fail_msg("%s: %d, %s", rows[i].why, r, err.text);
		sessions_free(r == 0 ? s : NULL);
	}
}

static void a_state_folder_that_is_not_there_is_said(void **state)
{
	struct sessions *s = NULL;
	struct err err = {0};
	(void)state;
	assert_int_equal(sessions_new("/nonexistent", &s, &err), -ENOENT);
	assert_string_equal(err.file, "/nonexistent/api.token");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_code_opens_one_session, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_code_lives_until_just_before_its_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_session_lives_until_just_before_its_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_logout_ends_one_session_and_no_other, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_empty_secret_opens_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_code_too_many_ends_the_oldest, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_session_too_many_ends_the_oldest, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_tenth_failure_shuts_its_own_address_out_for_a_minute, set_up, tear_down),
		cmocka_unit_test_setup_teardown(many_addresses_do_not_grow_the_table, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_token_survives_a_restart, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_token_is_for_its_owner_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_token_file_that_cannot_be_trusted_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_state_folder_that_is_not_there_is_said, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
