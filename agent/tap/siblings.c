#include "agent/tap/siblings.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_kin(const char *name, const char *base)
{
	size_t len = strlen(base);
	return strncmp(name, base, len) == 0 && (name[len] == '.' || name[len] == '-' || name[len] == '_');
}

static bool is_compressed(const char *name)
{
	static const char *const endings[] = {".gz", ".xz", ".bz2", ".zst", ".lz4", ".Z"};
	size_t len = strlen(name);
	for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
		size_t end = strlen(endings[i]);
		if (len > end && strcmp(name + len - end, endings[i]) == 0)
			return true;
	}
	return false;
}

static int oldest_first(const void *a, const void *b)
{
	const struct sibling *x = a, *y = b;
	return x->mtime_ns < y->mtime_ns ? -1 : x->mtime_ns > y->mtime_ns;
}

static int add(struct siblings *s, const char *folder, const char *name, const char *base, const struct stat *st)
{
	if ((s->count & (s->count - 1)) == 0) { /* full at every power of two */
		struct sibling *more = realloc(s->items, (s->count ? s->count * 2 : 1) * sizeof *more);
		if (!more)
			return -ENOMEM;
		s->items = more;
	}
	struct sibling *item = &s->items[s->count];
	if (asprintf(&item->path, "%s/%s", folder, name) < 0)
		return -ENOMEM;
	item->device = st->st_dev;
	item->inode = st->st_ino;
	item->size = (uint64_t)st->st_size;
	item->mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
	item->kin = is_kin(name, base);
	s->count++;
	return 0;
}

static int list_folder(struct siblings *s, const char *folder, const char *base)
{
	DIR *listing = opendir(folder);
	if (!listing)
		return -errno;
	int r = 0;
	for (struct dirent *e; r == 0 && s->count < SIBLINGS_MAX && (e = readdir(listing));) {
		struct stat st;
		if (is_compressed(e->d_name) || fstatat(dirfd(listing), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
			continue;
		r = add(s, folder, e->d_name, base, &st);
	}
	closedir(listing);
	return r;
}

int siblings_list(const char *path, struct siblings *ret)
{
	struct siblings s = {0};
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	char *folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
	int r = folder ? list_folder(&s, folder, base) : -ENOMEM;
	free(folder);
	if (r < 0) {
		siblings_done(&s);
		return r;
	}
	if (s.count > 0)
		qsort(s.items, s.count, sizeof s.items[0], oldest_first);
	*ret = s;
	return 0;
}

void siblings_done(struct siblings *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->items[i].path);
	free(s->items);
	*s = (struct siblings){0};
}
