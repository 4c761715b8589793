/* The server: a listener, its connections, and the paths it answers to. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/grpc_connection.h"

enum { BACKLOG = 1024 };

const struct grpc_server_limits grpc_server_default_limits = {
	.connections_max = 16384,
	.half_open_max = 1024,
	.calls_max = 8,
	.keepalive_ms = GRPC_KEEPALIVE_MS,
};

/* A connection is on one of two lists: half open, oldest first, or open. */
struct peer {
	struct grpc_connection connection;
	struct grpc_server *server;
	struct peer *next, *previous;
	bool is_open;
	char address[64]; /* known while the socket lives, told after it */
};

struct peer_list {
	struct peer *first, *last;
};

enum server_state { SERVER_LISTENING, SERVER_STOPPING };

struct grpc_server {
	enum server_state state;
	uv_loop_t *loop;
	uv_tcp_t listener;
	struct tls_context *tls;
	const struct grpc_method *methods;
	struct grpc_server_limits limits;
	on_grpc_refused refused;
	void *ctx;
	void (*on_stopped)(void *ctx);
	struct peer_list half_open, open;
	struct grpc_server_stats stats;
	bool listener_closed;
};

/* ---- lists ---- */

static void list_push(struct peer_list *list, struct peer *p)
{
	p->next = NULL;
	p->previous = list->last;
	*(list->last ? &list->last->next : &list->first) = p;
	list->last = p;
}

static void list_remove(struct peer_list *list, struct peer *p)
{
	*(p->previous ? &p->previous->next : &list->first) = p->next;
	*(p->next ? &p->next->previous : &list->last) = p->previous;
}

static struct peer *peer_of(struct grpc_connection *c)
{
	return (struct peer *)((char *)c - offsetof(struct peer, connection));
}

static void finish_stop(struct grpc_server *server)
{
	if (server->state != SERVER_STOPPING || !server->listener_closed || server->stats.connections > 0)
		return;
	void (*on_stopped)(void *) = server->on_stopped;
	void *ctx = server->ctx;
	free(server);
	on_stopped(ctx);
}

/* ---- calls ---- */

static const struct grpc_method *method_of(const struct grpc_server *server, const char *path)
{
	for (const struct grpc_method *m = server->methods; m->path; m++)
		if (strcmp(m->path, path) == 0)
			return m;
	return NULL;
}

static void on_call(struct grpc_call *call)
{
	struct grpc_server *server = peer_of(call->connection)->server;
	enum grpc_status status;
	const char *fault = grpc_head_fault(&call->head, &status);
	call->served = fault ? NULL : method_of(server, call->head.path);
	if (fault)
		grpc_call_end(call, status, fault);
	else if (!call->served)
		grpc_call_end(call, GRPC_UNIMPLEMENTED, "there is no such method here");
	else if (server->state == SERVER_STOPPING)
		grpc_call_end(call, GRPC_UNAVAILABLE, "the server is stopping");
	else
		call->served->on_call(server->ctx, call);
}

static void on_message(struct grpc_call *call, struct span message)
{
	if (call->served)
		call->served->on_message(peer_of(call->connection)->server->ctx, call, message);
}

static void on_half_close(struct grpc_call *call)
{
	if (call->served)
		call->served->on_half_close(peer_of(call->connection)->server->ctx, call);
}

static void on_writable(struct grpc_call *call)
{
	if (call->served && call->served->on_writable)
		call->served->on_writable(peer_of(call->connection)->server->ctx, call);
}

static void on_alive(struct grpc_call *call)
{
	if (call->served && call->served->on_alive)
		call->served->on_alive(peer_of(call->connection)->server->ctx, call);
}

static void on_end(struct grpc_call *call, enum grpc_status status, const char *sentence)
{
	if (call->served)
		call->served->on_end(peer_of(call->connection)->server->ctx, call, status, sentence);
}

/* ---- connections ---- */

static void on_open(struct grpc_connection *c)
{
	struct peer *p = peer_of(c);
	list_remove(&p->server->half_open, p);
	list_push(&p->server->open, p);
	p->is_open = true;
	p->server->stats.half_open--;
}

static void on_closed(struct grpc_connection *c, const char *reason)
{
	struct peer *p = peer_of(c);
	struct grpc_server *server = p->server;
	list_remove(p->is_open ? &server->open : &server->half_open, p);
	if (!p->is_open) {
		server->stats.half_open--;
		server->stats.refused_handshake++;
		if (server->refused)
			server->refused(server->ctx, p->address, reason);
	}
	server->stats.connections--;
	free(p);
	finish_stop(server);
}

static const struct grpc_connection_events connection_events = {
	.on_open = on_open,
	.on_call = on_call,
	.on_message = on_message,
	.on_half_close = on_half_close,
	.on_writable = on_writable,
	.on_alive = on_alive,
	.on_end = on_end,
	.on_closed = on_closed,
};

/* ---- listening ---- */

static void on_turned_away(uv_handle_t *handle)
{
	free(handle);
}

/* libuv hands over the next connection only after this one was taken. */
static void turn_away(struct grpc_server *server)
{
	uv_tcp_t *tcp = malloc(sizeof *tcp);
	if (!tcp)
		return;
	uv_tcp_init(server->loop, tcp);
	uv_accept((uv_stream_t *)&server->listener, (uv_stream_t *)tcp);
	uv_close((uv_handle_t *)tcp, on_turned_away);
}

/* An honest handshake takes milliseconds: the oldest half-open connection is the least likely to be one. */
static void evict_oldest(struct grpc_server *server)
{
	for (struct peer *p = server->half_open.first; p; p = p->next) {
		if (p->connection.stream.state == TLS_STREAM_CLOSING)
			continue;
		server->stats.refused_half_open++;
		grpc_connection_close(&p->connection, "too many handshakes at once");
		return;
	}
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct grpc_server *server = listener->data;
	if (status < 0)
		return;
	struct peer *p = server->stats.connections < server->limits.connections_max ? calloc(1, sizeof *p) : NULL;
	if (!p) {
		server->stats.refused_full++;
		turn_away(server);
		return;
	}
	if (server->stats.half_open >= server->limits.half_open_max)
		evict_oldest(server);
	p->server = server;
	list_push(&server->half_open, p);
	server->stats.accepted++;
	server->stats.connections++;
	server->stats.half_open++;
	grpc_connection_accept(&p->connection, server->loop, server->tls, listener, &server->limits, &connection_events);
	tls_stream_peer_address(&p->connection.stream, p->address, sizeof p->address);
}

static int bind_and_listen(struct grpc_server *server, const char *host, uint16_t port)
{
	struct sockaddr_storage address;
	int r = uv_ip4_addr(host, port, (struct sockaddr_in *)&address);
	if (r < 0)
		r = uv_ip6_addr(host, port, (struct sockaddr_in6 *)&address);
	if (r == 0)
		r = uv_tcp_bind(&server->listener, (const struct sockaddr *)&address, 0);
	return r < 0 ? r : uv_listen((uv_stream_t *)&server->listener, BACKLOG, on_connection);
}

static void on_failed_listener_closed(uv_handle_t *handle)
{
	free(handle->data);
}

int grpc_server_start(uv_loop_t *loop, struct tls_context *tls, const char *host, uint16_t port, const struct grpc_method *methods,
		      const struct grpc_server_limits *limits, on_grpc_refused refused, void *ctx, struct grpc_server **ret,
		      struct err *err)
{
	struct grpc_server *server = calloc(1, sizeof *server);
	if (!server) {
		err_set(err, "out of memory");
		return -ENOMEM;
	}
	server->loop = loop;
	server->tls = tls;
	server->methods = methods;
	server->limits = limits ? *limits : grpc_server_default_limits;
	server->refused = refused;
	server->ctx = ctx;
	server->listener.data = server;
	uv_tcp_init(loop, &server->listener);
	int r = bind_and_listen(server, host, port);
	if (r < 0) {
		err_set(err, "cannot listen on %s port %u: %s", host, port, uv_strerror(r));
		uv_close((uv_handle_t *)&server->listener, on_failed_listener_closed);
		return r;
	}
	*ret = server;
	return 0;
}

uint16_t grpc_server_port(const struct grpc_server *server)
{
	struct sockaddr_storage address;
	int len = sizeof address;
	if (uv_tcp_getsockname(&server->listener, (struct sockaddr *)&address, &len) < 0)
		return 0;
	return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
						   : ((struct sockaddr_in *)&address)->sin_port);
}

void grpc_server_stats(const struct grpc_server *server, struct grpc_server_stats *ret)
{
	*ret = server->stats;
}

static void on_listener_closed(uv_handle_t *handle)
{
	struct grpc_server *server = handle->data;
	server->listener_closed = true;
	finish_stop(server);
}

void grpc_server_stop(struct grpc_server *server, const char *sentence, void (*on_stopped)(void *ctx))
{
	if (server->state == SERVER_STOPPING)
		return;
	server->state = SERVER_STOPPING;
	server->on_stopped = on_stopped;
	uv_close((uv_handle_t *)&server->listener, on_listener_closed);
	for (struct peer *p = server->half_open.first; p; p = p->next)
		grpc_connection_close(&p->connection, sentence);
	for (struct peer *p = server->open.first; p; p = p->next)
		grpc_connection_finish(&p->connection, sentence);
}
