#include "lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(struct err *err, const char *path, const char *what, int error)
{
	err_at(err, path, 0, "cannot %s: %s", what, strerror(error));
	return -error;
}

int file_read(const char *path, struct buf *out, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail(err, path, "be opened", errno);
	int r = 0;
	for (;;) {
		uint8_t chunk[4096];
		ssize_t got = read(fd, chunk, sizeof chunk);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			r = got < 0 ? fail(err, path, "be read", errno) : 0;
			break;
		}
		r = buf_append(out, chunk, (size_t)got);
		if (r < 0) {
			r = fail(err, path, "be read whole", r == -EMSGSIZE ? EFBIG : -r);
			break;
		}
	}
	close(fd);
	return r;
}

static int write_all(int fd, struct span bytes)
{
	while (bytes.len > 0) {
		ssize_t put = write(fd, bytes.data, bytes.len);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		bytes = span_from(bytes, (size_t)put);
	}
	return 0;
}

static int sync_folder_of(const char *path)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int r = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return r;
}

int file_write(const char *path, struct span bytes, mode_t mode, struct err *err)
{
	char fresh[PATH_MAX];
	if ((size_t)snprintf(fresh, sizeof fresh, "%s.new", path) >= sizeof fresh)
		return fail(err, path, "be written", ENAMETOOLONG);
	unlink(fresh); /* left by a crash, perhaps with another mode */
	int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return fail(err, path, "be written", errno);
	int r = write_all(fd, bytes);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	close(fd);
	if (r == 0 && rename(fresh, path) < 0)
		r = -errno;
	if (r == 0)
		return sync_folder_of(path);
	unlink(fresh);
	return fail(err, path, "be written", -r);
}

int file_make_folder(const char *path, struct err *err)
{
	char part[PATH_MAX];
	if ((size_t)snprintf(part, sizeof part, "%s", path) >= sizeof part)
		return fail(err, path, "be made", ENAMETOOLONG);
	for (char *slash = strchr(part + 1, '/');; slash = strchr(slash + 1, '/')) {
		if (slash)
			*slash = '\0';
		if (mkdir(part, 0700) < 0 && errno != EEXIST)
			return fail(err, path, "be made", errno);
		if (!slash)
			return 0;
		*slash = '/';
	}
}
