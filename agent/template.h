/* Route templates: a path with its variable segments named, so that endpoints can be counted and nobody can be read from them.
 *
 * Owns a bounded trie of path segments per workload. Typed segments first (number, UUID, hex, date, e-mail, long random), then the
 * vocabulary of well-known route words, which pass at once; every other segment is quarantined until several distinct clients met it with
 * good answers, and gives way to "{x}" when its parent has too many distinct, alike children. What leaves the host is only what this
 * module returned. Knows no clock, loop or log; persisted by template_save / template_load so that a restart forgets nothing. */
#ifndef TOCSIN_AGENT_TEMPLATE_H
#define TOCSIN_AGENT_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/exchange.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/span.h"

struct template_limits {
	size_t nodes_max;      /* of all workloads together */
	unsigned clients_min;  /* distinct clients that must have met an unknown segment with a good answer (default 3) */
	unsigned children_max; /* distinct literal children of one node before they become "{x}" (default 24) */
};

struct templates;

struct templates *templates_new(const struct template_limits *limits);
void templates_free(struct templates *t);

/* What may be said of this exchange's route: a template, TEMPLATE_QUARANTINE or TEMPLATE_SCANNER. The span is owned by `t` and stays
 * valid until templates_free. `ret_new` is true when this template is returned for the first time in the life of the (persisted) trie. */
struct span templates_route(struct templates *t, const struct exchange *exchange, bool *ret_new);
/* The same for the Host header: a host name, a name with withheld labels ("{x}.example.com"), or empty. */
struct span templates_host(struct templates *t, const struct exchange *exchange);

int templates_save(const struct templates *t, struct buf *out);
int templates_load(struct templates *t, struct span bytes, struct err *err);

#endif
