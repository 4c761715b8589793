/* What this host offers to a probe: kernel release, cgroup2, capabilities, lockdown, tracefs.
 *
 * Only looks; changes nothing. The probe asks it why something failed, `tocsin-agent check` prints it. */
#ifndef TOCSIN_AGENT_PROBE_HOST_H
#define TOCSIN_AGENT_PROBE_HOST_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"

/* The oldest kernel whose helpers the programs use: sockops with storage, ring buffer, links on cgroups. */
enum { HOST_KERNEL_MAJOR = 5, HOST_KERNEL_MINOR = 10 };

/* Release as uname tells it, and whether it is new enough. */
bool host_kernel(char *ret_release, size_t cap);
bool host_has_btf(void);
/* The root of the unified hierarchy, as a directory descriptor that the caller closes: /sys/fs/cgroup, /sys/fs/cgroup/unified on hybrid
 * hosts, or, where it is mounted nowhere, a mount of our own that no namespace sees and that ends with the descriptor. `ret_path` is its place,
 * or "(private)". -ENODEV: the kernel has none; -EPERM. */
int host_cgroup2(int *ret_fd, char *ret_path, size_t cap, struct err *err);
/* Names of the capabilities that loading and attaching needs and this process lacks, "CAP_BPF, CAP_NET_ADMIN"; empty when none is. */
bool host_capabilities(char *ret_missing, size_t cap);
/* "none", "integrity" or "confidentiality". */
void host_lockdown(char *ret_mode, size_t cap);
/* Before 5.11 maps count against RLIMIT_MEMLOCK. */
bool host_memlock_is_enough(size_t bytes);
bool host_has_tracefs(void);

#endif
