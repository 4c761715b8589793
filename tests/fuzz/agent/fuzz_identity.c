/* Header fields, one a line: "name: value". What they give is a mask of known kinds, and the same again for the same fields. */
#include <stdlib.h>

#include "agent/identity.h"
#include "agent/ip.h"
#include "agent/token.h"

static void check(bool holds)
{
	if (!holds)
		abort();
}

static struct identity *make_identity(void)
{
	static const char *const headers[] = {"X-User-Id", NULL};
	static const char *const proxies[] = {"10.0.0.0/8", "fd00::/8", NULL};
	const struct identity_rules rules = {.account_headers = headers, .trusted_proxies = proxies};
	struct identity *identity;
	if (identity_new(&rules, &identity, NULL) < 0)
		abort();
	return identity;
}

static struct identities read_fields(const struct identity *identity, struct span lines)
{
	static const uint8_t proxy[16] = {[10] = 0xff, [11] = 0xff, [12] = 10};
	struct identity_reader reader = {0};
	while (lines.len > 0) {
		struct span value = span_cut(&lines, '\n');
		struct span name = span_cut(&value, ':');
		identity_on_header(identity, &reader, name, span_trim(value));
	}
	identity_finish(identity, &reader, proxy);
	return reader.who;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct identity *identity;
	if (!identity)
		identity = make_identity();
	struct span text = span_make(data, size);
	struct identities one = read_fields(identity, text), two = read_fields(identity, text), log;
	check(one.mask < 1u << IDENTITY_KINDS && one.mask == two.mask);
	for (int kind = 0; kind < IDENTITY_KINDS; kind++)
		check(one.hash[kind] == two.hash[kind] && (one.mask & 1u << kind || one.hash[kind] == 0));
	struct span rest = text;
	struct span address = span_cut(&rest, '\n');
	identity_from_log(identity, address, rest, &log);
	struct ip_network network;
	if (ip_network_parse(address, &network))
		check(ip_network_has(&network, &network.base));
	struct token_buffer buffer;
	struct span subject;
	if (token_subject(text, &buffer, &subject))
		check(subject.len > 0 && subject.data >= buffer.bytes && subject.data + subject.len <= buffer.bytes + TOKEN_BYTES_MAX);
	return 0;
}
