/* The hub of server-sent events: what is published once is read by every subscriber, at its own pace.
 *
 * Owns the subscribers and their bounded queues; knows nothing of HTTP. A subscriber whose queue is full is dropped: it reconnects, and
 * its first event says that it missed some, so that it loads what it shows anew instead of being replayed a history. Any thread. */
#ifndef TOCSIN_COLLECTOR_EVENTS_H
#define TOCSIN_COLLECTOR_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	EVENTS_SUBSCRIBERS_MAX = 192,
	EVENTS_QUEUE_MAX = 64,
	EVENT_BYTES_MAX = 256 * 1024, /* a larger one is replaced by "ready" with missed = true */
	EVENTS_HEARTBEAT_S = 15,
};

struct events;
struct subscriber;

/* `nonce` tells one life of the collector from another in the ids of events. Starts the thread of the heartbeat. */
int events_new(uint32_t nonce, struct events **ret);
/* Ends every subscription: each is woken once more and then reads -EPIPE. */
void events_stop(struct events *e);
/* After events_stop and after every subscriber is gone. */
void events_free(struct events *e);

/* How a subscriber sleeps. Both are called with the hub locked: park before events_read says 0, wake exactly once after each park. */
struct events_sleep {
	void (*park)(void *ctx);
	void (*wake)(void *ctx);
	void *ctx;
};

/* `last_id` is what the client saw last, or NULL. -EUSERS when there are EVENTS_SUBSCRIBERS_MAX, -EPIPE after events_stop, -ENOMEM. */
int events_subscribe(struct events *e, const char *last_id, const struct events_sleep *sleep, struct subscriber **ret);
void events_unsubscribe(struct subscriber *s);
/* Up to `cap` bytes of the stream; 0 after parking; -EPIPE when it was dropped or the hub stopped. */
ssize_t events_read(struct subscriber *s, char *out, size_t cap);

void events_publish(struct events *e, const char *event, const char *json);
/* Sends a comment to those with an empty queue. The hub's own thread does so every EVENTS_HEARTBEAT_S. */
void events_heartbeat(struct events *e);

struct events_stats {
	uint64_t subscribers;
	uint64_t published;
	uint64_t dropped; /* subscribers that did not read */
};
void events_stats(struct events *e, struct events_stats *ret);

#endif
