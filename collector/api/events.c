#include "collector/api/events.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* One published event as bytes of the stream, shared by every queue that holds it. */
struct message {
	unsigned refs;
	size_t len;
	char bytes[];
};

struct subscriber {
	struct events *hub;
	struct subscriber *next;
	struct events_sleep sleep;
	struct message *queue[EVENTS_QUEUE_MAX];
	size_t head, count;
	size_t offset; /* bytes of the head that were read */
	bool parked;
	bool dropped;
};

struct events {
	pthread_mutex_t lock;
	pthread_cond_t stopped;
	pthread_t heart;
	struct subscriber *subscribers;
	struct events_stats stats;
	uint32_t nonce;
	bool stopping;
};

/* Event data is one line; JSON needs no line ends outside its strings, so they become spaces. */
static struct message *message_new(const struct events *e, const char *event, const char *json)
{
	if (strlen(json) > EVENT_BYTES_MAX) {
		event = "ready";
		json = "{\"missed\":true}";
	}
	size_t cap = strlen(event) + strlen(json) + 80;
	struct message *m = malloc(sizeof *m + cap);
	if (!m)
		return NULL;
	int len = snprintf(m->bytes, cap, "event: %s\nid: %08" PRIx32 "-%" PRIu64 "\ndata: ", event, e->nonce, e->stats.published);
	for (const char *c = json; *c; c++)
		m->bytes[len++] = *c == '\n' || *c == '\r' ? ' ' : *c;
	m->bytes[len++] = '\n';
	m->bytes[len++] = '\n';
	m->len = (size_t)len;
	m->refs = 1;
	return m;
}

static struct message *comment_new(void)
{
	static const char text[] = ":\n\n";
	struct message *m = malloc(sizeof *m + sizeof text);
	if (!m)
		return NULL;
	m->refs = 1;
	m->len = sizeof text - 1;
	memcpy(m->bytes, text, m->len);
	return m;
}

static void message_unref(struct message *m)
{
	if (m && --m->refs == 0)
		free(m);
}

static void wake(struct subscriber *s)
{
	if (!s->parked)
		return;
	s->parked = false;
	s->sleep.wake(s->sleep.ctx);
}

static void drop(struct subscriber *s)
{
	if (s->dropped)
		return;
	s->dropped = true;
	s->hub->stats.dropped++;
	wake(s);
}

static void enqueue(struct subscriber *s, struct message *m)
{
	if (s->dropped)
		return;
	if (s->count == EVENTS_QUEUE_MAX) {
		drop(s);
		return;
	}
	m->refs++;
	s->queue[(s->head + s->count++) % EVENTS_QUEUE_MAX] = m;
	wake(s);
}

static void dequeue(struct subscriber *s)
{
	message_unref(s->queue[s->head]);
	s->head = (s->head + 1) % EVENTS_QUEUE_MAX;
	s->count--;
	s->offset = 0;
}

void events_publish(struct events *e, const char *event, const char *json)
{
	pthread_mutex_lock(&e->lock);
	e->stats.published++;
	struct message *m = message_new(e, event, json);
	for (struct subscriber *s = e->subscribers; s; s = s->next) {
		if (m)
			enqueue(s, m);
		else
			drop(s); /* out of memory: it must not believe that it saw everything */
	}
	message_unref(m);
	pthread_mutex_unlock(&e->lock);
}

void events_heartbeat(struct events *e)
{
	pthread_mutex_lock(&e->lock);
	struct message *m = comment_new();
	for (struct subscriber *s = e->subscribers; m && s; s = s->next)
		if (s->count == 0)
			enqueue(s, m);
	message_unref(m);
	pthread_mutex_unlock(&e->lock);
}

static void *beat(void *arg)
{
	struct events *e = arg;
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	pthread_mutex_lock(&e->lock);
	while (!e->stopping) {
		until.tv_sec += EVENTS_HEARTBEAT_S;
		int r = 0;
		while (!e->stopping && r == 0)
			r = pthread_cond_timedwait(&e->stopped, &e->lock, &until);
		pthread_mutex_unlock(&e->lock);
		events_heartbeat(e);
		pthread_mutex_lock(&e->lock);
	}
	pthread_mutex_unlock(&e->lock);
	return NULL;
}

int events_new(uint32_t nonce, struct events **ret)
{
	struct events *e = calloc(1, sizeof *e);
	if (!e)
		return -ENOMEM;
	e->nonce = nonce;
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&e->lock, NULL);
	pthread_cond_init(&e->stopped, &monotonic);
	pthread_condattr_destroy(&monotonic);
	int r = pthread_create(&e->heart, NULL, beat, e);
	if (r != 0) {
		pthread_cond_destroy(&e->stopped);
		pthread_mutex_destroy(&e->lock);
		free(e);
		return -r;
	}
	*ret = e;
	return 0;
}

void events_stop(struct events *e)
{
	pthread_mutex_lock(&e->lock);
	bool first = !e->stopping;
	e->stopping = true;
	for (struct subscriber *s = e->subscribers; s; s = s->next)
		wake(s);
	pthread_cond_signal(&e->stopped);
	pthread_mutex_unlock(&e->lock);
	if (first)
		pthread_join(e->heart, NULL);
}

void events_free(struct events *e)
{
	if (!e)
		return;
	events_stop(e);
	pthread_cond_destroy(&e->stopped);
	pthread_mutex_destroy(&e->lock);
	free(e);
}

/* ---- subscribers ---- */

/* The first event of a connection. A client that saw the newest event, or never saw one, has missed nothing. */
static struct message *greeting(const struct events *e, const char *last_id)
{
	char newest[32];
	snprintf(newest, sizeof newest, "%08" PRIx32 "-%" PRIu64, e->nonce, e->stats.published);
	bool missed = last_id && strcmp(last_id, newest) != 0;
	return message_new(e, "ready", missed ? "{\"missed\":true}" : "{\"missed\":false}");
}

int events_subscribe(struct events *e, const char *last_id, const struct events_sleep *sleep, struct subscriber **ret)
{
	struct subscriber *s = calloc(1, sizeof *s);
	if (!s)
		return -ENOMEM;
	s->hub = e;
	s->sleep = *sleep;
	pthread_mutex_lock(&e->lock);
	int r = e->stopping ? -EPIPE : e->stats.subscribers >= EVENTS_SUBSCRIBERS_MAX ? -EUSERS : 0;
	struct message *hello = r == 0 ? greeting(e, last_id) : NULL;
	if (r == 0 && !hello)
		r = -ENOMEM;
	if (r == 0) {
		enqueue(s, hello);
		message_unref(hello);
		s->next = e->subscribers;
		e->subscribers = s;
		e->stats.subscribers++;
	}
	pthread_mutex_unlock(&e->lock);
	if (r < 0) {
		free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void events_unsubscribe(struct subscriber *s)
{
	struct events *e = s->hub;
	pthread_mutex_lock(&e->lock);
	struct subscriber **at = &e->subscribers;
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	e->stats.subscribers--;
	while (s->count > 0)
		dequeue(s);
	pthread_mutex_unlock(&e->lock);
	free(s);
}

static ssize_t read_queue(struct subscriber *s, char *out, size_t cap)
{
	size_t got = 0;
	while (got < cap && s->count > 0) {
		const struct message *m = s->queue[s->head];
		size_t part = m->len - s->offset < cap - got ? m->len - s->offset : cap - got;
		memcpy(out + got, m->bytes + s->offset, part);
		got += part;
		s->offset += part;
		if (s->offset == m->len)
			dequeue(s);
	}
	return (ssize_t)got;
}

ssize_t events_read(struct subscriber *s, char *out, size_t cap)
{
	struct events *e = s->hub;
	ssize_t n = -EPIPE;
	pthread_mutex_lock(&e->lock);
	if (!e->stopping && !s->dropped) {
		n = read_queue(s, out, cap);
		if (n == 0) {
			s->parked = true;
			s->sleep.park(s->sleep.ctx);
		}
	}
	pthread_mutex_unlock(&e->lock);
	return n;
}

void events_stats(struct events *e, struct events_stats *ret)
{
	pthread_mutex_lock(&e->lock);
	*ret = e->stats;
	pthread_mutex_unlock(&e->lock);
}
