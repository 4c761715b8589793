/* A few read-only store handles, lent to one request at a time: as many as there are API threads, so that nobody waits. */
#ifndef TOCSIN_COLLECTOR_READERS_H
#define TOCSIN_COLLECTOR_READERS_H

#include <stddef.h>

#include "collector/store/store.h"

struct readers;

int readers_new(const char *store_path, int day_offset_minutes, size_t count, struct readers **ret, struct err *err);
/* After every handle came back. */
void readers_free(struct readers *r);
/* Waits while all are lent. */
struct store *readers_take(struct readers *r);
void readers_give(struct readers *r, struct store *store);

#endif
