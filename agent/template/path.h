/* A path cut into segments in one pass over its bytes. Pure, without memory: segments borrow from the path. */
#ifndef TOCSIN_AGENT_TEMPLATE_PATH_H
#define TOCSIN_AGENT_TEMPLATE_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/span.h"

enum { SEGMENTS_MAX = 12 };

struct segment {
	struct span raw;
	bool plain; /* printable ASCII with nothing encoded: needs no decoding */
};

struct segments {
	struct segment items[SEGMENTS_MAX];
	size_t count;
	bool more; /* there were others below */
};

/* Leaves out empty segments, "." and "..", and matrix parameters (RFC 3986 sections 3.3 and 5.2.4). */
void path_split(struct span path, struct segments *ret);

#endif
