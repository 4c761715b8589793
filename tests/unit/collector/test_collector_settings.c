/* What the settings say of services, and what of it is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "collector/settings.h"

static int load(const char *set, struct services **ret, struct err *err)
{
	struct collector_settings *s = NULL;
	int r = collector_settings_load(NULL, &set, 1, "/var/lib/none", &s, err);
	if (r == 0)
		r = collector_settings_services(s, ret, err);
	collector_settings_free(s);
	return r;
}

static void an_assessment_is_on_file_with_its_day_and_its_functions(void **state)
{
	struct services *services = NULL;
	struct err err = {0};
	(void)state;
	if (load("services=[{name: forum, assessed: [F01, F09], assessed_on: '2026-03-01'}]", &services, &err) < 0)
		fail_msg("%s", err.text);
	const struct service_declaration *d = services_at(services, 0);
	assert_string_equal(d->assessed_on, "2026-03-01");
	assert_int_equal(d->assessed, FUNCTION(1) | FUNCTION(9));
	services_free(services);
}

static void an_assessment_that_cannot_be_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *set, *says;
	} rows[] = {
		{"services=[{name: forum, assessed: [F01]}]", "forum: assessed names functions, but assessed_on does not say when"},
		{"services=[{name: forum, assessed: [F01], assessed_on: 'yes'}]", "forum: assessed_on: 'yes' is no date"},
		{"services=[{name: forum, assessed: [F01], assessed_on: '2026-02-30'}]", "'2026-02-30' is no date"},
		{"services=[{name: forum, assessed: [F12], assessed_on: '2026-03-01'}]", "assessed: 'F12' is no function class"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct services *services = NULL;
		struct err err = {0};
		assert_int_equal(load(rows[i].set, &services, &err), -EINVAL);
		if (!strstr(err.text, rows[i].says))
			fail_msg("%s: %s", rows[i].set, err.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_assessment_is_on_file_with_its_day_and_its_functions),
		cmocka_unit_test(an_assessment_that_cannot_be_is_refused_with_its_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
