/* The target of a request, taken apart: decoded path segments and query pairs.
 *
 * Pure. It reads the bytes as they came, because a "%2F" inside a service's name must not become a border between segments. What is not
 * plain UTF-8 without control characters after decoding is refused: such a name cannot exist in the store. */
#ifndef TOCSIN_COLLECTOR_TARGET_H
#define TOCSIN_COLLECTOR_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/span.h"

enum { TARGET_BYTES_MAX = 8192, TARGET_SEGMENTS_MAX = 8, TARGET_PAIRS_MAX = 16 };

struct target_pair {
	const char *key, *value;
};

struct target {
	const char *segments[TARGET_SEGMENTS_MAX];
	size_t segment_count;
	struct target_pair pairs[TARGET_PAIRS_MAX];
	size_t pair_count;
	char text[TARGET_BYTES_MAX + TARGET_SEGMENTS_MAX + 2 * TARGET_PAIRS_MAX]; /* what the pointers above point into */
};

/* -EMSGSIZE past a ceiling, -EINVAL when it cannot be decoded, with a sentence in `err`. "/" alone has no segments. */
int target_parse(struct span raw, struct target *ret, struct err *err);
/* The value of a query key; NULL when it is not there. A key that stands twice was refused while parsing. */
const char *target_value(const struct target *t, const char *key);
/* Valid UTF-8 (RFC 3629: no surrogates, no overlong forms) without control characters. */
bool text_is_plain(struct span text);

#endif
