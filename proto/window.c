/* Batches on the wire. The one file that sees the generated protobuf types: everybody else sees the structs of window.h.
 *
 * The same rules are checked on the way out and on the way in, so an agent cannot seal a batch into its spool that every collector would
 * refuse for ever. Both ways build their tree in one arena: decoding expands a hostile megabyte at most ARENA_BYTES_MAX far. */
#include "proto/window.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/arena.h"
#include "lib/utf8.h"
#include "tocsin.pb-c.h"

/* A megabyte of the smallest honest endpoints (30 bytes each) takes about 16 MiB as protobuf-c's tree and ours together. */
enum { ARENA_BYTES_MAX = 32 << 20, HOUR_MS = 3600000 };

_Static_assert((int)WORKLOAD_LOG == (int)TOCSIN__V1__WORKLOAD_KIND__WORKLOAD_LOG, "values as in tocsin.proto");
_Static_assert((int)IDENTITY_ACCOUNT == (int)TOCSIN__V1__IDENTITY_KIND__IDENTITY_ACCOUNT, "values as in tocsin.proto");
_Static_assert((int)SOURCE_FILE == (int)TOCSIN__V1__SOURCE_KIND__SOURCE_FILE, "values as in tocsin.proto");

/* ---- the rules ---- */

/* One walk over a batch: -EMSGSIZE past a ceiling, -EINVAL for a broken rule. */
struct check {
	struct err *err;       /* may be NULL */
	bool names_are_mended; /* on the way out, where clean_name replaces what is refused on the way in */
};

static int check_count(size_t count, size_t max, const char *what, const struct check *c)
{
	if (count <= max)
		return 0;
	err_set(c->err, "%zu %s, at most %zu are allowed", count, what, max);
	return -EMSGSIZE;
}

static int check_name(struct span name, const char *what, bool required, const struct check *c)
{
	if (name.len > NAME_BYTES_MAX) {
		err_set(c->err, "%s of %zu bytes, at most %d are allowed", what, name.len, NAME_BYTES_MAX);
		return -EMSGSIZE;
	}
	if (name.len == 0 && required) {
		err_set(c->err, "%s is empty", what);
		return -EINVAL;
	}
	size_t clean = utf8_clean_len(name);
	if (clean < name.len && !c->names_are_mended) {
		err_set(c->err, "%s has a control character or broken UTF-8 at byte %zu", what, clean);
		return -EINVAL;
	}
	return 0;
}

static int check_counter(uint64_t value, const char *what, const struct check *c)
{
	if (value <= COUNT_MAX)
		return 0;
	err_set(c->err, "%s is %llu, past 2^48", what, (unsigned long long)value);
	return -EINVAL;
}

static int check_enum(int value, int end, const char *what, const struct check *c)
{
	if (value >= 0 && value < end)
		return 0;
	err_set(c->err, "%s %d is not known to this version", what, value);
	return -EINVAL;
}

static int check_endpoint(const struct window *w, const struct endpoint *e, const struct check *c)
{
	static const char *const words[STATUS_CLASSES] = {"unanswered", "status_1xx", "status_2xx",
							  "status_3xx", "status_4xx", "status_5xx"};
	int r = check_name(e->method, "the method", true, c);
	if (r == 0)
		r = check_name(e->template, "the template", true, c);
	if (r == 0)
		r = check_name(e->content, "the content kind", false, c);
	for (int i = 0; r == 0 && i < STATUS_CLASSES; i++)
		r = check_counter(e->count[i], words[i], c);
	if (r == 0)
		r = check_counter(e->request_bytes, "request_bytes", c);
	if (r == 0)
		r = check_counter(e->answer_bytes, "answer_bytes", c);
	if (r == 0 && (e->first_ms < w->start_ms || e->last_ms < e->first_ms || e->last_ms >= w->start_ms + w->span_ms)) {
		err_set(c->err, "its times %lld to %lld are out of order or outside the window", (long long)e->first_ms,
			(long long)e->last_ms);
		r = -EINVAL;
	}
	return r;
}

static int check_sketch(const struct sketch_part *s, const struct check *c)
{
	int r = check_enum((int)s->kind, IDENTITY_KINDS, "the identity kind", c);
	if (r == 0)
		r = check_counter(s->requests, "requests", c);
	if (r == 0)
		r = check_count(s->data.len, SKETCH_BYTES_MAX, "bytes of data", c);
	return r;
}

static int check_ledger(const struct ledger *l, const struct check *c)
{
	const struct {
		uint64_t value;
		const char *what;
	} counters[] = {
		{l->seen, "seen"},
		{l->counted, "counted"},
		{l->malformed, "malformed"},
		{l->skipped, "skipped"},
		{l->known_gap, "known_gap"},
		{l->events, "events"},
		{l->events_malformed, "events_malformed"},
		{l->events_lost, "events_lost"},
		{l->gap_ms, "gap_ms"},
	};
	int r = check_enum((int)l->kind, SOURCE_KINDS, "the source kind", c);
	if (r == 0)
		r = check_name(l->source, "the source", true, c);
	for (size_t i = 0; r == 0 && i < sizeof counters / sizeof counters[0]; i++)
		r = check_counter(counters[i].value, counters[i].what, c);
	return r;
}

/* Puts where it happened before what happened: "scope 2: endpoint 7: the method is empty". */
static int within(int r, const char *what, size_t index, const struct check *c)
{
	if (r < 0 && c->err) {
		struct err inner = *c->err;
		err_set(c->err, "%s %zu: %.400s", what, index, inner.text);
	}
	return r;
}

static int check_scope(const struct window *w, const struct scope *s, const struct check *c)
{
	int r = check_enum((int)s->kind, WORKLOAD_KINDS, "the workload kind", c);
	if (r == 0)
		r = check_name(s->workload, "the workload", true, c);
	if (r == 0)
		r = check_name(s->host, "the host", false, c);
	if (r == 0)
		r = check_count(s->endpoint_count, SCOPE_ENDPOINTS_MAX, "endpoints", c);
	if (r == 0)
		r = check_count(s->sketch_count, SCOPE_SKETCHES_MAX, "sketches", c);
	for (size_t i = 0; r == 0 && i < s->endpoint_count; i++)
		r = within(check_endpoint(w, &s->endpoints[i], c), "endpoint", i, c);
	for (size_t i = 0; r == 0 && i < s->sketch_count; i++)
		r = within(check_sketch(&s->sketches[i], c), "sketch", i, c);
	return r;
}

static int check_span(const struct window *w, const struct check *c)
{
	if (w->start_ms < 0 || w->start_ms >= TIME_MAX_MS) {
		err_set(c->err, "its start %lld lies outside the years 1970 to 9999", (long long)w->start_ms);
		return -EINVAL;
	}
	if (w->span_ms == 0 || w->span_ms > WINDOW_SPAN_MAX_MS) {
		err_set(c->err, "its span is %u ms; 1 to %d are allowed", w->span_ms, WINDOW_SPAN_MAX_MS);
		return -EINVAL;
	}
	/* Counts are kept by the hour: a window across one could not be filed without guessing. */
	if (w->start_ms / HOUR_MS != (w->start_ms + w->span_ms - 1) / HOUR_MS) {
		err_set(c->err, "it begins at %lld and crosses an hour within its %u ms", (long long)w->start_ms, w->span_ms);
		return -EINVAL;
	}
	return 0;
}

static int check_window(const struct window *w, const struct check *c)
{
	int r = check_span(w, c);
	if (r == 0)
		r = check_count(w->scope_count, WINDOW_SCOPES_MAX, "scopes", c);
	if (r == 0)
		r = check_count(w->ledger_count, WINDOW_LEDGERS_MAX, "ledger rows", c);
	for (size_t i = 0; r == 0 && i < w->scope_count; i++)
		r = within(check_scope(w, &w->scopes[i], c), "scope", i, c);
	for (size_t i = 0; r == 0 && i < w->ledger_count; i++)
		r = within(check_ledger(&w->ledger[i], c), "ledger row", i, c);
	return r;
}

static int check_batch(const struct batch *b, const struct check *c)
{
	int r = check_count(b->window_count, BATCH_WINDOWS_MAX, "windows", c);
	for (size_t i = 0; r == 0 && i < b->window_count; i++)
		r = within(check_window(&b->windows[i], c), "window", i, c);
	return r;
}

/* ---- out ---- */

/* The name as it may travel: itself, or a copy in the arena with every refused byte as '_'. */
static bool clean_name(struct arena *a, struct span name, struct span *ret)
{
	size_t clean = utf8_clean_len(name);
	if (clean == name.len) {
		*ret = name;
		return true;
	}
	char *copy = arena_take(a, name.len);
	if (!copy)
		return false;
	memcpy(copy, name.data, name.len);
	for (; clean < name.len; clean += utf8_clean_len(span_make(copy + clean, name.len - clean)))
		copy[clean] = '_';
	*ret = span_make(copy, name.len);
	return true;
}

static ProtobufCBinaryData out_bytes(struct span s)
{
	return (ProtobufCBinaryData){.len = s.len, .data = (uint8_t *)(uintptr_t)s.data};
}

static bool out_name(struct arena *a, struct span name, ProtobufCBinaryData *ret)
{
	struct span clean;
	if (!clean_name(a, name, &clean))
		return false;
	*ret = out_bytes(clean);
	return true;
}

static bool out_endpoint(struct arena *a, const struct endpoint *e, Tocsin__V1__Endpoint *m)
{
	tocsin__v1__endpoint__init(m);
	m->takes_input = e->takes_input;
	m->unanswered = e->count[STATUS_UNANSWERED];
	m->status_1xx = e->count[STATUS_1XX];
	m->status_2xx = e->count[STATUS_2XX];
	m->status_3xx = e->count[STATUS_3XX];
	m->status_4xx = e->count[STATUS_4XX];
	m->status_5xx = e->count[STATUS_5XX];
	m->request_bytes = e->request_bytes;
	m->answer_bytes = e->answer_bytes;
	m->first_ms = e->first_ms;
	m->last_ms = e->last_ms;
	return out_name(a, e->method, &m->method) && out_name(a, e->template, &m->template_) && out_name(a, e->content, &m->content);
}

static void out_sketch(const struct sketch_part *s, Tocsin__V1__Sketch *m)
{
	tocsin__v1__sketch__init(m);
	m->kind = (Tocsin__V1__IdentityKind)s->kind;
	m->key_id = s->key_id;
	m->requests = s->requests;
	m->data = out_bytes(s->data);
}

static bool out_ledger(struct arena *a, const struct ledger *l, Tocsin__V1__Ledger *m)
{
	tocsin__v1__ledger__init(m);
	m->kind = (Tocsin__V1__SourceKind)l->kind;
	m->seen = l->seen;
	m->counted = l->counted;
	m->malformed = l->malformed;
	m->skipped = l->skipped;
	m->known_gap = l->known_gap;
	m->events = l->events;
	m->events_malformed = l->events_malformed;
	m->events_lost = l->events_lost;
	m->gap_ms = l->gap_ms;
	return out_name(a, l->source, &m->source);
}

static bool out_scope(struct arena *a, const struct scope *s, Tocsin__V1__Scope *m)
{
	tocsin__v1__scope__init(m);
	m->kind = (Tocsin__V1__WorkloadKind)s->kind;
	m->n_endpoints = s->endpoint_count;
	m->n_sketches = s->sketch_count;
	Tocsin__V1__Endpoint *endpoints = arena_array(a, s->endpoint_count, sizeof *endpoints);
	Tocsin__V1__Sketch *sketches = arena_array(a, s->sketch_count, sizeof *sketches);
	m->endpoints = arena_array(a, s->endpoint_count, sizeof(void *));
	m->sketches = arena_array(a, s->sketch_count, sizeof(void *));
	if (!endpoints || !sketches || !m->endpoints || !m->sketches)
		return false;
	for (size_t i = 0; i < s->endpoint_count; i++) {
		m->endpoints[i] = &endpoints[i];
		if (!out_endpoint(a, &s->endpoints[i], &endpoints[i]))
			return false;
	}
	for (size_t i = 0; i < s->sketch_count; i++) {
		m->sketches[i] = &sketches[i];
		out_sketch(&s->sketches[i], &sketches[i]);
	}
	return out_name(a, s->workload, &m->workload) && out_name(a, s->host, &m->host);
}

static bool out_window(struct arena *a, const struct window *w, Tocsin__V1__Window *m)
{
	tocsin__v1__window__init(m);
	m->start_ms = w->start_ms;
	m->span_ms = w->span_ms;
	m->n_scopes = w->scope_count;
	m->n_ledger = w->ledger_count;
	Tocsin__V1__Scope *scopes = arena_array(a, w->scope_count, sizeof *scopes);
	Tocsin__V1__Ledger *ledger = arena_array(a, w->ledger_count, sizeof *ledger);
	m->scopes = arena_array(a, w->scope_count, sizeof(void *));
	m->ledger = arena_array(a, w->ledger_count, sizeof(void *));
	if (!scopes || !ledger || !m->scopes || !m->ledger)
		return false;
	for (size_t i = 0; i < w->scope_count; i++) {
		m->scopes[i] = &scopes[i];
		if (!out_scope(a, &w->scopes[i], &scopes[i]))
			return false;
	}
	for (size_t i = 0; i < w->ledger_count; i++) {
		m->ledger[i] = &ledger[i];
		if (!out_ledger(a, &w->ledger[i], &ledger[i]))
			return false;
	}
	return true;
}

static bool out_batch(struct arena *a, const struct batch *b, Tocsin__V1__Batch *m)
{
	tocsin__v1__batch__init(m);
	m->n_windows = b->window_count;
	Tocsin__V1__Window *windows = arena_array(a, b->window_count, sizeof *windows);
	m->windows = arena_array(a, b->window_count, sizeof(void *));
	if (!windows || !m->windows)
		return false;
	for (size_t i = 0; i < b->window_count; i++) {
		m->windows[i] = &windows[i];
		if (!out_window(a, &b->windows[i], &windows[i]))
			return false;
	}
	return true;
}

int batch_encode(const struct batch *batch, struct buf *out)
{
	int r = check_batch(batch, &(struct check){.names_are_mended = true});
	if (r < 0)
		return r;
	struct arena arena;
	Tocsin__V1__Batch message;
	arena_init(&arena, ARENA_BYTES_MAX);
	r = -ENOMEM;
	if (!out_batch(&arena, batch, &message))
		goto done;
	size_t len = tocsin__v1__batch__get_packed_size(&message);
	r = len > BATCH_BYTES_MAX ? -EMSGSIZE : buf_reserve(out, len);
	if (r < 0 || len == 0)
		goto done;
	out->len += tocsin__v1__batch__pack(&message, out->data + out->len);
done:
	arena_done(&arena);
	return r;
}

/* ---- in ---- */

/* A decoded batch with the arena that everything in it lies in, the protobuf tree included: names and sketches point into that. */
struct owned_batch {
	struct batch batch;
	struct arena arena;
};

static void *take_for_protobuf(void *arena, size_t size)
{
	return arena_take(arena, size);
}

static void keep_until_the_end(void *arena, void *pointer)
{
	(void)arena;
	(void)pointer;
}

static struct span in_bytes(const ProtobufCBinaryData *b)
{
	return span_make(b->data, b->len);
}

static void in_endpoint(const Tocsin__V1__Endpoint *m, struct endpoint *e)
{
	*e = (struct endpoint){
		.method = in_bytes(&m->method),
		.template = in_bytes(&m->template_),
		.content = in_bytes(&m->content),
		.takes_input = m->takes_input,
		.count = {m->unanswered, m->status_1xx, m->status_2xx, m->status_3xx, m->status_4xx, m->status_5xx},
		.request_bytes = m->request_bytes,
		.answer_bytes = m->answer_bytes,
		.first_ms = m->first_ms,
		.last_ms = m->last_ms,
	};
}

static void in_sketch(const Tocsin__V1__Sketch *m, struct sketch_part *s)
{
	*s = (struct sketch_part){
		.kind = (enum identity_kind)m->kind,
		.key_id = m->key_id,
		.requests = m->requests,
		.data = in_bytes(&m->data),
	};
}

static void in_ledger(const Tocsin__V1__Ledger *m, struct ledger *l)
{
	*l = (struct ledger){
		.kind = (enum source_kind)m->kind,
		.source = in_bytes(&m->source),
		.seen = m->seen,
		.counted = m->counted,
		.malformed = m->malformed,
		.skipped = m->skipped,
		.known_gap = m->known_gap,
		.events = m->events,
		.events_malformed = m->events_malformed,
		.events_lost = m->events_lost,
		.gap_ms = m->gap_ms,
	};
}

static bool in_scope(struct arena *a, const Tocsin__V1__Scope *m, struct scope *s)
{
	*s = (struct scope){
		.kind = (enum workload_kind)m->kind,
		.workload = in_bytes(&m->workload),
		.host = in_bytes(&m->host),
		.endpoints = arena_array(a, m->n_endpoints, sizeof *s->endpoints),
		.endpoint_count = m->n_endpoints,
		.sketches = arena_array(a, m->n_sketches, sizeof *s->sketches),
		.sketch_count = m->n_sketches,
	};
	if (!s->endpoints || !s->sketches)
		return false;
	for (size_t i = 0; i < m->n_endpoints; i++)
		in_endpoint(m->endpoints[i], &s->endpoints[i]);
	for (size_t i = 0; i < m->n_sketches; i++)
		in_sketch(m->sketches[i], &s->sketches[i]);
	return true;
}

static bool in_window(struct arena *a, const Tocsin__V1__Window *m, struct window *w)
{
	*w = (struct window){
		.start_ms = m->start_ms,
		.span_ms = m->span_ms,
		.scopes = arena_array(a, m->n_scopes, sizeof *w->scopes),
		.scope_count = m->n_scopes,
		.ledger = arena_array(a, m->n_ledger, sizeof *w->ledger),
		.ledger_count = m->n_ledger,
	};
	if (!w->scopes || !w->ledger)
		return false;
	for (size_t i = 0; i < m->n_scopes; i++)
		if (!in_scope(a, m->scopes[i], &w->scopes[i]))
			return false;
	for (size_t i = 0; i < m->n_ledger; i++)
		in_ledger(m->ledger[i], &w->ledger[i]);
	return true;
}

static bool in_batch(struct arena *a, const Tocsin__V1__Batch *m, struct batch *b)
{
	*b = (struct batch){.windows = arena_array(a, m->n_windows, sizeof *b->windows), .window_count = m->n_windows};
	if (!b->windows)
		return false;
	for (size_t i = 0; i < m->n_windows; i++)
		if (!in_window(a, m->windows[i], &b->windows[i]))
			return false;
	return true;
}

int batch_decode(struct span bytes, struct batch **ret_batch, struct err *err)
{
	if (bytes.len > BATCH_BYTES_MAX) {
		err_set(err, "a batch of %zu bytes, at most %d are allowed", bytes.len, BATCH_BYTES_MAX);
		return -EBADMSG;
	}
	struct owned_batch *owned = calloc(1, sizeof *owned);
	if (!owned)
		return -ENOMEM;
	arena_init(&owned->arena, ARENA_BYTES_MAX);
	ProtobufCAllocator allocator = {take_for_protobuf, keep_until_the_end, &owned->arena};
	const Tocsin__V1__Batch *message = tocsin__v1__batch__unpack(&allocator, bytes.len, (const uint8_t *)bytes.data);
	int r = -EBADMSG;
	if (!message || !in_batch(&owned->arena, message, &owned->batch)) {
		if (owned->arena.starved)
			r = -ENOMEM;
		else
			err_set(err, "%zu bytes that are no Batch message, or one that takes more than %d MiB to read", bytes.len,
				ARENA_BYTES_MAX >> 20);
		goto fail;
	}
	if (check_batch(&owned->batch, &(struct check){.err = err}) < 0)
		goto fail;
	*ret_batch = &owned->batch;
	return 0;
fail:
	batch_free(&owned->batch);
	return r;
}

void batch_free(struct batch *batch)
{
	if (!batch)
		return;
	struct owned_batch *owned = (struct owned_batch *)batch; /* its first member */
	arena_done(&owned->arena);
	free(owned);
}
