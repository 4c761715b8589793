#include "agent/probe/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/probe/cgroup_name.h"

enum {
	CACHE_SLOTS = 1024,   /* a power of two; a collision costs a resolution */
	FILEID_KERNFS = 0xfe, /* linux/exportfs.h: the handle is the 64-bit id that bpf_skb_cgroup_id tells */
	SCAN_EVERY_MS = 60000,
	SCAN_SOON_MS = 1000, /* after an unknown; doubles up to SCAN_EVERY_MS while it stays unknown */
};

struct slot {
	uint64_t cgroup;
	uint32_t workload;
	uint16_t port;
	bool used;
};

struct resolver {
	int cgroup_fd;
	struct listeners *listeners;
	struct workloads *workloads;
	int64_t next_scan_ms;   /* at the latest */
	int64_t next_search_ms; /* for an unknown one: not before */
	int64_t search_gap_ms;
	struct slot cache[CACHE_SLOTS];
};

struct resolver *resolver_new(int cgroup_fd, struct listeners *listeners, struct workloads *workloads)
{
	struct resolver *r = calloc(1, sizeof *r);
	if (r)
		*r = (struct resolver){.cgroup_fd = cgroup_fd,
				       .listeners = listeners,
				       .workloads = workloads,
				       .next_scan_ms = INT64_MIN,
				       .next_search_ms = INT64_MIN,
				       .search_gap_ms = SCAN_SOON_MS};
	return r;
}

void resolver_free(struct resolver *r)
{
	free(r);
}

static size_t descriptor_path(int fd, char *out, size_t cap)
{
	char link_path[64];
	snprintf(link_path, sizeof link_path, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link_path, out, cap - 1);
	if (n < 0)
		n = 0;
	out[n] = '\0';
	return (size_t)n;
}

/* A cgroup's id is its file handle: opening it by that is one call, where finding it in the tree would be a walk of all of it. */
static struct span cgroup_path(const struct resolver *r, uint64_t id, char *out, size_t cap)
{
	union {
		struct file_handle handle;
		char bytes[sizeof(struct file_handle) + sizeof id];
	} u = {.handle = {.handle_bytes = sizeof id, .handle_type = FILEID_KERNFS}};
	memcpy(u.bytes + sizeof(struct file_handle), &id, sizeof id);
	char root[PATH_MAX];
	int fd = open_by_handle_at(r->cgroup_fd, &u.handle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return span_make(out, 0);
	size_t len = descriptor_path(fd, out, cap), root_len = descriptor_path(r->cgroup_fd, root, sizeof root);
	close(fd);
	return span_from(span_make(out, len), strncmp(out, root, root_len) == 0 ? root_len : 0);
}

static uint32_t intern_name(struct resolver *r, const struct cgroup_name *name)
{
	return workloads_intern(r->workloads, name->kind, span_str(name->text));
}

static uint32_t resolve(struct resolver *r, uint64_t cgroup, uint16_t port)
{
	char path[PATH_MAX];
	struct cgroup_name name;
	if (r->cgroup_fd >= 0 && cgroup_name(cgroup_path(r, cgroup, path, sizeof path), &name))
		return intern_name(r, &name);
	const struct listener *holder = listeners_find(r->listeners, port);
	if (!holder || !holder->pid)
		return 0;
	if (cgroup_name(span_str(holder->cgroup), &name))
		return intern_name(r, &name);
	return holder->executable[0] ? workloads_intern(r->workloads, WORKLOAD_EXECUTABLE, span_str(holder->executable)) : 0;
}

static struct slot *slot_of(struct resolver *r, uint64_t cgroup, uint16_t port)
{
	/* Fibonacci hashing: ids are small and dense, ports are not. */
	uint64_t hash = (cgroup * 65536 + port) * UINT64_C(0x9e3779b97f4a7c15);
	return &r->cache[hash >> 54 & (CACHE_SLOTS - 1)];
}

static void scan(struct resolver *r, int64_t now_ms)
{
	listeners_scan(r->listeners);
	memset(r->cache, 0, sizeof r->cache);
	r->next_scan_ms = now_ms + SCAN_EVERY_MS;
}

static struct slot *look_up(struct resolver *r, uint64_t cgroup, uint16_t port)
{
	struct slot *s = slot_of(r, cgroup, port);
	if (!s->used || s->cgroup != cgroup || s->port != port)
		*s = (struct slot){.cgroup = cgroup, .port = port, .used = true, .workload = resolve(r, cgroup, port)};
	return s;
}

uint32_t resolver_workload(struct resolver *r, uint64_t cgroup, uint16_t port, int64_t now_ms)
{
	if (now_ms >= r->next_scan_ms)
		scan(r, now_ms);
	const struct slot *s = look_up(r, cgroup, port);
	if (s->workload || now_ms < r->next_search_ms)
		return s->workload;
	/* A server that began after the last scan. */
	scan(r, now_ms);
	s = look_up(r, cgroup, port);
	r->search_gap_ms = s->workload ? SCAN_SOON_MS : 2 * r->search_gap_ms;
	if (r->search_gap_ms > SCAN_EVERY_MS)
		r->search_gap_ms = SCAN_EVERY_MS;
	r->next_search_ms = now_ms + r->search_gap_ms;
	return s->workload;
}
