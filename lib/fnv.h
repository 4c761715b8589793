/* FNV-1a, 64 bits (Fowler, Noll, Vo): for recognising a file's head again or naming an agent in a record. Neither keyed nor
 * collision-proof against an adversary: nothing that must be secret or trusted is hashed with it. */
#ifndef TOCSIN_LIB_FNV_H
#define TOCSIN_LIB_FNV_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t fnv1a64(const void *data, size_t len)
{
	const uint8_t *bytes = data;
	uint64_t hash = 0xcbf29ce484222325u;
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3u;
	return hash;
}

#endif
