#include "agent/windows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/fnv.h"
#include "lib/ull.h"

/* Cells refer to each other by index, so that the arrays may move; only the ledgers' addresses are promised to callers. */
enum {
	CELLS_FIRST = 64,
	LEDGERS_MAX = 256, /* sources of one agent */
	/* Ceilings of what one more exchange can add to the encoded batch: a window, a scope, an endpoint, three sketches that go dense. */
	NAMES_ROOM = 4 * NAME_BYTES_MAX,
	WINDOW_ROOM = 32,
	SCOPE_ROOM = 48,
	ENDPOINT_ROOM = 160,
	SKETCH_ROOM = 32,
	LEDGER_ROOM = NAME_BYTES_MAX + 128,
	ADD_ROOM = NAMES_ROOM + WINDOW_ROOM + SCOPE_ROOM + ENDPOINT_ROOM + IDENTITY_KINDS * (1 << 13),
	HOUR_MS = 3600000,
};

#define NONE UINT32_MAX

struct scope_cell {
	int64_t start_ms;
	uint32_t workload;
	struct span host;
	uint32_t endpoints;
	struct ull sketches[IDENTITY_KINDS];
	uint64_t requests[IDENTITY_KINDS];
};

struct endpoint_cell {
	uint32_t scope;
	struct endpoint counts;
};

/* Open addressing over cell indexes, at most half full. */
struct index {
	uint32_t *slots;
	uint32_t size; /* a power of two */
};

struct table {
	struct scope_cell *scopes;
	uint32_t scope_count, scope_cap;
	struct endpoint_cell *endpoints;
	uint32_t endpoint_count, endpoint_cap;
	struct index scope_index, endpoint_index;
	uint32_t window_count; /* distinct starts */
	size_t encoded;        /* no encoding of the cells is longer */
	size_t sketch_bytes;   /* on the heap */
	uint32_t last_scope;   /* most exchanges fall where the one before fell */
};

struct windows {
	struct windows_limits limits;
	struct templates *templates;
	const struct workloads *workloads;
	uint32_t key_id;
	uint32_t span_ms; /* limits.span_ms, or an hour while widened */
	struct table open;
	bool urgent;
	struct ledger *ledgers[LEDGERS_MAX];
	size_t ledger_count;

	/* What windows_batch lends out. */
	struct batch batch;
	struct buf sketch_data;
	void *lent[4]; /* windows, scopes, endpoints, sketches */
	struct ledger ledger_copies[LEDGERS_MAX];
};

/* Methods are text of strangers: the registered ones (RFC 9110, RFC 5789, WebDAV's most used) keep their names, the rest is one. */
static struct span method_name(struct span method)
{
	static const char *const known[] = {"GET",   "POST",     "HEAD",      "PUT",    "DELETE", "OPTIONS", "PATCH", "CONNECT",
					    "TRACE", "PROPFIND", "PROPPATCH", "REPORT", "MKCOL",  "MOVE",    "COPY"};
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (span_equal(method, span_str(known[i])))
			return span_str(known[i]);
	return span_str("OTHER");
}

static enum status_class class_of(uint16_t status)
{
	unsigned hundreds = status / 100;
	return hundreds >= 1 && hundreds <= 5 ? (enum status_class)(STATUS_1XX + hundreds - 1) : STATUS_UNANSWERED;
}

/* A log can say any year: what may not travel is moved to the nearest time that may. */
static int64_t known_time(int64_t time_ms)
{
	return time_ms < 0 ? 0 : time_ms >= TIME_MAX_MS ? TIME_MAX_MS - 1 : time_ms;
}

static int64_t start_of(const struct windows *w, int64_t time_ms)
{
	return time_ms - time_ms % w->span_ms;
}

/* ---- tables ---- */

static uint64_t mix(uint64_t h, uint64_t value)
{
	h = (h ^ value) * UINT64_C(0x9E3779B97F4A7C15);
	return h ^ (h >> 29);
}

static uint64_t scope_hash(int64_t start_ms, uint32_t workload, struct span host)
{
	return mix(mix(fnv1a64(host.data, host.len), (uint64_t)start_ms), workload);
}

static uint64_t endpoint_hash(uint32_t scope, const struct endpoint *e)
{
	uint64_t h = fnv1a64(e->template.data, e->template.len);
	return mix(mix(h, fnv1a64(e->method.data, e->method.len) ^ fnv1a64(e->content.data, e->content.len)),
		   (uint64_t)scope << 1 | e->takes_input);
}

static uint64_t scope_cell_hash(const struct table *t, uint32_t i)
{
	return scope_hash(t->scopes[i].start_ms, t->scopes[i].workload, t->scopes[i].host);
}

static uint64_t endpoint_cell_hash(const struct table *t, uint32_t i)
{
	return endpoint_hash(t->endpoints[i].scope, &t->endpoints[i].counts);
}

static void index_put(struct index *x, uint64_t hash, uint32_t cell)
{
	uint32_t at = (uint32_t)hash & (x->size - 1);
	while (x->slots[at] != NONE)
		at = (at + 1) & (x->size - 1);
	x->slots[at] = cell;
}

/* Makes room for one more of `count` cells in the index and in the array of `size`d cells that it points into. */
static int make_room(struct table *t, struct index *x, void **cells, uint32_t *cap, uint32_t count, size_t size,
		     uint64_t (*hash)(const struct table *, uint32_t))
{
	if (count < *cap)
		return 0;
	uint32_t more = *cap ? *cap * 2 : CELLS_FIRST;
	void *grown = realloc(*cells, more * size);
	if (!grown)
		return -ENOMEM;
	*cells = grown;
	uint32_t *slots = malloc((size_t)more * 2 * sizeof *slots);
	if (!slots)
		return -ENOMEM;
	memset(slots, 0xff, (size_t)more * 2 * sizeof *slots);
	free(x->slots);
	*x = (struct index){.slots = slots, .size = more * 2};
	*cap = more;
	for (uint32_t i = 0; i < count; i++)
		index_put(x, hash(t, i), i);
	return 0;
}

static bool scope_is(const struct scope_cell *c, int64_t start_ms, uint32_t workload, struct span host)
{
	return c->start_ms == start_ms && c->workload == workload && span_equal(c->host, host);
}

static int find_scope(struct table *t, const struct workloads *workloads, int64_t start_ms, uint32_t workload, struct span host,
		      uint32_t *ret)
{
	if (t->last_scope < t->scope_count && scope_is(&t->scopes[t->last_scope], start_ms, workload, host)) {
		*ret = t->last_scope;
		return 0;
	}
	bool window_is_new = true;
	uint64_t hash = scope_hash(start_ms, workload, host);
	if (t->scope_count > 0) {
		const struct index *x = &t->scope_index;
		for (uint32_t at = (uint32_t)hash & (x->size - 1); x->slots[at] != NONE; at = (at + 1) & (x->size - 1)) {
			if (scope_is(&t->scopes[x->slots[at]], start_ms, workload, host)) {
				*ret = t->last_scope = x->slots[at];
				return 0;
			}
		}
		for (uint32_t i = t->scope_count; window_is_new && i-- > 0;)
			window_is_new = t->scopes[i].start_ms != start_ms;
	}
	if (t->scope_count == WINDOW_SCOPES_MAX || (window_is_new && t->window_count == BATCH_WINDOWS_MAX - 1))
		return -ENOBUFS;
	int r = make_room(t, &t->scope_index, (void **)&t->scopes, &t->scope_cap, t->scope_count, sizeof *t->scopes, scope_cell_hash);
	if (r < 0)
		return r;
	struct scope_cell *c = &t->scopes[t->scope_count];
	*c = (struct scope_cell){.start_ms = start_ms, .workload = workload, .host = host};
	for (int k = 0; k < IDENTITY_KINDS; k++)
		ull_init(&c->sketches[k], ULL_P);
	index_put(&t->scope_index, hash, t->scope_count);
	t->encoded += SCOPE_ROOM + workloads_get(workloads, workload)->name.len + host.len + (window_is_new ? WINDOW_ROOM : 0);
	t->window_count += window_is_new;
	*ret = t->last_scope = t->scope_count++;
	return 0;
}

static bool endpoint_is(const struct endpoint_cell *c, uint32_t scope, const struct endpoint *e)
{
	return c->scope == scope && c->counts.takes_input == e->takes_input && span_equal(c->counts.template, e->template) &&
	       span_equal(c->counts.method, e->method) && span_equal(c->counts.content, e->content);
}

/* The cell of an endpoint; `key` gives its names and is what a new cell starts from. */
static int find_endpoint(struct table *t, uint32_t scope, const struct endpoint *key, uint32_t *ret)
{
	uint64_t hash = endpoint_hash(scope, key);
	if (t->endpoint_count > 0) {
		const struct index *x = &t->endpoint_index;
		for (uint32_t at = (uint32_t)hash & (x->size - 1); x->slots[at] != NONE; at = (at + 1) & (x->size - 1)) {
			if (endpoint_is(&t->endpoints[x->slots[at]], scope, key)) {
				*ret = x->slots[at];
				return 0;
			}
		}
	}
	if (t->scopes[scope].endpoints == SCOPE_ENDPOINTS_MAX)
		return -ENOBUFS;
	int r = make_room(t, &t->endpoint_index, (void **)&t->endpoints, &t->endpoint_cap, t->endpoint_count, sizeof *t->endpoints,
			  endpoint_cell_hash);
	if (r < 0)
		return r;
	struct endpoint_cell *c = &t->endpoints[t->endpoint_count];
	*c = (struct endpoint_cell){.scope = scope, .counts = *key};
	memset(c->counts.count, 0, sizeof c->counts.count);
	c->counts.request_bytes = c->counts.answer_bytes = 0;
	index_put(&t->endpoint_index, hash, t->endpoint_count);
	t->scopes[scope].endpoints++;
	t->encoded += ENDPOINT_ROOM + key->method.len + key->template.len + key->content.len;
	*ret = t->endpoint_count++;
	return 0;
}

static size_t sketch_room(const struct ull *u)
{
	return ull_empty(u) ? 0 : SKETCH_ROOM + ull_encoded_max(u);
}

static int add_identity(struct table *t, struct scope_cell *c, int kind, uint64_t hash)
{
	struct ull *u = &c->sketches[kind];
	size_t room = sketch_room(u), memory = ull_memory(u);
	int r = ull_insert(u, hash);
	t->encoded = t->encoded - room + sketch_room(u);
	t->sketch_bytes = t->sketch_bytes - memory + ull_memory(u);
	return r;
}

static size_t memory_of(const struct table *t)
{
	return t->sketch_bytes + t->scope_cap * (sizeof *t->scopes + 2 * sizeof(uint32_t)) +
	       t->endpoint_cap * (sizeof *t->endpoints + 2 * sizeof(uint32_t));
}

static void table_done(struct table *t)
{
	for (uint32_t i = 0; i < t->scope_count; i++)
		for (int k = 0; k < IDENTITY_KINDS; k++)
			ull_done(&t->scopes[i].sketches[k]);
	free(t->scopes);
	free(t->endpoints);
	free(t->scope_index.slots);
	free(t->endpoint_index.slots);
	*t = (struct table){0};
}

/* ---- the life of the windows ---- */

struct windows *windows_new(const struct windows_limits *limits, struct templates *templates, const struct workloads *workloads,
			    uint32_t key_id)
{
	struct windows *w = calloc(1, sizeof *w);
	if (!w)
		return NULL;
	w->limits = *limits;
	w->span_ms = limits->span_ms;
	w->templates = templates;
	w->workloads = workloads;
	w->key_id = key_id;
	buf_init(&w->sketch_data, BATCH_BYTES_MAX);
	return w;
}

static void take_back(struct windows *w)
{
	for (size_t i = 0; i < sizeof w->lent / sizeof w->lent[0]; i++) {
		free(w->lent[i]);
		w->lent[i] = NULL;
	}
	buf_done(&w->sketch_data);
	w->batch = (struct batch){0};
}

void windows_free(struct windows *w)
{
	if (!w)
		return;
	take_back(w);
	table_done(&w->open);
	for (size_t i = 0; i < w->ledger_count; i++) {
		free((char *)(uintptr_t)w->ledgers[i]->source.data);
		free(w->ledgers[i]);
	}
	free(w);
}

int windows_add(struct windows *w, const struct exchange *x)
{
	struct table *t = &w->open;
	if (t->encoded + ADD_ROOM + w->ledger_count * LEDGER_ROOM > BATCH_BYTES_MAX || memory_of(t) > w->limits.memory_bytes)
		return -ENOBUFS;

	/* Templates learn from every exchange that they are asked about: ask only once it is sure to be counted, but for lack of memory. */
	int64_t time_ms = known_time(x->time_ms), start_ms = start_of(w, time_ms);
	uint32_t scope, at;
	int r = find_scope(t, w->workloads, start_ms, x->workload, templates_host(w->templates, x), &scope);
	if (r < 0)
		return r;
	if (t->scopes[scope].endpoints == SCOPE_ENDPOINTS_MAX)
		return -ENOBUFS;
	bool is_new = false;
	struct endpoint key = {.method = method_name(x->method),
			       .template = templates_route(w->templates, x, &is_new),
			       .content = x->content,
			       .takes_input = x->takes_input,
			       .first_ms = time_ms,
			       .last_ms = time_ms};
	r = find_endpoint(t, scope, &key, &at);
	if (r < 0)
		return r;
	struct scope_cell *c = &t->scopes[scope];
	for (int k = 0; k < IDENTITY_KINDS; k++) {
		if (!(x->who.mask >> k & 1))
			continue;
		r = add_identity(t, c, k, x->who.hash[k]);
		if (r < 0)
			return r; /* a hash too many in a sketch: it comes again with the next request of its owner */
	}
	for (int k = 0; k < IDENTITY_KINDS; k++)
		c->requests[k] += x->who.mask >> k & 1;
	struct endpoint *e = &t->endpoints[at].counts;
	e->count[class_of(x->status)]++;
	e->request_bytes += x->request_bytes;
	e->answer_bytes += x->answer_bytes;
	if (time_ms < e->first_ms)
		e->first_ms = time_ms;
	if (time_ms > e->last_ms)
		e->last_ms = time_ms;
	w->urgent |= is_new;
	return 0;
}

struct ledger *windows_ledger(struct windows *w, enum source_kind kind, struct span source)
{
	for (size_t i = 0; i < w->ledger_count; i++)
		if (w->ledgers[i]->kind == kind && span_equal(w->ledgers[i]->source, source))
			return w->ledgers[i];
	if (w->ledger_count == LEDGERS_MAX || source.len > NAME_BYTES_MAX)
		return NULL;
	struct ledger *l = calloc(1, sizeof *l);
	char *name = malloc(source.len + 1);
	if (!l || !name) {
		free(l);
		free(name);
		return NULL;
	}
	memcpy(name, source.data, source.len);
	l->kind = kind;
	l->source = span_make(name, source.len);
	w->ledgers[w->ledger_count++] = l;
	return l;
}

static bool ledger_says_nothing(const struct ledger *l)
{
	return !(l->seen | l->counted | l->malformed | l->skipped | l->known_gap | l->events | l->events_malformed | l->events_lost |
		 l->gap_ms);
}

bool windows_urgent(const struct windows *w)
{
	return w->urgent;
}

bool windows_empty(const struct windows *w)
{
	for (size_t i = 0; i < w->ledger_count; i++)
		if (!ledger_says_nothing(w->ledgers[i]))
			return false;
	return w->open.scope_count == 0;
}

/* ---- the batch ---- */

static const struct scope_cell *order_cells; /* qsort has no context; one thread runs the windows of a process */

static int by_start(const void *a, const void *b)
{
	int64_t x = order_cells[*(const uint32_t *)a].start_ms, y = order_cells[*(const uint32_t *)b].start_ms;
	return x < y ? -1 : x > y;
}

static int lend_sketches(struct windows *w, const struct scope_cell *c, struct scope *to, struct sketch_part *parts)
{
	to->sketches = parts;
	for (int k = 0; k < IDENTITY_KINDS; k++) {
		if (ull_empty(&c->sketches[k]))
			continue;
		size_t from = w->sketch_data.len;
		int r = ull_encode(&c->sketches[k], &w->sketch_data);
		if (r < 0)
			return r;
		parts[to->sketch_count++] = (struct sketch_part){.kind = (enum identity_kind)k,
								 .key_id = w->key_id,
								 .requests = c->requests[k],
								 .data = span_make(NULL, w->sketch_data.len - from)};
	}
	return 0;
}

/* The sketches' bytes stand one after the other in a buffer that moved while it grew: their addresses are known only now. */
static void place_sketches(struct windows *w, struct sketch_part *parts, size_t scopes)
{
	const char *at = (const char *)w->sketch_data.data;
	for (size_t i = 0; i < scopes * IDENTITY_KINDS; i++) {
		parts[i].data.data = at;
		at += parts[i].data.len;
	}
}

static size_t lend_ledgers(struct windows *w)
{
	size_t count = 0;
	for (size_t i = 0; i < w->ledger_count; i++)
		if (!ledger_says_nothing(w->ledgers[i]))
			w->ledger_copies[count++] = *w->ledgers[i];
	return count;
}

int windows_batch(struct windows *w, int64_t now_ms, const struct batch **ret_batch)
{
	struct table *t = &w->open;
	size_t scopes_room = t->scope_count + 1;
	take_back(w);
	uint32_t *order = calloc(scopes_room, sizeof *order);
	uint32_t *place = calloc(scopes_room, sizeof *place); /* of a scope cell among the scopes lent */
	struct window *windows = w->lent[0] = calloc(t->window_count + 1, sizeof *windows);
	struct scope *scopes = w->lent[1] = calloc(scopes_room, sizeof *scopes);
	struct endpoint *endpoints = w->lent[2] = calloc(t->endpoint_count + 1, sizeof *endpoints);
	struct sketch_part *sketches = w->lent[3] = calloc(scopes_room * IDENTITY_KINDS, sizeof *sketches);
	int r = order && place && windows && scopes && endpoints && sketches ? 0 : -ENOMEM;
	size_t count = 0;

	for (uint32_t i = 0; r == 0 && i < t->scope_count; i++)
		order[i] = i;
	if (r == 0) {
		order_cells = t->scopes;
		qsort(order, t->scope_count, sizeof *order, by_start);
	}
	struct endpoint *next = endpoints;
	for (uint32_t i = 0; r == 0 && i < t->scope_count; i++) {
		const struct scope_cell *c = &t->scopes[order[i]];
		const struct workload *load = workloads_get(w->workloads, c->workload);
		if (count == 0 || windows[count - 1].start_ms != c->start_ms)
			windows[count++] = (struct window){.start_ms = c->start_ms, .span_ms = w->span_ms, .scopes = &scopes[i]};
		windows[count - 1].scope_count++;
		place[order[i]] = i;
		scopes[i] = (struct scope){.kind = load->kind, .workload = load->name, .host = c->host, .endpoints = next};
		next += c->endpoints;
		r = lend_sketches(w, c, &scopes[i], &sketches[(size_t)i * IDENTITY_KINDS]);
	}
	for (uint32_t i = 0; r == 0 && i < t->endpoint_count; i++) {
		struct scope *s = &scopes[place[t->endpoints[i].scope]];
		s->endpoints[s->endpoint_count++] = t->endpoints[i].counts;
	}
	if (r == 0) {
		place_sketches(w, sketches, t->scope_count);
		size_t ledgers = lend_ledgers(w);
		if (count == 0 && ledgers > 0)
			windows[count++] = (struct window){.start_ms = start_of(w, known_time(now_ms)), .span_ms = w->span_ms};
		if (count > 0) {
			windows[count - 1].ledger = w->ledger_copies;
			windows[count - 1].ledger_count = ledgers;
		}
		w->batch = (struct batch){.windows = windows, .window_count = count};
		*ret_batch = &w->batch;
	}
	free(order);
	free(place);
	return r;
}

void windows_clear(struct windows *w)
{
	take_back(w);
	table_done(&w->open);
	for (size_t i = 0; i < w->ledger_count; i++) {
		struct ledger *l = w->ledgers[i];
		*l = (struct ledger){.kind = l->kind, .source = l->source};
	}
	w->urgent = false;
	w->span_ms = w->limits.span_ms;
}

/* ---- widening ---- */

static int fold_scope(struct table *into, const struct workloads *workloads, const struct scope_cell *c, uint32_t *ret)
{
	int r = find_scope(into, workloads, c->start_ms - c->start_ms % HOUR_MS, c->workload, c->host, ret);
	for (int k = 0; r == 0 && k < IDENTITY_KINDS; k++) {
		struct scope_cell *to = &into->scopes[*ret];
		size_t room = sketch_room(&to->sketches[k]), memory = ull_memory(&to->sketches[k]);
		r = ull_merge(&to->sketches[k], &c->sketches[k]);
		into->encoded = into->encoded - room + sketch_room(&to->sketches[k]);
		into->sketch_bytes = into->sketch_bytes - memory + ull_memory(&to->sketches[k]);
		to->requests[k] += c->requests[k];
	}
	return r;
}

static int fold_endpoint(struct table *into, uint32_t scope, const struct endpoint *e)
{
	uint32_t at;
	int r = find_endpoint(into, scope, e, &at);
	if (r < 0)
		return r;
	struct endpoint *to = &into->endpoints[at].counts;
	for (int i = 0; i < STATUS_CLASSES; i++)
		to->count[i] += e->count[i];
	to->request_bytes += e->request_bytes;
	to->answer_bytes += e->answer_bytes;
	if (e->first_ms < to->first_ms)
		to->first_ms = e->first_ms;
	if (e->last_ms > to->last_ms)
		to->last_ms = e->last_ms;
	return 0;
}

int windows_widen(struct windows *w)
{
	struct table *from = &w->open, wide = {0};
	if (w->span_ms == HOUR_MS || from->scope_count == 0)
		return 0;
	uint32_t *place = calloc(from->scope_count, sizeof *place);
	int r = place ? 0 : -ENOMEM;
	for (uint32_t i = 0; r == 0 && i < from->scope_count; i++)
		r = fold_scope(&wide, w->workloads, &from->scopes[i], &place[i]);
	for (uint32_t i = 0; r == 0 && i < from->endpoint_count; i++)
		r = fold_endpoint(&wide, place[from->endpoints[i].scope], &from->endpoints[i].counts);
	free(place);
	if (r < 0) {
		table_done(&wide);
		return r;
	}
	take_back(w);
	table_done(from);
	*from = wide;
	w->span_ms = HOUR_MS;
	return 0;
}
