/* A sequence of slices, as hostile as the input likes: lengths, positions, numbers and flags are all its own. Memory stays below its ceiling,
 * every exchange comes from a head, and every request that was kept is reported by the end.
 *
 * Input: records of 8 bytes (what, flags, number step, position step, segment surplus, length, time) and the bytes that they announce. */
#include <stdlib.h>
#include <string.h>

#include "agent/http/streams.h"

enum { CONNECTIONS = 4, MEMORY_MAX = 16384 };

struct count {
	uint64_t exchanges;
	int64_t sum;
};

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void on_exchange(void *ctx, const struct exchange *e)
{
	struct count *count = ctx;
	count->exchanges++;
	check(e->method.len > 0 && e->path.len > 0 && (e->path.data[0] == '/' || e->path.data[0] == '*'));
	check(e->status == 0 || (e->status >= 100 && e->status <= 999));
	for (size_t i = 0; i < e->path.len; i++) /* the sanitizer looks at every byte */
		count->sum += e->path.data[i];
	for (size_t i = 0; i < e->host.len; i++)
		count->sum += e->host.data[i];
}

struct input {
	const uint8_t *data;
	size_t len;
};

static uint8_t take(struct input *in)
{
	if (in->len == 0)
		return 0;
	in->len--;
	return *in->data++;
}

struct side {
	uint32_t seq, number;
};

static void feed_one(struct http_streams *s, struct input *in, struct side sides[CONNECTIONS][2], int64_t *now_ms)
{
	uint8_t what = take(in), flags = take(in);
	struct side *side = &sides[what % CONNECTIONS][(flags & HTTP_SLICE_ANSWER) != 0];
	struct http_slice slice = {
		.cookie = what % CONNECTIONS,
		.event = what >= 250 ? HTTP_SLICE_CLOSE : HTTP_SLICE_DATA,
		.flags = flags & 15,
		.remote = {[15] = what},
	};
	side->number += (uint32_t)(int8_t)take(in);
	int8_t step = (int8_t)take(in);
	/* Mostly in order; now and then far away, where 32 bits turn. */
	side->seq += step == INT8_MIN ? UINT32_C(1) << 30 : step == INT8_MAX ? UINT32_C(3) << 30 : (uint32_t)(int32_t)step;
	uint8_t surplus = take(in);
	size_t len = take(in) | (size_t)(take(in) & 3) << 8;
	*now_ms += take(in);
	if (len > in->len)
		len = in->len;
	slice.number = side->number++;
	slice.tcp_seq = side->seq;
	slice.captured = (uint16_t)len;
	slice.segment_len = (uint32_t)len + (surplus > 200 ? (uint32_t)(surplus - 200) * 100 : 0);
	char *copy = malloc(len ? len : 1);
	check(copy != NULL);
	memcpy(copy, in->data, len);
	http_streams_feed(s, &slice, span_make(copy, len), what, *now_ms);
	free(copy);
	side->seq += slice.segment_len;
	in->data += len;
	in->len -= len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct identity_rules rules;
	static struct identity *identity;
	if (!identity && identity_new(&rules, &identity, NULL) < 0)
		abort();
	struct count count = {0};
	const struct http_limits limits = {.connections_max = 3,
					   .waiting_max = 5,
					   .waiting_bytes = 2048,
					   .head_bytes_max = 2048,
					   .memory_max = MEMORY_MAX,
					   .answer_wait_ms = 1000};
	struct http_streams *s = http_streams_new(&limits, identity, on_exchange, &count);
	check(s != NULL);
	struct side sides[CONNECTIONS][2] = {0};
	struct input in = {data, size};
	struct http_stats stats;
	for (int64_t now_ms = 0; in.len > 0;) {
		feed_one(s, &in, sides, &now_ms);
		http_streams_sweep(s, now_ms);
		http_streams_stats(s, &stats);
		check(stats.memory <= MEMORY_MAX && stats.connections <= 3);
		check(stats.exchanges == count.exchanges && stats.exchanges <= stats.requests);
		check(stats.exchanges - stats.exchanges_unanswered <= stats.answers);
	}
	http_streams_free(s);
	check(count.exchanges <= size);
	return 0;
}
