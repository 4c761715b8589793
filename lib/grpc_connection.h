/* One HTTP/2 connection that carries gRPC calls, either side of it: what grpc_client.c and grpc_server.c have in common.
 *
 * Lives inside its owner, and holds libuv handles until on_closed. Calls belong to the connection: a call is gone after its on_end. */
#ifndef TOCSIN_LIB_GRPC_CONNECTION_H
#define TOCSIN_LIB_GRPC_CONNECTION_H

#include "lib/byteq.h"
#include "lib/grpc.h"
#include "lib/grpc_head.h"
#include "lib/tls_stream.h"

enum {
	GRPC_STREAM_WINDOW = 256 << 10,
	GRPC_CONNECTION_WINDOW = 1 << 20,
	GRPC_KEEPALIVE_TICKS = 3,
	/* Control frames cost one token; DATA that carries something, either way, and time earn some: a flood has no way to pay. */
	GRPC_TOKENS_MAX = 1000,
	GRPC_TOKENS_PER_SECOND = 200,
};

enum grpc_call_state {
	GRPC_CALL_OPEN,
	GRPC_CALL_ENDING, /* our status follows what is queued */
	GRPC_CALL_OVER,   /* the peer's status came, or the stream is reset: only on_end is left */
};

struct grpc_connection;

struct grpc_call {
	struct grpc_connection *connection;
	struct grpc_call *next, **link;
	enum grpc_call_state state;
	int32_t stream;
	struct grpc_head head;
	struct byteq in, out;
	size_t withheld; /* received while paused: the peer's window is not opened again for it yet */
	bool is_paused, head_seen, head_sent, peer_ended, half_close_told, wants_room;
	enum grpc_status status;
	char sentence[GRPC_SENTENCE_MAX];
	const struct grpc_method *served; /* the server's */
	void *data;
};

struct grpc_connection_events {
	void (*on_open)(struct grpc_connection *c);
	void (*on_call)(struct grpc_call *call); /* server: a request's head is complete */
	void (*on_message)(struct grpc_call *call, struct span message);
	void (*on_half_close)(struct grpc_call *call);
	void (*on_writable)(struct grpc_call *call);
	void (*on_alive)(struct grpc_call *call);
	void (*on_end)(struct grpc_call *call, enum grpc_status status, const char *sentence);
	void (*on_closed)(struct grpc_connection *c, const char *reason);
};

struct nghttp2_session;
struct grpc_connection {
	const struct grpc_connection_events *events;
	struct tls_stream stream;
	struct nghttp2_session *session; /* NULL before TLS is open and after the end */
	struct grpc_call *calls;
	unsigned calls_max;
	bool is_server;
	unsigned depth; /* inside nghttp2 or a callback: output waits until it is 0 */
	bool dirty;
	const char *refusal; /* why the peer's bytes are no longer read */
	uv_timer_t keepalive;
	uint64_t bytes_seen;
	unsigned silent_ticks;
	bool is_probing;
	int64_t tokens;
	uint64_t tokens_ms;
	char reason[512];
};

int grpc_connection_dial(struct grpc_connection *c, uv_loop_t *loop, const struct grpc_client_options *options,
			 const struct grpc_connection_events *events);
void grpc_connection_accept(struct grpc_connection *c, uv_loop_t *loop, struct tls_context *tls, uv_stream_t *listener,
			    const struct grpc_server_limits *limits, const struct grpc_connection_events *events);
/* Client, after on_open: begins the call. NULL when memory is out. */
struct grpc_call *grpc_connection_call(struct grpc_connection *c, const char *authority, const char *path);
/* Says GOAWAY, sends what is queued, closes. */
void grpc_connection_finish(struct grpc_connection *c, const char *reason);
void grpc_connection_close(struct grpc_connection *c, const char *reason);

#endif
