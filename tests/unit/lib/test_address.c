#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/address.h"

static void addresses_split_into_host_and_port(void **state)
{
	(void)state;
	static const struct {
		const char *text, *host;
		uint16_t port;
	} good[] = {{"127.0.0.1:7465", "127.0.0.1", 7465},
		    {"collector.example:1", "collector.example", 1},
		    {"[::1]:8465", "::1", 8465},
		    {"localhost:0", "localhost", 0},
		    {"host:65535", "host", 65535}};
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		char host[ADDRESS_HOST_MAX];
		uint16_t port = 9;
		assert_int_equal(address_split(good[i].text, host, &port, NULL), 0);
		assert_string_equal(host, good[i].host);
		assert_int_equal(port, good[i].port);
	}
}

static void what_is_no_address_is_refused_and_shown(void **state)
{
	(void)state;
	static const struct {
		const char *reason, *text;
	} bad[] = {{"no port", "localhost"},    {"empty port", "localhost:"},
		   {"no host", ":80"},          {"port past 16 bits", "h:65536"},
		   {"negative port", "h:-1"},   {"words after", "h:80x"},
		   {"bare IPv6", "::1:80"},     {"unclosed bracket", "[::1:80"},
		   {"empty brackets", "[]:80"}, {"nothing", ""}};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		char host[ADDRESS_HOST_MAX];
		uint16_t port = 9;
		struct err err = {0};
		if (address_split(bad[i].text, host, &port, &err) != -EINVAL || port != 9 || !strstr(err.text, "host:port"))
			fail_msg("%s: '%s' was taken", bad[i].reason, bad[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(addresses_split_into_host_and_port),
					   cmocka_unit_test(what_is_no_address_is_refused_and_shown)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
