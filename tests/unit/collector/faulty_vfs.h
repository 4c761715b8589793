/* SQLite's file layer with a fault: the nth write or sync from now on fails, and so do all after it, until it is mended. The file layer below is the
 * real one. */
#ifndef TOCSIN_TESTS_FAULTY_VFS_H
#define TOCSIN_TESTS_FAULTY_VFS_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

struct faulty_file {
	sqlite3_file base;
	sqlite3_file *real; /* behind this struct */
};

static struct {
	sqlite3_vfs vfs;
	sqlite3_vfs *real;
	sqlite3_io_methods methods;
	int countdown; /* 0: nothing fails */
	bool failing;
	int code;
} faulty;

#define REAL(file)              (((struct faulty_file *)(file))->real)
#define PASS(file, method, ...) REAL(file)->pMethods->method(REAL(file), ##__VA_ARGS__)

static inline bool faulty_now(void)
{
	if (faulty.countdown > 0 && --faulty.countdown == 0)
		faulty.failing = true;
	return faulty.failing;
}

static inline int faulty_close(sqlite3_file *f)
{
	return PASS(f, xClose);
}
static inline int faulty_read(sqlite3_file *f, void *data, int size, sqlite3_int64 at)
{
	return PASS(f, xRead, data, size, at);
}
static inline int faulty_write(sqlite3_file *f, const void *data, int size, sqlite3_int64 at)
{
	return faulty_now() ? faulty.code : PASS(f, xWrite, data, size, at);
}
static inline int faulty_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	return PASS(f, xTruncate, size);
}
static inline int faulty_sync(sqlite3_file *f, int flags)
{
	return faulty_now() ? SQLITE_IOERR_FSYNC : PASS(f, xSync, flags);
}
static inline int faulty_size(sqlite3_file *f, sqlite3_int64 *size)
{
	return PASS(f, xFileSize, size);
}
static inline int faulty_lock(sqlite3_file *f, int level)
{
	return PASS(f, xLock, level);
}
static inline int faulty_unlock(sqlite3_file *f, int level)
{
	return PASS(f, xUnlock, level);
}
static inline int faulty_reserved(sqlite3_file *f, int *out)
{
	return PASS(f, xCheckReservedLock, out);
}
static inline int faulty_control(sqlite3_file *f, int op, void *arg)
{
	return PASS(f, xFileControl, op, arg);
}
static inline int faulty_sector(sqlite3_file *f)
{
	return PASS(f, xSectorSize);
}
static inline int faulty_device(sqlite3_file *f)
{
	return PASS(f, xDeviceCharacteristics);
}
static inline int faulty_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
	return PASS(f, xShmMap, page, size, extend, out);
}
static inline int faulty_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
	return PASS(f, xShmLock, offset, n, flags);
}
static inline void faulty_shm_barrier(sqlite3_file *f)
{
	PASS(f, xShmBarrier);
}
static inline int faulty_shm_unmap(sqlite3_file *f, int remove)
{
	return PASS(f, xShmUnmap, remove);
}

static inline int faulty_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *out)
{
	(void)vfs;
	struct faulty_file *f = (struct faulty_file *)file;
	f->real = (sqlite3_file *)(f + 1);
	f->base.pMethods = NULL;
	int r = faulty.real->xOpen(faulty.real, name, f->real, flags, out);
	if (f->real->pMethods)
		f->base.pMethods = &faulty.methods;
	return r;
}

/* Becomes the default for every database opened from here on. */
static inline void faulty_install(void)
{
	faulty.real = sqlite3_vfs_find(NULL);
	faulty.methods = (sqlite3_io_methods){2,
					      faulty_close,
					      faulty_read,
					      faulty_write,
					      faulty_truncate,
					      faulty_sync,
					      faulty_size,
					      faulty_lock,
					      faulty_unlock,
					      faulty_reserved,
					      faulty_control,
					      faulty_sector,
					      faulty_device,
					      faulty_shm_map,
					      faulty_shm_lock,
					      faulty_shm_barrier,
					      faulty_shm_unmap,
					      NULL,
					      NULL};
	faulty.vfs = *faulty.real;
	faulty.vfs.zName = "faulty";
	faulty.vfs.szOsFile = faulty.real->szOsFile + (int)sizeof(struct faulty_file);
	faulty.vfs.xOpen = faulty_open;
	sqlite3_vfs_register(&faulty.vfs, 1);
}

static inline void faulty_break(int nth, int code)
{
	faulty.countdown = nth;
	faulty.code = code;
	faulty.failing = false;
}

static inline void faulty_mend(void)
{
	faulty.countdown = 0;
	faulty.failing = false;
}

#endif
