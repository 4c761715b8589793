/* The client: one connection, one call; whichever ends first ends the client. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/grpc_connection.h"

struct grpc_client {
	struct grpc_connection connection;
	const struct grpc_client_events *events;
	void *ctx;
	struct grpc_call *call; /* NULL before on_open and after its end */
	enum grpc_status status;
	char sentence[GRPC_SENTENCE_MAX];
	char authority[280];
	char path[128];
};

static struct grpc_client *of(struct grpc_connection *c)
{
	return (struct grpc_client *)((char *)c - offsetof(struct grpc_client, connection));
}

static void on_open(struct grpc_connection *c)
{
	struct grpc_client *client = of(c);
	client->call = grpc_connection_call(c, client->authority, client->path);
	if (client->call)
		client->events->on_open(client->ctx);
	else
		grpc_connection_close(c, "out of memory");
}

static void on_message(struct grpc_call *call, struct span message)
{
	struct grpc_client *client = of(call->connection);
	client->events->on_message(client->ctx, message);
}

static void on_writable(struct grpc_call *call)
{
	struct grpc_client *client = of(call->connection);
	client->events->on_writable(client->ctx);
}

static void on_alive(struct grpc_call *call)
{
	(void)call;
}

static void on_end(struct grpc_call *call, enum grpc_status status, const char *sentence)
{
	struct grpc_client *client = of(call->connection);
	client->call = NULL;
	client->status = status;
	snprintf(client->sentence, sizeof client->sentence, "%s", sentence);
	grpc_connection_finish(call->connection, "the call ended");
}

static void on_closed(struct grpc_connection *c, const char *reason)
{
	struct grpc_client *client = of(c);
	if (client->status == GRPC_UNAVAILABLE && !client->sentence[0])
		snprintf(client->sentence, sizeof client->sentence, "%s", reason); /* it ended before there was a call */
	client->events->on_closed(client->ctx, client->status, client->sentence);
	free(client);
}

static const struct grpc_connection_events connection_events = {
	.on_open = on_open,
	.on_message = on_message,
	.on_writable = on_writable,
	.on_alive = on_alive,
	.on_end = on_end,
	.on_closed = on_closed,
};

int grpc_client_connect(uv_loop_t *loop, const struct grpc_client_options *options, const struct grpc_client_events *events, void *ctx,
			struct grpc_client **ret)
{
	struct grpc_client *client = calloc(1, sizeof *client);
	if (!client)
		return -ENOMEM;
	client->events = events;
	client->ctx = ctx;
	client->status = GRPC_UNAVAILABLE;
	snprintf(client->authority, sizeof client->authority, strchr(options->host, ':') ? "[%s]:%u" : "%s:%u", options->host,
		 options->port);
	snprintf(client->path, sizeof client->path, "%s", options->path);
	int r = grpc_connection_dial(&client->connection, loop, options, &connection_events);
	if (r < 0) {
		free(client);
		return r;
	}
	*ret = client;
	return 0;
}

int grpc_client_send(struct grpc_client *client, struct span message)
{
	int r = client->call ? grpc_call_send(client->call, message) : -ENOTCONN;
	return r == -EPIPE ? -ENOTCONN : r;
}

void grpc_client_close(struct grpc_client *client)
{
	grpc_connection_finish(&client->connection, "closed on this side");
}
