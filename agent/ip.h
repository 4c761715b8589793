/* Network addresses as 16 bytes, IPv4 mapped into IPv6, so that one client is the same however it was written. */
#ifndef TOCSIN_AGENT_IP_H
#define TOCSIN_AGENT_IP_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/span.h"

struct ip_address {
	uint8_t bytes[16];
};

struct ip_network {
	struct ip_address base;
	uint8_t bits; /* of 128 */
};

/* "192.0.2.1", "2001:db8::1", "[2001:db8::1]"; a port or a zone ("%eth0") after it is dropped. */
bool ip_parse(struct span text, struct ip_address *ret);
/* "10.0.0.0/8", "fd00::/8", or one address. Bits beyond the prefix must be zero: "10.1.2.3/8" is somebody's mistake. */
bool ip_network_parse(struct span text, struct ip_network *ret);
bool ip_network_has(const struct ip_network *n, const struct ip_address *a);

#endif
