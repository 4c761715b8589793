/* TLS 1.3 with certificates on both sides, as a machine that turns bytes into bytes: no sockets, no loop, no clock of its own.
 *
 * A context is what a program is (its certificate, whom it trusts) and is shared by its connections; a tls is one connection. Both ends
 * must show a certificate of the trusted authority made for their side; the client also checks the name it dialled. ALPN must agree on
 * "h2". No session is ever resumed: each connection proves itself anew. Failures come as sentences an operator can act on. */
#ifndef TOCSIN_LIB_TLS_H
#define TOCSIN_LIB_TLS_H

#include <stddef.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/span.h"

struct tls_context;
struct tls;

enum tls_side { TLS_CLIENT, TLS_SERVER };

/* PEM files. */
struct tls_files {
	const char *authority; /* whom to trust */
	const char *certificate;
	const char *key;
};

/* -EINVAL with the file and the reason: unreadable, not PEM, key and certificate that do not match. Connections keep a context alive. */
int tls_context_new(enum tls_side side, const struct tls_files *files, struct tls_context **ret, struct err *err);
void tls_context_free(struct tls_context *context);

/* `peer_name`: the host name or address that the server's certificate must carry; NULL on the server's side. -ENOMEM, -EINVAL. */
int tls_new(struct tls_context *context, const char *peer_name, struct tls **ret);
void tls_free(struct tls *t);

/* Bytes that came from the network. They are kept until read: the caller feeds what one read of its socket gave, then reads. */
int tls_feed(struct tls *t, struct span ciphertext);
/* Goes on with the handshake: 0 done, -EAGAIN needs more bytes, -EPROTO refused with a sentence. Either way bytes may wait to be sent. */
int tls_handshake(struct tls *t, struct err *err);
/* Plain bytes, at most `cap`: > 0; -EAGAIN needs more bytes; -EPIPE the peer ended the connection in order; -EPROTO with a sentence. */
long tls_read(struct tls *t, void *out, size_t cap, struct err *err);
/* Encrypts all of it. -EPROTO. */
int tls_write(struct tls *t, struct span plain);
/* Says goodbye to the peer. */
void tls_close(struct tls *t);
/* Moves what waits to be sent to the end of `out`; -EMSGSIZE when it does not fit (nothing was moved). */
int tls_take(struct tls *t, struct buf *out);
size_t tls_waiting(const struct tls *t);

/* The common name of the peer's certificate, after the handshake: an agent's id. */
const char *tls_peer_name(const struct tls *t);

#endif
