#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/ull.h"

enum { TRIALS = 200 };

/* SplitMix64 (Steele, Lea, Flood 2014): as good as the keyed hash for this purpose, and fast. */
static uint64_t next_hash(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

static void insert_many(struct ull *u, uint64_t seed, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(ull_insert(u, next_hash(&seed)), 0);
}

static struct ull made(uint64_t seed, uint32_t count, bool dense)
{
	struct ull u;

	ull_init(&u, ULL_P);
	if (dense)
		assert_int_equal(ull_densify(&u), 0);
	insert_many(&u, seed, count);
	return u;
}

/* The registers decide every later estimate: two sketches are the same when theirs are. */
static bool same(const struct ull *a, const struct ull *b)
{
	struct ull x, y;

	ull_init(&x, a->p);
	ull_init(&y, b->p);
	assert_int_equal(ull_copy(&x, a), 0);
	assert_int_equal(ull_copy(&y, b), 0);
	assert_int_equal(ull_densify(&x), 0);
	assert_int_equal(ull_densify(&y), 0);
	bool equal = x.p == y.p && memcmp(x.registers, y.registers, (size_t)1 << x.p) == 0;
	ull_done(&x);
	ull_done(&y);
	return equal;
}

/* ---- the estimate ---- */

struct errors {
	double rms, bias;
};

static struct errors measure(uint32_t count, bool dense)
{
	struct errors e = {0};

	for (uint64_t trial = 0; trial < TRIALS; trial++) {
		struct ull u = made(trial << 40 | 12345, count, dense);
		double error = ull_estimate(&u) / count - 1;
		e.rms += error * error / TRIALS;
		e.bias += error / TRIALS;
		ull_done(&u);
	}
	e.rms = sqrt(e.rms);
	return e;
}

/* What theory says of registers at p = 14. Many: sqrt(v / m), the paper's. Few: nearly all registers are at 0, and the small-range
 * correction tells k = 1, k = 2, both, and the rest apart; of two hashes in one register it notices only "both", a quarter of the cases.
 * Collisions number n^2 / (2 m), so the error is sqrt(3/4 / (2 m)) whatever n. */
static double theory(uint32_t count, bool dense)
{
	const double m = 1 << ULL_P;

	if (count <= m / 4 && !dense)
		return 1 / sqrt(6.0 * (1 << 26));
	return count < m ? sqrt(0.75 / (2 * m)) : sqrt(0.6118931496978437 / m);
}

static void the_error_is_within_a_tenth_of_theory(void **state)
{
	static const struct {
		uint32_t count;
		bool dense;
		double low, high; /* in units of theory */
		const char *reason;
	} rows[] = {
		{100, false, 0, 1.1, "tokens: exact but for collisions, of which these trials hardly see one"},
		{1000, false, 0, 1.1, "tokens"},
		{100, true, 0.9, 1.1, "registers, nearly all at 0"},
		{1000, true, 0.9, 1.1, "registers, most at 0"},
		{10000, false, 0.9, 1.1, "became dense on the way; half of the registers at 0"},
		{1000000, false, 0.9, 1.1, "registers, all touched"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct errors e = measure(rows[i].count, rows[i].dense);
		double expected = theory(rows[i].count, rows[i].dense);
		if (e.rms < rows[i].low * expected || e.rms > rows[i].high * expected || e.rms > 1.1 * theory(1000000, true) ||
		    fabs(e.bias) > 0.25 * theory(1000000, true))
			fail_msg("n = %u (%s): rms %g, theory %g, bias %g", rows[i].count, rows[i].reason, e.rms, expected, e.bias);
	}
}

static void a_sketch_tells_its_own_error(void **state)
{
	struct ull few = made(1, 100, false), many = made(1, 10000, false);

	(void)state;
	assert_true(ull_relative_error(&few) < 0.0001);
	assert_true(fabs(ull_relative_error(&many) - 0.00611) < 0.00001);
	ull_done(&few);
	ull_done(&many);
}

static void few_are_counted_exactly(void **state)
{
	(void)state;
	for (uint32_t count = 0; count <= 500; count += 50) {
		struct ull u = made(7, count, false);
		insert_many(&u, 7, count);
		assert_int_equal(lround(ull_estimate(&u)), count);
		ull_done(&u);
	}
}

/* A register of count n / m by Poisson draws of its update values: counts that no loop of inserts reaches. */
static void insert_as_if(struct ull *u, double count, uint64_t seed)
{
	unsigned values = 65u - u->p;
	double registers = (double)((size_t)1 << u->p);

	for (uint64_t i = 0; i < (uint64_t)1 << u->p; i++) {
		for (unsigned k = 1; k <= values; k++) {
			double rate = count / registers * exp2(-(double)(k < values ? k : values - 1));
			double draw = (double)(next_hash(&seed) >> 11) * 0x1p-53;
			uint64_t rest = k < values ? (uint64_t)1 << (63 - u->p - (k - 1)) : 0;
			if (draw < -expm1(-rate))
				assert_int_equal(ull_insert(u, i << (64 - u->p) | rest), 0);
		}
	}
}

static void counts_near_the_end_of_the_hash_are_corrected(void **state)
{
	(void)state;
	for (int exponent = 58; exponent <= 63; exponent++) {
		double rms = 0, bias = 0;
		for (uint64_t trial = 0; trial < 20; trial++) {
			struct ull u;
			ull_init(&u, 12);
			insert_as_if(&u, exp2(exponent), trial * 977 + 5);
			double error = ull_estimate(&u) / exp2(exponent) - 1;
			rms += error * error / 20;
			bias += error / 20;
			ull_done(&u);
		}
		/* p = 12 by theory 1.22 %; 20 trials. */
		if (sqrt(rms) > 0.0122 * 1.4 || fabs(bias) > 0.0122 * 0.8)
			fail_msg("n = 2^%d: rms %g, bias %g", exponent, sqrt(rms), bias);
	}
}

static void a_sketch_of_everything_is_finite(void **state)
{
	struct ull u;

	(void)state;
	ull_init(&u, ULL_P);
	assert_int_equal(ull_densify(&u), 0);
	memset(u.registers, 255, (size_t)1 << ULL_P);
	assert_true(ull_estimate(&u) == exp2(64));
	ull_done(&u);
}

/* ---- merging ---- */

static const struct {
	uint32_t count;
	bool dense;
} sides[] = {{0, false}, {0, true}, {1, false}, {700, false}, {700, true}, {4096, false}, {4097, false}, {30000, false}};
enum { SIDES = sizeof sides / sizeof sides[0] };

static struct ull side(size_t i, uint64_t seed)
{
	return made(seed, sides[i].count, sides[i].dense);
}

static void merge_is_commutative_and_idempotent_and_equals_inserting_both(void **state)
{
	(void)state;
	for (size_t i = 0; i < SIDES; i++) {
		for (size_t j = 0; j < SIDES; j++) {
			/* Half of what the second side holds is in the first, too. */
			struct ull a = side(i, 1), b = side(j, 2), ab = side(i, 1), ba = side(j, 2), both = side(i, 1);
			insert_many(&b, 1, sides[j].count / 2);
			insert_many(&ba, 1, sides[j].count / 2);
			assert_int_equal(ull_merge(&ab, &b), 0);
			assert_int_equal(ull_merge(&ba, &a), 0);
			insert_many(&both, 2, sides[j].count);
			insert_many(&both, 1, sides[j].count / 2);
			assert_true(same(&ab, &ba));
			assert_true(same(&ab, &both));
			double of_union;
			assert_int_equal(ull_union_estimate(&a, &b, &of_union), 0);
			assert_true(of_union == ull_estimate(&ab));
			assert_int_equal(ull_merge(&ab, &b), 0);
			assert_int_equal(ull_merge(&ab, &ab), 0);
			assert_true(same(&ab, &both));
			struct ull *all[] = {&a, &b, &ab, &ba, &both};
			for (size_t k = 0; k < sizeof all / sizeof all[0]; k++)
				ull_done(all[k]);
		}
	}
}

static void merge_is_associative(void **state)
{
	(void)state;
	for (size_t i = 0; i < SIDES; i++) {
		for (size_t j = 0; j < SIDES; j++) {
			size_t k = (i + 3 * j) % SIDES;
			struct ull left = side(i, 1), b = side(j, 2), c = side(k, 3), right = side(j, 2), a = side(i, 1);
			assert_int_equal(ull_merge(&left, &b), 0);
			assert_int_equal(ull_merge(&left, &c), 0);
			assert_int_equal(ull_merge(&right, &c), 0);
			assert_int_equal(ull_merge(&a, &right), 0);
			assert_true(same(&left, &a));
			struct ull *all[] = {&left, &b, &c, &right, &a};
			for (size_t n = 0; n < sizeof all / sizeof all[0]; n++)
				ull_done(all[n]);
		}
	}
}

/* One register of each side takes any three update values: the vectors of merge agree with inserting one by one. */
static void registers_merge_as_their_sets_do(void **state)
{
	uint64_t seed = 42;

	(void)state;
	for (unsigned round = 0; round < 2000; round++) {
		struct ull a, b, both;
		ull_init(&a, ULL_P_MIN);
		ull_init(&b, ULL_P_MIN);
		ull_init(&both, ULL_P_MIN);
		for (uint64_t i = 0; i < 256; i++) {
			unsigned base = (unsigned)(next_hash(&seed) % 54);
			for (unsigned n = 0; n < 4; n++) {
				uint64_t draw = next_hash(&seed);
				uint64_t hash = i << 56 | UINT64_C(1) << 55 >> (base + draw % 5 > 56 ? 56 : base + draw % 5);
				assert_int_equal(ull_insert(draw >> 63 ? &a : &b, hash), 0);
				assert_int_equal(ull_insert(&both, hash), 0);
			}
		}
		assert_int_equal(ull_merge(&a, &b), 0);
		assert_true(same(&a, &both));
		ull_done(&a);
		ull_done(&b);
		ull_done(&both);
	}
}

static void other_precisions_do_not_merge(void **state)
{
	struct ull a, b;
	double estimate = -1;

	(void)state;
	ull_init(&a, 14);
	ull_init(&b, 12);
	insert_many(&b, 1, 10);
	assert_int_equal(ull_merge(&a, &b), -EINVAL);
	assert_int_equal(ull_union_estimate(&a, &b, &estimate), -EINVAL);
	assert_true(ull_empty(&a));
	assert_true(estimate == -1);
	ull_done(&a);
	ull_done(&b);
}

static void sixteen_kilobytes_are_the_most_that_tokens_take(void **state)
{
	struct ull u = made(3, 4096, false);

	(void)state;
	assert_null(u.registers);
	assert_true(ull_memory(&u) <= 16384);
	insert_many(&u, 4, 1);
	assert_non_null(u.registers);
	assert_int_equal(ull_memory(&u), 16384);
	ull_clear(&u);
	assert_true(ull_empty(&u));
	assert_int_equal(ull_memory(&u), 0);
}

/* ---- on the wire ---- */

static void what_is_encoded_comes_back(void **state)
{
	static const uint32_t counts[] = {0, 1, 2, 63, 100, 1000, 1024, 1025, 2000, 4096, 4097, 50000, 1000000};
	static const unsigned precisions[] = {ULL_P_MIN, 11, ULL_P, ULL_P_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
		for (size_t k = 0; k < sizeof precisions / sizeof precisions[0]; k++) {
			struct ull u, back;
			struct buf wire;
			ull_init(&u, precisions[k]);
			insert_many(&u, i + 1, counts[i]);
			buf_init(&wire, 1 << 20);
			assert_int_equal(ull_encode(&u, &wire), 0);
			assert_true(wire.len <= ull_encoded_max(&u));
			assert_int_equal(ull_decode(buf_span(&wire), &back, NULL), 0);
			assert_true(same(&u, &back));
			if (!back.registers)
				assert_true(ull_estimate(&back) == ull_estimate(&u));
			ull_done(&u);
			ull_done(&back);
			buf_done(&wire);
		}
	}
}

static double mean_wire_bytes(uint32_t count, unsigned trials)
{
	size_t total = 0;

	for (unsigned i = 0; i < trials; i++) {
		struct ull u = made(i * 31 + 11, count, false);
		struct buf wire;
		buf_init(&wire, 1 << 20);
		assert_int_equal(ull_encode(&u, &wire), 0);
		total += wire.len;
		ull_done(&u);
		buf_done(&wire);
	}
	return (double)total / trials;
}

static void wire_sizes_are_what_was_promised(void **state)
{
	(void)state;
	assert_true(mean_wire_bytes(100, 50) <= 289);
	assert_true(mean_wire_bytes(1000, 20) <= 2450);
	assert_true(mean_wire_bytes(1000000, 2) <= 9612);
}

/* Tokens that a keyed hash would never give take the most room: the bound holds for them as well. */
static void the_bound_holds_for_the_worst_tokens(void **state)
{
	(void)state;
	for (uint64_t count = 1; count <= 4096; count *= 2) {
		struct ull u;
		struct buf wire;
		ull_init(&u, ULL_P);
		for (uint64_t i = 0; i < count; i++)
			assert_int_equal(ull_insert(&u, ((UINT64_C(1) << 26) - 1 - i) << 38), 0);
		buf_init(&wire, ull_encoded_max(&u));
		assert_int_equal(ull_encode(&u, &wire), 0);
		ull_done(&u);
		buf_done(&wire);
	}
}

static void the_bound_holds_for_the_worst_registers(void **state)
{
	uint64_t seed = 9;

	(void)state;
	for (unsigned p = ULL_P_MIN; p <= ULL_P_MAX; p++) {
		struct ull u, back;
		struct buf wire;
		ull_init(&u, p);
		assert_int_equal(ull_densify(&u), 0);
		for (size_t i = 0; i < (size_t)1 << p; i++)
			u.registers[i] = (uint8_t)(4 * p + 4 + next_hash(&seed) % (252 - 4 * p));
		buf_init(&wire, ull_encoded_max(&u));
		assert_int_equal(ull_encode(&u, &wire), 0);
		assert_int_equal(ull_decode(buf_span(&wire), &back, NULL), 0);
		assert_true(same(&u, &back));
		ull_done(&u);
		ull_done(&back);
		buf_done(&wire);
	}
}

static void damage_is_refused_or_still_a_sketch(void **state)
{
	static const uint32_t counts[] = {0, 5, 300, 20000};
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
		struct ull u = made(i, counts[i], false), back;
		struct buf wire;
		buf_init(&wire, 1 << 20);
		assert_int_equal(ull_encode(&u, &wire), 0);
		for (size_t len = 0; len < wire.len; len++)
			assert_int_equal(ull_decode(span_make(wire.data, len), &back, &err), -EBADMSG);
		assert_int_equal(buf_append_byte(&wire, 0), 0);
		assert_int_equal(ull_decode(buf_span(&wire), &back, &err), -EBADMSG);
		wire.len--;
		for (size_t at = 0; at < wire.len; at += 1 + wire.len / 300) {
			wire.data[at] ^= 0x24;
			int r = ull_decode(buf_span(&wire), &back, &err);
			wire.data[at] ^= 0x24;
			assert_true(r == 0 || r == -EBADMSG);
			if (r == 0) {
				assert_true(isfinite(ull_estimate(&back)));
				ull_done(&back);
			}
		}
		ull_done(&u);
		buf_done(&wire);
	}
}

static void forgeries_are_refused_with_a_reason(void **state)
{
	static const struct {
		uint8_t bytes[8];
		size_t len;
		const char *reason;
	} rows[] = {
		{{0}, 0, "version"},
		{{0x20, 14, 0}, 3, "version"},
		{{0x1f, 14, 0}, 3, "kind"},
		{{0x10, 7, 0}, 3, "precision"},
		{{0x10, 17, 0}, 3, "precision"},
		{{0x10, 14, 0x81, 0x20}, 4, "count"},             /* 4097 tokens */
		{{0x10, 14, 0x80, 0x00}, 4, "count"},             /* 0 in two bytes */
		{{0x10, 14, 0xff, 0xff, 0xff, 0x7f}, 6, "count"}, /* 2^28 - 1 tokens, nothing allocated */
		{{0x10, 14, 1, 0xff, 0xff, 0xff}, 6, "tokens"},
		{{0x11, 14, 0x78, 0x01}, 4, "inflate"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct ull u = {.p = 99};
		struct err err = {0};
		assert_int_equal(ull_decode(span_make(rows[i].bytes, rows[i].len), &u, &err), -EBADMSG);
		if (!strstr(err.text, rows[i].reason))
			fail_msg("row %zu: \"%s\" does not speak of %s", i, err.text, rows[i].reason);
		assert_int_equal(u.p, 99);
	}
}

static void a_full_buffer_refuses_and_stays_as_it_was(void **state)
{
	struct ull u = made(1, 100, false);
	struct buf wire;

	(void)state;
	buf_init(&wire, 100);
	assert_int_equal(buf_append_byte(&wire, 7), 0);
	assert_int_equal(ull_encode(&u, &wire), -EMSGSIZE);
	assert_int_equal(wire.len, 1);
	ull_done(&u);
	buf_done(&wire);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_error_is_within_a_tenth_of_theory),
		cmocka_unit_test(a_sketch_tells_its_own_error),
		cmocka_unit_test(few_are_counted_exactly),
		cmocka_unit_test(counts_near_the_end_of_the_hash_are_corrected),
		cmocka_unit_test(a_sketch_of_everything_is_finite),
		cmocka_unit_test(merge_is_commutative_and_idempotent_and_equals_inserting_both),
		cmocka_unit_test(merge_is_associative),
		cmocka_unit_test(registers_merge_as_their_sets_do),
		cmocka_unit_test(other_precisions_do_not_merge),
		cmocka_unit_test(sixteen_kilobytes_are_the_most_that_tokens_take),
		cmocka_unit_test(what_is_encoded_comes_back),
		cmocka_unit_test(wire_sizes_are_what_was_promised),
		cmocka_unit_test(the_bound_holds_for_the_worst_tokens),
		cmocka_unit_test(the_bound_holds_for_the_worst_registers),
		cmocka_unit_test(damage_is_refused_or_still_a_sketch),
		cmocka_unit_test(forgeries_are_refused_with_a_reason),
		cmocka_unit_test(a_full_buffer_refuses_and_stays_as_it_was),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
