/* What a cgroup's path says about the workload in it. Pure: text in, kind and name out.
 *
 * Containers of Docker, containerd, CRI-O, Podman and nerdctl, pods of Kubernetes (both drivers), units of systemd. */
#ifndef TOCSIN_AGENT_PROBE_CGROUP_NAME_H
#define TOCSIN_AGENT_PROBE_CGROUP_NAME_H

#include <stdbool.h>

#include "lib/span.h"
#include "proto/window.h"

enum { CGROUP_NAME_MAX = 64 };

struct cgroup_name {
	enum workload_kind kind;
	char text[CGROUP_NAME_MAX]; /* "nginx.service", "app@.service", "3f4e5d6c7b8a", "pod-0a1b2c3d"; NUL-terminated */
};

/* False when the path names no workload: the root, a slice, a login session, the service manager itself. An instance's name is left out
 * ("user@1000.service" is "user@.service"): it may be a person's. */
bool cgroup_name(struct span path, struct cgroup_name *ret);

#endif
