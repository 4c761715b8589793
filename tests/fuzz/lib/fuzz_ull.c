/* Whatever ull_decode accepts is a sound sketch: it estimates to a finite number, merges, and comes back the same from its own wire form. */
#include <math.h>
#include <stdlib.h>

#include "lib/ull.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check(struct ull *u)
{
	struct buf wire;
	struct ull again, empty;
	double estimate = ull_estimate(u);
	double merged;

	require(isfinite(estimate) && estimate >= 0);
	buf_init(&wire, ull_encoded_max(u));
	require(ull_encode(u, &wire) == 0);
	require(ull_decode(buf_span(&wire), &again, NULL) == 0);
	/* Tokens may have been written as registers when that is shorter; registers are what both have in common. */
	require(ull_densify(u) == 0 && ull_densify(&again) == 0);
	require(memcmp(u->registers, again.registers, (size_t)1 << u->p) == 0);
	ull_init(&empty, u->p);
	require(ull_merge(&empty, u) == 0);
	require(ull_union_estimate(&empty, &again, &merged) == 0 && merged == ull_estimate(u));
	require(ull_insert(u, 0) == 0 && ull_insert(u, UINT64_MAX) == 0 && isfinite(ull_estimate(u)));
	ull_done(&empty);
	ull_done(&again);
	buf_done(&wire);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ull u;

	if (ull_decode(span_make(data, size), &u, NULL) == 0) {
		check(&u);
		ull_done(&u);
	}
	return 0;
}
