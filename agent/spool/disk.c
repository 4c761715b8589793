#include "agent/spool/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

const struct disk disk_kernel = {
	.pread = pread,
	.pwrite = pwrite,
	.fallocate = posix_fallocate,
	.fdatasync = fdatasync,
	.fsync = fsync,
	.ftruncate = ftruncate,
	.renameat = renameat,
	.unlinkat = unlinkat,
};

static int result(int r)
{
	return r < 0 ? -errno : 0;
}

int disk_write(const struct disk *d, int fd, const void *data, size_t len, uint64_t offset)
{
	const uint8_t *bytes = data;
	for (size_t done = 0; done < len;) {
		ssize_t n = d->pwrite(fd, bytes + done, len - done, (off_t)(offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t)n;
	}
	return 0;
}

ssize_t disk_read(const struct disk *d, int fd, void *data, size_t len, uint64_t offset)
{
	uint8_t *bytes = data;
	size_t done = 0;
	while (done < len) {
		ssize_t n = d->pread(fd, bytes + done, len - done, (off_t)(offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int disk_reserve(const struct disk *d, int fd, uint64_t len)
{
	int r;
	do
		r = d->fallocate(fd, 0, (off_t)len);
	while (r == EINTR);
	return -r;
}

int disk_cut(const struct disk *d, int fd, uint64_t len)
{
	return result(d->ftruncate(fd, (off_t)len));
}

int disk_sync_data(const struct disk *d, int fd)
{
	return result(d->fdatasync(fd));
}

int disk_sync(const struct disk *d, int fd)
{
	return result(d->fsync(fd));
}

int disk_sync_dir(const struct disk *d, int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int r = disk_sync(d, fd);
	close(fd);
	return r;
}

int disk_rename(const struct disk *d, int dir, const char *from, const char *to)
{
	return result(d->renameat(dir, from, dir, to));
}

int disk_unlink(const struct disk *d, int dir, const char *name)
{
	return result(d->unlinkat(dir, name, 0));
}
