/* Route templates: a path with its variable segments named, so that endpoints can be counted and nobody can be read from them.
 *
 * Owns a bounded trie of path segments per workload. Typed segments come first (number, UUID, hex, date, e-mail, long random, file), then the
 * vocabulary of well-known route words, which pass at once. Below a word whose children are things or names (forum, rooms, users, tags)
 * every other text is one, at once and for good: "/u/{x}". Anywhere else unknown text may be a route of its own: the whole path counts as
 * TEMPLATE_QUARANTINE, rather than under a shape that would stay behind as a second endpoint, until enough distinct clients met the text
 * with good answers and no new siblings keep turning up; or until its parent has too many alike children and they all become "{x}".
 * What was said once stays said: the same path keeps its template. What leaves the host is only what this module returned. Knows no
 * clock, loop or log; persisted by templates_save / templates_load so that a restart forgets nothing. */
#ifndef TOCSIN_AGENT_TEMPLATE_H
#define TOCSIN_AGENT_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/exchange.h"
#include "agent/workload.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/span.h"

struct template_limits {
	size_t nodes_max;      /* of all workloads together */
	unsigned clients_min;  /* distinct clients that must have met an unknown segment with a good answer (default 3, at most 8) */
	unsigned children_max; /* distinct unknown children of one node before they become "{x}" (default 24) */
};

struct template_stats {
	size_t nodes;
	uint64_t vetted;    /* unknown texts that became routes */
	uint64_t variable;  /* parents whose children became "{x}" */
	uint64_t forgotten; /* unknown texts dropped because the trie was full or nobody met them again */
	uint64_t refused;   /* exchanges quarantined because the trie was full */
};

struct templates;

struct templates *templates_new(const struct template_limits *limits);
/* Before the first route: `workloads`, borrowed, gives the names under which a workload's routes are known again after a restart. Without it,
 * the id is the name. */
void templates_name_workloads(struct templates *t, const struct workloads *workloads);
/* Host names that are said as they are, whoever asks for them: the operator's own. Lower case; borrowed for the life of `t`. -EINVAL with a sentence. */
int templates_open_hosts(struct templates *t, char *const *names, size_t count, struct err *err);
void templates_free(struct templates *t);

/* What may be said of this exchange's route: a template, TEMPLATE_QUARANTINE, or TEMPLATE_SCANNER for an answer >= 400 (or none) on a
 * route that never had a good one. The span is owned by `t` and stays valid until templates_free. `ret_new` is true when this template
 * is returned for the first time in the life of the (persisted) trie. */
struct span templates_route(struct templates *t, const struct exchange *exchange, bool *ret_new);
/* The same for the Host header: a host name, a name with withheld labels ("{x}.example.com"), "{ip}", or empty while it is unknown. */
struct span templates_host(struct templates *t, const struct exchange *exchange);
void templates_stats(const struct templates *t, struct template_stats *ret);

/* Appends everything learnt, with a checksum. -EMSGSIZE, -ENOMEM. */
int templates_save(const struct templates *t, struct buf *out);
/* Replaces what `t` knows; before the first route, since spans lent out end. More nodes than nodes_max are left out, the deepest first.
 * -EBADMSG with a sentence, -ENOMEM; then `t` is unchanged. */
int templates_load(struct templates *t, struct span bytes, struct err *err);

#endif
