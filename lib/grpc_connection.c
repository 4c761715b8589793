/* The only file that sees nghttp2. Nothing is sent from inside its callbacks: they mark what is to do, and the outermost call flushes. */
#include "lib/grpc_connection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nghttp2/nghttp2.h>

enum {
	TLS_HIGH_WATER = 128 << 10, /* no more frames are made while the socket has this much to take */
	TLS_GATHER = 16384,         /* frames that leave as one TLS record */
	OUT_LOW_WATER = GRPC_OUT_MAX / 2,
	CONTINUATIONS_MAX = 4,
	SETTINGS_MAX = 16,
	ACKS_WAITING_MAX = 32,
	RESETS_BURST = 100,
	RESETS_PER_SECOND = 20,
};

static void flush(struct grpc_connection *c);

static void begin(struct grpc_connection *c)
{
	c->depth++;
}

static void end(struct grpc_connection *c)
{
	c->dirty = true;
	if (--c->depth == 0)
		flush(c);
}

/* ---- calls ---- */

static struct grpc_call *call_new(struct grpc_connection *c)
{
	struct grpc_call *call = calloc(1, sizeof *call);
	if (!call)
		return NULL;
	call->connection = c;
	/* While paused, a whole window may follow a message that is not complete yet. */
	byteq_init(&call->in, GRPC_PREFIX_BYTES + GRPC_MESSAGE_MAX + GRPC_STREAM_WINDOW);
	byteq_init(&call->out, GRPC_OUT_MAX);
	call->next = c->calls;
	call->link = &c->calls;
	if (call->next)
		call->next->link = &call->next;
	c->calls = call;
	return call;
}

/* The peer's status, or that the stream or the connection broke: whatever came first is why the call ended. */
static void call_over(struct grpc_call *call, enum grpc_status status, const char *sentence)
{
	if (call->state == GRPC_CALL_OPEN) {
		call->status = status;
		snprintf(call->sentence, sizeof call->sentence, "%s", sentence);
	}
	call->state = GRPC_CALL_OVER;
}

/* Takes it out of the connection, tells its owner (who was told of it), frees it. */
static void call_free(struct grpc_call *call)
{
	*call->link = call->next;
	if (call->next)
		call->next->link = call->link;
	if (!call->connection->is_server || call->head_seen)
		call->connection->events->on_end(call, call->status, call->sentence);
	byteq_done(&call->in);
	byteq_done(&call->out);
	free(call);
}

void grpc_call_end(struct grpc_call *call, enum grpc_status status, const char *sentence)
{
	if (call->state != GRPC_CALL_OPEN)
		return;
	struct grpc_connection *c = call->connection;
	begin(c);
	call->state = GRPC_CALL_ENDING;
	call->status = status;
	snprintf(call->sentence, sizeof call->sentence, "%s", sentence);
	end(c);
}

int grpc_call_send(struct grpc_call *call, struct span message)
{
	uint8_t prefix[GRPC_PREFIX_BYTES];
	if (call->state != GRPC_CALL_OPEN)
		return -EPIPE;
	if (message.len > GRPC_MESSAGE_MAX)
		return -EMSGSIZE;
	if (byteq_len(&call->out) + sizeof prefix + message.len > GRPC_OUT_MAX) {
		call->wants_room = true;
		return -EAGAIN;
	}
	struct grpc_connection *c = call->connection;
	grpc_message_prefix(message.len, prefix);
	size_t before = byteq_len(&call->out);
	if (byteq_append(&call->out, span_make(prefix, sizeof prefix)) < 0 || byteq_append(&call->out, message) < 0) {
		call->out.buf.len = call->out.at + before; /* half a message must not leave */
		return -ENOMEM;
	}
	begin(c);
	end(c);
	return 0;
}

static void open_window(struct grpc_call *call, size_t len)
{
	if (call->connection->session)
		nghttp2_session_consume(call->connection->session, call->stream, len);
}

static void refuse_message(struct grpc_call *call, long why)
{
	switch (why) {
	case -EMSGSIZE: grpc_call_end(call, GRPC_RESOURCE_EXHAUSTED, "a message is larger than the 1 MiB allowed"); break;
	case -EPROTONOSUPPORT: grpc_call_end(call, GRPC_UNIMPLEMENTED, "a message is compressed; only identity is spoken here"); break;
	default: grpc_call_end(call, GRPC_INTERNAL, "a message does not begin as gRPC messages do"); break;
	}
}

static void take_messages(struct grpc_call *call)
{
	while (!call->is_paused && call->state == GRPC_CALL_OPEN) {
		struct span message;
		long used = grpc_message_take(byteq_span(&call->in), &message);
		if (used == 0)
			return;
		if (used < 0) {
			refuse_message(call, used);
			return;
		}
		call->connection->events->on_message(call, message);
		byteq_consume(&call->in, (size_t)used);
	}
}

/* After the last message, not before: a paused call has some left. */
static void tell_half_close(struct grpc_call *call)
{
	if (!call->peer_ended || call->half_close_told || call->is_paused || call->state != GRPC_CALL_OPEN || !call->connection->is_server)
		return;
	call->half_close_told = true;
	call->connection->events->on_half_close(call);
}

void grpc_call_pause(struct grpc_call *call)
{
	call->is_paused = true;
}

void grpc_call_resume(struct grpc_call *call)
{
	if (!call->is_paused)
		return;
	struct grpc_connection *c = call->connection;
	call->is_paused = false;
	begin(c);
	open_window(call, call->withheld);
	call->withheld = 0;
	take_messages(call);
	tell_half_close(call);
	end(c);
}

const char *grpc_call_peer(const struct grpc_call *call)
{
	return tls_peer_name(call->connection->stream.tls);
}

void grpc_call_peer_address(const struct grpc_call *call, char *out, size_t cap)
{
	tls_stream_peer_address(&call->connection->stream, out, cap);
}

void grpc_call_set_data(struct grpc_call *call, void *data)
{
	call->data = data;
}

void *grpc_call_data(const struct grpc_call *call)
{
	return call->data;
}

/* ---- heads ---- */

static nghttp2_nv field(const char *name, const char *value)
{
	return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
			    .value = (uint8_t *)(uintptr_t)value,
			    .namelen = strlen(name),
			    .valuelen = strlen(value)};
}

static int submit_trailers(struct grpc_call *call)
{
	char status[4], sentence[GRPC_SENTENCE_MAX * 3];
	snprintf(status, sizeof status, "%d", (int)call->status);
	grpc_head_encode_sentence(call->sentence, sentence, sizeof sentence);
	const nghttp2_nv trailers[] = {field("grpc-status", status), field("grpc-message", sentence)};
	return nghttp2_submit_trailer(call->connection->session, call->stream, trailers, call->sentence[0] ? 2 : 1);
}

static ssize_t on_provide(nghttp2_session *session, int32_t stream, uint8_t *out, size_t cap, uint32_t *flags, nghttp2_data_source *source,
			  void *ctx)
{
	(void)session;
	(void)stream;
	(void)ctx;
	struct grpc_call *call = source->ptr;
	if (call->state == GRPC_CALL_OVER) /* nobody listens any more */
		byteq_consume(&call->out, byteq_len(&call->out));
	size_t len = byteq_len(&call->out);
	if (len == 0 && call->state == GRPC_CALL_OPEN)
		return NGHTTP2_ERR_DEFERRED;
	if (len > cap)
		len = cap;
	if (len > 0)
		memcpy(out, byteq_span(&call->out).data, len);
	byteq_consume(&call->out, len);
	if (call->state != GRPC_CALL_OPEN && byteq_len(&call->out) == 0) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		if (call->connection->is_server) {
			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
			if (submit_trailers(call) < 0)
				return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
		}
	}
	return (ssize_t)len;
}

/* A refusal before any message is one head with the status in it ("Trailers-Only"). */
static int submit_refusal(struct grpc_call *call)
{
	char status[4], sentence[GRPC_SENTENCE_MAX * 3];
	snprintf(status, sizeof status, "%d", (int)call->status);
	grpc_head_encode_sentence(call->sentence, sentence, sizeof sentence);
	const nghttp2_nv head[] = {field(":status", "200"), field("content-type", "application/grpc+proto"), field("grpc-status", status),
				   field("grpc-message", sentence)};
	call->head_sent = true;
	return nghttp2_submit_response(call->connection->session, call->stream, head, call->sentence[0] ? 4 : 3, NULL);
}

/* Brings what a call wants to send to nghttp2. */
static int submit(struct grpc_call *call)
{
	nghttp2_session *session = call->connection->session;
	if (call->head_sent) {
		int r = nghttp2_session_resume_data(session, call->stream);
		return r == NGHTTP2_ERR_INVALID_ARGUMENT ? 0 : r; /* nothing was waiting */
	}
	if (!call->connection->is_server || call->state == GRPC_CALL_OVER)
		return 0;
	if (byteq_len(&call->out) == 0)
		return call->state == GRPC_CALL_ENDING ? submit_refusal(call) : 0;
	const nghttp2_nv head[] = {field(":status", "200"), field("content-type", "application/grpc+proto")};
	nghttp2_data_provider provider = {.source.ptr = call, .read_callback = on_provide};
	call->head_sent = true;
	return nghttp2_submit_response(session, call->stream, head, 2, &provider);
}

struct grpc_call *grpc_connection_call(struct grpc_connection *c, const char *authority, const char *path)
{
	struct grpc_call *call = call_new(c);
	if (!call)
		return NULL;
	const nghttp2_nv head[] = {
		field(":method", "POST"),
		field(":scheme", "https"),
		field(":path", path),
		field(":authority", authority),
		field("content-type", "application/grpc+proto"),
		field("te", "trailers"),
		field("user-agent", "tocsin/" TOCSIN_VERSION),
	};
	nghttp2_data_provider provider = {.source.ptr = call, .read_callback = on_provide};
	begin(c);
	call->stream = nghttp2_submit_request(c->session, NULL, head, sizeof head / sizeof head[0], &provider, call);
	call->head_sent = true;
	if (call->stream < 0)
		grpc_connection_close(c, "out of memory"); /* which ends the call */
	end(c);
	return call;
}

/* ---- what comes in ---- */

static struct grpc_call *call_of(nghttp2_session *session, int32_t stream)
{
	return nghttp2_session_get_stream_user_data(session, stream);
}

static void earn(struct grpc_connection *c, int64_t tokens)
{
	c->tokens += tokens;
	if (c->tokens > GRPC_TOKENS_MAX)
		c->tokens = GRPC_TOKENS_MAX;
}

/* Every frame is looked at once, when it begins: how many there may be is a question of tokens, whatever nghttp2 thinks of them. */
static bool pay(struct grpc_connection *c, const nghttp2_frame_hd *hd)
{
	uint64_t now = uv_now(c->keepalive.loop);
	earn(c, (int64_t)(now - c->tokens_ms) * GRPC_TOKENS_PER_SECOND / 1000);
	c->tokens_ms = now;
	earn(c, hd->type == NGHTTP2_DATA && hd->length > 0 ? 1 : -1);
	return c->tokens > 0;
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *ctx)
{
	(void)session;
	struct grpc_connection *c = ctx;
	if (pay(c, hd))
		return 0;
	c->refusal = "too many control frames";
	return NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct grpc_connection *c = ctx;
	if (!c->is_server || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	struct grpc_call *call = call_new(c);
	if (!call)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	call->stream = frame->hd.stream_id;
	nghttp2_session_set_stream_user_data(session, call->stream, call);
	return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len, const uint8_t *value,
		     size_t value_len, uint8_t flags, void *ctx)
{
	(void)flags;
	(void)ctx;
	struct grpc_call *call = call_of(session, frame->hd.stream_id);
	if (!call || grpc_head_add(&call->head, span_make(name, name_len), span_make(value, value_len)) == 0)
		return 0;
	call_over(call, GRPC_RESOURCE_EXHAUSTED, "a header list is larger than the 8 KiB allowed");
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* Client: a head or trailers are complete. */
static void read_answer_head(struct grpc_call *call, bool ends)
{
	enum grpc_status status;
	char sentence[GRPC_SENTENCE_MAX];
	if (!grpc_head_ends_call(&call->head, ends, &status, sentence))
		return;
	call_over(call, status, sentence);
	if (!ends)
		nghttp2_submit_rst_stream(call->connection->session, NGHTTP2_FLAG_NONE, call->stream, NGHTTP2_CANCEL);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct grpc_connection *c = ctx;
	bool ends = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
	struct grpc_call *call = frame->hd.stream_id ? call_of(session, frame->hd.stream_id) : NULL;
	if (!call || (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA))
		return 0;
	if (frame->hd.type == NGHTTP2_HEADERS && !c->is_server)
		read_answer_head(call, ends);
	if (frame->hd.type == NGHTTP2_HEADERS && c->is_server && !call->head_seen) {
		call->head_seen = true;
		c->events->on_call(call);
	}
	if (ends) {
		call->peer_ended = true;
		tell_half_close(call);
	}
	return 0;
}

static int on_chunk(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data, size_t len, void *ctx)
{
	(void)flags;
	(void)ctx;
	struct grpc_call *call = call_of(session, stream);
	if (!call || call->state != GRPC_CALL_OPEN) {
		nghttp2_session_consume(session, stream, len);
		return 0;
	}
	/* Bounded by the window that we opened: it fits. */
	if (byteq_append(&call->in, span_make(data, len)) < 0)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	if (call->is_paused)
		call->withheld += len;
	else
		open_window(call, len);
	take_messages(call);
	return 0;
}

static void break_call(struct grpc_call *call, uint32_t error)
{
	char sentence[GRPC_SENTENCE_MAX];
	snprintf(sentence, sizeof sentence, "the stream was reset: %s", nghttp2_http2_strerror(error));
	switch (error) {
	case NGHTTP2_NO_ERROR: call_over(call, GRPC_CANCELLED, "the peer ended the call"); break;
	case NGHTTP2_CANCEL: call_over(call, GRPC_CANCELLED, "the peer cancelled the call"); break;
	case NGHTTP2_REFUSED_STREAM: call_over(call, GRPC_UNAVAILABLE, sentence); break;
	case NGHTTP2_ENHANCE_YOUR_CALM: call_over(call, GRPC_RESOURCE_EXHAUSTED, sentence); break;
	default: call_over(call, GRPC_INTERNAL, sentence); break;
	}
}

static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t error, void *ctx)
{
	(void)ctx;
	struct grpc_call *call = call_of(session, stream);
	if (!call)
		return 0;
	break_call(call, error); /* unless a status came before */
	nghttp2_session_set_stream_user_data(session, stream, NULL);
	if (call->is_paused && call->withheld > 0)
		nghttp2_session_consume_connection(session, call->withheld);
	call_free(call);
	return 0;
}

/* What we send earns the peer its window updates. When our status went out, a client that still sends is told to stop (RFC 9113, 8.1). */
static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct grpc_connection *c = ctx;
	if (frame->hd.type == NGHTTP2_DATA && frame->hd.length > 0)
		earn(c, 1);
	if (!c->is_server || frame->hd.type != NGHTTP2_HEADERS || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		return 0;
	const struct grpc_call *call = call_of(session, frame->hd.stream_id);
	if (call && !call->peer_ended)
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
	return 0;
}

/* ---- the session ---- */

static int session_new(struct grpc_connection *c)
{
	nghttp2_session_callbacks *callbacks = NULL;
	nghttp2_option *option = NULL;
	int r = -ENOMEM;
	if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0)
		goto done;
	nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_chunk);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
	nghttp2_option_set_no_auto_window_update(option, 1);
	nghttp2_option_set_max_continuations(option, CONTINUATIONS_MAX);
	nghttp2_option_set_max_settings(option, SETTINGS_MAX);
	nghttp2_option_set_max_outbound_ack(option, ACKS_WAITING_MAX);
	nghttp2_option_set_stream_reset_rate_limit(option, RESETS_BURST, RESETS_PER_SECOND);
	nghttp2_option_set_no_closed_streams(option, 1);
	if ((c->is_server ? nghttp2_session_server_new2 : nghttp2_session_client_new2)(&c->session, callbacks, c, option) != 0)
		goto done;
	const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, GRPC_STREAM_WINDOW},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, GRPC_HEADER_BYTES_MAX},
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, c->is_server ? c->calls_max : 0},
		{NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
		{NGHTTP2_SETTINGS_ENABLE_PUSH, 0}, /* the client's to say */
	};
	size_t count = sizeof settings / sizeof settings[0] - (c->is_server ? 1 : 0);
	if (nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, count) == 0 &&
	    nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0, GRPC_CONNECTION_WINDOW) == 0)
		r = 0;
done:
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_option_del(option);
	return r;
}

/* Frames leave gathered into whole TLS records, and only as fast as the socket takes them. */
static bool send_frames(struct grpc_connection *c)
{
	char gathered[TLS_GATHER];
	size_t at = 0;
	while (tls_stream_backlog(&c->stream) < TLS_HIGH_WATER) {
		const uint8_t *data;
		ssize_t n = nghttp2_session_mem_send(c->session, &data);
		if (n < 0)
			return false;
		if (n == 0)
			break;
		if ((size_t)n > sizeof gathered - at) {
			tls_stream_write(&c->stream, span_make(gathered, at));
			at = 0;
		}
		if ((size_t)n > sizeof gathered) {
			tls_stream_write(&c->stream, span_make(data, (size_t)n));
			continue;
		}
		memcpy(gathered + at, data, (size_t)n);
		at += (size_t)n;
	}
	if (at > 0)
		tls_stream_write(&c->stream, span_make(gathered, at));
	return true;
}

static bool submit_all(struct grpc_connection *c)
{
	for (struct grpc_call *call = c->calls; call; call = call->next)
		if (submit(call) < 0)
			return false;
	return true;
}

static void offer_room(struct grpc_connection *c)
{
	for (struct grpc_call *call = c->calls; call; call = call->next) {
		if (!call->wants_room || call->state != GRPC_CALL_OPEN || byteq_len(&call->out) > OUT_LOW_WATER)
			continue;
		call->wants_room = false;
		c->events->on_writable(call);
	}
}

static void flush(struct grpc_connection *c)
{
	if (!c->session)
		return;
	c->depth++;
	while (c->dirty && c->session) {
		c->dirty = false;
		if (!submit_all(c) || !send_frames(c)) {
			grpc_connection_close(c, "HTTP/2 failed while sending");
			break;
		}
		offer_room(c);
	}
	c->depth--;
	if (c->session && c->stream.state == TLS_STREAM_OPEN && !nghttp2_session_want_read(c->session) &&
	    !nghttp2_session_want_write(c->session))
		tls_stream_finish(&c->stream, c->refusal ? c->refusal : "HTTP/2 came to its end");
}

/* ---- the connection ---- */

static struct grpc_connection *of(struct tls_stream *stream)
{
	return (struct grpc_connection *)((char *)stream - offsetof(struct grpc_connection, stream));
}

static void on_stream_open(struct tls_stream *stream)
{
	struct grpc_connection *c = of(stream);
	if (session_new(c) < 0) {
		grpc_connection_close(c, "out of memory");
		return;
	}
	begin(c);
	c->events->on_open(c);
	end(c);
}

/* Something came: the peer lives. */
static void on_sign_of_life(struct grpc_connection *c)
{
	c->silent_ticks = 0;
	if (!c->is_probing)
		return;
	c->is_probing = false;
	uv_timer_again(&c->keepalive);
	for (struct grpc_call *call = c->calls, *next; call; call = next) {
		next = call->next;
		c->events->on_alive(call);
	}
}

static void on_stream_data(struct tls_stream *stream, struct span plain)
{
	struct grpc_connection *c = of(stream);
	if (!c->session || c->refusal)
		return;
	begin(c);
	on_sign_of_life(c);
	ssize_t n = nghttp2_session_mem_recv(c->session, (const uint8_t *)plain.data, plain.len);
	if (n < 0) {
		if (!c->refusal)
			c->refusal = nghttp2_strerror((int)n);
		nghttp2_session_terminate_session(c->session, n == NGHTTP2_ERR_FLOODED || n == NGHTTP2_ERR_CALLBACK_FAILURE
								      ? NGHTTP2_ENHANCE_YOUR_CALM
								      : NGHTTP2_PROTOCOL_ERROR);
	}
	end(c);
	if (c->refusal)
		tls_stream_finish(stream, c->refusal);
}

static void on_stream_drained(struct tls_stream *stream)
{
	struct grpc_connection *c = of(stream);
	begin(c);
	end(c);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct grpc_connection *c = handle->data;
	c->events->on_closed(c, c->reason);
}

static void on_stream_closed(struct tls_stream *stream, const char *reason)
{
	struct grpc_connection *c = of(stream);
	snprintf(c->reason, sizeof c->reason, "%s", reason);
	c->depth++; /* whoever is called from here has nobody left to send to */
	for (struct grpc_call *call = c->calls, *next; call; call = next) {
		next = call->next;
		call_over(call, GRPC_UNAVAILABLE, reason);
		call_free(call);
	}
	nghttp2_session_del(c->session);
	c->session = NULL;
	uv_close((uv_handle_t *)&c->keepalive, on_timer_closed);
}

static const struct tls_stream_events stream_events = {
	.on_open = on_stream_open,
	.on_data = on_stream_data,
	.on_drained = on_stream_drained,
	.on_closed = on_stream_closed,
};

static void ping(struct grpc_connection *c)
{
	begin(c);
	nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, NULL);
	end(c);
}

static void on_keepalive(uv_timer_t *timer)
{
	struct grpc_connection *c = timer->data;
	if (!c->session)
		return;
	if (c->is_probing) {
		grpc_connection_close(c, "the peer did not answer a ping in time");
	} else if (c->stream.bytes_in != c->bytes_seen) {
		c->bytes_seen = c->stream.bytes_in;
		c->silent_ticks = 0;
	} else if (++c->silent_ticks >= GRPC_KEEPALIVE_TICKS) {
		grpc_connection_close(c, "the peer is silent, pings included");
	} else if (c->silent_ticks == 1) {
		ping(c);
	}
}

void grpc_call_probe(struct grpc_call *call, uint64_t timeout_ms)
{
	struct grpc_connection *c = call->connection;
	if (!c->session || c->is_probing)
		return;
	c->is_probing = true;
	uv_timer_start(&c->keepalive, on_keepalive, timeout_ms, uv_timer_get_repeat(&c->keepalive));
	ping(c);
}

static void init(struct grpc_connection *c, uv_loop_t *loop, const struct grpc_connection_events *events)
{
	*c = (struct grpc_connection){.events = events, .tokens = GRPC_TOKENS_MAX, .tokens_ms = uv_now(loop)};
	c->keepalive.data = c;
}

static void start_keepalive(struct grpc_connection *c, uv_loop_t *loop, uint64_t tick_ms)
{
	uv_timer_init(loop, &c->keepalive);
	uv_timer_start(&c->keepalive, on_keepalive, tick_ms, tick_ms);
}

int grpc_connection_dial(struct grpc_connection *c, uv_loop_t *loop, const struct grpc_client_options *options,
			 const struct grpc_connection_events *events)
{
	init(c, loop, events);
	int r = tls_stream_dial(&c->stream, loop, options->tls, options->host, options->port, &stream_events);
	if (r == 0)
		start_keepalive(c, loop, options->keepalive_ms ? options->keepalive_ms : GRPC_KEEPALIVE_MS);
	return r;
}

void grpc_connection_accept(struct grpc_connection *c, uv_loop_t *loop, struct tls_context *tls, uv_stream_t *listener,
			    const struct grpc_server_limits *limits, const struct grpc_connection_events *events)
{
	init(c, loop, events);
	c->is_server = true;
	c->calls_max = limits->calls_max;
	start_keepalive(c, loop, limits->keepalive_ms);
	tls_stream_accept(&c->stream, loop, tls, listener, &stream_events);
}

void grpc_connection_finish(struct grpc_connection *c, const char *reason)
{
	if (c->session && c->stream.state == TLS_STREAM_OPEN) {
		snprintf(c->reason, sizeof c->reason, "%s", reason);
		c->refusal = c->reason;
		begin(c);
		for (struct grpc_call *call = c->calls; c->is_server && call; call = call->next)
			grpc_call_end(call, GRPC_UNAVAILABLE, reason);
		end(c); /* their statuses go before the GOAWAY, after which nghttp2 sends nothing */
		begin(c);
		if (c->session)
			nghttp2_session_terminate_session(c->session, NGHTTP2_NO_ERROR);
		end(c);
	}
	tls_stream_finish(&c->stream, reason);
}

void grpc_connection_close(struct grpc_connection *c, const char *reason)
{
	tls_stream_close(&c->stream, reason);
}
