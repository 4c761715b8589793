/* An ull is an UltraLogLog: how many distinct 64-bit hashes were inserted, in at most 16 KB, mergeable in any order.
 *
 * Ertl, "UltraLogLog: A Practical and More Space-Efficient Alternative to HyperLogLog", VLDB 2024 (arXiv 2308.16862). While few, it holds
 * the hashes themselves shortened to sorted 32-bit tokens (lossless for every precision up to 26) and is exact but for collisions;
 * past a quarter of its registers it goes dense for good. Owns its tokens or registers. Hashes must be keyed: whoever can choose them
 * can choose the count. It does not know the key; who merges compares key ids first. */
#ifndef TOCSIN_LIB_ULL_H
#define TOCSIN_LIB_ULL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/span.h"

enum { ULL_P = 14, ULL_P_MIN = 8, ULL_P_MAX = 16 }; /* 2^p registers of one byte; ULL_P is used everywhere */

struct ull {
	uint8_t *registers; /* 2^p of them when dense, else NULL */
	uint32_t *tokens;   /* sorted, distinct: top 26 hash bits << 6 | leading zeros of the low 38 */
	uint32_t count;     /* tokens held */
	uint32_t cap;       /* tokens that fit */
	uint8_t p;
};

void ull_init(struct ull *u, unsigned p); /* empty; allocates nothing. p from ULL_P_MIN to ULL_P_MAX */
void ull_done(struct ull *u);
void ull_clear(struct ull *u); /* empty again, memory given back */
bool ull_empty(const struct ull *u);
/* `to` must be initialised; on -ENOMEM it is unchanged. */
int ull_copy(struct ull *to, const struct ull *from);

int ull_insert(struct ull *u, uint64_t hash); /* -ENOMEM: nothing inserted */
/* Adds all of `from`. -EINVAL: another precision; -ENOMEM. On failure `into` is a valid sketch that lacks some of `from`. */
int ull_merge(struct ull *into, const struct ull *from);
int ull_densify(struct ull *u); /* registers instead of tokens, as it happens by itself when there are many; -ENOMEM */

/* Distinct hashes inserted. Dense: the FGRA estimator with both range corrections; sparse: the tokens, corrected for collisions. */
double ull_estimate(const struct ull *u);
/* Theoretical relative standard error of ull_estimate: 0.61 % dense at p = 14. */
double ull_relative_error(const struct ull *u);
/* The estimate of the union, neither side changed: new = union - old. -EINVAL, -ENOMEM. */
int ull_union_estimate(const struct ull *a, const struct ull *b, double *ret_estimate);
size_t ull_memory(const struct ull *u);      /* bytes on the heap */
size_t ull_encoded_max(const struct ull *u); /* no ull_encode of this sketch is longer */

/* Appends the wire form: version and kind, p, then the shorter of Golomb-coded tokens and deflated registers. -EMSGSIZE, -ENOMEM. */
int ull_encode(const struct ull *u, struct buf *out);
/* Reads exactly one wire form. `ret` is written on success only and is then the caller's to end with ull_done. -EBADMSG with a sentence
 * in `err` for every byte string that ull_encode cannot have written as to structure; -ENOMEM. Allocates at most 2^ULL_P_MAX bytes. */
int ull_decode(struct span bytes, struct ull *ret, struct err *err);

#endif
