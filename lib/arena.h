/* An arena hands out memory that is freed all at once, up to a ceiling declared when it is made.
 *
 * For what is decoded from strangers' bytes as a tree: one owner, one free, and no input can make the tree larger than `max`. */
#ifndef TOCSIN_LIB_ARENA_H
#define TOCSIN_LIB_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena_chunk;

struct arena {
	struct arena_chunk *newest;
	size_t used; /* bytes taken from the system, at most max */
	size_t max;
	bool starved; /* malloc failed: not the input's fault */
};

void arena_init(struct arena *a, size_t max);
void arena_done(struct arena *a);
/* `size` bytes aligned for any type, not cleared; NULL past the ceiling or when memory is out. */
void *arena_take(struct arena *a, size_t size);
/* `count` cleared items; NULL as above, or when the product overflows. */
void *arena_array(struct arena *a, size_t count, size_t size);

#endif
