/* From what a slice says of its server (cgroup, local port) to a workload's id.
 *
 * The cgroup's path names it where it can: container, pod, unit. In the root cgroup, and for the sockets of a service manager, the process
 * that holds the listener does. Answers are cached until the listeners are scanned again: every minute, and, when nothing names a workload, at
 * once and then ever more rarely. Reads no clock: `now_ms` is any clock that does not go back. */
#ifndef TOCSIN_AGENT_PROBE_RESOLVE_H
#define TOCSIN_AGENT_PROBE_RESOLVE_H

#include <stdint.h>

#include "agent/probe/listeners.h"
#include "agent/workload.h"

struct resolver;

/* All borrowed for the resolver's life; `cgroup_fd` is the root of the unified hierarchy (host_cgroup2), or -1. */
struct resolver *resolver_new(int cgroup_fd, struct listeners *listeners, struct workloads *workloads);
void resolver_free(struct resolver *r);
/* 0, the workload "unknown", when nothing names it. */
uint32_t resolver_workload(struct resolver *r, uint64_t cgroup, uint16_t port, int64_t now_ms);

#endif
