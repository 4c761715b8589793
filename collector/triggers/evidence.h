/* Evidence: the facts that a verdict rests on, as one JSON object for people and machines. Times are Unix milliseconds in keys that end in _ms. */
#ifndef TOCSIN_COLLECTOR_EVIDENCE_H
#define TOCSIN_COLLECTOR_EVIDENCE_H

#include <jansson.h>

#include "collector/triggers/triggers.h"

enum { EVIDENCE_ENDPOINTS_MAX = 20 };

/* [{code, name, name_zh}, …]; NULL when memory is out, as everything here. */
json_t *evidence_functions(function_set set);
/* The service's endpoints of any of these classes, first seen first, EVIDENCE_ENDPOINTS_MAX at most; how many there are in all. */
json_t *evidence_endpoints(const struct facts *facts, function_set set, size_t *ret_total);
/* Takes `evidence` (NULL: memory was out) and gives its text, which the caller frees; NULL when memory is out. */
char *evidence_text_take(json_t *evidence);

#endif
