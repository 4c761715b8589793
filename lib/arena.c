#include "lib/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_FIRST = 4096, CHUNK_LARGEST = 1 << 20, ALIGNMENT = _Alignof(max_align_t) };

struct arena_chunk {
	struct arena_chunk *older;
	size_t size, used;
	_Alignas(max_align_t) char bytes[];
};

void arena_init(struct arena *a, size_t max)
{
	*a = (struct arena){.max = max};
}

void arena_done(struct arena *a)
{
	while (a->newest) {
		struct arena_chunk *older = a->newest->older;
		free(a->newest);
		a->newest = older;
	}
	a->used = 0;
}

/* Chunks double, so that a small message costs one small allocation and a large one few. */
static struct arena_chunk *grow(struct arena *a, size_t need)
{
	size_t size = a->newest ? a->newest->size * 2 : CHUNK_FIRST;
	if (size > CHUNK_LARGEST)
		size = CHUNK_LARGEST;
	if (size < need)
		size = need;
	if (size > a->max - a->used)
		size = a->max - a->used;
	if (size < need)
		return NULL;
	struct arena_chunk *chunk = malloc(sizeof *chunk + size);
	if (!chunk) {
		a->starved = true;
		return NULL;
	}
	*chunk = (struct arena_chunk){.older = a->newest, .size = size};
	a->newest = chunk;
	a->used += size;
	return chunk;
}

void *arena_take(struct arena *a, size_t size)
{
	if (size > a->max)
		return NULL;
	size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	struct arena_chunk *chunk = a->newest;
	if (!chunk || size > chunk->size - chunk->used)
		chunk = grow(a, size);
	if (!chunk)
		return NULL;
	void *at = chunk->bytes + chunk->used;
	chunk->used += size;
	return at;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
	if (size > 0 && count > SIZE_MAX / size)
		return NULL;
	void *items = arena_take(a, count * size);
	if (items)
		memset(items, 0, count * size);
	return items;
}
