#include "agent/http/connections.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static void link_init(struct link *l)
{
	l->prev = l->next = l;
}

static void link_remove(struct link *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	link_init(l);
}

static void link_append(struct link *list, struct link *l)
{
	l->prev = list->prev;
	l->next = list;
	list->prev->next = l;
	list->prev = l;
}

static struct conn *conn_of(struct link *by_use)
{
	return container_of(by_use, struct conn, by_use);
}

/* ---- memory ---- */

/* Lets the longest silent connection but `keep` give way. */
static bool evict_one(struct connections *t, const struct conn *keep)
{
	struct link *l = t->by_use.next;
	if (keep && l == &keep->by_use)
		l = l->next;
	if (l == &t->by_use || t->is_evicting)
		return false;
	t->is_evicting = true;
	t->on_evict(t->ctx, conn_of(l));
	t->is_evicting = false;
	return true;
}

static void *take(struct connections *t, const struct conn *keep, size_t size)
{
	while (t->memory + size > t->memory_max)
		if (!evict_one(t, keep))
			return NULL;
	void *p = malloc(size);
	if (p)
		t->memory += size;
	return p;
}

static void give_back(struct connections *t, void *p, size_t size)
{
	t->memory -= size;
	free(p);
}

/* ---- the table ---- */

int connections_init(struct connections *t, uint32_t max, size_t memory_max, void (*on_evict)(void *ctx, struct conn *c), void *ctx)
{
	uint32_t buckets = 16;
	while (buckets < max && buckets < UINT32_C(1) << 24)
		buckets <<= 1;
	*t = (struct connections){.mask = buckets - 1, .max = max, .memory_max = memory_max, .on_evict = on_evict, .ctx = ctx};
	t->buckets = calloc(buckets, sizeof(struct bucket));
	if (!t->buckets)
		return -ENOMEM;
	link_init(&t->by_use);
	link_init(&t->by_age);
	return 0;
}

void connections_done(struct connections *t)
{
	free(t->buckets);
}

/* Cookies count up, a processor taking a batch at a time: Fibonacci hashing spreads them. */
static struct conn **bucket_of(struct connections *t, uint64_t cookie)
{
	return &t->buckets[(cookie * UINT64_C(0x9e3779b97f4a7c15) >> 32) & t->mask].first;
}

struct conn *connections_find(struct connections *t, uint64_t cookie)
{
	struct conn *c = *bucket_of(t, cookie);
	while (c && c->cookie != cookie)
		c = c->chain;
	if (c && t->by_use.prev != &c->by_use) {
		link_remove(&c->by_use);
		link_append(&t->by_use, &c->by_use);
	}
	return c;
}

struct conn *connections_oldest(const struct connections *t)
{
	return t->by_use.next == &t->by_use ? NULL : conn_of(t->by_use.next);
}

struct waiting *connections_oldest_waiting(const struct connections *t)
{
	return t->by_age.next == &t->by_age ? NULL : container_of(t->by_age.next, struct waiting, by_age);
}

/* ---- connections ---- */

struct conn *conn_new(struct connections *t, uint64_t cookie, const uint8_t remote[16])
{
	if (t->count >= t->max && !evict_one(t, NULL))
		return NULL;
	struct conn *c = take(t, NULL, sizeof *c);
	if (!c)
		return NULL;
	*c = (struct conn){.cookie = cookie};
	memcpy(c->remote, remote, sizeof c->remote);
	struct conn **bucket = bucket_of(t, cookie);
	c->chain = *bucket;
	*bucket = c;
	link_append(&t->by_use, &c->by_use);
	t->count++;
	return c;
}

void conn_free(struct connections *t, struct conn *c)
{
	while (c->first)
		waiting_free(t, conn_pop(c));
	held_free(t, c->flow[0].held);
	held_free(t, c->flow[1].held);
	ahead_free(t, c->ahead);
	struct conn **at = bucket_of(t, c->cookie);
	while (*at != c)
		at = &(*at)->chain;
	*at = c->chain;
	link_remove(&c->by_use);
	t->count--;
	give_back(t, c, sizeof *c);
}

void conn_push(struct connections *t, struct conn *c, struct waiting *w)
{
	if (c->last)
		c->last->after = w;
	else
		c->first = w;
	c->last = w;
	c->waiting_count++;
	c->waiting_bytes += waiting_size(w);
	link_append(&t->by_age, &w->by_age);
}

struct waiting *conn_pop(struct conn *c)
{
	struct waiting *w = c->first;
	c->first = w->after;
	if (!c->first)
		c->last = NULL;
	c->waiting_count--;
	c->waiting_bytes -= waiting_size(w);
	link_remove(&w->by_age);
	return w;
}

/* ---- waiting requests ---- */

uint32_t waiting_size(const struct waiting *w)
{
	return (uint32_t)sizeof *w + w->method_len + w->host_len + w->path_len;
}

struct waiting *waiting_new(struct connections *t, struct conn *c, struct span method, struct span host, struct span path)
{
	struct waiting *w = take(t, c, sizeof *w + method.len + host.len + path.len);
	if (!w)
		return NULL;
	*w = (struct waiting){
		.conn = c, .method_len = (uint32_t)method.len, .host_len = (uint32_t)host.len, .path_len = (uint32_t)path.len};
	link_init(&w->by_age);
	memcpy(w->text, method.data, method.len);
	if (host.len > 0)
		memcpy(w->text + method.len, host.data, host.len);
	memcpy(w->text + method.len + host.len, path.data, path.len);
	return w;
}

void waiting_free(struct connections *t, struct waiting *w)
{
	give_back(t, w, waiting_size(w));
}

struct span waiting_method(const struct waiting *w)
{
	return span_make(w->text, w->method_len);
}

struct span waiting_host(const struct waiting *w)
{
	return span_make(w->text + w->method_len, w->host_len);
}

struct span waiting_path(const struct waiting *w)
{
	return span_make(w->text + w->method_len + w->host_len, w->path_len);
}

/* ---- first parts of heads ---- */

static struct held *held_grow(struct connections *t, struct conn *c, struct held *old, size_t need, uint32_t max)
{
	size_t cap = old ? (size_t)old->cap * 2 : 1024;
	if (cap < need)
		cap = need;
	if (cap > max)
		cap = max;
	struct held *h = take(t, c, sizeof *h + cap);
	if (!h)
		return NULL;
	*h = (struct held){.cap = (uint32_t)cap};
	if (old) {
		h->time_ms = old->time_ms;
		h->len = old->len;
		memcpy(h->data, old->data, old->len);
		held_free(t, old);
	}
	return h;
}

bool held_append(struct connections *t, struct conn *c, struct held **held, struct span bytes, uint32_t max)
{
	size_t need = (*held ? (*held)->len : 0) + bytes.len;
	if (need > max)
		return false;
	if (!*held || need > (*held)->cap) {
		struct held *grown = held_grow(t, c, *held, need, max);
		if (!grown)
			return false;
		*held = grown;
	}
	memcpy((*held)->data + (*held)->len, bytes.data, bytes.len);
	(*held)->len += (uint32_t)bytes.len;
	return true;
}

bool held_has_end(const struct held *h, uint32_t from)
{
	const char *end = h->data + h->len;
	for (const char *p = h->data + (from > 2 ? from - 2 : 0); (p = memchr(p, '\n', (size_t)(end - p))); p++) {
		const char *next = p + 1;
		if (next < end && *next == '\r')
			next++;
		if (next < end && *next == '\n')
			return true;
	}
	return false;
}

struct span held_bytes(const struct held *h)
{
	return span_make(h->data, h->len);
}

void held_free(struct connections *t, struct held *h)
{
	if (h)
		give_back(t, h, sizeof *h + h->cap);
}

/* ---- slices out of order ---- */

struct ahead *ahead_new(struct connections *t, struct conn *c, const struct http_slice *slice, struct span data, int64_t time_ms)
{
	struct ahead *a = take(t, c, sizeof *a + data.len);
	if (!a)
		return NULL;
	a->slice = *slice;
	a->time_ms = time_ms;
	a->len = (uint32_t)data.len;
	memcpy(a->data, data.data, data.len);
	return a;
}

struct span ahead_bytes(const struct ahead *a)
{
	return span_make(a->data, a->len);
}

void ahead_free(struct connections *t, struct ahead *a)
{
	if (a)
		give_back(t, a, sizeof *a + a->len);
}
