#include "collector/api/readers.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct readers {
	pthread_mutex_t lock;
	pthread_cond_t given;
	size_t count; /* of idle ones */
	size_t cap;
	struct store *idle[];
};

int readers_new(const char *store_path, int day_offset_minutes, size_t count, struct readers **ret, struct err *err)
{
	struct readers *r = calloc(1, sizeof *r + count * sizeof r->idle[0]);
	if (!r) {
		err_set(err, "out of memory");
		return -ENOMEM;
	}
	r->cap = count;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->given, NULL);
	struct store_options options = {.path = store_path, .day_offset_minutes = day_offset_minutes, .read_only = true};
	for (; r->count < count; r->count++) {
		int error = store_open(&options, &r->idle[r->count], err);
		if (error < 0) {
			r->cap = r->count;
			readers_free(r);
			return error;
		}
	}
	*ret = r;
	return 0;
}

void readers_free(struct readers *r)
{
	if (!r)
		return;
	assert(r->count == r->cap);
	for (size_t i = 0; i < r->count; i++)
		store_close(r->idle[i]);
	pthread_cond_destroy(&r->given);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

struct store *readers_take(struct readers *r)
{
	pthread_mutex_lock(&r->lock);
	while (r->count == 0)
		pthread_cond_wait(&r->given, &r->lock);
	struct store *store = r->idle[--r->count];
	pthread_mutex_unlock(&r->lock);
	return store;
}

void readers_give(struct readers *r, struct store *store)
{
	pthread_mutex_lock(&r->lock);
	r->idle[r->count++] = store;
	pthread_cond_signal(&r->given);
	pthread_mutex_unlock(&r->lock);
}
