#include "lib/tls_stream.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

enum {
	READ_BYTES = 65536,  /* one read of the socket */
	PLAIN_BYTES = 16384, /* one TLS record */
	FLIGHT_BYTES_MAX = TLS_STREAM_BACKLOG_MAX * 2,
	KEEP_BYTES = 16384, /* an idle stream keeps at most this much of its write buffer */
};

static void begin_handshake(struct tls_stream *s);
static void on_connected(uv_connect_t *request, int status);

/* ---- the end ---- */

/* One thing less that libuv may still call back about; the last one ends the stream. */
static void release(struct tls_stream *s)
{
	if (--s->handles > 0)
		return;
	tls_free(s->tls);
	s->tls = NULL;
	buf_done(&s->writing);
	uv_freeaddrinfo(s->addresses);
	s->addresses = NULL;
	s->events->on_closed(s, s->reason);
}

static void on_handle_closed(uv_handle_t *handle)
{
	release(handle->data);
}

static void close_handle(uv_handle_t *handle)
{
	if (!uv_is_closing(handle))
		uv_close(handle, on_handle_closed);
}

/* The only writer of the state. */
static void enter(struct tls_stream *s, enum tls_stream_state state)
{
	enum tls_stream_state before = s->state;
	s->state = state;
	if (state != TLS_STREAM_CLOSING)
		return;
	if (before == TLS_STREAM_RESOLVING)
		uv_cancel((uv_req_t *)&s->resolve);
	close_handle((uv_handle_t *)&s->tcp);
	close_handle((uv_handle_t *)&s->timer);
}

/* The first reason counts: what follows is its consequence. */
static void give_reason(struct tls_stream *s, const char *reason)
{
	if (!s->reason[0])
		snprintf(s->reason, sizeof s->reason, "%s", reason);
}

void tls_stream_close(struct tls_stream *s, const char *reason)
{
	if (s->state == TLS_STREAM_CLOSING)
		return;
	give_reason(s, reason);
	enter(s, TLS_STREAM_CLOSING);
}

static void on_timeout(uv_timer_t *timer)
{
	tls_stream_close(timer->data, "no TLS connection within 10 s");
}

/* ---- out ---- */

static void flush(struct tls_stream *s);

static void on_end_sent(uv_shutdown_t *request, int status)
{
	if (status < 0)
		tls_stream_close(request->data, "the peer closed the connection");
}

/* Closing a socket that holds unread bytes resets it, and the reset may overtake our last words: half-close, and wait for the peer's end. */
static void send_end(struct tls_stream *s)
{
	if (s->sent_end)
		return;
	s->sent_end = true;
	s->shutdown.data = s;
	if (uv_shutdown(&s->shutdown, (uv_stream_t *)&s->tcp, on_end_sent) < 0)
		tls_stream_close(s, "the peer closed the connection");
}

static void drain(struct tls_stream *s, const char *reason)
{
	give_reason(s, reason);
	enter(s, TLS_STREAM_DRAINING);
	uv_timer_start(&s->timer, on_timeout, TLS_STREAM_LINGER_MS, 0);
	flush(s);
	if (s->state == TLS_STREAM_DRAINING && tls_stream_backlog(s) == 0)
		send_end(s);
}

static void on_written(uv_write_t *request, int status)
{
	struct tls_stream *s = request->data;
	s->write_in_flight = false;
	buf_clear(&s->writing);
	if (s->writing.cap > KEEP_BYTES)
		buf_done(&s->writing);
	if (s->state == TLS_STREAM_CLOSING)
		return;
	if (status < 0) {
		tls_stream_close(s, uv_strerror(status));
		return;
	}
	flush(s);
	if (tls_stream_backlog(s) > 0)
		return;
	if (s->state == TLS_STREAM_DRAINING)
		send_end(s);
	else if (s->state == TLS_STREAM_OPEN)
		s->events->on_drained(s);
}

/* One write in flight; what is encrypted meanwhile waits in TLS's own queue and leaves as one. */
static void flush(struct tls_stream *s)
{
	if (s->write_in_flight || tls_waiting(s->tls) == 0)
		return;
	int r = tls_take(s->tls, &s->writing);
	if (r < 0) {
		tls_stream_close(s, r == -ENOMEM ? "out of memory" : "the peer reads too slowly");
		return;
	}
	uv_buf_t bytes = uv_buf_init((char *)s->writing.data, (unsigned)s->writing.len);
	s->write.data = s;
	r = uv_write(&s->write, (uv_stream_t *)&s->tcp, &bytes, 1, on_written);
	if (r < 0)
		tls_stream_close(s, uv_strerror(r));
	else
		s->write_in_flight = true;
}

void tls_stream_write(struct tls_stream *s, struct span plain)
{
	if (s->state != TLS_STREAM_OPEN)
		return;
	if (tls_stream_backlog(s) + plain.len > TLS_STREAM_BACKLOG_MAX)
		tls_stream_close(s, "the peer reads too slowly");
	else if (tls_write(s->tls, plain) < 0)
		tls_stream_close(s, "TLS failed while writing");
	else
		flush(s);
}

size_t tls_stream_backlog(const struct tls_stream *s)
{
	return s->tls ? tls_waiting(s->tls) + s->writing.len : 0;
}

void tls_stream_finish(struct tls_stream *s, const char *reason)
{
	if (s->state == TLS_STREAM_OPEN) {
		tls_close(s->tls);
		drain(s, reason);
	} else if (s->state != TLS_STREAM_DRAINING) {
		tls_stream_close(s, reason);
	}
}

/* ---- in ---- */

static void step_handshake(struct tls_stream *s)
{
	struct err err;
	int r = tls_handshake(s->tls, &err);
	if (r < 0 && r != -EAGAIN) {
		drain(s, err.text); /* with the alert that tells the peer why */
		return;
	}
	flush(s);
	if (s->state == TLS_STREAM_CLOSING || r == -EAGAIN)
		return;
	uv_timer_stop(&s->timer);
	enter(s, TLS_STREAM_OPEN);
	s->events->on_open(s);
}

static void read_plain(struct tls_stream *s)
{
	static _Thread_local char plain[PLAIN_BYTES];
	while (s->state == TLS_STREAM_OPEN) {
		struct err err;
		long n = tls_read(s->tls, plain, sizeof plain, &err);
		if (n > 0) {
			s->events->on_data(s, span_make(plain, (size_t)n));
			continue;
		}
		if (n == -EPIPE)
			tls_stream_close(s, "the peer closed the connection");
		else if (n != -EAGAIN)
			drain(s, err.text);
		break;
	}
	if (s->state == TLS_STREAM_OPEN)
		flush(s); /* TLS answers some messages (key updates) by itself */
}

/* All streams of a loop share one buffer: nothing is kept in it between two reads. */
static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	static _Thread_local char bytes[READ_BYTES];
	(void)handle;
	(void)suggested;
	*buf = uv_buf_init(bytes, sizeof bytes);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct tls_stream *s = stream->data;
	if (n == 0 || s->state == TLS_STREAM_CLOSING)
		return;
	if (n < 0) {
		tls_stream_close(s, n == UV_EOF ? "the peer closed the connection" : uv_strerror((int)n));
		return;
	}
	if (s->state == TLS_STREAM_DRAINING)
		return;
	s->bytes_in += (uint64_t)n;
	if (tls_feed(s->tls, span_make(buf->base, (size_t)n)) < 0) {
		tls_stream_close(s, "out of memory");
		return;
	}
	if (s->state == TLS_STREAM_HANDSHAKE)
		step_handshake(s);
	if (s->state == TLS_STREAM_OPEN)
		read_plain(s);
}

static void begin_handshake(struct tls_stream *s)
{
	enter(s, TLS_STREAM_HANDSHAKE);
	uv_tcp_nodelay(&s->tcp, 1);
	int r = uv_read_start((uv_stream_t *)&s->tcp, on_alloc, on_read);
	if (r < 0)
		tls_stream_close(s, uv_strerror(r));
	else
		step_handshake(s);
}

/* ---- dialling ---- */

static int dial(struct tls_stream *s)
{
	enter(s, TLS_STREAM_CONNECTING);
	s->connect.data = s;
	return uv_tcp_connect(&s->connect, &s->tcp, s->address->ai_addr, on_connected);
}

static void on_refused_socket_closed(uv_handle_t *handle)
{
	struct tls_stream *s = handle->data;
	if (s->state == TLS_STREAM_CLOSING) {
		on_handle_closed(handle);
		return;
	}
	uv_tcp_init(handle->loop, &s->tcp);
	s->tcp.data = s;
	int r = dial(s);
	if (r < 0)
		tls_stream_close(s, uv_strerror(r));
}

static void on_connected(uv_connect_t *request, int status)
{
	struct tls_stream *s = request->data;
	if (s->state != TLS_STREAM_CONNECTING)
		return;
	if (status == 0) {
		begin_handshake(s);
		return;
	}
	s->address = s->address->ai_next;
	if (!s->address) {
		tls_stream_close(s, uv_strerror(status));
		return;
	}
	/* A socket that was refused cannot dial again. */
	enter(s, TLS_STREAM_REDIALLING);
	uv_close((uv_handle_t *)&s->tcp, on_refused_socket_closed);
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
	struct tls_stream *s = request->data;
	s->addresses = found;
	if (s->state == TLS_STREAM_CLOSING) {
		release(s);
		return;
	}
	s->handles--; /* the other two are alive */
	s->address = found;
	int r = status < 0 ? status : dial(s);
	if (r < 0)
		tls_stream_close(s, uv_strerror(r));
}

/* ---- the beginning ---- */

static void init(struct tls_stream *s, uv_loop_t *loop, const struct tls_stream_events *events)
{
	*s = (struct tls_stream){.events = events};
	buf_init(&s->writing, FLIGHT_BYTES_MAX);
	uv_tcp_init(loop, &s->tcp);
	uv_timer_init(loop, &s->timer);
	s->tcp.data = s->timer.data = s->resolve.data = s;
	s->handles = 2;
	uv_timer_start(&s->timer, on_timeout, TLS_STREAM_HANDSHAKE_MS, 0);
}

int tls_stream_dial(struct tls_stream *s, uv_loop_t *loop, struct tls_context *context, const char *host, uint16_t port,
		    const struct tls_stream_events *events)
{
	struct tls *tls;
	int r = tls_new(context, host, &tls);
	if (r < 0)
		return r;
	char service[8];
	snprintf(service, sizeof service, "%u", port);
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	init(s, loop, events);
	s->tls = tls;
	r = uv_getaddrinfo(loop, &s->resolve, on_resolved, host, service, &hints);
	if (r == 0) {
		s->handles++;
		enter(s, TLS_STREAM_RESOLVING);
	} else {
		tls_stream_close(s, uv_strerror(r));
	}
	return 0;
}

void tls_stream_accept(struct tls_stream *s, uv_loop_t *loop, struct tls_context *context, uv_stream_t *listener,
		       const struct tls_stream_events *events)
{
	init(s, loop, events);
	enter(s, TLS_STREAM_CONNECTING);
	int accepted = uv_accept(listener, (uv_stream_t *)&s->tcp); /* always: libuv hands over no other connection before */
	int made = tls_new(context, NULL, &s->tls);
	if (accepted < 0 || made < 0)
		tls_stream_close(s, uv_strerror(accepted < 0 ? accepted : UV_ENOMEM));
	else
		begin_handshake(s);
}

void tls_stream_peer_address(const struct tls_stream *s, char *out, size_t cap)
{
	struct sockaddr_storage address;
	int len = sizeof address;
	char host[NI_MAXHOST], port[NI_MAXSERV];
	if (uv_tcp_getpeername(&s->tcp, (struct sockaddr *)&address, &len) < 0 ||
	    getnameinfo((struct sockaddr *)&address, (socklen_t)len, host, sizeof host, port, sizeof port,
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		snprintf(out, cap, "an unknown address");
	else
		snprintf(out, cap, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}
