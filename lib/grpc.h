/* gRPC over HTTP/2 over mutual TLS on a libuv loop: a client with one bidirectional call, and a server with many.
 *
 * Interoperates with every gRPC (the protocol: github.com/grpc/grpc, doc/PROTOCOL-HTTP2.md); knows no deadlines and no compression.
 * Bounded on both sides: messages, headers, buffered output, streams and connections. A peer that is silent for 15 to 20 s, pings included, is
 * given up. All callbacks come from the loop; any function may be called from inside them. */
#ifndef TOCSIN_LIB_GRPC_H
#define TOCSIN_LIB_GRPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "lib/err.h"
#include "lib/grpc_message.h"
#include "lib/span.h"
#include "lib/tls.h"

/* grpc/grpc, doc/statuscodes.md */
enum grpc_status {
	GRPC_OK = 0,
	GRPC_CANCELLED = 1,
	GRPC_UNKNOWN = 2,
	GRPC_INVALID_ARGUMENT = 3,
	GRPC_NOT_FOUND = 5,
	GRPC_ALREADY_EXISTS = 6,
	GRPC_PERMISSION_DENIED = 7,
	GRPC_RESOURCE_EXHAUSTED = 8,
	GRPC_FAILED_PRECONDITION = 9,
	GRPC_OUT_OF_RANGE = 11,
	GRPC_UNIMPLEMENTED = 12,
	GRPC_INTERNAL = 13,
	GRPC_UNAVAILABLE = 14,
	GRPC_UNAUTHENTICATED = 16,
};
const char *grpc_status_word(enum grpc_status status);

enum {
	GRPC_OUT_MAX = 4 << 20,   /* buffered output of one call */
	GRPC_KEEPALIVE_MS = 5000, /* one silent tick: ping; three: dead */
};

/* ---- client ---- */

struct grpc_client;

struct grpc_client_events {
	void (*on_open)(void *ctx); /* names were checked on both sides, the call has begun */
	void (*on_message)(void *ctx, struct span message);
	void (*on_writable)(void *ctx);                                              /* after a send that said -EAGAIN */
	void (*on_closed)(void *ctx, enum grpc_status status, const char *sentence); /* once, last: the client is gone after it */
};

struct grpc_client_options {
	struct tls_context *tls;
	const char *host; /* dialled, and looked for in the server's certificate */
	uint16_t port;
	const char *path;      /* "/tocsin.v1.Ingest/Deliver" */
	uint64_t keepalive_ms; /* 0: GRPC_KEEPALIVE_MS */
};

/* A negative errno means that nothing was started; else on_closed comes, whatever happens. */
int grpc_client_connect(uv_loop_t *loop, const struct grpc_client_options *options, const struct grpc_client_events *events, void *ctx,
			struct grpc_client **ret);
/* -EAGAIN: the output is full, nothing was taken, on_writable follows. -ENOTCONN before on_open and after the end. -EMSGSIZE. */
int grpc_client_send(struct grpc_client *client, struct span message);
/* Sends what is queued, then ends the connection; on_closed follows. */
void grpc_client_close(struct grpc_client *client);

/* ---- server ---- */

struct grpc_server;
struct grpc_call;

/* One path. `on_end` is the last for a call and always comes; `status` and `sentence` say why, also when we ended it ourselves. */
struct grpc_method {
	const char *path;
	void (*on_call)(void *ctx, struct grpc_call *call);
	void (*on_message)(void *ctx, struct grpc_call *call, struct span message);
	void (*on_half_close)(void *ctx, struct grpc_call *call); /* the client sends no more */
	void (*on_writable)(void *ctx, struct grpc_call *call);   /* may be NULL */
	void (*on_alive)(void *ctx, struct grpc_call *call);      /* a probe was answered; may be NULL */
	void (*on_end)(void *ctx, struct grpc_call *call, enum grpc_status status, const char *sentence);
};

struct grpc_server_limits {
	unsigned connections_max;
	unsigned half_open_max; /* in their handshake: past it the oldest gives way */
	unsigned calls_max;     /* of one connection */
	uint64_t keepalive_ms;
};
extern const struct grpc_server_limits grpc_server_default_limits;

struct grpc_server_stats {
	uint64_t accepted;
	uint64_t refused_full;      /* past connections_max */
	uint64_t refused_half_open; /* gave way to newer handshakes */
	uint64_t refused_handshake; /* no TLS, no certificate, a wrong one */
	uint64_t connections, half_open;
};

/* `refused` tells the log about a connection that never opened: address and sentence. May be NULL. */
typedef void (*on_grpc_refused)(void *ctx, const char *address, const char *sentence);

/* Port 0 takes any free one. `methods` ends with path NULL and is borrowed, as is the context, until on_stopped. */
int grpc_server_start(uv_loop_t *loop, struct tls_context *tls, const char *host, uint16_t port, const struct grpc_method *methods,
		      const struct grpc_server_limits *limits, on_grpc_refused refused, void *ctx, struct grpc_server **ret,
		      struct err *err);
uint16_t grpc_server_port(const struct grpc_server *server);
void grpc_server_stats(const struct grpc_server *server, struct grpc_server_stats *ret);
/* Ends every call with UNAVAILABLE and the sentence, closes every connection, then calls on_stopped: the server is gone after it. */
void grpc_server_stop(struct grpc_server *server, const char *sentence, void (*on_stopped)(void *ctx));

/* The common name of the caller's certificate, and its address. */
const char *grpc_call_peer(const struct grpc_call *call);
void grpc_call_peer_address(const struct grpc_call *call, char *out, size_t cap);
/* -EAGAIN: the output is full, nothing was taken, on_writable follows. -EPIPE after the end. */
int grpc_call_send(struct grpc_call *call, struct span message);
/* The first end counts. Messages queued before it still go out; none is delivered after it. on_end may come before this returns, when it is
 * not called from one of this connection's callbacks. */
void grpc_call_end(struct grpc_call *call, enum grpc_status status, const char *sentence);
/* Back-pressure: no on_message until resumed; the peer is held back by HTTP/2's window once it is full. */
void grpc_call_pause(struct grpc_call *call);
void grpc_call_resume(struct grpc_call *call);
/* Asks the peer's connection for a sign of life: on_alive when any byte comes, else it is closed after `timeout_ms`. */
void grpc_call_probe(struct grpc_call *call, uint64_t timeout_ms);
/* The owner's own pointer. */
void grpc_call_set_data(struct grpc_call *call, void *data);
void *grpc_call_data(const struct grpc_call *call);

#endif
