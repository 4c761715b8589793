/* The wire form of an UltraLogLog.
 *
 *   byte 0   version << 4 | kind      byte 1   p
 *   tokens:  varint count, then per token its index's distance to the one before (Golomb code, divisor from the count alone: nothing
 *            else need be said) and its leading zeros in unary; zero bits to the byte
 *   dense:   the registers as one zlib stream. They are independent draws, so matching earlier bytes cannot help: Huffman only
 *
 * Golomb and unary are within 1 % of the entropy of what they carry, geometric distances and zeros of a keyed hash. */
#define ZLIB_CONST /* next_in may point to const bytes */
#include "lib/ull.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "lib/ull_token.h"

enum { WIRE_VERSION = 1, WIRE_HEAD_BYTES = 2, VARINT_MAX_BYTES = 3 };
enum wire_kind { WIRE_TOKENS, WIRE_DENSE };
/* Without matches the window may be zlib's least; memory level 8 codes 16,384 registers as one Huffman block. */
enum { ZLIB_LEVEL = 1, ZLIB_WINDOW_BITS = 9, ZLIB_MEMORY_LEVEL = 8 };
enum { DENSE_OVERHEAD_BYTES = 512 };

/* ---- bits, most significant first ---- */

struct bits_out {
	struct buf *out;
	uint64_t held; /* the low `count` bits are yet to be written */
	unsigned count;
	int error;
};

static void flush_bytes(struct bits_out *b)
{
	while (b->count >= 8 && b->error == 0) {
		b->count -= 8;
		b->error = buf_append_byte(b->out, (uint8_t)(b->held >> b->count));
	}
}

static void put(struct bits_out *b, uint32_t value, unsigned bits)
{
	b->held = b->held << bits | value;
	b->count += bits;
	flush_bytes(b);
}

static void put_unary(struct bits_out *b, uint32_t value)
{
	for (; value >= 16; value -= 16)
		put(b, 0xffff, 16);
	put(b, ((uint32_t)1 << (value + 1)) - 2, value + 1);
}

struct bits_in {
	const uint8_t *next, *end;
	uint64_t held; /* the high `count` bits are yet to be read, the others are 0 */
	unsigned count;
	bool overrun;
};

static void refill(struct bits_in *b)
{
	for (; b->count <= 56 && b->next < b->end; b->count += 8)
		b->held |= (uint64_t)*b->next++ << (56 - b->count);
}

static void drop(struct bits_in *b, unsigned bits)
{
	b->held = bits < 64 ? b->held << bits : 0;
	b->count -= bits;
}

static uint32_t take(struct bits_in *b, unsigned bits)
{
	refill(b);
	if (b->count < bits) {
		b->overrun = true;
		return 0;
	}
	uint32_t value = (uint32_t)(b->held >> (64 - bits));
	drop(b, bits);
	return value;
}

static uint32_t take_unary(struct bits_in *b)
{
	for (uint32_t value = 0;;) {
		refill(b);
		if (b->count == 0) {
			b->overrun = true;
			return 0;
		}
		unsigned ones = ~b->held ? (unsigned)__builtin_clzll(~b->held) : 64;
		if (ones < b->count) {
			drop(b, ones + 1);
			return value + ones;
		}
		value += b->count;
		drop(b, b->count);
	}
}

/* ---- Golomb code with truncated binary remainders ---- */

struct golomb {
	uint32_t divisor;
	uint32_t shorter; /* remainders below this take one bit less */
	unsigned width;
};

/* The best divisor for geometric distances is ln 2 times their mean, 2^26 / count. The ceiling on count keeps it above 1. */
static struct golomb golomb_for(uint32_t count)
{
	const uint32_t ln2_2_26 = 46516320;
	struct golomb g = {.divisor = ln2_2_26 / count};

	g.width = 32 - (unsigned)__builtin_clz(g.divisor - 1);
	g.shorter = ((uint32_t)1 << g.width) - g.divisor;
	return g;
}

static void put_golomb(struct bits_out *b, const struct golomb *g, uint32_t value)
{
	uint32_t remainder = value % g->divisor;

	put_unary(b, value / g->divisor);
	if (remainder < g->shorter)
		put(b, remainder, g->width - 1);
	else
		put(b, remainder + g->shorter, g->width);
}

/* `limit` bounds the quotient before it is multiplied. */
static uint32_t take_golomb(struct bits_in *b, const struct golomb *g, uint32_t limit)
{
	uint32_t quotient = take_unary(b);
	uint32_t remainder = take(b, g->width - 1);

	if (remainder >= g->shorter)
		remainder = (remainder << 1 | take(b, 1)) - g->shorter;
	if (quotient > limit / g->divisor)
		b->overrun = true;
	return b->overrun ? 0 : quotient * g->divisor + remainder;
}

/* ---- encode ---- */

static int put_head(struct buf *out, enum wire_kind kind, unsigned p)
{
	const uint8_t head[WIRE_HEAD_BYTES] = {(uint8_t)(WIRE_VERSION << 4 | kind), (uint8_t)p};

	return buf_append(out, head, sizeof(head));
}

static int encode_tokens(const struct ull *u, struct buf *out)
{
	struct bits_out b = {.out = out};
	uint32_t index = 0;

	b.error = put_head(out, WIRE_TOKENS, u->p);
	for (uint32_t left = u->count; b.error == 0; left >>= 7) {
		put(&b, (left >= 0x80 ? 0x80 : 0) | (left & 0x7f), 8);
		if (left < 0x80)
			break;
	}
	if (u->count == 0)
		return b.error;
	struct golomb g = golomb_for(u->count);
	for (uint32_t i = 0; i < u->count && b.error == 0; i++) {
		put_golomb(&b, &g, token_index(u->tokens[i]) - index);
		put_unary(&b, token_zeros(u->tokens[i]));
		index = token_index(u->tokens[i]);
	}
	put(&b, 0, (8 - b.count % 8) % 8);
	return b.error;
}

/* A register's byte has at most 8 bits of Huffman code on average, whatever it is; the rest is code tables and framing. */
static size_t dense_max(unsigned p)
{
	size_t count = (size_t)1 << p;

	return count + count / 8 + DENSE_OVERHEAD_BYTES;
}

static int deflate_registers(const struct ull *u, struct buf *out)
{
	z_stream z = {.next_in = u->registers, .avail_in = 1u << u->p};
	int r = buf_reserve(out, dense_max(u->p));

	if (r < 0)
		return r;
	if (deflateInit2(&z, ZLIB_LEVEL, Z_DEFLATED, ZLIB_WINDOW_BITS, ZLIB_MEMORY_LEVEL, Z_HUFFMAN_ONLY) != Z_OK)
		return -ENOMEM;
	z.next_out = out->data + out->len;
	z.avail_out = (uInt)dense_max(u->p);
	r = deflate(&z, Z_FINISH) == Z_STREAM_END ? 0 : -EMSGSIZE;
	out->len += r == 0 ? z.total_out : 0;
	deflateEnd(&z);
	return r;
}

static int encode_dense(const struct ull *u, struct buf *out)
{
	int r = put_head(out, WIRE_DENSE, u->p);

	return r < 0 ? r : deflate_registers(u, out);
}

static int encode_as_dense(const struct ull *u, struct buf *out)
{
	struct ull dense;

	ull_init(&dense, u->p);
	int r = ull_copy(&dense, u);
	if (r == 0)
		r = ull_densify(&dense);
	if (r == 0)
		r = encode_dense(&dense, out);
	ull_done(&dense);
	return r;
}

/* Below this the tokens are the shorter form whatever the hashes: the registers are not even tried. */
static bool dense_may_be_shorter(const struct ull *u)
{
	return u->registers || u->count > token_ceiling(u->p) / 4;
}

int ull_encode(const struct ull *u, struct buf *out)
{
	struct buf tokens, dense;
	int r = 0;

	buf_init(&tokens, SIZE_MAX);
	buf_init(&dense, WIRE_HEAD_BYTES + dense_max(u->p));
	if (!u->registers)
		r = encode_tokens(u, &tokens);
	if (r == 0 && dense_may_be_shorter(u))
		r = encode_as_dense(u, &dense);
	if (r == 0)
		r = buf_append_span(out, buf_span(tokens.len > 0 && (dense.len == 0 || tokens.len <= dense.len) ? &tokens : &dense));
	buf_done(&tokens);
	buf_done(&dense);
	return r;
}

size_t ull_encoded_max(const struct ull *u)
{
	/* All distances together are below 2^26, so quotients take at most count / ln 2 bits; remainder, stop bits and zeros a token: */
	const size_t token_bits = TOKEN_INDEX_BITS + 1 + 2 + TOKEN_REST_BITS;
	size_t dense = WIRE_HEAD_BYTES + dense_max(u->p);
	size_t tokens = WIRE_HEAD_BYTES + VARINT_MAX_BYTES + ((size_t)u->count * token_bits + 7) / 8;

	return u->registers || (dense_may_be_shorter(u) && dense < tokens) ? dense : tokens;
}

/* ---- decode ---- */

static int bad(struct err *err, const char *what)
{
	err_set(err, "sketch refused: %s", what);
	return -EBADMSG;
}

static int decode_count(struct bits_in *b, uint32_t *ret_count)
{
	uint32_t count = 0;

	for (unsigned i = 0; i < VARINT_MAX_BYTES; i++) {
		uint32_t byte = take(b, 8);
		count |= (byte & 0x7f) << (7 * i);
		if (byte < 0x80) {
			*ret_count = count;
			return b->overrun || (i > 0 && byte == 0) ? -EBADMSG : 0;
		}
	}
	return -EBADMSG;
}

/* Tokens must rise strictly, stay below 2^26 and fill the bytes to the last; `tokens` has room for `count`. */
static bool read_tokens(struct bits_in *b, uint32_t count, uint32_t *tokens)
{
	struct golomb g = golomb_for(count);
	const uint32_t index_max = ((uint32_t)1 << TOKEN_INDEX_BITS) - 1;
	uint32_t index = 0;

	for (uint32_t i = 0; i < count; i++) {
		index += take_golomb(b, &g, index_max - index);
		uint32_t zeros = take_unary(b);
		if (b->overrun || index > index_max || zeros > TOKEN_REST_BITS)
			return false;
		tokens[i] = index << TOKEN_ZEROS_BITS | zeros;
		if (i > 0 && tokens[i] <= tokens[i - 1])
			return false;
	}
	return true;
}

static int decode_tokens(struct span body, struct ull *u, struct err *err)
{
	struct bits_in b = {.next = (const uint8_t *)body.data, .end = (const uint8_t *)body.data + body.len};
	uint32_t count;

	if (decode_count(&b, &count) < 0 || count > token_ceiling(u->p))
		return bad(err, "token count out of range");
	if (count > 0) {
		u->tokens = malloc(count * sizeof(*u->tokens));
		if (!u->tokens)
			return -ENOMEM;
		u->count = u->cap = count;
		if (!read_tokens(&b, count, u->tokens))
			return bad(err, "tokens out of order or cut short");
	}
	if (b.count >= 8 || b.held != 0 || b.next != b.end)
		return bad(err, "bytes after the last token");
	return 0;
}

/* k = 1 has no lower values and k = 2 only one: other bytes would index the estimator wrongly. */
static bool register_possible(uint8_t byte, unsigned p)
{
	return byte == 0 || byte == 4 * p - 4 || byte == 4 * p || byte == 4 * p + 2 || byte >= 4 * p + 4;
}

/* Inflates into exactly the registers: a stream that holds more or less is refused, so nothing can swell. */
static bool inflate_registers(struct span body, uint8_t *registers, size_t count)
{
	z_stream z = {.next_in = (const Bytef *)body.data, .avail_in = (uInt)body.len};

	if (inflateInit(&z) != Z_OK)
		return false;
	z.next_out = registers;
	z.avail_out = (uInt)count;
	int done = inflate(&z, Z_FINISH);
	bool whole = done == Z_STREAM_END && z.avail_in == 0 && z.avail_out == 0;
	inflateEnd(&z);
	return whole;
}

static int decode_dense(struct span body, struct ull *u, struct err *err)
{
	size_t count = (size_t)1 << u->p;

	if (body.len > dense_max(u->p))
		return bad(err, "longer than its registers");
	u->registers = malloc(count);
	if (!u->registers)
		return -ENOMEM;
	if (!inflate_registers(body, u->registers, count))
		return bad(err, "registers do not inflate");
	for (size_t i = 0; i < count; i++) {
		if (!register_possible(u->registers[i], u->p))
			return bad(err, "impossible register");
	}
	return 0;
}

int ull_decode(struct span bytes, struct ull *ret, struct err *err)
{
	const uint8_t *head = (const uint8_t *)bytes.data;
	struct ull u;
	int r;

	if (bytes.len < WIRE_HEAD_BYTES || head[0] >> 4 != WIRE_VERSION)
		return bad(err, "unknown version");
	if (head[1] < ULL_P_MIN || head[1] > ULL_P_MAX)
		return bad(err, "precision out of range");
	ull_init(&u, head[1]);
	switch (head[0] & 15) {
	case WIRE_TOKENS: r = decode_tokens(span_from(bytes, WIRE_HEAD_BYTES), &u, err); break;
	case WIRE_DENSE: r = decode_dense(span_from(bytes, WIRE_HEAD_BYTES), &u, err); break;
	default: r = bad(err, "unknown kind"); break;
	}
	if (r < 0)
		ull_done(&u);
	else
		*ret = u;
	return r;
}
