/* One TCP connection with TLS on a libuv loop, dialled or accepted: plain bytes in, plain bytes out.
 *
 * Lives inside its owner and holds libuv handles: after a successful start the owner keeps it in place until on_closed, which comes exactly
 * once, last, and with the reason. Callbacks may call any function here; nothing is freed under a caller. What is written is encrypted
 * at once and queued without a ceiling of its own: the owner looks at tls_stream_backlog before it writes more. */
#ifndef TOCSIN_LIB_TLS_STREAM_H
#define TOCSIN_LIB_TLS_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/span.h"
#include "lib/tls.h"

enum {
	TLS_STREAM_HANDSHAKE_MS = 10000,  /* from dialling or accepting to the end of the handshake */
	TLS_STREAM_BACKLOG_MAX = 4 << 20, /* a peer that lets this much lie is given up */
	TLS_STREAM_LINGER_MS = 1000,      /* for a peer that was refused to read why */
};

enum tls_stream_state {
	TLS_STREAM_RESOLVING,
	TLS_STREAM_CONNECTING,
	TLS_STREAM_REDIALLING, /* the last address was refused: its socket closes, the next is tried */
	TLS_STREAM_HANDSHAKE,
	TLS_STREAM_OPEN,
	TLS_STREAM_DRAINING, /* what is queued still goes out, what comes in is dropped, until the peer closes or time is up */
	TLS_STREAM_CLOSING,
};

struct tls_stream;

struct tls_stream_events {
	void (*on_open)(struct tls_stream *s);
	void (*on_data)(struct tls_stream *s, struct span plain);
	void (*on_drained)(struct tls_stream *s); /* everything written has left for the socket */
	void (*on_closed)(struct tls_stream *s, const char *reason);
};

/* Everything here is private to tls_stream.c; it stands open so that an owner can embed it. */
struct tls_stream {
	const struct tls_stream_events *events;
	enum tls_stream_state state;
	struct tls *tls;
	uv_tcp_t tcp;
	uv_timer_t timer; /* the handshake's, then that of finishing */
	uv_getaddrinfo_t resolve;
	uv_connect_t connect;
	uv_write_t write;
	uv_shutdown_t shutdown;
	struct addrinfo *addresses, *address; /* found, and being tried */
	struct buf writing;                   /* in flight: libuv borrows it */
	uint64_t bytes_in;                    /* ever received: who watches for a dead peer compares it */
	unsigned handles;                     /* alive: tcp, timer, resolve */
	bool write_in_flight;
	bool sent_end;
	char reason[512];
};

/* Dials; `host` is also the name that the server's certificate must carry. -ENOMEM or -EINVAL (no such name can be): nothing was started. */
int tls_stream_dial(struct tls_stream *s, uv_loop_t *loop, struct tls_context *context, const char *host, uint16_t port,
		    const struct tls_stream_events *events);
/* Takes the next connection of a listener; always started, even when only to be closed. */
void tls_stream_accept(struct tls_stream *s, uv_loop_t *loop, struct tls_context *context, uv_stream_t *listener,
		       const struct tls_stream_events *events);

/* Encrypts and sends. Ignored when not open. */
void tls_stream_write(struct tls_stream *s, struct span plain);
/* Bytes written that the socket has not taken yet. */
size_t tls_stream_backlog(const struct tls_stream *s);
/* Sends what is queued and TLS's goodbye, then closes; within TLS_STREAM_LINGER_MS. The first reason given counts. */
void tls_stream_finish(struct tls_stream *s, const char *reason);
/* Closes now. */
void tls_stream_close(struct tls_stream *s, const char *reason);

/* "10.0.0.7:41234", of the peer; into out, always terminated. */
void tls_stream_peer_address(const struct tls_stream *s, char *out, size_t cap);

#endif
