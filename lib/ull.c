/* UltraLogLog: insert, merge and estimate. The wire form is in lib/ull_wire.c.
 *
 * A hash's top p bits choose a register, the leading zeros of the rest (nlz) are the update value k = nlz + 1. A register remembers the
 * largest k it met and, in its two low bits, whether k - 1 (bit 1) and k - 2 (bit 0) occurred. Its byte is 4(k + p - 2) + bits: the
 * largest possible k, 65 - p, is 252 + bits at every precision. */
#include "lib/ull.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/ull_token.h"

enum { TOKENS_FIRST = 8, REGISTER_VALUES = 256, REGISTER_TOP = 252 };

static size_t register_count(const struct ull *u)
{
	return (size_t)1 << u->p;
}

void ull_init(struct ull *u, unsigned p)
{
	assert(p >= ULL_P_MIN && p <= ULL_P_MAX);
	*u = (struct ull){.p = (uint8_t)p};
}

void ull_done(struct ull *u)
{
	free(u->registers);
	free(u->tokens);
	*u = (struct ull){.p = u->p};
}

void ull_clear(struct ull *u)
{
	ull_done(u);
}

bool ull_empty(const struct ull *u)
{
	return !u->registers && u->count == 0;
}

int ull_copy(struct ull *to, const struct ull *from)
{
	struct ull copy = {.p = from->p, .count = from->count, .cap = from->count};

	if (from->registers) {
		copy.registers = malloc(register_count(from));
		if (!copy.registers)
			return -ENOMEM;
		memcpy(copy.registers, from->registers, register_count(from));
	} else if (from->count > 0) {
		copy.tokens = malloc(from->count * sizeof(*from->tokens));
		if (!copy.tokens)
			return -ENOMEM;
		memcpy(copy.tokens, from->tokens, from->count * sizeof(*from->tokens));
	}
	ull_done(to);
	*to = copy;
	return 0;
}

size_t ull_memory(const struct ull *u)
{
	return u->registers ? register_count(u) : u->cap * sizeof(*u->tokens);
}

/* ---- registers ---- */

/* A register as a set of recent update values: bit k + p - 2 for each. */
static uint64_t unpack(uint8_t byte)
{
	return byte == 0 ? 0 : (4 | (uint64_t)(byte & 3)) << ((byte >> 2) - 2);
}

/* `set` is never 0, and p >= 8 keeps its top bit above 2. */
static uint8_t pack(uint64_t set)
{
	unsigned top = 63 - (unsigned)__builtin_clzll(set);

	return (uint8_t)((top << 2) | ((set >> (top - 2)) & 3));
}

static void update(struct ull *u, uint32_t index, unsigned nlz)
{
	u->registers[index] = pack(unpack(u->registers[index]) | (uint64_t)1 << (nlz + u->p - 1));
}

static void update_by_hash(struct ull *u, uint64_t hash)
{
	uint64_t rest = hash << u->p;
	unsigned nlz = rest ? (unsigned)__builtin_clzll(rest) : 64u - u->p;

	update(u, (uint32_t)(hash >> (64 - u->p)), nlz);
}

/* The index bits beyond the first p are the head of the rest whose leading zeros count. */
static void update_by_token(struct ull *u, uint32_t token)
{
	unsigned rest_bits = TOKEN_INDEX_BITS - u->p;
	uint32_t rest = token_index(token) << (32 - rest_bits);
	unsigned nlz = rest ? (unsigned)__builtin_clz(rest) : rest_bits + token_zeros(token);

	update(u, token_index(token) >> rest_bits, nlz);
}

/* Sixteen registers at once, in the vectors that gcc and clang both know: a loop over bytes is left scalar at -O2, 40 times slower. */
typedef uint8_t registers16 __attribute__((vector_size(16)));

/* The union of two registers without unpacking: the lower one's set, seen from the higher one's top, can only fill the two low bits, and
 * only from at most two values below. A comparison gives 0xff or 0 per lane. */
static inline registers16 merge_lanes(registers16 a, registers16 b)
{
	registers16 above = (registers16)(a > b);
	registers16 high = (a & above) | (b & ~above);
	registers16 low = (b & above) | (a & ~above);
	registers16 down = (high >> 2) - (low >> 2);
	registers16 bits =
		((registers16)(down == 0) & low & 3) | ((registers16)(down == 1) & (2 | ((low >> 1) & 1))) | ((registers16)(down == 2) & 1);

	return high | (bits & (registers16)(low != 0));
}

static void merge_registers(uint8_t *into, const uint8_t *from, size_t count)
{
	for (size_t i = 0; i < count; i += sizeof(registers16)) {
		registers16 a, b;

		memcpy(&a, into + i, sizeof(a));
		memcpy(&b, from + i, sizeof(b));
		a = merge_lanes(a, b);
		memcpy(into + i, &a, sizeof(a));
	}
}

/* ---- tokens ---- */

/* The first position whose token is not below `token`. */
static uint32_t token_position(const struct ull *u, uint32_t token)
{
	const uint32_t *base = u->tokens;
	uint32_t left = u->count;

	if (left == 0)
		return 0;
	while (left > 1) {
		uint32_t half = left / 2;
		base = base[half - 1] < token ? base + half : base;
		left -= half;
	}
	return (uint32_t)(base - u->tokens) + (*base < token);
}

static int tokens_grow(struct ull *u)
{
	uint32_t cap = u->cap < TOKENS_FIRST ? TOKENS_FIRST : u->cap * 2;
	uint32_t *tokens = realloc(u->tokens, cap * sizeof(*tokens));

	if (!tokens)
		return -ENOMEM;
	u->tokens = tokens;
	u->cap = cap;
	return 0;
}

int ull_densify(struct ull *u)
{
	if (u->registers)
		return 0;
	u->registers = calloc(register_count(u), 1);
	if (!u->registers)
		return -ENOMEM;
	for (uint32_t i = 0; i < u->count; i++)
		update_by_token(u, u->tokens[i]);
	free(u->tokens);
	u->tokens = NULL;
	u->count = u->cap = 0;
	return 0;
}

/* Tokens are few and most inserts meet one that is there: a sorted array costs them a search, and only a new user a move. */
static int insert_token(struct ull *u, uint32_t token)
{
	uint32_t at = token_position(u, token);

	if (at < u->count && u->tokens[at] == token)
		return 0;
	if (u->count == token_ceiling(u->p)) {
		int r = ull_densify(u);
		if (r == 0)
			update_by_token(u, token);
		return r;
	}
	if (u->count == u->cap) {
		int r = tokens_grow(u);
		if (r < 0)
			return r;
	}
	memmove(u->tokens + at + 1, u->tokens + at, (u->count - at) * sizeof(*u->tokens));
	u->tokens[at] = token;
	u->count++;
	return 0;
}

int ull_insert(struct ull *u, uint64_t hash)
{
	if (!u->registers)
		return insert_token(u, token_of_hash(hash));
	update_by_hash(u, hash);
	return 0;
}

int ull_merge(struct ull *into, const struct ull *from)
{
	int r = 0;

	if (into->p != from->p)
		return -EINVAL;
	if (into == from)
		return 0;
	if (from->registers) {
		r = ull_densify(into);
		if (r == 0)
			merge_registers(into->registers, from->registers, register_count(into));
		return r;
	}
	for (uint32_t i = 0; i < from->count && r == 0; i++) {
		if (into->registers)
			update_by_token(into, from->tokens[i]);
		else
			r = insert_token(into, from->tokens[i]);
	}
	return r;
}

/* ---- estimate ----
 *
 * FGRA ("further generalised remaining area"): each register contributes 2^(-tau k) * ETA[bits]; the count is a power of the sum's inverse.
 * That is exact where update values come from all integers; a real register knows k = 1 .. 65 - p only. Section 3.4 of the paper mends
 * both ends alike: from how many registers stand at the edge, find the maximum-likelihood rate, and give each of them the contribution
 * that the ideal register would have on average, given what this one shows. */
static const double TAU = 0.8194911375910897;
static const double V = 0.6118931496978437;
static const double ETA[4] = {4.663135422063788, 2.1378502137958524, 2.781144650979996, 0.9824082545153715};

enum { SERIES_MAX = 64 }; /* terms; both series fall faster than geometrically long before */

/* ETA's mean when k - 1 is absent with probability `one` and k - 2 with probability `two`. */
static double eta_mean(double one, double two)
{
	return one * (two * ETA[0] + (1 - two) * ETA[1]) + (1 - one) * (two * ETA[2] + (1 - two) * ETA[3]);
}

/* The root in [0, 1] of alpha x^2 + beta x - gamma: both likelihoods lead to one. */
static double likelihood_root(double alpha, double beta, double gamma)
{
	return (sqrt(beta * beta + 4 * alpha * gamma) - beta) / (2 * alpha);
}

/* An ideal register that shows nothing from k = 1 on: its largest value is -j with probability z^(2^j - 1) (1 - z^(2^j)). */
static double untouched_contribution(double z)
{
	double sum = 0;
	double silent = 1; /* z^(2^j - 1) */
	double absent = z; /* z^(2^j): probability that value -j is absent */
	double scale = 1;  /* 2^(tau j) */

	for (int j = 0; j < SERIES_MAX && silent > 0; j++) {
		double below = absent * absent;
		sum += silent * (1 - absent) * scale * eta_mean(below, below * below);
		silent *= absent;
		absent = below;
		scale *= exp2(TAU);
	}
	return sum;
}

/* Registers at 0, k = 1 and k = 2, whose low bits would speak of values that do not exist. z = exp(-n/m) is the probability of none. */
static double low_contribution(const uint32_t histogram[REGISTER_VALUES], unsigned p)
{
	double m = (double)((size_t)1 << p);
	double none = histogram[0], k1 = histogram[4 * p - 4], k2 = histogram[4 * p], k2_1 = histogram[4 * p + 2];
	double all = none + k1 + k2 + k2_1;

	if (all == 0)
		return 0;
	double root = likelihood_root(m + 3 * all, m - none - k1, 4 * none + 2 * k1 + 3 * k2 + k2_1);
	double z = root * root * root * root;
	double sum = none > 0 ? none * untouched_contribution(z) : 0;

	sum += k1 * exp2(-TAU) * eta_mean(z, z * z);
	sum += k2 * exp2(-2 * TAU) * (z * ETA[0] + (1 - z) * ETA[1]);
	sum += k2_1 * exp2(-2 * TAU) * (z * ETA[2] + (1 - z) * ETA[3]);
	return sum;
}

/* Registers at the last value, w = 65 - p, which stands for every value from w on. z is the probability of none of those; an ideal
 * register's largest value is w + i with probability y (1 - y) / (1 - z), y = z^(1 / 2^(i + 1)). */
static double high_contribution(const uint32_t histogram[REGISTER_VALUES], unsigned p)
{
	const uint32_t *c = histogram + REGISTER_TOP;
	double m = (double)((size_t)1 << p);
	double all = (double)c[0] + c[1] + c[2] + c[3];

	if (all == 0)
		return 0;
	double z = likelihood_root(m + 3 * all, (double)c[0] + c[1] + 2.0 * ((double)c[2] + c[3]), m + 2.0 * c[0] + c[2] - c[3]);
	double sum = 0;
	double scale = exp2(-TAU * (65 - (double)p));
	double two = z;        /* probability that value w + i - 2 is absent, from i = 2 on */
	double one = z;        /* the same of w + i - 1, from i = 1 on */
	double here = sqrt(z); /* the same of w + i */

	for (int i = 0; i < SERIES_MAX; i++) {
		double etas = 0;
		for (unsigned bits = 0; bits < 4; bits++) {
			double last_absent = bits & 2 ? 0 : 1; /* of value w - 1 */
			etas += c[bits] * (i == 0 ? ETA[bits] : i == 1 ? eta_mean(one, last_absent) : eta_mean(one, two));
		}
		sum += scale * here * (1 - here) / (1 - z) * etas;
		two = one;
		one = here;
		here = sqrt(here);
		scale *= exp2(-TAU);
	}
	return sum;
}

static double dense_estimate(const struct ull *u)
{
	uint32_t histogram[REGISTER_VALUES] = {0};
	size_t count = register_count(u);
	double m = (double)count;
	double limit = exp2(64);

	for (size_t i = 0; i < count; i++)
		histogram[u->registers[i]]++;
	if (histogram[0] == count)
		return 0;
	double sum = low_contribution(histogram, u->p) + high_contribution(histogram, u->p);
	for (unsigned byte = 4u * u->p + 4; byte < REGISTER_TOP; byte++) {
		if (histogram[byte] > 0)
			sum += histogram[byte] * ETA[byte & 3] * exp2(-TAU * ((byte >> 2) + 2 - u->p));
	}
	if (!(sum > 0))
		return limit;
	double estimate = pow(m, 1 + 1 / TAU) / (1 + (1 + TAU) * V / (2 * m)) * pow(sum, -1 / TAU);
	return estimate < limit ? estimate : limit;
}

/* Two hashes share a token with probability 2^-26 * (1/4 + 1/16 + ...) = 2^-26 / 3: d distinct tokens stand for d + d^2 / (6 * 2^26). */
static const double TOKEN_COLLISIONS = 1.0 / (6.0 * (1 << TOKEN_INDEX_BITS));

double ull_estimate(const struct ull *u)
{
	double tokens = u->count;

	return u->registers ? dense_estimate(u) : tokens + tokens * tokens * TOKEN_COLLISIONS;
}

double ull_relative_error(const struct ull *u)
{
	/* Sparse: the collisions are Poisson with variance n^2 * TOKEN_COLLISIONS. */
	return u->registers ? sqrt(V / (double)register_count(u)) : sqrt(TOKEN_COLLISIONS);
}

int ull_union_estimate(const struct ull *a, const struct ull *b, double *ret_estimate)
{
	struct ull both;

	ull_init(&both, a->p);
	int r = ull_copy(&both, a);
	if (r == 0)
		r = ull_merge(&both, b);
	if (r == 0)
		*ret_estimate = ull_estimate(&both);
	ull_done(&both);
	return r;
}
