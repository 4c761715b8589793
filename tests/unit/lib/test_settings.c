#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/settings_table.h"

struct tap {
	char *path;
	char *workload;
};
struct sample {
	uint32_t window_ms;
	enum settings_switch probes;
	char *agent;
	struct tap *taps;
	uint32_t taps_count;
};

static const cyaml_schema_field_t tap_fields[] = {SETTINGS_TEXT_REQUIRED("path", struct tap, path),
						  SETTINGS_TEXT("workload", struct tap, workload), CYAML_FIELD_END};
static const cyaml_schema_value_t tap_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct tap, tap_fields)};
static const cyaml_schema_field_t fields[] = {
	SETTINGS_NUMBER("window_ms", struct sample, window_ms), SETTINGS_SWITCH("probes", struct sample, probes),
	SETTINGS_TEXT("agent", struct sample, agent), SETTINGS_LIST("taps", struct sample, taps, &tap_schema), CYAML_FIELD_END};
static const struct settings_row rows[] = {{"window_ms", "10000", "length of a window"},
					   {"probes", "true", "whether to attach probes"},
					   {"agent", "''", "id of this agent"},
					   {"taps", "[]", "logs to read"},
					   {0}};
static const struct settings_table table = {rows, fields, sizeof(struct sample)};

static const char *file_with(const char *text)
{
	static char path[] = "/tmp/tocsin-settings-test-XXXXXX";
	strcpy(path + sizeof path - 7, "XXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	return path;
}

static void absent_keys_take_their_defaults(void **state)
{
	(void)state;
	void *loaded = NULL;
	struct err err = {0};
	assert_int_equal(settings_load(&table, NULL, NULL, 0, &loaded, &err), 0);
	const struct sample *s = loaded;
	assert_int_equal(s->window_ms, 10000);
	assert_int_equal(s->probes, SETTINGS_TRUE);
	assert_string_equal(s->agent, "");
	assert_int_equal(s->taps_count, 0);
	settings_free(&table, loaded);
}

static void the_command_line_wins_over_the_file(void **state)
{
	(void)state;
	const char *path = file_with("agent: host-a\ntaps:\n- path: /old\n- path: /older\nwindow_ms: 5000\n");
	const char *set[] = {"taps=[{path: /new, workload: forum}]", "agent=host-b"};
	void *loaded = NULL;
	struct err err = {0};
	assert_int_equal(settings_load(&table, path, set, 2, &loaded, &err), 0);
	const struct sample *s = loaded;
	assert_string_equal(s->agent, "host-b");
	assert_int_equal(s->window_ms, 5000);
	assert_int_equal(s->taps_count, 1);
	assert_string_equal(s->taps[0].path, "/new");
	assert_string_equal(s->taps[0].workload, "forum");
	settings_free(&table, loaded);
	unlink(path);
}

static void bad_files_are_refused_with_line_and_remedy(void **state)
{
	(void)state;
	static const struct {
		const char *reason, *text;
		int line;
		const char *says;
	} cases[] = {
		{"a misspelt key names its neighbour", "agent: a\n\nwindow: 3\n", 3, "unknown key 'window'; did you mean 'window_ms'?"},
		{"a misspelt key inside a list", "taps:\n  - path: /x\n    worklod: z\n", 3, "did you mean 'workload'?"},
		{"a number that is none", "agent: a\nwindow_ms: soon\n", 2, "no whole number that this key can take: 'soon'"},
		{"a negative number", "window_ms: -4\n", 1, "no whole number"},
		{"a number past its width", "window_ms: 99999999999\n", 1, "no whole number"},
		{"a list where a text belongs", "agent: [a]\n", 1, "Expecting STRING"},
		{"the same key twice", "agent: a\nagent: b\n", 2, "a second time"},
		{"a required field left out", "taps:\n  - workload: z\n", 2, "Missing required mapping field: path"},
		{"an alias, which could grow without bound", "agent: &x a\ntaps: *x\n", 2, ""},
		{"an unterminated quote", "agent: \"x\n", 1, ""},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *path = file_with(cases[i].text);
		struct err err = {0};
		void *loaded = NULL;
		char said[900];
		assert_int_equal(settings_load(&table, path, NULL, 0, &loaded, &err), -EINVAL);
		assert_null(loaded);
		if (!strstr(err.text, cases[i].says) || err.line != cases[i].line || strcmp(err.file, path) != 0)
			fail_msg("%s: said %s", cases[i].reason, err_text(&err, said, sizeof said));
		unlink(path);
	}
}

static void bad_command_line_settings_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *set, *says;
	} cases[] = {
		{"agnt=x", "did you mean 'agent'?"}, {"agent", "expected key=value"},        {"=x", "expected key=value"},
		{"probes=perhaps", "(true, false)"}, {"window_ms=1\nagent: x", "key=value"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct err err = {0};
		void *loaded = NULL;
		assert_int_equal(settings_load(&table, NULL, &cases[i].set, 1, &loaded, &err), -EINVAL);
		if (!strstr(err.text, cases[i].says))
			fail_msg("%s: said %s", cases[i].set, err.text);
	}
}

static void a_file_that_is_not_there_is_named(void **state)
{
	(void)state;
	struct err err = {0};
	void *loaded = NULL;
	assert_int_equal(settings_load(&table, "/nonexistent/agent.yaml", NULL, 0, &loaded, &err), -ENOENT);
	assert_string_equal(err.file, "/nonexistent/agent.yaml");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(absent_keys_take_their_defaults),
		cmocka_unit_test(the_command_line_wins_over_the_file),
		cmocka_unit_test(bad_files_are_refused_with_line_and_remedy),
		cmocka_unit_test(bad_command_line_settings_are_refused),
		cmocka_unit_test(a_file_that_is_not_there_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
