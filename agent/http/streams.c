#include "agent/http/streams.h"

#include <stdlib.h>
#include <string.h>

#include "agent/http/connections.h"
#include "agent/http/content.h"
#include "agent/http/flow.h"
#include "agent/http/head.h"

/* One slice on its way through a connection. */
struct reading {
	struct conn *conn;
	struct flow *flow;
	const struct http_slice *slice;
	struct segment seg;
	int64_t time_ms;
	bool answer;
	bool last_chunk; /* the body before this slice ended */
	bool replayed;   /* it was held back as out of order: a gap before it is now a fact */
};

struct http_streams {
	struct connections connections;
	const struct identity *identity;
	on_exchange_fn on_exchange;
	void *ctx;
	struct http_stats stats;
	int64_t answer_wait_ms;
	uint32_t waiting_max;
	uint32_t waiting_bytes;
	uint32_t head_bytes_max;
};

static void read_slice(struct http_streams *s, struct conn *c, const struct http_slice *slice, struct span data, int64_t time_ms,
		       bool replayed);

/* ---- exchanges ---- */

static void report(struct http_streams *s, struct waiting *w, const struct head *answer, uint64_t answer_bytes)
{
	struct exchange exchange = {
		.time_ms = w->time_ms,
		.workload = w->workload,
		.method = waiting_method(w),
		.host = waiting_host(w),
		.path = waiting_path(w),
		.content = answer ? content_kind(answer->content_type) : span_make(NULL, 0),
		.status = answer ? answer->status : 0,
		.takes_input = w->takes_input,
		.who = w->who,
		.request_bytes = w->request_bytes,
		.answer_bytes = answer_bytes,
	};
	s->stats.exchanges++;
	if (!answer)
		s->stats.exchanges_unanswered++;
	s->on_exchange(s->ctx, &exchange);
	waiting_free(&s->connections, w);
}

/* Their answers passed unseen. */
static void give_up(struct http_streams *s, struct conn *c, uint32_t count)
{
	for (; count > 0 && c->first; count--)
		report(s, conn_pop(c), NULL, 0);
}

/* Its answer may still come and must not be paired with the next request. */
static void give_up_waiting_for(struct http_streams *s, struct conn *c)
{
	report(s, conn_pop(c), NULL, 0);
	if (c->owed < UINT16_MAX)
		c->owed++;
}

static struct identities recognise(const struct http_streams *s, const struct conn *c, const struct head *head)
{
	struct identity_reader reader = {0};
	if (!s->identity)
		return reader.who;
	for (size_t i = 0; i < head->field_count; i++)
		identity_on_header(s->identity, &reader, head->fields[i].name, head->fields[i].value);
	identity_finish(s->identity, &reader, c->remote);
	return reader.who;
}

/* ---- heads that were understood ---- */

/* Where a head ended and how it came. A head that was cut ended at `end` or later. */
struct extent {
	uint64_t len;
	uint64_t end;
	uint64_t shown; /* bytes of its last segment after `end`: the least that its body has */
	int64_t time_ms;
	bool cut;
};

static void note_head(struct http_streams *s, const struct head *head, const struct extent *e)
{
	s->stats.heads_cut += e->cut;
	s->stats.heads_ambiguous += head->framing == HEAD_FRAMING_AMBIGUOUS;
	s->stats.bytes_understood += e->len;
}

static bool is_open_ended(const struct head *head, const struct extent *e)
{
	return e->cut || head->framing == HEAD_FRAMING_AMBIGUOUS;
}

/* Enters the body that follows a head and returns how many bytes it is known to have. */
static uint64_t enter_body(struct http_streams *s, struct flow *f, const struct head *head, const struct extent *e)
{
	uint64_t length = head->framing == HEAD_FRAMING_LENGTH ? head->content_length : 0;
	s->stats.bytes_understood += length;
	if (is_open_ended(head, e))
		flow_enter(f, FLOW_BODY, e->end, length);
	else if (head->framing == HEAD_FRAMING_CHUNKED)
		flow_enter(f, FLOW_CHUNKS, e->end, 0);
	else
		flow_enter(f, FLOW_HEAD, e->end, length);
	return head->framing == HEAD_FRAMING_LENGTH ? length : e->shown;
}

static void accept_request(struct http_streams *s, struct conn *c, const struct head *head, const struct extent *e)
{
	note_head(s, head, e);
	s->stats.requests++;
	bool has_body = head->framing == HEAD_FRAMING_CHUNKED || (head->framing == HEAD_FRAMING_LENGTH && head->content_length > 0);
	uint64_t body = enter_body(s, &c->flow[0], head, e);
	struct span host, path;
	head_route(head, &host, &path);
	struct waiting *w = waiting_new(&s->connections, c, head->method, host, path);
	if (!w) {
		s->stats.refused++;
		return;
	}
	w->time_ms = e->time_ms;
	w->workload = c->workload;
	w->takes_input = has_body;
	w->is_head = span_equal(head->method, span_str("HEAD"));
	w->is_connect = span_equal(head->method, span_str("CONNECT"));
	w->who = recognise(s, c, head);
	w->request_bytes = e->len + (has_body ? body : 0);
	while (c->first && (c->waiting_count >= s->waiting_max || c->waiting_bytes + waiting_size(w) > s->waiting_bytes))
		give_up_waiting_for(s, c);
	conn_push(&s->connections, c, w);
}

static void become_tunnel(struct http_streams *s, struct conn *c)
{
	s->stats.tunnels++;
	c->flow[0].mode = c->flow[1].mode = FLOW_CLOSED;
}

/* An answer that no request waits for (its request was lost, or the server gave up an idle connection). */
static void accept_unpaired(struct http_streams *s, struct conn *c, const struct extent *e)
{
	s->stats.answers_unpaired++;
	flow_enter(&c->flow[1], FLOW_BODY, e->end, 0);
	/* Had the requests' position been right, there would be one: look for the next. */
	if (c->flow[0].mode == FLOW_CHUNKS || c->flow[0].mode == FLOW_BODY)
		c->flow[0].mode = FLOW_LOST;
}

static bool find_request(struct http_streams *s, struct conn *c);

static void accept_answer(struct http_streams *s, struct conn *c, const struct head *head, const struct extent *e)
{
	struct flow *f = &c->flow[1];
	note_head(s, head, e);
	s->stats.answers++;
	if (head->status < 200 && head->status != 101) { /* interim: the final answer follows at once */
		flow_enter(f, e->cut ? FLOW_BODY : FLOW_HEAD, e->end, 0);
		return;
	}
	if (c->owed > 0) { /* to a request that was given up; its method is forgotten, and with it the length of this body */
		c->owed--;
		flow_enter(f, FLOW_BODY, e->end, 0);
		return;
	}
	if (!find_request(s, c)) {
		accept_unpaired(s, c, e);
		return;
	}
	struct waiting *w = conn_pop(c);
	uint64_t body = 0;
	if (head->status == 101 || (w->is_connect && head->status < 300))
		become_tunnel(s, c);
	else if (w->is_head || head->status == 204 || head->status == 304)
		flow_enter(f, e->cut ? FLOW_BODY : FLOW_HEAD, e->end, 0);
	else {
		body = enter_body(s, f, head, e);
		if (!e->cut && (head->framing == HEAD_FRAMING_NONE || head->framing == HEAD_FRAMING_CLOSE))
			f->mode = FLOW_CLOSED;
	}
	report(s, w, head, e->len + body);
}

static void accept(struct http_streams *s, struct conn *c, bool answer, const struct head *head, const struct extent *e)
{
	if (answer)
		accept_answer(s, c, head, e);
	else
		accept_request(s, c, head, e);
}

static int parse(bool answer, struct span bytes, struct head *head)
{
	return answer ? head_parse_answer(bytes, head) : head_parse_request(bytes, head);
}

/* Takes the held first part of a head for the whole: the rest will not come. */
static void flush_held(struct http_streams *s, struct conn *c, bool answer)
{
	struct flow *f = &c->flow[answer];
	if (!f->held)
		return;
	struct held *held = f->held;
	f->held = NULL;
	struct head head;
	struct span bytes = held_bytes(held);
	if (parse(answer, bytes, &head) == HEAD_MORE && (head.method.len > 0 || head.status > 0)) {
		accept(s, c, answer, &head, &(struct extent){.len = bytes.len, .end = f->next, .time_ms = held->time_ms, .cut = true});
	} else {
		s->stats.heads_unfinished++;
		f->mode = FLOW_LOST;
	}
	held_free(&s->connections, held);
}

/* ---- slices out of order ---- */

static void replay_ahead(struct http_streams *s, struct conn *c)
{
	struct ahead *a = c->ahead;
	c->ahead = NULL;
	read_slice(s, c, &a->slice, ahead_bytes(a), a->time_ms, true);
	ahead_free(&s->connections, a);
}

static uint64_t ahead_begin(const struct conn *c)
{
	return flow_place(&c->flow[0], c->ahead->slice.tcp_seq, 0, span_make(NULL, 0)).begin;
}

/* Replays the held-back slice once nothing is missing before it. */
static void settle_ahead(struct http_streams *s, struct conn *c)
{
	const struct flow *f = &c->flow[0];
	if (c->ahead && (f->mode != FLOW_HEAD || ahead_begin(c) <= f->next))
		replay_ahead(s, c);
}

/* An answer came: whatever is known of requests must be a request now. */
static bool find_request(struct http_streams *s, struct conn *c)
{
	if (!c->first && c->flow[0].held) {
		flush_held(s, c, false);
		settle_ahead(s, c);
	}
	if (!c->first && c->ahead)
		replay_ahead(s, c);
	return c->first != NULL;
}

/* ---- positions lost and found ---- */

static void lose(struct http_streams *s, struct reading *r)
{
	struct conn *c = r->conn;
	struct flow *f = r->flow;
	s->stats.gaps++;
	flush_held(s, c, r->answer);
	if (f->mode == FLOW_BODY && f->missing == 0) /* what was held was a head: this lies in its body or after it */
		return;
	/* The answers in the gap belong to the oldest requests. How many they were is known when records are missing; else all but one,
	 * which is right for whoever does not pipeline. */
	if (r->answer) {
		c->owed = 0;
		if (c->waiting_count > 1)
			give_up(s, c, f->missing > 0 && f->missing < c->waiting_count ? f->missing : c->waiting_count - 1u);
	}
	f->missing = 0;
	flow_enter(f, FLOW_LOST, f->next > r->seg.begin ? f->next : r->seg.begin, 0);
}

/* The slice lies beyond the position where a head is expected: the bytes between were lost, or are late. */
static bool read_beyond(struct http_streams *s, struct reading *r)
{
	struct conn *c = r->conn;
	if (!r->answer && !r->replayed && r->flow->missing == 0) { /* egress is seen before the network can reorder it */
		if (c->ahead && ahead_begin(c) < r->seg.begin) {
			replay_ahead(s, c);
			return true;
		}
		if (!c->ahead && (c->ahead = ahead_new(&s->connections, c, r->slice, r->seg.data, r->time_ms))) {
			s->stats.out_of_order++;
			return false;
		}
	}
	lose(s, r);
	return true;
}

static bool may_begin(bool answer, struct span bytes)
{
	return answer ? head_may_begin_answer(bytes) : head_may_begin_request(bytes);
}

/* No position is known but a lower bound: is this a head? */
static bool seek(struct http_streams *s, struct reading *r)
{
	struct conn *c = r->conn;
	struct flow *f = r->flow;
	struct span rest = flow_rest(f, &r->seg);
	if (f->mode == FLOW_BODY && f->missing > 0) {
		lose(s, r);
		return true;
	}
	bool evident = rest.len > 0 && may_begin(r->answer, rest);
	/* Inside a body of unknown end, a request is believed only after the one before was answered. */
	if (!evident || (!r->answer && f->mode == FLOW_BODY && !r->last_chunk && c->first)) {
		s->stats.in_body++;
		return false;
	}
	if (r->answer && c->owed == 0 && !find_request(s, c)) {
		s->stats.answers_unpaired++;
		return false;
	}
	if (f->mode == FLOW_LOST)
		s->stats.resynced++;
	f->missing = 0;
	flow_enter(f, FLOW_HEAD, f->next > r->seg.begin ? f->next : r->seg.begin, 0);
	return true;
}

static bool read_chunks(struct http_streams *s, struct reading *r)
{
	struct flow *f = r->flow;
	if (r->seg.begin > f->next) { /* the size line was not captured: only the kernel side's flag, or an answer, can end this body now */
		flow_enter(f, FLOW_BODY, r->seg.begin, 0);
		return true;
	}
	struct span rest = flow_rest(f, &r->seg);
	if (rest.len == 0)
		return false;
	uint64_t took = chunks_read(&f->chunks, rest);
	took += chunks_skip(&f->chunks);
	f->next += took;
	if (f->chunks.phase == CHUNKS_BAD) {
		s->stats.heads_ambiguous++;
		flow_enter(f, FLOW_BODY, r->seg.seen, 0);
		return false;
	}
	s->stats.bytes_understood += took;
	if (f->chunks.phase == CHUNKS_DONE)
		flow_enter(f, FLOW_HEAD, f->next, 0);
	return true;
}

/* ---- heads ---- */

/* A head is due in the part of an answer that was not captured, so somebody pipelines; how many begin there, nobody can tell. */
static bool read_hidden(struct http_streams *s, struct reading *r)
{
	if (!r->answer) /* more records of the same segment follow */
		return false;
	s->stats.gaps++;
	flush_held(s, r->conn, true);
	give_up(s, r->conn, r->conn->waiting_count);
	flow_enter(r->flow, FLOW_LOST, r->seg.end, 0);
	return false;
}

static bool read_malformed(struct http_streams *s, struct reading *r, struct span bytes)
{
	if (!r->answer && span_starts_with(bytes, span_str("PRI * HTTP/2.0\r\n"))) {
		become_tunnel(s, r->conn);
		return false;
	}
	s->stats.heads_malformed++;
	flow_enter(r->flow, FLOW_LOST, r->seg.seen, 0);
	return false;
}

/* Keeps the first part of a head until the rest comes. NULL when memory is out. */
static struct held *hold(struct http_streams *s, struct reading *r, struct span bytes)
{
	struct flow *f = r->flow;
	bool is_first = !f->held;
	if (!held_append(&s->connections, r->conn, &f->held, bytes, s->head_bytes_max)) {
		s->stats.refused++;
		return NULL;
	}
	if (is_first)
		f->held->time_ms = r->time_ms;
	f->next += bytes.len;
	return f->held;
}

/* A head that needs more than this slice: assembled in `held`. */
static bool read_held_head(struct http_streams *s, struct reading *r, struct span rest)
{
	struct flow *f = r->flow;
	uint32_t before = f->held ? f->held->len : 0;
	uint32_t room = s->head_bytes_max - before;
	struct span part = span_make(rest.data, rest.len < room ? rest.len : room);
	bool is_cut = part.len < rest.len || (r->answer && r->seg.seen < r->seg.end);
	struct held *held = hold(s, r, part);
	struct head head;
	int len = HEAD_MORE;
	if (held && held_has_end(held, before))
		len = parse(r->answer, held_bytes(held), &head);
	if (len == HEAD_MORE) {
		if (!held || is_cut)
			flush_held(s, r->conn, r->answer);
		return false;
	}
	f->held = NULL;
	bool more = len > 0;
	if (more) {
		uint64_t end = f->next - held->len + (uint64_t)len;
		accept(s, r->conn, r->answer, &head,
		       &(struct extent){.len = (uint64_t)len, .end = end, .shown = r->seg.end - end, .time_ms = held->time_ms});
	} else {
		more = read_malformed(s, r, held_bytes(held));
	}
	held_free(&s->connections, held);
	return more;
}

static bool read_head(struct http_streams *s, struct reading *r)
{
	struct flow *f = r->flow;
	if (r->seg.begin > f->next)
		return read_beyond(s, r);
	f->missing = 0;
	struct span rest = flow_rest(f, &r->seg);
	if (rest.len == 0)
		return read_hidden(s, r);
	if (f->held)
		return read_held_head(s, r, rest);
	if (!may_begin(r->answer, rest))
		return read_malformed(s, r, rest);
	struct head head;
	int len = parse(r->answer, rest, &head);
	if (len == HEAD_MORE)
		return read_held_head(s, r, rest);
	if (len == HEAD_BAD)
		return read_malformed(s, r, rest);
	uint64_t end = f->next + (uint64_t)len;
	accept(s, r->conn, r->answer, &head,
	       &(struct extent){.len = (uint64_t)len, .end = end, .shown = r->seg.end - end, .time_ms = r->time_ms});
	return true;
}

static bool step(struct http_streams *s, struct reading *r)
{
	switch (r->flow->mode) {
	case FLOW_NEW:
	case FLOW_LOST:
	case FLOW_BODY: return seek(s, r);
	case FLOW_HEAD: return read_head(s, r);
	case FLOW_CHUNKS: return read_chunks(s, r);
	case FLOW_CLOSED: break;
	}
	return false;
}

static void read_slice(struct http_streams *s, struct conn *c, const struct http_slice *slice, struct span data, int64_t time_ms,
		       bool replayed)
{
	bool answer = slice->flags & HTTP_SLICE_ANSWER;
	struct flow *f = &c->flow[answer];
	struct reading r = {
		.conn = c,
		.flow = f,
		.slice = slice,
		.seg = flow_place(f, slice->tcp_seq, slice->segment_len, data),
		.time_ms = time_ms,
		.answer = answer,
		.last_chunk = slice->flags & HTTP_SLICE_LAST_CHUNK,
		.replayed = replayed,
	};
	if (f->mode == FLOW_NEW)
		f->next = f->body = r.seg.begin;
	else if (f->mode != FLOW_CLOSED && r.seg.end <= f->next) {
		if (r.seg.begin >= f->body && f->body < f->next)
			s->stats.in_body++;
		else
			s->stats.duplicates++;
		return;
	}
	while (f->next < r.seg.end && step(s, &r))
		;
}

/* ---- the table ---- */

/* Everything that can still be said of a connection is said. */
static void finish(struct http_streams *s, struct conn *c)
{
	if (c->ahead)
		replay_ahead(s, c);
	flush_held(s, c, true);
	if (c->flow[0].held)
		s->stats.heads_unfinished++;
	give_up(s, c, c->waiting_count);
	conn_free(&s->connections, c);
}

static void evict(void *ctx, struct conn *c)
{
	struct http_streams *s = ctx;
	s->stats.evicted++;
	finish(s, c);
}

struct http_streams *http_streams_new(const struct http_limits *limits, const struct identity *identity, on_exchange_fn on_exchange,
				      void *ctx)
{
	struct http_streams *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	s->identity = identity;
	s->on_exchange = on_exchange;
	s->ctx = ctx;
	s->waiting_max = limits->waiting_max ? limits->waiting_max : 4096;
	s->waiting_bytes = limits->waiting_bytes ? limits->waiting_bytes : 1 << 20;
	s->head_bytes_max = limits->head_bytes_max ? limits->head_bytes_max : 16384;
	s->answer_wait_ms = limits->answer_wait_ms ? limits->answer_wait_ms : 300000;
	uint32_t connections_max = limits->connections_max ? limits->connections_max : 16384;
	size_t memory_max = limits->memory_max ? limits->memory_max : (size_t)12 << 20;
	if (connections_init(&s->connections, connections_max, memory_max, evict, s) < 0) {
		free(s);
		return NULL;
	}
	return s;
}

void http_streams_finish(struct http_streams *s)
{
	for (struct conn *c; (c = connections_oldest(&s->connections));)
		finish(s, c);
}

void http_streams_free(struct http_streams *s)
{
	if (!s)
		return;
	http_streams_finish(s);
	connections_done(&s->connections);
	free(s);
}

void http_streams_feed(struct http_streams *s, const struct http_slice *slice, struct span data, uint32_t workload, int64_t time_ms)
{
	s->stats.slices++;
	struct conn *c = connections_find(&s->connections, slice->cookie);
	if (slice->event == HTTP_SLICE_CLOSE) {
		if (c)
			finish(s, c);
		return;
	}
	if (slice->event != HTTP_SLICE_DATA || data.len == 0 || data.len > slice->segment_len || slice->segment_len > FLOW_SEGMENT_MAX) {
		s->stats.slices_bad++;
		return;
	}
	bool answer = slice->flags & HTTP_SLICE_ANSWER;
	if (!c && answer) { /* to a request from before the probe; the next request makes the connection known */
		s->stats.answers_unpaired++;
		return;
	}
	if (!c && !(c = conn_new(&s->connections, slice->cookie, slice->remote))) {
		s->stats.refused++;
		return;
	}
	c->workload = workload;
	s->stats.records_missing += flow_number(&c->flow[answer], slice->number);
	read_slice(s, c, slice, data, time_ms, false);
	settle_ahead(s, c);
}

void http_streams_sweep(struct http_streams *s, int64_t now_ms)
{
	for (struct waiting *w; (w = connections_oldest_waiting(&s->connections)) && now_ms - w->time_ms > s->answer_wait_ms;) {
		struct conn *c = w->conn;
		if (c->flow[1].held)
			flush_held(s, c, true); /* its answer, as far as it was seen */
		else
			give_up_waiting_for(s, c);
	}
}

void http_streams_stats(const struct http_streams *s, struct http_stats *ret)
{
	*ret = s->stats;
	ret->connections = s->connections.count;
	ret->memory = s->connections.memory;
}
