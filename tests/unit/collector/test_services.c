#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "collector/services/services.h"

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct services *made(const struct service_declaration *declared, size_t count)
{
	struct services *s = NULL;
	struct err err = {0};
	assert_int_equal(services_new(declared, count, &s, &err), 0);
	return s;
}

static void scope_belongs_to_the_declaration_that_names_it_best(void **state)
{
	(void)state;
	const struct service_declaration declared[] = {
		{.name = "forum", .workloads = LIST("web/forum"), .hosts = LIST("forum.example.com")},
		{.name = "everything", .hosts = LIST("*.example.com")},
		{.name = "live", .workloads = LIST("web/live"), .hosts = LIST("*.live.example.com")},
	};
	static const struct {
		const char *workload, *host, *service, *reason;
	} rows[] = {
		{"web/forum", "", "forum", "by workload, host withheld"},
		{"proxy/nginx", "forum.example.com", "forum", "by host: a proxy serves many"},
		{"proxy/nginx", "FORUM.Example.COM", "forum", "host names know no case"},
		{"web/live", "forum.example.com", "forum", "an exact host says more than a workload"},
		{"web/forum", "a.live.example.com", "forum", "a workload says more than a pattern"},
		{"proxy/nginx", "a.live.example.com", "live", "the longest pattern wins, whatever the order"},
		{"proxy/nginx", "x.y.example.com", "everything", "a star covers several labels"},
		{"proxy/nginx", "example.com", "proxy/nginx", "a star never covers no label"},
		{"proxy/nginx", ".example.com", "proxy/nginx", "nor an empty one"},
		{"proxy/nginx", "badexample.com", "proxy/nginx", "a pattern ends at a label's border"},
		{"batch/job", "", "batch/job", "nobody declared it: named after its workload"},
		{"", "shop.test", "shop.test", "no workload known: named after its host"},
		{"", "", "unknown", "nothing known, still owned by somebody"},
	};
	struct services *s = made(declared, 3);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct span got = services_of(s, WORKLOAD_POD, span_str(rows[i].workload), span_str(rows[i].host));
		if (!span_equal(got, span_str(rows[i].service)))
			fail_msg("'%s' under '%s' went to %.*s: %s", rows[i].workload, rows[i].host, (int)got.len, got.data,
				 rows[i].reason);
	}
	services_free(s);
}

static void declarations_are_copied_whole(void **state)
{
	(void)state;
	char name[] = "forum", host[] = "forum.test", day[] = "2026-03-01";
	const char *hosts[] = {host, NULL};
	struct service_declaration declared = {.name = name, .hosts = hosts, .assessed_on = day, .assessed = FUNCTION(1), .news = true};
	struct services *s = made(&declared, 1);
	memset(name, 'x', sizeof name - 1);
	memset(host, 'x', sizeof host - 1);
	memset(day, 'x', sizeof day - 1);
	hosts[0] = NULL;
	const struct service_declaration *kept = services_declared(s, span_str("forum"));
	assert_non_null(kept);
	assert_string_equal(kept->hosts[0], "forum.test");
	assert_string_equal(kept->assessed_on, "2026-03-01");
	assert_null(kept->title);
	assert_true(kept->news);
	assert_int_equal(kept->assessed, FUNCTION(1));
	assert_ptr_equal(services_at(s, 0), kept);
	assert_null(services_at(s, 1));
	assert_null(services_declared(s, span_str("foru")));
	services_free(s);
}

static void contradicting_declarations_are_refused_with_a_sentence(void **state)
{
	(void)state;
	const struct {
		struct service_declaration declared[2];
		const char *sentence;
	} rows[] = {
		{{{.name = "a"}, {.name = "a"}}, "services: 'a' is declared twice; give each service its own name"},
		{{{.name = "a"}, {.name = ""}}, "services: entry 2 needs a name of 1 to 512 bytes"},
		{{{.name = "a", .workloads = LIST("w")}, {.name = "b", .workloads = LIST("v", "w")}},
		 "services: 'a' and 'b' both claim 'w'; leave it in one of them"},
		{{{.name = "a", .hosts = LIST("*.Test")}, {.name = "b", .hosts = LIST("*.test")}},
		 "services: 'a' and 'b' both claim '*.test'; leave it in one of them"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct services *s = NULL;
		struct err err = {0};
		assert_int_equal(services_new(rows[i].declared, 2, &s, &err), -EINVAL);
		assert_string_equal(err.text, rows[i].sentence);
		assert_null(s);
	}
}

static void no_declarations_at_all_are_fine(void **state)
{
	(void)state;
	struct services *s = made(NULL, 0);
	assert_true(span_equal(services_of(s, WORKLOAD_SYSTEMD, span_str("nginx.service"), span_str("x")), span_str("nginx.service")));
	services_free(s);
	services_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scope_belongs_to_the_declaration_that_names_it_best),
		cmocka_unit_test(declarations_are_copied_whole),
		cmocka_unit_test(contradicting_declarations_are_refused_with_a_sentence),
		cmocka_unit_test(no_declarations_at_all_are_fine),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
