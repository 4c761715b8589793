/* The system calls through which the spool touches the disk, as a table: a test makes the Nth of them fail.
 *
 * Every function returns like the call it names, except that failures are negative errno and short writes are finished. */
#ifndef TOCSIN_AGENT_SPOOL_DISK_H
#define TOCSIN_AGENT_SPOOL_DISK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct disk {
	ssize_t (*pread)(int fd, void *data, size_t len, off_t offset);
	ssize_t (*pwrite)(int fd, const void *data, size_t len, off_t offset);
	int (*fallocate)(int fd, off_t offset, off_t len); /* posix_fallocate: an errno, not -1 */
	int (*fdatasync)(int fd);
	int (*fsync)(int fd);
	int (*ftruncate)(int fd, off_t len);
	int (*renameat)(int from_dir, const char *from, int to_dir, const char *to);
	int (*unlinkat)(int dir, const char *name, int flags);
};

extern const struct disk disk_kernel;

int disk_write(const struct disk *d, int fd, const void *data, size_t len, uint64_t offset);
/* Bytes read, less than `len` only at the end of the file. */
ssize_t disk_read(const struct disk *d, int fd, void *data, size_t len, uint64_t offset);
int disk_reserve(const struct disk *d, int fd, uint64_t len);
int disk_cut(const struct disk *d, int fd, uint64_t len);
int disk_sync_data(const struct disk *d, int fd);
int disk_sync(const struct disk *d, int fd);
/* fsync of a directory, each time on a descriptor of its own: an error is reported once and never retried on the same one. */
int disk_sync_dir(const struct disk *d, int dir);
int disk_rename(const struct disk *d, int dir, const char *from, const char *to);
int disk_unlink(const struct disk *d, int dir, const char *name);

#endif
