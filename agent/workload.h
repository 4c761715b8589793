/* The workloads of this host: a small intern table from (kind, name) to a dense id.
 *
 * Owns the names. Ids stay valid for the life of the table; the table is bounded and the id 0 is the workload "unknown", which also
 * receives what no longer fits. */
#ifndef TOCSIN_AGENT_WORKLOAD_H
#define TOCSIN_AGENT_WORKLOAD_H

#include <stddef.h>
#include <stdint.h>

#include "lib/span.h"
#include "proto/window.h"

struct workloads;

struct workload {
	enum workload_kind kind;
	struct span name;
};

struct workloads *workloads_new(size_t max);
void workloads_free(struct workloads *w);
/* The id of (kind, name), made when new. 0 when the table is full or memory is. */
uint32_t workloads_intern(struct workloads *w, enum workload_kind kind, struct span name);
const struct workload *workloads_get(const struct workloads *w, uint32_t id);

#endif
