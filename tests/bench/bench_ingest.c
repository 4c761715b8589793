/* How many service-windows a second the collector takes durably: agents in a process of their own stream over mutual TLS, the real store
 * commits, the rules judge, and only what a receipt covered is counted. A service-window is ten seconds of one workload on one host: seven
 * endpoints, and the sketches of forty users by address and by account. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/ingest/ingest.h"
#include "collector/triggers/triggers.h"
#include "lib/grpc.h"
#include "lib/log.h"
#include "lib/ull.h"
#include "proto/window.h"
#include "tests/unit/certificates.h"

enum { AGENTS = 16, RECORDS = 600, SCOPES = 3, ENDPOINTS = 7, USERS = 40, POPULATION = 20000, IN_FLIGHT = 64, EVENTS = 900, ROUNDS = 3 };
#define START_MS INT64_C(1764000000000)
#define EPOCH    9

struct figures {
	double windows_per_second, cpu_us, p50_ms, p99_ms;
};

/* ---- what one agent sends ---- */

static uint64_t random64(uint64_t *state)
{
	/* SplitMix64: the bench needs spread hashes, not secrets. */
	uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return z ^ z >> 31;
}

static void add_users(struct buf *out, uint64_t *state)
{
	struct ull users;
	ull_init(&users, ULL_P);
	for (int i = 0; i < USERS; i++) {
		uint64_t user = random64(state) % POPULATION;
		ull_insert(&users, random64(&user));
	}
	ull_encode(&users, out);
	ull_done(&users);
}

static void encode_record(uint64_t sequence, uint64_t *state, struct buf *out)
{
	static const char *const workloads[SCOPES] = {"forum.service", "shop/web", "api.service"};
	static const char *const templates[ENDPOINTS] = {"/",      "/t/{slug}/{id}", "/t/{slug}/{id}/replies", "/u/{id}", "/search",
							 "/login", "/upload"};
	struct endpoint endpoints[SCOPES][ENDPOINTS];
	struct sketch_part sketches[SCOPES][2];
	struct scope scopes[SCOPES];
	struct buf users[SCOPES][2];
	int64_t start_ms = START_MS + (int64_t)sequence * 10000;
	for (int s = 0; s < SCOPES; s++) {
		for (int e = 0; e < ENDPOINTS; e++)
			endpoints[s][e] = (struct endpoint){.method = span_str(e & 1 ? "POST" : "GET"),
							    .template = span_str(templates[e]),
							    .content = span_str("html"),
							    .takes_input = e & 1,
							    .count = {[STATUS_2XX] = 40 + random64(state) % 20, [STATUS_4XX] = 1},
							    .request_bytes = 4000,
							    .answer_bytes = 400000,
							    .first_ms = start_ms + 5,
							    .last_ms = start_ms + 9990};
		for (int k = 0; k < 2; k++) {
			buf_init(&users[s][k], SKETCH_BYTES_MAX);
			add_users(&users[s][k], state);
			sketches[s][k] = (struct sketch_part){k ? IDENTITY_ACCOUNT : IDENTITY_ADDRESS, 0x5EED, 300, buf_span(&users[s][k])};
		}
		scopes[s] = (struct scope){
			WORKLOAD_SYSTEMD, span_str(workloads[s]), span_str("www.example.com"), endpoints[s], ENDPOINTS, sketches[s], 2};
	}
	struct ledger ledger = {.kind = SOURCE_PROBE, .source = span_str("probe:http"), .seen = 90000, .counted = 90000, .events = EVENTS};
	struct window window = {start_ms, 10000, scopes, SCOPES, &ledger, 1};
	struct buf batch;
	buf_init(&batch, BATCH_BYTES_MAX);
	if (batch_encode(&(struct batch){&window, 1}, &batch) < 0 ||
	    delivery_encode_sealed(EPOCH, sequence, false, buf_span(&batch), out) < 0)
		abort();
	buf_done(&batch);
	for (int s = 0; s < SCOPES; s++)
		for (int k = 0; k < 2; k++)
			buf_done(&users[s][k]);
}

/* ---- the agents ---- */

struct agent {
	struct grpc_client *client;
	char name[16];
	uint64_t sent, acked, random;
	struct buf records[RECORDS]; /* encoded before the clock starts: the collector is what is measured */
	uint64_t sent_ns[RECORDS];
};

static struct agent agents[AGENTS];
static float waits_ms[AGENTS * RECORDS];
static size_t waits;
static unsigned finished;

static void send_more(struct agent *a)
{
	while (a->sent < RECORDS && a->sent - a->acked < IN_FLIGHT) {
		if (grpc_client_send(a->client, buf_span(&a->records[a->sent])) < 0)
			return;
		a->sent_ns[a->sent++] = clock_monotonic_ns();
	}
}

static void on_open(void *ctx)
{
	struct agent *a = ctx;
	struct buf out;
	buf_init(&out, 4096);
	if (delivery_encode_hello(&(struct hello){.agent = span_str(a->name), .epoch = EPOCH, .first_sequence = 1}, &out) < 0 ||
	    grpc_client_send(a->client, buf_span(&out)) < 0)
		abort();
	buf_done(&out);
}

static void on_message(void *ctx, struct span message)
{
	struct agent *a = ctx;
	struct receipt receipt;
	uint64_t now = clock_monotonic_ns();
	if (receipt_decode(message, &receipt, NULL) < 0)
		abort();
	for (; a->acked < receipt.sequence; a->acked++)
		waits_ms[waits++] = (float)(now - a->sent_ns[a->acked]) / 1e6F;
	send_more(a);
	if (a->acked < RECORDS)
		return;
	finished++;
	grpc_client_close(a->client);
}

static void on_writable(void *ctx)
{
	send_more(ctx);
}

static void on_closed(void *ctx, enum grpc_status status, const char *sentence)
{
	const struct agent *a = ctx;
	if (a->acked == RECORDS)
		return;
	fprintf(stderr, "%s: %s: %s\n", a->name, grpc_status_word(status), sentence);
	_exit(1);
}

static int by_value(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;
	return (x > y) - (x < y);
}

static const struct grpc_client_events agent_events = {on_open, on_message, on_writable, on_closed};

/* The child: prepares, waits for the port, streams, reports how long receipts took. */
static void run_agents(struct certificates *certs, int port_fd, int report_fd)
{
	uv_loop_t loop;
	uint16_t port;
	for (int i = 0; i < AGENTS; i++) {
		struct agent *a = &agents[i];
		snprintf(a->name, sizeof a->name, "host-%d", i);
		a->random = (uint64_t)i;
		for (uint64_t n = 0; n < RECORDS; n++) {
			buf_init(&a->records[n], GRPC_MESSAGE_MAX);
			encode_record(n + 1, &a->random, &a->records[n]);
		}
	}
	if (read(port_fd, &port, sizeof port) != sizeof port || uv_loop_init(&loop) < 0)
		_exit(1);
	uint64_t began = clock_monotonic_ns();
	for (int i = 0; i < AGENTS; i++) {
		struct tls_context *tls = certificates_context(certs, TLS_CLIENT, "pki", agents[i].name);
		const struct grpc_client_options options = {tls, "127.0.0.1", port, "/tocsin.v1.Ingest/Deliver", 0};
		if (grpc_client_connect(&loop, &options, &agent_events, &agents[i], &agents[i].client) < 0)
			_exit(1);
	}
	while (finished < AGENTS)
		uv_run(&loop, UV_RUN_ONCE);
	double seconds = (double)(clock_monotonic_ns() - began) / 1e9;
	qsort(waits_ms, waits, sizeof waits_ms[0], by_value);
	const struct figures figures = {
		.windows_per_second = AGENTS * RECORDS * SCOPES / seconds,
		.p50_ms = (double)waits_ms[waits / 2],
		.p99_ms = (double)waits_ms[waits * 99 / 100],
	};
	_exit(write(report_fd, &figures, sizeof figures) == sizeof figures ? 0 : 1);
}

/* ---- the collector ---- */

static void on_trigger(void *ctx, const struct store_trigger *t, bool is_new)
{
	(void)ctx;
	(void)t;
	(void)is_new;
}

static uint64_t on_committed(void *ctx, struct store *store, bool wrote)
{
	uint64_t *judged_ms = ctx;
	uint64_t now_ms = clock_monotonic_ns() / 1000000;
	(void)wrote;
	if (now_ms - *judged_ms < 100) /* as often as the collector does under load */
		return 0;
	*judged_ms = now_ms;
	if (judge_run(store, clock_wall_ms(), on_trigger, NULL, NULL) < 0)
		abort();
	return 0;
}

static void on_child(uv_signal_t *signal, int number)
{
	(void)number;
	uv_close((uv_handle_t *)signal, NULL);
	ingest_stop(signal->data);
}

static int add_events(void *ctx, const struct store_agent_row *row)
{
	*(uint64_t *)ctx += row->ledger.events;
	return 0;
}

/* A figure of what was not counted would be worth nothing. */
static void check_totals(struct store *store)
{
	uint64_t events = 0;
	if (store_each_agent(store, add_events, &events, NULL) < 0 || events != (uint64_t)AGENTS * RECORDS * EVENTS) {
		fprintf(stderr, "%" PRIu64 " events in the store, %d were sent\n", events, AGENTS * RECORDS * EVENTS);
		exit(1);
	}
}

static double cpu_seconds(void)
{
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void run_collector(struct certificates *certs, const char *database, int port_fd)
{
	uv_loop_t loop;
	uv_signal_t child;
	struct err err = {0};
	struct services *services;
	struct store *store;
	struct ingest *ingest;
	uint64_t judged_ms = 0;
	certificates_must(services_new(NULL, 0, &services, &err), &err);
	const struct store_options store_options = {.path = database, .day_offset_minutes = 480, .services = services};
	certificates_must(store_open(&store_options, &store, &err), &err);
	certificates_must(uv_loop_init(&loop), &err);
	const struct ingest_options options = {
		.loop = &loop,
		.host = "127.0.0.1",
		.files = {certificates_path(certs, "pki/ca.crt"), certificates_path(certs, "collector.crt"),
			  certificates_path(certs, "collector.key")},
		.store = store,
		.on_committed = on_committed,
		.ctx = &judged_ms,
	};
	certificates_must(ingest_start(&options, &ingest, &err), &err);
	uv_signal_init(&loop, &child);
	child.data = ingest;
	uv_signal_start(&child, on_child, SIGCHLD);
	uint16_t port = ingest_port(ingest);
	if (write(port_fd, &port, sizeof port) != sizeof port)
		abort();
	uv_run(&loop, UV_RUN_DEFAULT);
	ingest_free(ingest);
	check_totals(store);
	store_close(store);
	services_free(services);
	uv_loop_close(&loop);
}

static int round_run(struct certificates *certs, int round, struct figures *ret)
{
	int port_pipe[2], report_pipe[2], status;
	char name[32];
	if (pipe(port_pipe) < 0 || pipe(report_pipe) < 0)
		return -errno;
	snprintf(name, sizeof name, "bench-%d.db", round);
	pid_t child = fork();
	if (child < 0)
		return -errno;
	if (child == 0)
		run_agents(certs, port_pipe[0], report_pipe[1]);
	double cpu = cpu_seconds();
	run_collector(certs, certificates_path(certs, name), port_pipe[1]);
	cpu = cpu_seconds() - cpu;
	waitpid(child, &status, 0);
	close(port_pipe[0]);
	close(port_pipe[1]);
	close(report_pipe[1]);
	ssize_t n = read(report_pipe[0], ret, sizeof *ret);
	close(report_pipe[0]);
	ret->cpu_us = cpu * 1e6 / (AGENTS * RECORDS * SCOPES);
	return n == sizeof *ret ? 0 : -EIO;
}

static int by_rate(const void *a, const void *b)
{
	double x = ((const struct figures *)a)->windows_per_second, y = ((const struct figures *)b)->windows_per_second;
	return (x > y) - (x < y);
}

int main(void)
{
	struct certificates certs;
	struct figures rounds[ROUNDS];
	log_open("bench", LOG_LEVEL_ERROR);
	certificates_init(&certs);
	certificates_issue(&certs, "pki", PKI_SERVER, "collector", "127.0.0.1", -1, 30);
	for (int i = 0; i < AGENTS; i++) {
		char name[16];
		snprintf(name, sizeof name, "host-%d", i);
		certificates_issue(&certs, "pki", PKI_AGENT, name, NULL, -1, 30);
	}
	int r = 0;
	for (int i = 0; r == 0 && i < ROUNDS; i++)
		r = round_run(&certs, i, &rounds[i]);
	certificates_done(&certs);
	if (r < 0) {
		fprintf(stderr, "bench_ingest: %s\n", strerror(-r));
		return 1;
	}
	qsort(rounds, ROUNDS, sizeof rounds[0], by_rate);
	const struct figures *median = &rounds[ROUNDS / 2];
	printf("### Durable ingest (mutual TLS, gRPC, SQLite with a commit before each receipt, rules judging)\n\n");
	printf("| %d agents, %d service-windows, median of %d rounds | goal | |\n|---|---|---|\n", AGENTS, AGENTS * RECORDS * SCOPES,
	       ROUNDS);
	printf("| service-windows a second | 25,000 a core | **%.0f** |\n", median->windows_per_second);
	printf("| CPU of the collector a service-window | 40 µs | **%.1f µs** (%.0f a second of one core) |\n", median->cpu_us,
	       1e6 / median->cpu_us);
	printf("| receipt after, median and p99, %d records in flight an agent | p99 100 ms | **%.0f ms, %.0f ms** |\n\n", IN_FLIGHT,
	       median->p50_ms, median->p99_ms);
	return 0;
}
