/* Certificates: what is made can be used, what cannot be used is refused with file and reason. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/file.h"
#include "tests/unit/certificates.h"

static struct certificates certs;

static int set_up(void **state)
{
	(void)state;
	certificates_init(&certs);
	certificates_issue(&certs, "pki", PKI_AGENT, "host-7", NULL, -1, 30);
	certificates_issue(&certs, "pki", PKI_SERVER, "collector", "localhost, 127.0.0.1,::1,*.example.com", -1, 30);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	certificates_done(&certs);
	return 0;
}

#define PATH(name) certificates_path(&certs, name)

static void assert_says(const struct err *err, const char *file, const char *part)
{
	char text[1024];
	err_text(err, text, sizeof text);
	if (!strstr(text, file) || !strstr(text, part))
		fail_msg("\"%s\" says neither \"%s\" nor \"%s\"", text, file, part);
}

static void a_certificate_says_who_it_is_for_how_long_and_for_which_names(void **state)
{
	(void)state;
	struct pki_description d;
	struct err err;
	assert_int_equal(pki_describe(PATH("collector.crt"), &d, &err), 0);
	assert_string_equal(d.name, "collector");
	assert_string_equal(d.issuer, "Tocsin authority");
	assert_string_equal(d.names, "localhost,127.0.0.1,::1,*.example.com");
	assert_int_equal((d.until_ms - d.from_ms) / CERTIFICATES_DAY_MS, 31);
	assert_int_equal(pki_describe(PATH("host-7.crt"), &d, &err), 0);
	assert_string_equal(d.names, "");
}

static void keys_are_readable_by_their_owner_alone(void **state)
{
	(void)state;
	struct stat s;
	assert_int_equal(stat(PATH("host-7.key"), &s), 0);
	assert_int_equal(s.st_mode & 07777, 0600);
	assert_int_equal(stat(PATH("pki/ca.key"), &s), 0);
	assert_int_equal(s.st_mode & 07777, 0600);
	assert_int_equal(stat(PATH("host-7.crt"), &s), 0);
	assert_int_equal(s.st_mode & 07777, 0644);
}

static void an_authority_that_is_there_is_kept(void **state)
{
	(void)state;
	struct stat before, after;
	struct err err;
	assert_int_equal(stat(PATH("pki/ca.crt"), &before), 0);
	assert_int_equal(pki_make_authority(PATH("pki"), clock_wall_ms(), &err), 0);
	assert_int_equal(stat(PATH("pki/ca.crt"), &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
}

static void ensuring_twice_makes_one_certificate(void **state)
{
	(void)state;
	struct stat before, after;
	struct err err;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(
			pki_ensure(PATH("pki"), PKI_AGENT, "host-8", NULL, PATH("host-8.crt"), PATH("host-8.key"), clock_wall_ms(), &err),
			0);
		assert_int_equal(stat(PATH("host-8.crt"), i ? &after : &before), 0);
	}
	assert_int_equal(before.st_ino, after.st_ino);
}

static void a_certificate_is_renewed_before_its_end(void **state)
{
	(void)state;
	static const struct {
		int64_t days_left;
		bool renewed;
	} rows[] = {{PKI_RENEW_DAYS, false}, {PKI_RENEW_DAYS - 1, true}};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct pki_description before, after;
		struct err err;
		certificates_issue(&certs, "pki", PKI_SERVER, "aging", "localhost", -1, 100);
		assert_int_equal(pki_describe(PATH("aging.crt"), &before, &err), 0);
		int64_t now_ms = before.until_ms - rows[i].days_left * CERTIFICATES_DAY_MS;
		assert_int_equal(
			pki_ensure(PATH("pki"), PKI_SERVER, "aging", "localhost", PATH("aging.crt"), PATH("aging.key"), now_ms, &err), 0);
		assert_int_equal(pki_describe(PATH("aging.crt"), &after, &err), 0);
		assert_true((after.until_ms != before.until_ms) == rows[i].renewed);
		assert_int_equal(pki_check_pair(PATH("aging.crt"), PATH("aging.key"), &err), 0);
	}
}

static void a_name_has_up_to_64_bytes(void **state)
{
	(void)state;
	char name[PKI_NAME_MAX + 2];
	struct err err;
	struct pki_request request = {.kind = PKI_AGENT, .name = name, .from_ms = 0, .until_ms = CERTIFICATES_DAY_MS};
	memset(name, 'n', sizeof name);
	name[PKI_NAME_MAX] = '\0';
	assert_int_equal(pki_issue(PATH("pki"), &request, PATH("long.crt"), PATH("long.key"), &err), 0);
	name[PKI_NAME_MAX] = 'n';
	name[PKI_NAME_MAX + 1] = '\0';
	assert_int_equal(pki_issue(PATH("pki"), &request, PATH("long.crt"), PATH("long.key"), &err), -EINVAL);
	assert_says(&err, "", "has 65 bytes");
	request.name = "";
	assert_int_equal(pki_issue(PATH("pki"), &request, PATH("long.crt"), PATH("long.key"), &err), -EINVAL);
}

static void what_cannot_be_in_a_certificate_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *names;
		int64_t from_ms, until_ms;
		const char *says;
	} rows[] = {
		{"localhost,bad name", 0, 1000, "\"bad name\" is neither"},
		{"localhost,,other", 0, 1000, "\"\" is neither"},
		{"a\"b", 0, 1000, "is neither"},
		{NULL, 1000, 1000, "end before it begins"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct err err;
		const struct pki_request request = {PKI_SERVER, "x", rows[i].names, rows[i].from_ms, rows[i].until_ms};
		assert_int_equal(pki_issue(PATH("pki"), &request, PATH("x.crt"), PATH("x.key"), &err), -EINVAL);
		assert_says(&err, "", rows[i].says);
		assert_int_not_equal(access(PATH("x.crt"), F_OK), 0);
	}
}

static void a_file_that_cannot_be_used_is_refused_with_its_name_and_the_reason(void **state)
{
	(void)state;
	struct err err;
	assert_int_equal(file_write(PATH("text.crt"), span_str("not a certificate\n"), 0600, &err), 0);
	static const struct {
		const char *certificate, *key, *file, *says;
	} rows[] = {
		{"none.crt", "host-7.key", "none.crt", "No such file"},
		{"host-7.crt", "none.key", "none.key", "No such file"},
		{"text.crt", "host-7.key", "text.crt", "is no PEM certificate"},
		{"host-7.crt", "text.crt", "text.crt", "is no PEM private key"},
		{"host-7.crt", "collector.key", "host-7.crt", "does not belong to the key in"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_true(pki_check_pair(PATH(rows[i].certificate), PATH(rows[i].key), &err) < 0);
		assert_says(&err, rows[i].file, rows[i].says);
	}
	const struct tls_files files = {PATH("text.crt"), PATH("host-7.crt"), PATH("host-7.key")};
	struct tls_context *context = NULL;
	assert_int_equal(tls_context_new(TLS_CLIENT, &files, &context, &err), -EINVAL);
	assert_says(&err, "text.crt", "is no PEM certificate");
	assert_null(context);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_certificate_says_who_it_is_for_how_long_and_for_which_names),
		cmocka_unit_test(keys_are_readable_by_their_owner_alone),
		cmocka_unit_test(an_authority_that_is_there_is_kept),
		cmocka_unit_test(ensuring_twice_makes_one_certificate),
		cmocka_unit_test(a_certificate_is_renewed_before_its_end),
		cmocka_unit_test(a_name_has_up_to_64_bytes),
		cmocka_unit_test(what_cannot_be_in_a_certificate_is_refused),
		cmocka_unit_test(a_file_that_cannot_be_used_is_refused_with_its_name_and_the_reason),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
