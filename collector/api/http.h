/* HTTPS by libmicrohttpd: the one file that sees that library.
 *
 * Owns the listening socket and its threads. It bounds what strangers send (connections, heads, bodies, time), decides who asks, and hands
 * requests to the routes; event streams sleep in libmicrohttpd's suspended list, so a subscriber costs no thread. */
#ifndef TOCSIN_COLLECTOR_HTTP_H
#define TOCSIN_COLLECTOR_HTTP_H

#include <stdint.h>

#include "collector/api/handler.h"

enum {
	HTTP_THREADS = 4,
	HTTP_CONNECTIONS_MAX = 256,
	HTTP_HEAD_BYTES_MAX = 32 * 1024,
	HTTP_BODY_BYTES_MAX = 256 * 1024,
	HTTP_IDLE_S = 30,
};

struct http;

/* `env` is borrowed until http_stop; its options name address, certificate and key. */
int http_start(struct env *env, struct http **ret, struct err *err);
uint16_t http_port(const struct http *http);
/* After events_stop(), so that no stream sleeps any more. */
void http_stop(struct http *http);

#endif
