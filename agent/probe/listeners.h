/* Who listens on this host: local TCP ports, in every network namespace, and the processes that hold them.
 *
 * Read from /proc/<pid>/net/tcp and tcp6 of one process a namespace, and from /proc/<pid>/fd. A `tcp` BPF iterator was rejected: it sees only the namespace of its reader,
 * needs kernel BTF and walks every connection; these files begin with the listeners, and reading stops at the first line that is none.
 * A holder that was found is kept while it holds on; one that cannot be found is looked for three times. */
#ifndef TOCSIN_AGENT_PROBE_LISTENERS_H
#define TOCSIN_AGENT_PROBE_LISTENERS_H

#include <stddef.h>
#include <stdint.h>

enum {
	LISTENERS_MAX = 4096,
	LISTENER_NAMESPACES_MAX = 1024,
	LISTENER_EXECUTABLE_MAX = 64,
	LISTENER_CGROUP_MAX = 512,
};

struct listener {
	uint64_t inode; /* of the socket */
	uint32_t pid;   /* 0: the holder is not known */
	uint32_t fd;    /* in that process */
	uint16_t port;
	uint8_t tries;
	char executable[LISTENER_EXECUTABLE_MAX]; /* "nginx"; empty when not known */
	char cgroup[LISTENER_CGROUP_MAX];         /* path in the unified hierarchy */
};

struct listeners;

/* `proc` is "/proc", borrowed for the life of the table. */
struct listeners *listeners_new(const char *proc);
void listeners_free(struct listeners *l);
/* Looks again: at start, then every minute or so; it reads many small files. -errno when /proc cannot be read. */
int listeners_scan(struct listeners *l);
size_t listeners_count(const struct listeners *l);
const struct listener *listeners_at(const struct listeners *l, size_t i);
/* One with a known holder if there is one; NULL when nobody listens on the port. */
const struct listener *listeners_find(const struct listeners *l, uint16_t port);

#endif
