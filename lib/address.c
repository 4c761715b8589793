#include "lib/address.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int address_split(const char *text, char host[ADDRESS_HOST_MAX], uint16_t *ret_port, struct err *err)
{
	const char *colon = strrchr(text, ':');
	const char *from = text;
	const char *to = colon;
	char *end = NULL;

	if (colon && text[0] == '[' && colon[-1] == ']') {
		from = text + 1;
		to = colon - 1;
	} else if (colon && memchr(text, ':', (size_t)(colon - text))) {
		colon = NULL; /* a bare IPv6 address: where its port begins cannot be told */
	}
	unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;
	if (!colon || to <= from || (size_t)(to - from) >= ADDRESS_HOST_MAX || end == colon + 1 || *end || port > 65535 ||
	    colon[1] == '-') {
		err_set(err, "'%s' is no address; write host:port or [v6]:port", text);
		return -EINVAL;
	}
	memcpy(host, from, (size_t)(to - from));
	host[to - from] = '\0';
	*ret_port = (uint16_t)port;
	return 0;
}
