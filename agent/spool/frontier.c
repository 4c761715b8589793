#include "agent/spool/frontier.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "lib/crc32c.h"

/* The slots lie a page apart, so that no disk tears both in one write. */
enum { SLOT_APART = 4096, SLOT_MAGIC = 0x46505354 };

struct slot {
	uint32_t magic;
	uint32_t crc; /* of what follows */
	uint64_t generation;
	uint64_t epoch;
	uint64_t acked;
};
_Static_assert(sizeof(struct slot) == 32, "a slot is written as it lies in memory: no padding");

static uint32_t slot_crc(const struct slot *s)
{
	return htole32(crc32c(0, &s->generation, sizeof *s - offsetof(struct slot, generation)));
}

static bool slot_read(const struct disk *disk, int fd, int number, struct slot *ret)
{
	struct slot s;
	if (disk_read(disk, fd, &s, sizeof s, (uint64_t)number * SLOT_APART) != (ssize_t)sizeof s)
		return false;
	if (le32toh(s.magic) != SLOT_MAGIC || s.crc != slot_crc(&s))
		return false;
	*ret = s;
	return true;
}

void frontier_open(struct frontier *f, const struct disk *disk, int dir)
{
	*f = (struct frontier){.fd = openat(dir, FRONTIER_FILE, O_RDWR | O_CLOEXEC)};
	for (int i = 0; i < 2 && f->fd >= 0; i++) {
		struct slot s;
		if (!slot_read(disk, f->fd, i, &s) || le64toh(s.generation) < f->generation)
			continue;
		f->generation = le64toh(s.generation);
		f->epoch = le64toh(s.epoch);
		f->acked = le64toh(s.acked);
	}
}

void frontier_close(struct frontier *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

static int slot_write(const struct frontier *f, const struct disk *disk, int fd)
{
	struct slot s = {
		.magic = htole32(SLOT_MAGIC),
		.generation = htole64(f->generation),
		.epoch = htole64(f->epoch),
		.acked = htole64(f->acked),
	};
	s.crc = slot_crc(&s);
	return disk_write(disk, fd, &s, sizeof s, (f->generation & 1) * SLOT_APART);
}

/* Made beside the old file and renamed over it: at every moment one of the two can be read. */
static int make_file(struct frontier *f, const struct disk *disk, int dir)
{
	int fd = openat(dir, FRONTIER_FILE ".new", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	int r = slot_write(f, disk, fd);
	if (r == 0)
		r = disk_sync(disk, fd);
	if (r == 0)
		r = disk_rename(disk, dir, FRONTIER_FILE ".new", FRONTIER_FILE);
	if (r == 0)
		r = disk_sync_dir(disk, dir);
	if (r < 0)
		close(fd);
	else
		f->fd = fd;
	return r;
}

int frontier_write(struct frontier *f, const struct disk *disk, int dir, uint64_t epoch, uint64_t acked)
{
	f->generation++;
	f->epoch = epoch;
	f->acked = acked;
	if (f->fd < 0)
		return make_file(f, disk, dir);
	int r = slot_write(f, disk, f->fd);
	if (r < 0)
		frontier_close(f);
	return r;
}

int frontier_sync(struct frontier *f, const struct disk *disk)
{
	if (f->fd < 0)
		return -EIO;
	int r = disk_sync_data(disk, f->fd);
	if (r < 0)
		frontier_close(f);
	return r;
}
