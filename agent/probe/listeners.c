#include "agent/probe/listeners.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	TRIES_MAX = 3,
	DESCRIPTORS_MAX = 1 << 18, /* read in one scan, of all processes together */
	STATE_LISTEN = 0x0a,       /* TCP_LISTEN in /proc/net/tcp */
	INIT_PID = 1,              /* holds the sockets of socket activation, beside the service that serves them */
};

struct listeners {
	const char *proc;
	struct listener *items; /* by inode */
	size_t count;
	struct listener *before; /* the scan before: what it found out about holders */
	size_t before_count;
};

struct listeners *listeners_new(const char *proc)
{
	struct listeners *l = calloc(1, sizeof *l);
	if (l)
		l->proc = proc;
	return l;
}

void listeners_free(struct listeners *l)
{
	if (!l)
		return;
	free(l->items);
	free(l->before);
	free(l);
}

size_t listeners_count(const struct listeners *l)
{
	return l->count;
}

const struct listener *listeners_at(const struct listeners *l, size_t i)
{
	return &l->items[i];
}

const struct listener *listeners_find(const struct listeners *l, uint16_t port)
{
	const struct listener *found = NULL;
	for (size_t i = 0; i < l->count && (!found || !found->pid); i++)
		if (l->items[i].port == port)
			found = &l->items[i];
	return found;
}

static int by_inode(const void *a, const void *b)
{
	uint64_t left = ((const struct listener *)a)->inode, right = ((const struct listener *)b)->inode;
	return (left > right) - (left < right);
}

static struct listener *find_inode(struct listener *items, size_t count, uint64_t inode)
{
	struct listener key = {.inode = inode};
	return count ? bsearch(&key, items, count, sizeof *items, by_inode) : NULL;
}

static bool is_pid(const char *name)
{
	return isdigit((unsigned char)name[0]);
}

/* ---- ports ---- */

static int add(struct listeners *l, uint16_t port, uint64_t inode)
{
	if (l->count == LISTENERS_MAX)
		return -ENOSPC;
	if ((l->count & (l->count - 1)) == 0) {
		struct listener *items = realloc(l->items, (l->count ? 2 * l->count : 1) * sizeof *items);
		if (!items)
			return -ENOMEM;
		l->items = items;
	}
	l->items[l->count++] = (struct listener){.port = port, .inode = inode};
	return 0;
}

/* "  0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000  0 12345 …" */
static bool parse_line(char *line, unsigned long *ret_port, unsigned long *ret_state, uint64_t *ret_inode)
{
	enum { FIELD_LOCAL = 1, FIELD_STATE = 3, FIELD_INODE = 9, FIELDS };
	char *field[FIELDS], *rest = line;
	for (size_t i = 0; i < FIELDS; i++) {
		field[i] = strtok_r(i ? NULL : line, " \n", &rest);
		if (!field[i])
			return false;
	}
	const char *port = strchr(field[FIELD_LOCAL], ':');
	if (!port)
		return false; /* the heading */
	*ret_port = strtoul(port + 1, NULL, 16);
	*ret_state = strtoul(field[FIELD_STATE], NULL, 16);
	*ret_inode = strtoull(field[FIELD_INODE], NULL, 10);
	return *ret_port <= UINT16_MAX;
}

static int read_ports(struct listeners *l, const char *path)
{
	char line[512];
	unsigned long port, state;
	uint64_t inode;
	int r = 0;
	FILE *f = fopen(path, "re");
	if (!f)
		return -errno;
	while (r == 0 && fgets(line, sizeof line, f)) {
		if (!parse_line(line, &port, &state, &inode))
			continue;
		if (state != STATE_LISTEN)
			break;
		r = add(l, (uint16_t)port, inode);
	}
	fclose(f);
	return r;
}

static void read_namespace(struct listeners *l, const char *name)
{
	static const char *const tables[] = {"tcp", "tcp6"};
	char path[256];
	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
		snprintf(path, sizeof path, "%s/%s/net/%s", l->proc, name, tables[i]);
		read_ports(l, path);
	}
}

/* True for the first process of each namespace that we may look at. */
static bool is_new_namespace(const struct listeners *l, const char *name, ino_t *seen, size_t *count)
{
	char path[256];
	struct stat st;
	snprintf(path, sizeof path, "%s/%s/ns/net", l->proc, name);
	if (stat(path, &st))
		return false;
	for (size_t i = 0; i < *count; i++)
		if (seen[i] == st.st_ino)
			return false;
	if (*count == LISTENER_NAMESPACES_MAX)
		return false;
	seen[(*count)++] = st.st_ino;
	return true;
}

static int scan_ports(struct listeners *l)
{
	ino_t *seen = calloc(LISTENER_NAMESPACES_MAX, sizeof *seen);
	size_t count = 0;
	struct dirent *entry;
	DIR *dir = opendir(l->proc);
	if (!seen || !dir) {
		int r = dir ? -ENOMEM : -errno;
		free(seen);
		if (dir)
			closedir(dir);
		return r;
	}
	/* Ours first: what a port means when two namespaces use it. */
	if (is_new_namespace(l, "self", seen, &count))
		read_namespace(l, "self");
	while ((entry = readdir(dir)))
		if (is_pid(entry->d_name) && is_new_namespace(l, entry->d_name, seen, &count))
			read_namespace(l, entry->d_name);
	closedir(dir);
	free(seen);
	return 0;
}

/* ---- holders ---- */

static uint64_t socket_inode(const char *link_path)
{
	char target[64];
	ssize_t n = readlink(link_path, target, sizeof target - 1);
	if (n <= 0)
		return 0;
	target[n] = '\0';
	return strncmp(target, "socket:[", 8) == 0 ? strtoull(target + 8, NULL, 10) : 0;
}

static void read_executable(struct listener *item, const char *proc)
{
	char path[256], target[4096];
	snprintf(path, sizeof path, "%s/%u/exe", proc, item->pid);
	ssize_t n = readlink(path, target, sizeof target - 1);
	if (n <= 0)
		return;
	target[n] = '\0';
	char *deleted = strstr(target, " (deleted)");
	if (deleted)
		*deleted = '\0';
	const char *base = strrchr(target, '/');
	snprintf(item->executable, sizeof item->executable, "%.*s", LISTENER_EXECUTABLE_MAX - 1, base ? base + 1 : target);
	for (char *c = item->executable; *c; c++)
		if (!isgraph((unsigned char)*c))
			*c = '?';
}

/* "0::/system.slice/nginx.service" is the unified hierarchy's line (cgroups(7)). */
static void read_cgroup(struct listener *item, const char *proc)
{
	char path[256], line[LISTENER_CGROUP_MAX + 8];
	snprintf(path, sizeof path, "%s/%u/cgroup", proc, item->pid);
	FILE *f = fopen(path, "re");
	if (!f)
		return;
	while (fgets(line, sizeof line, f)) {
		if (strncmp(line, "0::", 3) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(item->cgroup, sizeof item->cgroup, "%.*s", LISTENER_CGROUP_MAX - 1, line + 3);
	}
	fclose(f);
}

/* What the last scan knew, if it still holds. True when some listener is left to be looked for. */
static bool recall(struct listeners *l)
{
	bool wanting = false;
	char path[256];
	for (size_t i = 0; i < l->count; i++) {
		struct listener *item = &l->items[i];
		const struct listener *old = find_inode(l->before, l->before_count, item->inode);
		if (old) {
			item->tries = old->tries;
			snprintf(path, sizeof path, "%s/%u/fd/%u", l->proc, old->pid, old->fd);
			if (old->pid && socket_inode(path) == item->inode)
				*item = *old;
		}
		wanting = wanting || (!item->pid && item->tries < TRIES_MAX);
	}
	return wanting;
}

/* The lowest pid is the one that made the socket and lives longest (a master, not its workers); init only where nobody else is. */
static bool is_better(uint32_t pid, uint32_t known)
{
	if (!known || known == INIT_PID)
		return pid != known;
	return pid != INIT_PID && pid < known;
}

static size_t scan_descriptors(struct listeners *l, uint32_t pid, size_t budget)
{
	char path[256];
	struct dirent *entry;
	size_t used = 0;
	snprintf(path, sizeof path, "%s/%u/fd", l->proc, pid);
	DIR *dir = opendir(path);
	if (!dir)
		return 0;
	while (used < budget && (entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		used++;
		snprintf(path, sizeof path, "%s/%u/fd/%.16s", l->proc, pid, entry->d_name);
		uint64_t inode = socket_inode(path);
		struct listener *item = inode ? find_inode(l->items, l->count, inode) : NULL;
		if (item && is_better(pid, item->pid)) {
			item->pid = pid;
			item->fd = (uint32_t)strtoul(entry->d_name, NULL, 10);
		}
	}
	closedir(dir);
	return used;
}

static void scan_holders(struct listeners *l)
{
	size_t budget = DESCRIPTORS_MAX;
	struct dirent *entry;
	DIR *dir = opendir(l->proc);
	if (!dir)
		return;
	while (budget && (entry = readdir(dir)))
		if (is_pid(entry->d_name))
			budget -= scan_descriptors(l, (uint32_t)strtoul(entry->d_name, NULL, 10), budget);
	closedir(dir);
	for (size_t i = 0; i < l->count; i++) {
		struct listener *item = &l->items[i];
		if (!item->pid) {
			item->tries++;
			continue;
		}
		read_executable(item, l->proc);
		read_cgroup(item, l->proc);
	}
}

int listeners_scan(struct listeners *l)
{
	free(l->before);
	l->before = l->items;
	l->before_count = l->count;
	l->items = NULL;
	l->count = 0;
	int r = scan_ports(l);
	if (r < 0)
		return r;
	if (l->count)
		qsort(l->items, l->count, sizeof *l->items, by_inode);
	if (recall(l))
		scan_holders(l);
	return 0;
}
