/* The 32-bit token of a sparse sketch, shared by lib/ull.c and lib/ull_wire.c: top 26 hash bits << 6 | leading zeros of the low 38.
 *
 * Any precision p up to 26 can be had from it, so nothing is lost by keeping tokens instead of hashes. */
#ifndef TOCSIN_LIB_ULL_TOKEN_H
#define TOCSIN_LIB_ULL_TOKEN_H

#include <stdint.h>

enum { TOKEN_INDEX_BITS = 26, TOKEN_REST_BITS = 64 - TOKEN_INDEX_BITS, TOKEN_ZEROS_BITS = 6, TOKEN_ZEROS_MASK = 63 };

static inline uint32_t token_of_hash(uint64_t hash)
{
	uint64_t rest = hash << TOKEN_INDEX_BITS;
	unsigned zeros = rest ? (unsigned)__builtin_clzll(rest) : TOKEN_REST_BITS;

	return (uint32_t)(hash >> TOKEN_REST_BITS) << TOKEN_ZEROS_BITS | zeros;
}

static inline uint32_t token_index(uint32_t token)
{
	return token >> TOKEN_ZEROS_BITS;
}

static inline uint32_t token_zeros(uint32_t token)
{
	return token & TOKEN_ZEROS_MASK;
}

/* More tokens than this take more room than the registers of precision p. */
static inline uint32_t token_ceiling(unsigned p)
{
	return (uint32_t)1 << (p - 2);
}

#endif
