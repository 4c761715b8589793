/* User CPU of understanding one exchange: http_streams with identity, from slices in memory. Prints one markdown section. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/http/streams.h"

enum { CONNECTIONS = 1000, EXCHANGES = 400000, ROUNDS = 7 };

static const char request[] =
	"GET /t/a-thread-about-clocks/4711?page=2 HTTP/1.1\r\nHost: forum.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; "
	"rv:128.0) Gecko/20100101 Firefox/128.0\r\nAccept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
	"Accept-Language: zh-CN,zh;q=0.8,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\nConnection: keep-alive\r\n"
	"Cookie: theme=dark; PHPSESSID=0123456789abcdef0123456789abcdef; seen=1\r\nUpgrade-Insecure-Requests: 1\r\n\r\n";
static const char answer[] =
	"HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Mon, 05 Jan 2026 08:00:00 GMT\r\nContent-Type: text/html; charset=utf-8\r\n"
	"Content-Length: 12\r\nConnection: keep-alive\r\nX-Frame-Options: DENY\r\nCache-Control: private\r\n\r\nhello world\n";

struct peer {
	uint32_t seq[2], number[2];
};

static uint64_t counted;

static void on_exchange(void *ctx, const struct exchange *exchange)
{
	(void)ctx;
	counted += exchange->status == 200;
}

static void send_slice(struct http_streams *s, struct peer *peer, uint64_t cookie, int side, const char *text, uint32_t len)
{
	struct http_slice slice = {.cookie = cookie,
				   .number = peer->number[side]++,
				   .tcp_seq = peer->seq[side],
				   .segment_len = len,
				   .captured = (uint16_t)len,
				   .event = HTTP_SLICE_DATA,
				   .flags = side ? HTTP_SLICE_ANSWER : 0,
				   .remote = {[10] = 0xff, [11] = 0xff, [12] = 192, [13] = 0, [14] = 2, [15] = (uint8_t)cookie}};
	peer->seq[side] += len;
	http_streams_feed(s, &slice, span_make(text, len), 1, 0);
}

static double round_ns(const struct identity *identity)
{
	static struct peer peers[CONNECTIONS];
	struct timespec from, to;
	memset(peers, 0, sizeof peers);
	struct http_streams *s = http_streams_new(&(struct http_limits){0}, identity, on_exchange, NULL);
	if (!s)
		abort();
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	for (uint64_t i = 0; i < EXCHANGES; i++) {
		uint64_t cookie = i % CONNECTIONS;
		send_slice(s, &peers[cookie], cookie, 0, request, sizeof request - 1);
		send_slice(s, &peers[cookie], cookie, 1, answer, sizeof answer - 1);
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	http_streams_free(s);
	return ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / EXCHANGES;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

int main(void)
{
	struct identity *identity;
	double ns[ROUNDS];
	if (identity_new(&(struct identity_rules){.key = "bench"}, &identity, NULL) < 0)
		return 1;
	for (int i = 0; i < ROUNDS; i++)
		ns[i] = round_ns(identity);
	identity_free(identity);
	if (counted != (uint64_t)ROUNDS * EXCHANGES) {
		fprintf(stderr, "%llu exchanges of %d\n", (unsigned long long)counted, ROUNDS * EXCHANGES);
		return 1;
	}
	qsort(ns, ROUNDS, sizeof ns[0], by_value);
	printf("### Understanding one exchange (agent/http and agent/identity, user CPU)\n\n");
	printf("| request + answer head | median of %d rounds | fastest |\n|---|---|---|\n", ROUNDS);
	printf("| %zu + %zu bytes, %d connections | %.0f ns | %.0f ns |\n\n", sizeof request - 1, sizeof answer - 1, CONNECTIONS,
	       ns[ROUNDS / 2], ns[0]);
	return 0;
}
