/* gRPC on one loop over loopback: our client, our server, and a stranger that writes HTTP/2 by hand. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <uv.h>

#include "lib/buf.h"
#include "lib/grpc.h"
#include "lib/tls_stream.h"
#include "tests/unit/certificates.h"

enum { PATIENCE_MS = 20000 }; /* a test that waits this long has failed */

static struct certificates certs;

static int set_up_group(void **state)
{
	(void)state;
	certificates_init(&certs);
	certificates_issue(&certs, "pki", PKI_SERVER, "collector", "localhost,127.0.0.1", -1, 30);
	certificates_issue(&certs, "pki", PKI_AGENT, "host-7", NULL, -1, 30);
	certificates_issue(&certs, "pki", PKI_AGENT, "host-expired", NULL, -30, -1);
	certificates_issue(&certs, "stranger", PKI_AGENT, "host-stranger", NULL, -1, 30);
	return 0;
}

static int tear_down_group(void **state)
{
	(void)state;
	certificates_done(&certs);
	return 0;
}

/* ---- the scene: a server with an echo, and what was seen of it ---- */

struct scene {
	uv_loop_t loop;
	uv_timer_t patience;
	struct tls_context *server_tls, *client_tls;
	struct grpc_server *server;
	bool stopped;
	struct grpc_call *call; /* the server's side of the last call */
	unsigned calls, messages, half_closes, alive, ends;
	enum grpc_status end_status;
	char end_sentence[256], refused[256];
	bool is_deaf; /* the server pauses each call as it begins */
	bool is_mute; /* it does not echo */
};

static void on_patience(uv_timer_t *timer)
{
	(void)timer;
	fprintf(stderr, "nothing happened for %d ms\n", PATIENCE_MS);
	abort();
}

static void on_call(void *ctx, struct grpc_call *call)
{
	struct scene *s = ctx;
	s->calls++;
	s->call = call;
	if (s->is_deaf)
		grpc_call_pause(call);
}

static void on_message(void *ctx, struct grpc_call *call, struct span message)
{
	struct scene *s = ctx;
	s->messages++;
	if (span_equal(message, span_str("refuse me")))
		grpc_call_end(call, GRPC_ALREADY_EXISTS, "100 % refused:\nné");
	else if (!s->is_mute)
		assert_int_equal(grpc_call_send(call, message), 0);
}

static void on_half_close(void *ctx, struct grpc_call *call)
{
	((struct scene *)ctx)->half_closes++;
	grpc_call_end(call, GRPC_OK, "");
}

static void on_alive(void *ctx, struct grpc_call *call)
{
	(void)call;
	((struct scene *)ctx)->alive++;
}

static void on_end(void *ctx, struct grpc_call *call, enum grpc_status status, const char *sentence)
{
	struct scene *s = ctx;
	s->ends++;
	s->end_status = status;
	snprintf(s->end_sentence, sizeof s->end_sentence, "%s", sentence);
	if (s->call == call)
		s->call = NULL;
}

static void on_refused(void *ctx, const char *address, const char *sentence)
{
	struct scene *s = ctx;
	assert_int_equal(strncmp(address, "127.0.0.1:", 10), 0);
	snprintf(s->refused, sizeof s->refused, "%s", sentence);
}

static const struct grpc_method methods[] = {
	{
		.path = "/tests.Echo/Talk",
		.on_call = on_call,
		.on_message = on_message,
		.on_half_close = on_half_close,
		.on_alive = on_alive,
		.on_end = on_end,
	},
	{.path = NULL},
};

static void scene_init(struct scene *s, const struct grpc_server_limits *limits, const char *client)
{
	struct err err;
	*s = (struct scene){0};
	assert_int_equal(uv_loop_init(&s->loop), 0);
	uv_timer_init(&s->loop, &s->patience);
	uv_timer_start(&s->patience, on_patience, PATIENCE_MS, 0);
	s->server_tls = certificates_context(&certs, TLS_SERVER, "pki", "collector");
	s->client_tls = certificates_context(&certs, TLS_CLIENT, "pki", client);
	assert_int_equal(grpc_server_start(&s->loop, s->server_tls, "127.0.0.1", 0, methods, limits, on_refused, s, &s->server, &err), 0);
}

static void on_stopped(void *ctx)
{
	((struct scene *)ctx)->stopped = true;
}

#define RUN_UNTIL(s, condition)                                                                                                            \
	while (!(condition))                                                                                                               \
	uv_run(&(s)->loop, UV_RUN_ONCE)

static void scene_done(struct scene *s)
{
	grpc_server_stop(s->server, "the test is over", on_stopped);
	RUN_UNTIL(s, s->stopped);
	uv_close((uv_handle_t *)&s->patience, NULL);
	uv_run(&s->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&s->loop), 0); /* nothing was left behind */
	tls_context_free(s->server_tls);
	tls_context_free(s->client_tls);
}

/* ---- our client ---- */

struct talker {
	struct grpc_client *client;
	bool open, closed, writable;
	unsigned messages;
	size_t bytes, last;
	char text[64];
	enum grpc_status status;
	char sentence[256];
};

static void talker_on_open(void *ctx)
{
	((struct talker *)ctx)->open = true;
}

static void talker_on_message(void *ctx, struct span message)
{
	struct talker *t = ctx;
	t->messages++;
	t->bytes += message.len;
	t->last = message.len;
	snprintf(t->text, sizeof t->text, "%.*s", (int)(message.len < 60 ? message.len : 60), message.data);
}

static void talker_on_writable(void *ctx)
{
	((struct talker *)ctx)->writable = true;
}

static void talker_on_closed(void *ctx, enum grpc_status status, const char *sentence)
{
	struct talker *t = ctx;
	assert_false(t->closed);
	t->closed = true;
	t->client = NULL;
	t->status = status;
	snprintf(t->sentence, sizeof t->sentence, "%s", sentence);
}

static const struct grpc_client_events talker_events = {talker_on_open, talker_on_message, talker_on_writable, talker_on_closed};

static void talker_init(struct talker *t, struct scene *s, const char *host, const char *path)
{
	*t = (struct talker){0};
	const struct grpc_client_options options = {.tls = s->client_tls, .host = host, .port = grpc_server_port(s->server), .path = path};
	assert_int_equal(grpc_client_connect(&s->loop, &options, &talker_events, t, &t->client), 0);
}

static void talker_done(struct talker *t, struct scene *s)
{
	if (t->client)
		grpc_client_close(t->client);
	RUN_UNTIL(s, t->closed);
}

static void assert_sentence(const char *sentence, const char *part)
{
	if (!strstr(sentence, part))
		fail_msg("\"%s\" does not say \"%s\"", sentence, part);
}

static void a_stream_of_messages_comes_back_in_order(void **state)
{
	(void)state;
	struct scene s;
	struct talker t;
	scene_init(&s, NULL, "host-7");
	talker_init(&t, &s, "localhost", "/tests.Echo/Talk"); /* ::1 is tried first and refused */
	RUN_UNTIL(&s, t.open);
	for (int i = 0; i < 1009; i++) {
		char text[32];
		snprintf(text, sizeof text, "message %d", i);
		assert_int_equal(grpc_client_send(t.client, span_str(text)), 0);
	}
	RUN_UNTIL(&s, t.messages == 1009);
	assert_string_equal(t.text, "message 1008");
	assert_string_equal(grpc_call_peer(s.call), "host-7");
	talker_done(&t, &s);
	RUN_UNTIL(&s, s.ends == 1);
	scene_done(&s);
}

static void the_largest_message_passes_and_one_byte_more_does_not(void **state)
{
	(void)state;
	struct scene s;
	struct talker t;
	char *large = calloc(1, GRPC_MESSAGE_MAX + 1);
	assert_non_null(large);
	scene_init(&s, NULL, "host-7");
	talker_init(&t, &s, "127.0.0.1", "/tests.Echo/Talk");
	RUN_UNTIL(&s, t.open);
	assert_int_equal(grpc_client_send(t.client, span_make(large, GRPC_MESSAGE_MAX + 1)), -EMSGSIZE);
	assert_int_equal(grpc_client_send(t.client, span_make(large, GRPC_MESSAGE_MAX)), 0);
	assert_int_equal(grpc_client_send(t.client, span_make(NULL, 0)), 0);
	RUN_UNTIL(&s, t.messages == 2);
	assert_int_equal(t.bytes, GRPC_MESSAGE_MAX);
	talker_done(&t, &s);
	scene_done(&s);
	free(large);
}

static void a_refusal_arrives_with_its_sentence_as_printable_text(void **state)
{
	(void)state;
	struct scene s;
	struct talker t;
	scene_init(&s, NULL, "host-7");
	talker_init(&t, &s, "127.0.0.1", "/tests.Echo/Talk");
	RUN_UNTIL(&s, t.open);
	assert_int_equal(grpc_client_send(t.client, span_str("first")), 0);
	assert_int_equal(grpc_client_send(t.client, span_str("refuse me")), 0);
	assert_int_equal(grpc_client_send(t.client, span_str("too late")), 0);
	RUN_UNTIL(&s, t.closed);
	assert_int_equal(t.messages, 1);
	assert_int_equal(t.status, GRPC_ALREADY_EXISTS);
	assert_string_equal(t.sentence, "100 % refused:?n??");
	assert_true(s.messages == 2 && s.ends == 1 && s.end_status == GRPC_ALREADY_EXISTS);
	scene_done(&s);
}

static void a_path_that_nobody_serves_is_unimplemented(void **state)
{
	(void)state;
	struct scene s;
	struct talker t;
	scene_init(&s, NULL, "host-7");
	talker_init(&t, &s, "127.0.0.1", "/tests.Echo/Talkative");
	RUN_UNTIL(&s, t.closed);
	assert_int_equal(t.status, GRPC_UNIMPLEMENTED);
	assert_string_equal(t.sentence, "there is no such method here");
	assert_int_equal(s.calls, 0);
	scene_done(&s);
}

static void who_has_no_right_to_connect_is_told_why(void **state)
{
	(void)state;
	static const struct {
		const char *client, *host, *client_says, *server_says;
	} rows[] = {
		{"host-expired", "localhost", "our certificate has expired", "\"host-expired\" is refused: certificate has expired"},
		{"host-stranger", "localhost", "our certificate", "\"host-stranger\" is refused: unable to get local issuer"},
		{"host-7", "127.0.0.2", "IP address mismatch", "does not accept our certificate"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct scene s;
		struct talker t;
		scene_init(&s, NULL, rows[i].client);
		grpc_server_stop(s.server, "moves to all addresses", on_stopped);
		RUN_UNTIL(&s, s.stopped);
		s.stopped = false;
		struct err err;
		assert_int_equal(grpc_server_start(&s.loop, s.server_tls, "0.0.0.0", 0, methods, NULL, on_refused, &s, &s.server, &err), 0);
		talker_init(&t, &s, rows[i].host, "/tests.Echo/Talk");
		RUN_UNTIL(&s, t.closed && s.refused[0]);
		assert_false(t.open && i == 2);
		assert_int_equal(t.status, GRPC_UNAVAILABLE);
		assert_sentence(t.sentence, rows[i].client_says);
		assert_sentence(s.refused, rows[i].server_says);
		assert_int_equal(s.calls, 0);
		scene_done(&s);
	}
}

static void a_port_where_nobody_listens_is_said(void **state)
{
	(void)state;
	struct scene s;
	struct talker t;
	scene_init(&s, NULL, "host-7");
	struct grpc_client_options options = {.tls = s.client_tls, .host = "127.0.0.1", .port = 1, .path = "/tests.Echo/Talk"};
	t = (struct talker){0};
	assert_int_equal(grpc_client_connect(&s.loop, &options, &talker_events, &t, &t.client), 0);
	RUN_UNTIL(&s, t.closed);
	assert_string_equal(t.sentence, "connection refused");
	options.host = "localhost";
	t = (struct talker){0};
	assert_int_equal(grpc_client_connect(&s.loop, &options, &talker_events, &t, &t.client), 0);
	grpc_client_close(t.client); /* while the name is looked up */
	RUN_UNTIL(&s, t.closed);
	assert_string_equal(t.sentence, "closed on this side");
	scene_done(&s);
}

static void a_paused_call_holds_its_peer_back_and_loses_nothing(void **state)
{
	(void)state;
	enum { SIZE = 100000, COUNT = 211 };
	struct scene s;
	struct talker t;
	static char message[SIZE];
	scene_init(&s, NULL, "host-7");
	s.is_deaf = s.is_mute = true;
	talker_init(&t, &s, "127.0.0.1", "/tests.Echo/Talk");
	RUN_UNTIL(&s, t.open);
	int sent = 0;
	while (grpc_client_send(t.client, span_make(message, SIZE)) == 0)
		sent++;
	assert_true(sent >= 40 && sent <= 42 + 262144 / SIZE); /* 4 MiB of our own, then HTTP/2's window */
	RUN_UNTIL(&s, s.call);
	for (int i = 0; i < 50; i++)
		uv_run(&s.loop, UV_RUN_NOWAIT);
	assert_int_equal(s.messages, 0);
	grpc_call_resume(s.call);
	while (sent < COUNT) {
		RUN_UNTIL(&s, t.writable);
		t.writable = false;
		while (sent < COUNT && grpc_client_send(t.client, span_make(message, SIZE)) == 0)
			sent++;
	}
	RUN_UNTIL(&s, s.messages == COUNT);
	talker_done(&t, &s);
	scene_done(&s);
}

static void a_peer_that_vanishes_ends_its_call(void **state)
{
	(void)state;
	struct scene s;
	struct talker t;
	scene_init(&s, NULL, "host-7");
	talker_init(&t, &s, "127.0.0.1", "/tests.Echo/Talk");
	RUN_UNTIL(&s, t.open && s.calls == 1);
	talker_done(&t, &s);
	RUN_UNTIL(&s, s.ends == 1);
	assert_true(s.end_status == GRPC_UNAVAILABLE || s.end_status == GRPC_CANCELLED);
	scene_done(&s);
}

static void a_stopping_server_says_so(void **state)
{
	(void)state;
	struct scene s;
	struct talker t;
	scene_init(&s, NULL, "host-7");
	talker_init(&t, &s, "127.0.0.1", "/tests.Echo/Talk");
	RUN_UNTIL(&s, s.calls == 1);
	scene_done(&s);
	assert_true(t.closed);
	assert_int_equal(t.status, GRPC_UNAVAILABLE);
	assert_string_equal(t.sentence, "the test is over");
}

static void a_probe_is_answered_by_the_living(void **state)
{
	(void)state;
	struct scene s;
	struct talker t;
	scene_init(&s, NULL, "host-7");
	talker_init(&t, &s, "127.0.0.1", "/tests.Echo/Talk");
	RUN_UNTIL(&s, s.calls == 1);
	grpc_call_probe(s.call, PATIENCE_MS);
	RUN_UNTIL(&s, s.alive == 1);
	assert_non_null(s.call);
	talker_done(&t, &s);
	scene_done(&s);
}

/* ---- a stranger: TLS, then whatever bytes the test wrote ---- */

struct stranger {
	struct tls_stream stream;
	struct buf out, in;
	bool open, closed, is_deaf;
};

static struct stranger *stranger_of(struct tls_stream *stream)
{
	return (struct stranger *)((char *)stream - offsetof(struct stranger, stream));
}

static void stranger_on_open(struct tls_stream *stream)
{
	struct stranger *x = stranger_of(stream);
	x->open = true;
	tls_stream_write(stream, buf_span(&x->out));
}

static void stranger_on_data(struct tls_stream *stream, struct span plain)
{
	assert_int_equal(buf_append_span(&stranger_of(stream)->in, plain), 0);
}

static void stranger_on_drained(struct tls_stream *stream)
{
	(void)stream;
}

static void stranger_on_closed(struct tls_stream *stream, const char *reason)
{
	(void)reason;
	stranger_of(stream)->closed = true;
}

static const struct tls_stream_events stranger_events = {stranger_on_open, stranger_on_data, stranger_on_drained, stranger_on_closed};

enum { DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION };
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4 };

static void put_frame(struct stranger *x, unsigned type, unsigned flags, unsigned stream, const void *payload, size_t len)
{
	const uint8_t head[9] = {(uint8_t)(len >> 16),    (uint8_t)(len >> 8),     (uint8_t)len,           (uint8_t)type,  (uint8_t)flags,
				 (uint8_t)(stream >> 24), (uint8_t)(stream >> 16), (uint8_t)(stream >> 8), (uint8_t)stream};
	assert_int_equal(buf_append(&x->out, head, sizeof head), 0);
	assert_int_equal(buf_append(&x->out, payload, len), 0);
}

/* HPACK literals, never indexed, never Huffman-coded: RFC 7541, 6.2.2. */
static void put_field(struct buf *out, const char *name, const char *value)
{
	assert_int_equal(buf_append_byte(out, 0), 0);
	assert_int_equal(buf_append_byte(out, (uint8_t)strlen(name)), 0);
	assert_int_equal(buf_append(out, name, strlen(name)), 0);
	assert_int_equal(buf_append_byte(out, (uint8_t)strlen(value)), 0);
	assert_int_equal(buf_append(out, value, strlen(value)), 0);
}

struct request {
	const char *method, *path, *content_type, *te, *encoding;
};
static const struct request good = {"POST", "/tests.Echo/Talk", "application/grpc", "trailers", NULL};

static void put_request(struct stranger *x, unsigned stream, const struct request *r)
{
	struct buf head;
	buf_init(&head, 4096);
	put_field(&head, ":method", r->method);
	put_field(&head, ":scheme", "https");
	put_field(&head, ":path", r->path);
	put_field(&head, ":authority", "localhost");
	if (r->content_type)
		put_field(&head, "content-type", r->content_type);
	if (r->te)
		put_field(&head, "te", r->te);
	if (r->encoding)
		put_field(&head, "grpc-encoding", r->encoding);
	put_frame(x, HEADERS, END_HEADERS, stream, head.data, head.len);
	buf_done(&head);
}

static void stranger_init(struct stranger *x)
{
	*x = (struct stranger){0};
	buf_init(&x->out, 16 << 20);
	buf_init(&x->in, 16 << 20);
	assert_int_equal(buf_append(&x->out, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24), 0);
	put_frame(x, SETTINGS, 0, 0, NULL, 0);
}

static void stranger_dial(struct stranger *x, struct scene *s)
{
	assert_int_equal(tls_stream_dial(&x->stream, &s->loop, s->client_tls, "127.0.0.1", grpc_server_port(s->server), &stranger_events),
			 0);
}

static void stranger_done(struct stranger *x, struct scene *s)
{
	tls_stream_close(&x->stream, "done");
	RUN_UNTIL(s, x->closed);
	buf_done(&x->out);
	buf_done(&x->in);
}

/* How many frames of a type came, on a stream (or on any: 0). */
static unsigned frames_of(const struct stranger *x, unsigned type, unsigned stream)
{
	unsigned count = 0;
	for (size_t at = 0; at + 9 <= x->in.len;) {
		const uint8_t *p = x->in.data + at;
		size_t len = (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2];
		count += p[3] == type && (stream == 0 || p[8] == stream);
		at += 9 + len;
	}
	return count;
}

/* The answer's fields are literals or Huffman-coded: nghttp2's inflater is not ours to test, so a status is looked for by its digits only
 * where the server could not have compressed it. Here the number of calls that reached the method tells. */
static void what_is_no_grpc_request_never_reaches_a_method(void **state)
{
	(void)state;
	static const struct {
		struct request request;
		unsigned calls;
		const char *reason;
	} rows[] = {
		{{"POST", "/tests.Echo/Talk", "application/grpc", "trailers", NULL}, 1, "as it should be"},
		{{"POST", "/tests.Echo/Talk", "application/grpc+proto", "trailers", "identity"}, 1, "with all that is allowed"},
		{{"GET", "/tests.Echo/Talk", "application/grpc", "trailers", NULL}, 0, "not a POST"},
		{{"POST", "/tests.Echo/Talk/", "application/grpc", "trailers", NULL}, 0, "another path"},
		{{"POST", "/tests.Echo/Talk", "application/grpc-web", "trailers", NULL}, 0, "another protocol"},
		{{"POST", "/tests.Echo/Talk", "application/json", "trailers", NULL}, 0, "no gRPC"},
		{{"POST", "/tests.Echo/Talk", NULL, "trailers", NULL}, 0, "no content type"},
		{{"POST", "/tests.Echo/Talk", "application/grpc", NULL, NULL}, 0, "no te"},
		{{"POST", "/tests.Echo/Talk", "application/grpc", "trailers", "gzip"}, 0, "compressed"},
	};
	struct scene s;
	scene_init(&s, NULL, "host-7");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct stranger x;
		stranger_init(&x);
		put_request(&x, 1, &rows[i].request);
		put_frame(&x, DATA, END_STREAM, 1, "\0\0\0\0\0", 5);
		stranger_dial(&x, &s);
		s.calls = s.half_closes = 0;
		RUN_UNTIL(&s, frames_of(&x, HEADERS, 1) > 0 && (rows[i].calls == 0 || s.half_closes == 1));
		if (s.calls != rows[i].calls)
			fail_msg("%s", rows[i].reason);
		stranger_done(&x, &s);
	}
	scene_done(&s);
}

static void a_bad_message_ends_its_call_at_once(void **state)
{
	(void)state;
	static const struct {
		const char *prefix;
		enum grpc_status status;
	} rows[] = {
		{"\1\0\0\0\1", GRPC_UNIMPLEMENTED},          /* compressed */
		{"\2\0\0\0\1", GRPC_INTERNAL},               /* no such flag */
		{"\0\x40\0\0\0", GRPC_RESOURCE_EXHAUSTED},   /* a GiB announced */
		{"\0\0\x10\x10\1", GRPC_RESOURCE_EXHAUSTED}, /* one byte past the ceiling */
	};
	struct scene s;
	scene_init(&s, NULL, "host-7");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct stranger x;
		stranger_init(&x);
		put_request(&x, 1, &good);
		put_frame(&x, DATA, 0, 1, rows[i].prefix, 5);
		stranger_dial(&x, &s);
		s.ends = 0;
		RUN_UNTIL(&s, s.ends == 1 && frames_of(&x, RST_STREAM, 1) == 1); /* "stop sending" */
		assert_int_equal(s.end_status, rows[i].status);
		assert_int_equal(s.messages, 0);
		stranger_done(&x, &s);
	}
	scene_done(&s);
}

static void messages_split_at_every_byte_are_joined(void **state)
{
	(void)state;
	struct scene s;
	struct stranger x;
	scene_init(&s, NULL, "host-7");
	stranger_init(&x);
	put_request(&x, 1, &good);
	static const char bytes[] = "\0\0\0\0\3abc\0\0\0\0\0\0\0\0\0\2de";
	for (size_t i = 0; i < sizeof bytes - 1; i++)
		put_frame(&x, DATA, i + 1 == sizeof bytes - 1 ? END_STREAM : 0, 1, bytes + i, 1);
	stranger_dial(&x, &s);
	RUN_UNTIL(&s, s.half_closes == 1);
	assert_int_equal(s.messages, 3);
	stranger_done(&x, &s);
	scene_done(&s);
}

static void a_connection_carries_as_many_calls_as_allowed_and_no_more(void **state)
{
	(void)state;
	struct grpc_server_limits limits = grpc_server_default_limits;
	limits.calls_max = 5;
	struct scene s;
	struct stranger x;
	scene_init(&s, &limits, "host-7");
	stranger_init(&x);
	for (unsigned i = 0; i < 6; i++)
		put_request(&x, 1 + 2 * i, &good);
	stranger_dial(&x, &s);
	RUN_UNTIL(&s, frames_of(&x, RST_STREAM, 11) == 1 || frames_of(&x, GOAWAY, 0) == 1);
	assert_int_equal(s.calls, 5);
	stranger_done(&x, &s);
	RUN_UNTIL(&s, s.ends == 5);
	scene_done(&s);
}

static void a_header_list_past_8_kib_is_refused(void **state)
{
	(void)state;
	struct scene s;
	struct stranger x;
	char value[127];
	memset(value, 'v', sizeof value - 1);
	value[sizeof value - 1] = '\0';
	scene_init(&s, NULL, "host-7");
	stranger_init(&x);
	struct buf head;
	buf_init(&head, 16384);
	put_field(&head, ":method", "POST");
	put_field(&head, ":scheme", "https");
	put_field(&head, ":path", "/tests.Echo/Talk");
	for (int i = 0; i < 60; i++)
		put_field(&head, "x", value);
	put_frame(&x, HEADERS, END_HEADERS, 1, head.data, head.len);
	put_request(&x, 3, &good);
	stranger_dial(&x, &s);
	RUN_UNTIL(&s, frames_of(&x, RST_STREAM, 1) == 1 && s.calls == 1); /* the next call is none the worse */
	buf_done(&head);
	stranger_done(&x, &s);
	scene_done(&s);
}

static void put_flood(struct stranger *x, unsigned kind)
{
	static const uint8_t eight[8], priority[5] = {0, 0, 0, 0, 1}, cancel[4] = {0, 0, 0, 8}, one[4] = {0, 0, 0, 1};
	enum { FRAMES = 4000 };
	if (kind == HEADERS || kind == CONTINUATION || kind == DATA || kind == WINDOW_UPDATE)
		put_request(x, 1, &good);
	if (kind == CONTINUATION)
		put_frame(x, HEADERS, 0, 3, NULL, 0);
	for (unsigned i = 0; i < FRAMES; i++) {
		switch (kind) {
		case PING: put_frame(x, PING, 0, 0, eight, 8); break;
		case SETTINGS: put_frame(x, SETTINGS, 0, 0, NULL, 0); break;
		case PRIORITY: put_frame(x, PRIORITY, 0, 1 + 2 * i, priority, 5); break;
		case DATA: put_frame(x, DATA, 0, 1, NULL, 0); break;
		case WINDOW_UPDATE: put_frame(x, WINDOW_UPDATE, 0, 0, one, 4); break;
		case CONTINUATION: put_frame(x, CONTINUATION, 0, 3, NULL, 0); break;
		case RST_STREAM:
			put_request(x, 1 + 2 * i, &good);
			put_frame(x, RST_STREAM, 0, 1 + 2 * i, cancel, 4);
			break;
		default: fail();
		}
	}
}

static void a_flood_closes_its_own_connection_and_no_other(void **state)
{
	(void)state;
	static const unsigned kinds[] = {PING, SETTINGS, PRIORITY, DATA, WINDOW_UPDATE, CONTINUATION, RST_STREAM};
	struct scene s;
	struct talker t;
	scene_init(&s, NULL, "host-7");
	talker_init(&t, &s, "127.0.0.1", "/tests.Echo/Talk");
	RUN_UNTIL(&s, t.open && s.calls == 1);
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		struct stranger x;
		struct grpc_server_stats stats;
		stranger_init(&x);
		put_flood(&x, kinds[i]);
		stranger_dial(&x, &s);
		RUN_UNTIL(&s, x.closed);
		do {
			uv_run(&s.loop, UV_RUN_ONCE);
			grpc_server_stats(s.server, &stats);
		} while (stats.connections > 1);
		assert_true(frames_of(&x, PING, 0) < 1100);
		buf_done(&x.out);
		buf_done(&x.in);
		t.messages = 0;
		assert_int_equal(grpc_client_send(t.client, span_str("still here")), 0);
		RUN_UNTIL(&s, t.messages == 1);
	}
	assert_true(s.calls < 1 + 600);
	talker_done(&t, &s);
	scene_done(&s);
}

static void a_silent_peer_is_given_up(void **state)
{
	(void)state;
	struct grpc_server_limits limits = grpc_server_default_limits;
	limits.keepalive_ms = 20;
	struct scene s;
	struct stranger x;
	scene_init(&s, &limits, "host-7");
	stranger_init(&x);
	put_request(&x, 1, &good);
	stranger_dial(&x, &s);
	RUN_UNTIL(&s, s.ends == 1);
	assert_string_equal(s.end_sentence, "the peer is silent, pings included");
	assert_int_equal(frames_of(&x, PING, 0), 1);
	stranger_done(&x, &s);
	scene_done(&s);
}

static void a_probe_closes_who_does_not_answer(void **state)
{
	(void)state;
	struct scene s;
	struct stranger x;
	scene_init(&s, NULL, "host-7");
	stranger_init(&x);
	put_request(&x, 1, &good);
	stranger_dial(&x, &s);
	RUN_UNTIL(&s, s.call);
	grpc_call_probe(s.call, 20);
	RUN_UNTIL(&s, s.ends == 1);
	assert_string_equal(s.end_sentence, "the peer did not answer a ping in time");
	assert_int_equal(s.alive, 0);
	stranger_done(&x, &s);
	scene_done(&s);
}

/* ---- half-open connections ---- */

struct mute {
	uv_tcp_t tcp;
	uv_connect_t connect;
	bool connected, closed;
};

static void mute_on_connect(uv_connect_t *request, int status)
{
	struct mute *m = request->data;
	assert_int_equal(status, 0);
	m->connected = true;
}

static void mute_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	static char byte[64];
	(void)handle;
	(void)suggested;
	*buf = uv_buf_init(byte, sizeof byte);
}

static void mute_on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	(void)buf;
	struct mute *m = stream->data;
	if (n < 0)
		m->closed = true;
}

static void mute_init(struct mute *m, struct scene *s)
{
	struct sockaddr_in address;
	*m = (struct mute){0};
	uv_ip4_addr("127.0.0.1", grpc_server_port(s->server), &address);
	uv_tcp_init(&s->loop, &m->tcp);
	m->tcp.data = m->connect.data = m;
	assert_int_equal(uv_tcp_connect(&m->connect, &m->tcp, (struct sockaddr *)&address, mute_on_connect), 0);
	RUN_UNTIL(s, m->connected);
	assert_int_equal(uv_read_start((uv_stream_t *)&m->tcp, mute_alloc, mute_on_read), 0);
}

static uint64_t accepted(const struct scene *s)
{
	struct grpc_server_stats stats;
	grpc_server_stats(s->server, &stats);
	return stats.accepted + stats.refused_full;
}

static void the_oldest_half_open_connection_gives_way(void **state)
{
	(void)state;
	struct grpc_server_limits limits = grpc_server_default_limits;
	limits.half_open_max = 2;
	struct scene s;
	struct mute m[3];
	struct talker t;
	scene_init(&s, &limits, "host-7");
	for (unsigned i = 0; i < 3; i++) {
		mute_init(&m[i], &s);
		RUN_UNTIL(&s, accepted(&s) == i + 1);
	}
	RUN_UNTIL(&s, m[0].closed);
	assert_false(m[1].closed || m[2].closed);
	talker_init(&t, &s, "127.0.0.1", "/tests.Echo/Talk"); /* an honest one comes in */
	RUN_UNTIL(&s, t.open && m[1].closed);
	assert_false(m[2].closed);
	for (int i = 0; i < 3; i++)
		uv_close((uv_handle_t *)&m[i].tcp, NULL);
	talker_done(&t, &s);
	scene_done(&s);
}

static void past_the_ceiling_a_connection_is_turned_away(void **state)
{
	(void)state;
	struct grpc_server_limits limits = grpc_server_default_limits;
	limits.connections_max = 2;
	struct scene s;
	struct mute m[3];
	struct grpc_server_stats stats;
	scene_init(&s, &limits, "host-7");
	for (unsigned i = 0; i < 3; i++) {
		mute_init(&m[i], &s);
		RUN_UNTIL(&s, accepted(&s) == i + 1);
	}
	RUN_UNTIL(&s, m[2].closed);
	assert_false(m[0].closed || m[1].closed);
	grpc_server_stats(s.server, &stats);
	assert_int_equal(stats.refused_full, 1);
	for (int i = 0; i < 3; i++)
		uv_close((uv_handle_t *)&m[i].tcp, NULL);
	scene_done(&s);
}

static void an_address_that_is_taken_is_said(void **state)
{
	(void)state;
	struct scene s;
	struct grpc_server *second = NULL;
	struct err err;
	scene_init(&s, NULL, "host-7");
	assert_true(grpc_server_start(&s.loop, s.server_tls, "127.0.0.1", grpc_server_port(s.server), methods, NULL, NULL, &s, &second,
				      &err) < 0);
	assert_sentence(err.text, "address already in use");
	assert_true(grpc_server_start(&s.loop, s.server_tls, "not an address", 0, methods, NULL, NULL, &s, &second, &err) < 0);
	assert_null(second);
	scene_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_of_messages_comes_back_in_order),
		cmocka_unit_test(the_largest_message_passes_and_one_byte_more_does_not),
		cmocka_unit_test(a_refusal_arrives_with_its_sentence_as_printable_text),
		cmocka_unit_test(a_path_that_nobody_serves_is_unimplemented),
		cmocka_unit_test(who_has_no_right_to_connect_is_told_why),
		cmocka_unit_test(a_port_where_nobody_listens_is_said),
		cmocka_unit_test(a_paused_call_holds_its_peer_back_and_loses_nothing),
		cmocka_unit_test(a_peer_that_vanishes_ends_its_call),
		cmocka_unit_test(a_stopping_server_says_so),
		cmocka_unit_test(a_probe_is_answered_by_the_living),
		cmocka_unit_test(what_is_no_grpc_request_never_reaches_a_method),
		cmocka_unit_test(a_bad_message_ends_its_call_at_once),
		cmocka_unit_test(messages_split_at_every_byte_are_joined),
		cmocka_unit_test(a_connection_carries_as_many_calls_as_allowed_and_no_more),
		cmocka_unit_test(a_header_list_past_8_kib_is_refused),
		cmocka_unit_test(a_flood_closes_its_own_connection_and_no_other),
		cmocka_unit_test(a_silent_peer_is_given_up),
		cmocka_unit_test(a_probe_closes_who_does_not_answer),
		cmocka_unit_test(the_oldest_half_open_connection_gives_way),
		cmocka_unit_test(past_the_ceiling_a_connection_is_turned_away),
		cmocka_unit_test(an_address_that_is_taken_is_said),
	};
	return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}
