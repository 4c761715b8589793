#include "agent/ip.h"

#include <arpa/inet.h>
#include <string.h>

static bool parse_family(int family, struct span text, void *ret)
{
	char terminated[INET6_ADDRSTRLEN];
	if (text.len == 0 || text.len >= sizeof terminated || memchr(text.data, '\0', text.len))
		return false;
	memcpy(terminated, text.data, text.len);
	terminated[text.len] = '\0';
	return inet_pton(family, terminated, ret) == 1;
}

static bool is_port(struct span text)
{
	if (text.len == 0 || text.len > 5)
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
	return true;
}

static bool parse_v4(struct span text, struct ip_address *ret)
{
	struct ip_address a = {.bytes = {[10] = 0xff, [11] = 0xff}};
	struct span rest = text;
	struct span host = span_cut(&rest, ':');
	if (host.len < text.len && !is_port(rest))
		return false;
	if (!parse_family(AF_INET, host, a.bytes + 12))
		return false;
	*ret = a;
	return true;
}

static bool parse_v6(struct span text, struct ip_address *ret)
{
	if (text.data[0] == '[') {
		struct span rest = span_from(text, 1);
		struct span inside = span_cut(&rest, ']');
		bool closed = inside.len + 1 < text.len;
		if (!closed || (rest.len > 0 && (rest.data[0] != ':' || !is_port(span_from(rest, 1)))))
			return false;
		text = inside;
	}
	return parse_family(AF_INET6, span_cut(&text, '%'), ret->bytes);
}

bool ip_parse(struct span text, struct ip_address *ret)
{
	struct ip_address a;
	if (text.len == 0)
		return false;
	/* A dot before any colon is IPv4; "::ffff:192.0.2.1" has its colons first. */
	const char *dot = memchr(text.data, '.', text.len);
	const char *colon = memchr(text.data, ':', text.len);
	bool is_v4 = dot && (!colon || dot < colon);
	if (!(is_v4 ? parse_v4(text, &a) : parse_v6(text, &a)))
		return false;
	*ret = a;
	return true;
}

static bool has_prefix(const uint8_t a[16], const uint8_t b[16], unsigned bits)
{
	if (memcmp(a, b, bits / 8) != 0)
		return false;
	return bits % 8 == 0 || ((a[bits / 8] ^ b[bits / 8]) >> (8 - bits % 8)) == 0;
}

bool ip_network_parse(struct span text, struct ip_network *ret)
{
	struct span bits_text = text;
	struct span base_text = span_cut(&bits_text, '/');
	struct ip_network n = {.bits = 128};
	if (!ip_parse(base_text, &n.base))
		return false;
	if (base_text.len < text.len) {
		unsigned bits = 0;
		unsigned width = memchr(base_text.data, ':', base_text.len) ? 128 : 32;
		if (!is_port(bits_text))
			return false;
		for (size_t i = 0; i < bits_text.len; i++)
			bits = bits * 10 + (unsigned)(bits_text.data[i] - '0');
		if (bits > width)
			return false;
		n.bits = (uint8_t)(bits + 128 - width);
	}
	for (unsigned bit = n.bits; bit < 128; bit++)
		if (n.base.bytes[bit / 8] & (0x80 >> bit % 8))
			return false;
	*ret = n;
	return true;
}

bool ip_network_has(const struct ip_network *n, const struct ip_address *a)
{
	return has_prefix(n->base.bytes, a->bytes, n->bits);
}
