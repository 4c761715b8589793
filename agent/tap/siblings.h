/* The files beside a path: where a rotated or copied file is found again. */
#ifndef TOCSIN_AGENT_TAP_SIBLINGS_H
#define TOCSIN_AGENT_TAP_SIBLINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SIBLINGS_MAX = 4096 };

struct sibling {
	char *path;
	uint64_t device, inode, size;
	int64_t mtime_ns;
	bool kin; /* its name is the path's with something behind: "access.log.1", "access.log-20260101" */
};

struct siblings {
	struct sibling *items; /* regular files but for compressed ones, oldest first */
	size_t count;
};

/* -ENOENT and the like when the folder cannot be read, -ENOMEM. */
int siblings_list(const char *path, struct siblings *ret);
void siblings_done(struct siblings *s);

#endif
