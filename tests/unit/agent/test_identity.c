/* Who asked: which identifier of a request speaks, and that the same person is the same hash from a probe and from a log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/identity.h"
#include "agent/ip.h"
#include "agent/token.h"

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

static const char *const account_headers[] = {"X-User-Id", NULL};
static const char *const proxies[] = {"10.0.0.0/8", "::1", "2001:db8:f::/48", NULL};
static const struct identity_rules rules = {.account_headers = account_headers, .trusted_proxies = proxies, .key = "fleet key of 16"};

static struct identity *id;

static int set_up(void **state)
{
	(void)state;
	return identity_new(&rules, &id, NULL);
}

static int tear_down(void **state)
{
	(void)state;
	identity_free(id);
	return 0;
}

/* A request with the fields of `text`, one a line, from `address`. */
static struct identities ask(const struct identity *from, const char *address, const char *text)
{
	struct identity_reader reader = {0};
	struct ip_address remote;
	struct span lines = span_str(text);
	assert_true(ip_parse(span_str(address), &remote));
	while (lines.len > 0) {
		struct span value = span_cut(&lines, '\n');
		struct span name = span_cut(&value, ':');
		identity_on_header(from, &reader, name, span_trim(value));
	}
	identity_finish(from, &reader, remote.bytes);
	return reader.who;
}

static uint64_t account_of(const char *user)
{
	struct identities who;
	identity_from_log(id, span_str("-"), span_str(user), &who);
	assert_int_equal(who.mask, 1u << IDENTITY_ACCOUNT);
	return who.hash[IDENTITY_ACCOUNT];
}

static uint64_t address_hash(const char *text)
{
	struct identities who;
	identity_from_log(id, span_str(text), span_str("-"), &who);
	assert_int_equal(who.mask, 1u << IDENTITY_ADDRESS);
	return who.hash[IDENTITY_ADDRESS];
}

/* {"alg":"none"} in base64url, and the claims named beside each. */
#define JOSE "eyJhbGciOiJub25lIn0"

static void account_is_the_one_that_signed_in(void **state)
{
	(void)state;
	static const struct {
		const char *fields;
		const char *account; /* NULL: nobody */
		const char *why;
	} rows[] = {
		{"Authorization: Basic YWxpY2U6c2VjcmV0", "alice", "alice:secret"},
		{"authorization: bASIC YWxpY2U6", "alice", "names and schemes know no case; empty password"},
		{"Authorization: Basic OnNlY3JldA==", NULL, ":secret has no user"},
		{"Authorization: Basic !!!", NULL, "no base64"},
		{"Authorization: Bearer " JOSE ".eyJzdWIiOiJhbGljZSJ9.c2ln", "alice", "{\"sub\":\"alice\"}"},
		{"Authorization: Bearer " JOSE ".eyJleHAiOjE3MDAwMDAwMDAsInN1YiI6NDJ9.c2ln", "42", "{\"exp\":1700000000,\"sub\":42}"},
		{"Authorization: Bearer " JOSE ".eyJhIjp7InN1YiI6ImV2ZSJ9LCJzdWIiOiJhbGljZSJ9.c2ln", "alice",
		 "{\"a\":{\"sub\":\"eve\"},\"sub\":\"alice\"}: only the outermost"},
		{"Authorization: Bearer " JOSE ".eyJzY29wZSI6InN1YiJ9.c2ln", NULL, "{\"scope\":\"sub\"}: a value is no name"},
		{"Authorization: Bearer " JOSE ".eyJzdWIiOm51bGx9.c2ln", NULL, "{\"sub\":null}"},
		{"Authorization: Bearer " JOSE ".eyJzdWIiOiJhbGlj.c2ln", NULL, "claims cut in the middle"},
		{"Authorization: Bearer 0123abc", "0123abc", "an opaque token is the account"},
		{"Authorization: Digest username=x", NULL, "a scheme that is not read"},
		{"X-User-Id: bob", "bob", "configured header"},
		{"Authorization: Basic YWxpY2U6c2VjcmV0\nX-User-Id: bob", "bob", "configured before the rest"},
		{"X-User-Id: bob\nAuthorization: Basic YWxpY2U6c2VjcmV0", "bob", "in either order"},
		{"Cookie: wordpress_logged_in_1f=alice%7C1700000000%7Ctok%7Cmac", "alice", "WordPress: what stands before the bar"},
		{"Cookie: a=b; xf_user=42%2Ctoken", "42", "XenForo: number, token"},
		{"Cookie: wordpress_logged_in_1f=bob%7C1\nAuthorization: Basic YWxpY2U6c2VjcmV0", "alice",
		 "credentials before built-in cookies"},
		{"Cookie: xf_user=deleted", NULL, "PHP's word for gone"},
		{"Cookie: xf_user=", NULL, "empty"},
		{"X-User-Id:", NULL, "empty"},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct identities who = ask(id, "192.0.2.1", rows[i].fields);
		bool has = who.mask & 1u << IDENTITY_ACCOUNT;
		if (has != (rows[i].account != NULL) || (has && who.hash[IDENTITY_ACCOUNT] != account_of(rows[i].account)))
			fail_msg("%s (mask %u)", rows[i].why, who.mask);
	}
}

static void session_is_a_well_known_cookie_that_keeps_its_value(void **state)
{
	(void)state;
	static const struct {
		const char *cookies;
		bool expected;
		const char *why;
	} rows[] = {
		{"PHPSESSID=s3cr3t", true, "PHP"},
		{"theme=dark; JSESSIONID=s3cr3t", true, "after another cookie"},
		{"a=1;connect.sid=s3cr3t", true, "no blank after the semicolon"},
		{"sessionid=\"s3cr3t\"", true, "quotes are not part of it"},
		{"_myapp_session_id=s3cr3t", true, "by its ending"},
		{"phpbb3_abc12_sid=s3cr3t", true, "by its ending"},
		{"SESS0123456789abcdef=s3cr3t", true, "Drupal: by its beginning"},
		{"ASP.NET_SessionId=s3cr3t", true, "ASP.NET"},
		{"_t=s3cr3t", true, "Discourse"},
		{"phpsessid=s3cr3t", false, "cookie names know their case"},
		{"theme=s3cr3t", false, "a cookie that everybody has"},
		{"_ga=s3cr3t; csrftoken=s3cr3t", false, "trackers and guards are no sessions"},
		{"PHPSESSID", false, "no value"},
		{"laravel_session=eyJpdiI6Ik1qTXpORGMwTkRVIiwidmFsdWUiOiJ4In0%3D", false, "Laravel seals anew with every answer"},
		{"_forum_session=Zm9vYmFy--MTIzNDU2Nzg5MDEy--AAAAAAAAAAAAAAAAAAAAAA%3D%3D", false, "Rails 5.2 and later do, too"},
		{"_app_session=Zm9vYmFy--0123456789abcdef0123456789abcdef01234567", false, "and older Rails"},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		char field[256];
		snprintf(field, sizeof field, "Cookie: %s", rows[i].cookies);
		struct identities who = ask(id, "192.0.2.1", field);
		struct identities plain = ask(id, "192.0.2.1", "Cookie: PHPSESSID=s3cr3t");
		bool has = who.mask & 1u << IDENTITY_SESSION;
		if (has != rows[i].expected || (has && who.hash[IDENTITY_SESSION] != plain.hash[IDENTITY_SESSION]))
			fail_msg("%s", rows[i].why);
	}
}

static void of_several_session_cookies_the_first_of_the_list_speaks(void **state)
{
	(void)state;
	struct identities one = ask(id, "192.0.2.1", "Cookie: PHPSESSID=a; JSESSIONID=b");
	struct identities two = ask(id, "192.0.2.1", "Cookie: JSESSIONID=b; PHPSESSID=a");
	struct identities alone = ask(id, "192.0.2.1", "Cookie: PHPSESSID=a");
	assert_int_equal(one.hash[IDENTITY_SESSION], alone.hash[IDENTITY_SESSION]);
	assert_int_equal(two.hash[IDENTITY_SESSION], alone.hash[IDENTITY_SESSION]);
}

static void client_is_found_behind_trusted_proxies_only(void **state)
{
	(void)state;
	static const struct {
		const char *peer, *fields;
		const char *client; /* NULL: unknown */
		const char *why;
	} rows[] = {
		{"192.0.2.9", "", "192.0.2.9", "no proxy"},
		{"192.0.2.9", "X-Forwarded-For: 198.51.100.1", "192.0.2.9", "a stranger may say what he likes"},
		{"10.1.2.3", "X-Forwarded-For: 198.51.100.1", "198.51.100.1", "a trusted proxy is believed"},
		{"10.1.2.3", "X-Forwarded-For: 203.0.113.5, 198.51.100.1", "198.51.100.1", "but not what a stranger told it"},
		{"10.1.2.3", "X-Forwarded-For: 198.51.100.1, 10.9.9.9", "198.51.100.1", "two trusted proxies"},
		{"10.1.2.3", "X-Forwarded-For: 198.51.100.1\nX-Forwarded-For: 10.9.9.9", "198.51.100.1", "in two fields"},
		{"10.1.2.3", "X-Forwarded-For: 10.0.0.1", "10.0.0.1", "nobody but proxies: the first of them"},
		{"10.1.2.3", "", "10.1.2.3", "a proxy that says nothing"},
		{"10.1.2.3", "X-Forwarded-For: 198.51.100.1:4711", "198.51.100.1", "with a port"},
		{"10.1.2.3", "X-Forwarded-For: [2001:db8::5]:4711", "2001:db8::5", "IPv6 with a port"},
		{"10.1.2.3", "X-Forwarded-For: , 198.51.100.1 ,", "198.51.100.1", "empty members"},
		{"10.1.2.3", "X-Forwarded-For: unknown", NULL, "counting the proxy would make many people one"},
		{"::ffff:10.1.2.3", "X-Forwarded-For: 198.51.100.1", "198.51.100.1", "mapped IPv4 is IPv4"},
		{"::1", "X-Forwarded-For: 198.51.100.1", "198.51.100.1", "one address"},
		{"2001:db8:f:1::2", "X-Forwarded-For: 198.51.100.1", "198.51.100.1", "inside the IPv6 network"},
		{"2001:db8:e:1::2", "X-Forwarded-For: 198.51.100.1", "2001:db8:e:1::2", "outside of it"},
		{"11.0.0.0", "X-Forwarded-For: 198.51.100.1", "11.0.0.0", "just outside 10.0.0.0/8"},
		{"10.255.255.255", "X-Forwarded-For: 198.51.100.1", "198.51.100.1", "just inside 10.0.0.0/8"},
		{"10.1.2.3", "Forwarded: for=198.51.100.1;proto=https", "198.51.100.1", "RFC 7239"},
		{"10.1.2.3", "Forwarded: for=203.0.113.5, By=x;For=\"[2001:db8::5]:47\"", "2001:db8::5",
		 "RFC 7239, quoted, case, last member"},
		{"10.1.2.3", "Forwarded: for=_hidden", NULL, "RFC 7239, obfuscated"},
		{"10.1.2.3", "Forwarded: for=203.0.113.5\nX-Forwarded-For: 198.51.100.1", "198.51.100.1", "both: what most proxies write"},
		{"10.1.2.3", "X-Forwarded-For: 198.51.100.1\nForwarded: for=203.0.113.5", "198.51.100.1", "in either order"},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct identities who = ask(id, rows[i].peer, rows[i].fields);
		bool has = who.mask & 1u << IDENTITY_ADDRESS;
		if (has != (rows[i].client != NULL) || (has && who.hash[IDENTITY_ADDRESS] != address_hash(rows[i].client)))
			fail_msg("%s", rows[i].why);
	}
}

static void address_hashes_the_same_however_it_is_written(void **state)
{
	(void)state;
	uint64_t expected = address_hash("192.0.2.1");
	assert_int_equal(address_hash("::ffff:192.0.2.1"), expected);
	assert_int_equal(address_hash("::FFFF:c000:201"), expected);
	assert_int_equal(ask(id, "192.0.2.1", "").hash[IDENTITY_ADDRESS], expected);
	assert_int_equal(address_hash("2001:DB8:0:0::1"), address_hash("2001:db8::1"));
	assert_int_not_equal(address_hash("192.0.2.2"), expected);
}

static void kinds_and_keys_never_mix(void **state)
{
	(void)state;
	struct identities who = ask(id, "192.0.2.1", "X-User-Id: same\nCookie: PHPSESSID=same");
	assert_int_not_equal(who.hash[IDENTITY_ACCOUNT], who.hash[IDENTITY_SESSION]);
	struct identity_rules other = rules;
	other.key[0] ^= 1;
	struct identity *second;
	assert_int_equal(identity_new(&other, &second, NULL), 0);
	assert_int_not_equal(ask(second, "192.0.2.1", "X-User-Id: same").hash[IDENTITY_ACCOUNT], who.hash[IDENTITY_ACCOUNT]);
	assert_int_not_equal(identity_key_id(second), identity_key_id(id));
	identity_free(second);
}

/* A fleet's agents of different versions must agree: these values are for ever. They were computed by another implementation of BLAKE2b
 * (Python's hashlib) and of SipHash-2-4 (written from its paper). */
static void hashes_are_what_they_were(void **state)
{
	(void)state;
	assert_int_equal(identity_key_id(id), 0x6d97630c);
	assert_true(address_hash("192.0.2.1") == UINT64_C(0x3c284ec4346acede));
	assert_true(account_of("alice") == UINT64_C(0x1a2941ce0aef3132));
}

static void log_without_user_or_address_is_nobody(void **state)
{
	(void)state;
	static const char *const addresses[] = {"-",   "",     "proxy.example", "1.2.3",    "1.2.3.4.5",
						"::g", "[::1", "1.2.3.4:x",     "1.2.3.4:", "256.1.1.1"};
	for (size_t i = 0; i < COUNT(addresses); i++) {
		struct identities who = {.mask = 255};
		identity_from_log(id, span_str(addresses[i]), span_str(i % 2 ? "-" : ""), &who);
		assert_int_equal(who.mask, 0);
	}
}

static void bad_rules_are_refused_with_a_sentence(void **state)
{
	(void)state;
	static const struct {
		const char *cookie, *proxy, *word, *why;
	} rows[] = {
		{"a*b", NULL, "a*b", "star in the middle"},
		{"*", NULL, "\"*\"", "everything"},
		{NULL, "10.0.0.0/33", "10.0.0.0/33", "longer than IPv4"},
		{NULL, "::/129", "::/129", "longer than IPv6"},
		{NULL, "10.1.2.3/8", "10.1.2.3/8", "bits beyond the prefix"},
		{NULL, "proxy.example", "proxy.example", "a name"},
		{NULL, "10.0.0.0/", "10.0.0.0/", "no length"},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *cookies[] = {rows[i].cookie, NULL};
		const char *nets[] = {rows[i].proxy, NULL};
		struct identity_rules bad = {.session_cookies = cookies, .trusted_proxies = nets};
		struct identity *ret = NULL;
		struct err err = {0};
		int r = identity_new(&bad, &ret, &err);
		if (r >= 0 || ret || !strstr(err.text, rows[i].word))
			fail_msg("%s: %d \"%s\"", rows[i].why, r, err.text);
	}
}

static void empty_list_turns_a_source_off_and_names_replace_it(void **state)
{
	(void)state;
	static const char *const none[] = {NULL};
	static const char *const own[] = {"my_cookie", "t_*", NULL};
	struct identity_rules off = {.session_cookies = none, .account_cookies = own};
	struct identity *second;
	assert_int_equal(identity_new(&off, &second, NULL), 0);
	assert_int_equal(ask(second, "192.0.2.1", "Cookie: PHPSESSID=x").mask, 1u << IDENTITY_ADDRESS);
	assert_int_equal(ask(second, "192.0.2.1", "Cookie: my_cookie=x").mask, 1u << IDENTITY_ADDRESS | 1u << IDENTITY_ACCOUNT);
	assert_int_equal(ask(second, "192.0.2.1", "Cookie: t_9=x").mask, 1u << IDENTITY_ADDRESS | 1u << IDENTITY_ACCOUNT);
	struct identities token = ask(second, "192.0.2.1", "Cookie: my_cookie=" JOSE ".eyJzdWIiOiJhbGljZSJ9.c2ln");
	struct identities plain = ask(second, "192.0.2.1", "Cookie: my_cookie=alice");
	assert_int_equal(token.hash[IDENTITY_ACCOUNT], plain.hash[IDENTITY_ACCOUNT]);
	identity_free(second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(account_is_the_one_that_signed_in),
		cmocka_unit_test(session_is_a_well_known_cookie_that_keeps_its_value),
		cmocka_unit_test(of_several_session_cookies_the_first_of_the_list_speaks),
		cmocka_unit_test(client_is_found_behind_trusted_proxies_only),
		cmocka_unit_test(address_hashes_the_same_however_it_is_written),
		cmocka_unit_test(kinds_and_keys_never_mix),
		cmocka_unit_test(hashes_are_what_they_were),
		cmocka_unit_test(log_without_user_or_address_is_nobody),
		cmocka_unit_test(bad_rules_are_refused_with_a_sentence),
		cmocka_unit_test(empty_list_turns_a_source_off_and_names_replace_it),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
