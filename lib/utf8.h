/* Text that may be shown to a person: well-formed UTF-8 (RFC 3629) without control characters. */
#ifndef TOCSIN_LIB_UTF8_H
#define TOCSIN_LIB_UTF8_H

#include <stddef.h>

#include "lib/span.h"

/* How many leading bytes of `s` are such text; s.len when all are. Controls are C0, DEL and C1: terminals obey them. */
size_t utf8_clean_len(struct span s);

#endif
