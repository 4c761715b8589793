#include "collector/ingest/ingest.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/grpc.h"
#include "lib/log.h"
#include "proto/window.h"

enum stream_state {
	STREAM_NEW,     /* nothing said yet */
	STREAM_WAITING, /* said hello; an older stream of the same agent is asked for a sign of life */
	STREAM_OPEN,    /* its deliveries are taken */
	STREAM_ENDED,   /* the call is gone; what it sent may still be in line */
};

/* One agent's call. Lives until the call has ended and nothing of it is in line. */
struct stream {
	struct ingest *in;
	struct stream *next;
	struct grpc_call *call;
	enum stream_state state;
	char agent[AGENT_BYTES_MAX + 1];
	uint64_t epoch;
	uint64_t merged;  /* what the next receipt says */
	bool receipt_due; /* there is one to send */
	bool paused;
	bool half_closed; /* it sends no more, and ends when everything is acknowledged */
	bool ending;      /* grpc_call_end was called */
	bool announced;   /* its hello is in line or merged: a goodbye follows it */
	size_t pending;   /* items in line */
	size_t pending_bytes;
	struct buf hello; /* kept while waiting */
};

enum item_kind { ITEM_HELLO, ITEM_SEALED, ITEM_GOODBYE };

/* One thing that the writer does for a stream. Made on the loop, worked on by the writer, ended on the loop. */
struct item {
	struct item *next;
	struct stream *stream;
	enum item_kind kind;
	struct delivery delivery; /* borrows from bytes */
	struct batch *batch;
	int64_t received_ms;
	uint64_t merged;
	int result; /* 0; -EBADMSG, -ESTALE: the stream's fault; else the store's */
	struct err err;
	size_t len;
	char bytes[];
};

/* A write of the API, on the stack of the thread that waits for it. */
struct job {
	struct job *next;
	ingest_write_fn write;
	void *ctx;
	struct err *err;
	int result;
	bool done;
};

struct ingest {
	struct ingest_options options;
	struct tls_context *tls;
	struct grpc_server *server;
	struct stream *streams;
	struct item *first, **last;                  /* in line */
	struct item *taken[INGEST_COMMIT_ITEMS_MAX]; /* with the writer, in order */
	size_t taken_count;
	struct item *run[INGEST_COMMIT_ITEMS_MAX]; /* the writer's: those of them that are merged together */
	struct store_delivery deliveries[INGEST_COMMIT_ITEMS_MAX];
	uv_async_t wake;
	uv_timer_t again; /* calls on_committed though nothing came */
	bool again_due;
	uint64_t again_ms; /* the writer's: what on_committed asked for */
	uv_work_t work;
	bool working, stopping, server_gone, wake_closed;
	struct ingest_stats stats; /* the writer's three are added when its work is done */
	uint64_t writer_windows;

	pthread_mutex_t lock; /* jobs and stopped */
	pthread_cond_t done;
	struct job *jobs, **jobs_last;
	bool refuse_jobs;
};

static void start_work(struct ingest *in);

/* ---- streams ---- */

static struct stream *stream_new(struct ingest *in, struct grpc_call *call)
{
	struct stream *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	s->in = in;
	s->call = call;
	s->next = in->streams;
	in->streams = s;
	buf_init(&s->hello, BATCH_BYTES_MAX);
	return s;
}

/* Streams are freed from two places only, neither of which stands inside another stream's callback: a call may end inside any call to gRPC. */
static void reap(struct ingest *in)
{
	for (struct stream **at = &in->streams; *at;) {
		struct stream *s = *at;
		if (s->state == STREAM_ENDED && s->pending == 0) {
			*at = s->next;
			buf_done(&s->hello);
			free(s);
		} else {
			at = &s->next;
		}
	}
}

static void stream_end(struct stream *s, enum grpc_status status, const char *sentence)
{
	if (s->state == STREAM_ENDED || s->ending)
		return;
	s->ending = true;
	log_warn("agent %s: stream ended: %s", s->agent[0] ? s->agent : grpc_call_peer(s->call), sentence);
	grpc_call_end(s->call, status, sentence);
}

static struct stream *twin_of(const struct stream *s)
{
	for (struct stream *other = s->in->streams; other; other = other->next)
		if (other != s && (other->state == STREAM_OPEN || other->state == STREAM_WAITING) && strcmp(other->agent, s->agent) == 0)
			return other;
	return NULL;
}

static void send_receipt(struct stream *s)
{
	uint8_t room[64];
	struct buf out = {.data = room, .cap = sizeof room, .max = sizeof room};
	struct receipt receipt = {.epoch = s->epoch, .sequence = s->merged};
	if (s->state != STREAM_OPEN || !s->receipt_due || receipt_encode(&receipt, &out) < 0)
		return;
	/* A receipt is cumulative: one that finds no room is sent, with whatever came since, when there is some. */
	if (grpc_call_send(s->call, buf_span(&out)) != -EAGAIN)
		s->receipt_due = false;
}

/* ---- the line ---- */

static int enqueue(struct stream *s, enum item_kind kind, struct span bytes)
{
	struct ingest *in = s->in;
	struct err unused;
	struct item *item = calloc(1, sizeof *item + bytes.len);
	if (!item)
		return -ENOMEM;
	item->stream = s;
	item->kind = kind;
	item->received_ms = clock_wall_ms();
	item->len = bytes.len;
	if (bytes.len > 0) {
		memcpy(item->bytes, bytes.data, bytes.len);
		delivery_decode(span_make(item->bytes, item->len), &item->delivery,
				&unused); /* it was decoded before: its spans move over */
	}
	*in->last = item;
	in->last = &item->next;
	s->pending++;
	s->pending_bytes += bytes.len;
	if (s->pending_bytes > INGEST_STREAM_BYTES_MAX && !s->paused && s->state != STREAM_ENDED) {
		s->paused = true;
		grpc_call_pause(s->call);
	}
	start_work(in);
	return 0;
}

static void open_stream(struct stream *s)
{
	s->state = STREAM_OPEN;
	s->in->stats.hellos++;
	s->announced = enqueue(s, ITEM_HELLO, buf_span(&s->hello)) == 0;
	if (!s->announced)
		stream_end(s, GRPC_RESOURCE_EXHAUSTED, "the collector is out of memory; try again");
	buf_done(&s->hello);
}

static void on_hello(struct stream *s, const struct hello *hello, struct span message)
{
	char text[256];
	struct span peer = span_str(grpc_call_peer(s->call));
	if (!span_equal(hello->agent, peer)) {
		s->in->stats.refused_names++;
		snprintf(text, sizeof text, "hello says agent %.*s, but the certificate is %.*s's; enroll the agent under its own name",
			 (int)hello->agent.len, hello->agent.data, (int)peer.len, peer.data);
		stream_end(s, GRPC_PERMISSION_DENIED, text);
		return;
	}
	memcpy(s->agent, hello->agent.data, hello->agent.len);
	s->epoch = hello->epoch;
	if (buf_append_span(&s->hello, message) < 0) {
		stream_end(s, GRPC_RESOURCE_EXHAUSTED, "the collector is out of memory; try again");
		return;
	}
	struct stream *twin = twin_of(s);
	if (!twin) {
		open_stream(s);
		return;
	}
	/* An agent that lost its network comes back before its old stream is known to be dead; a second agent with the same id comes while the first is alive. */
	if (twin->state == STREAM_WAITING) {
		s->in->stats.refused_twins++;
		stream_end(s, GRPC_ALREADY_EXISTS, "another agent with this id is connecting");
		return;
	}
	s->state = STREAM_WAITING;
	grpc_call_pause(s->call);
	grpc_call_probe(twin->call, INGEST_TAKEOVER_MS);
}

static void on_sealed(struct stream *s, const struct delivery *d, struct span message)
{
	if (d->epoch != s->epoch) {
		stream_end(s, GRPC_INVALID_ARGUMENT, "a sealed record of another epoch than the hello's");
		return;
	}
	if (enqueue(s, ITEM_SEALED, message) < 0)
		stream_end(s, GRPC_RESOURCE_EXHAUSTED, "the collector is out of memory; try again");
}

/* ---- gRPC ---- */

static void on_call(void *ctx, struct grpc_call *call)
{
	struct ingest *in = ctx;
	reap(in);
	struct stream *s = stream_new(in, call);
	grpc_call_set_data(call, s);
	if (!s) {
		grpc_call_end(call, GRPC_RESOURCE_EXHAUSTED, "the collector is out of memory; try again");
		return;
	}
	in->stats.streams++;
}

static void on_message(void *ctx, struct grpc_call *call, struct span message)
{
	struct ingest *in = ctx;
	struct stream *s = grpc_call_data(call);
	struct delivery d;
	struct err err = {0};
	if (!s)
		return;
	if (delivery_decode(message, &d, &err) < 0) {
		in->stats.malformed++;
		stream_end(s, GRPC_INVALID_ARGUMENT, err.text);
		return;
	}
	if (d.part == DELIVERY_HELLO && s->state == STREAM_NEW)
		on_hello(s, &d.hello, message);
	else if (d.part == DELIVERY_SEALED && s->state == STREAM_OPEN)
		on_sealed(s, &d, message);
	else
		stream_end(s, GRPC_FAILED_PRECONDITION,
			   d.part == DELIVERY_HELLO ? "a second hello on one stream" : "a stream begins with hello");
}

static void end_when_done(struct stream *s)
{
	if (s->half_closed && s->pending == 0 && !s->receipt_due && s->state != STREAM_ENDED)
		grpc_call_end(s->call, GRPC_OK, "");
}

static void on_half_close(void *ctx, struct grpc_call *call)
{
	struct stream *s = grpc_call_data(call);
	(void)ctx;
	if (s) {
		s->half_closed = true;
		end_when_done(s);
	}
}

static void on_writable(void *ctx, struct grpc_call *call)
{
	struct stream *s = grpc_call_data(call);
	(void)ctx;
	if (s) {
		send_receipt(s);
		end_when_done(s);
	}
}

/* The older stream answered: whoever waits for its place is a second agent. */
static void on_alive(void *ctx, struct grpc_call *call)
{
	struct ingest *in = ctx;
	struct stream *s = grpc_call_data(call);
	struct stream *waiting = s ? twin_of(s) : NULL;
	char address[64], text[320];
	if (!waiting || waiting->state != STREAM_WAITING)
		return;
	in->stats.refused_twins++;
	grpc_call_peer_address(call, address, sizeof address);
	snprintf(text, sizeof text, "agent %s is already connected from %s; give this one an id and a certificate of its own", s->agent,
		 address);
	stream_end(waiting, GRPC_ALREADY_EXISTS, text);
}

static void on_end(void *ctx, struct grpc_call *call, enum grpc_status status, const char *sentence)
{
	struct ingest *in = ctx;
	struct stream *s = grpc_call_data(call);
	if (!s)
		return;
	if (s->state == STREAM_OPEN && !in->stopping)
		log_info("agent %s: disconnected (%s%s%s)", s->agent, grpc_status_word(status), sentence[0] ? ": " : "", sentence);
	struct stream *waiting = s->state == STREAM_OPEN ? twin_of(s) : NULL;
	s->state = STREAM_ENDED;
	s->call = NULL;
	/* The goodbye takes its turn behind its own hello and what the stream delivered, and before the hello of whoever takes its place. */
	if (s->announced)
		enqueue(s, ITEM_GOODBYE, span_make(NULL, 0));
	if (waiting && waiting->state == STREAM_WAITING) {
		open_stream(waiting);
		if (waiting->state == STREAM_OPEN)
			grpc_call_resume(waiting->call);
	}
}

static void on_refused(void *ctx, const char *address, const char *sentence)
{
	(void)ctx;
	log_warn("connection from %s refused: %s", address, sentence);
}

static const struct grpc_method methods[] = {
	{.path = "/tocsin.v1.Ingest/Deliver",
	 .on_call = on_call,
	 .on_message = on_message,
	 .on_half_close = on_half_close,
	 .on_writable = on_writable,
	 .on_alive = on_alive,
	 .on_end = on_end},
	{0},
};

/* ---- the writer: everything here runs on a worker thread, one at a time ---- */

static void fail_item(struct item *item, int result, const char *text)
{
	item->result = result;
	err_set(&item->err, "%s", text);
}

/* Merges a run of sealed items. A sequence that cannot be next ends its own stream only: the rest of the run goes on without it. */
static void write_sealed(struct ingest *in, struct item **items, size_t count)
{
	struct item **order = in->run;
	struct store_delivery *deliveries = in->deliveries;
	struct err err = {0};
	int r = 0;
	size_t from = 0, ready = 0;
	for (size_t i = 0; i < count; i++) {
		const struct item *item = items[i];
		if (item->result < 0)
			continue;
		order[ready] = items[i];
		deliveries[ready++] = (struct store_delivery){.agent = span_str(item->stream->agent),
							      .epoch = item->delivery.epoch,
							      .sequence = item->delivery.sequence,
							      .lost = item->delivery.lost,
							      .batch = item->batch,
							      .received_ms = item->received_ms};
		in->writer_windows += item->batch ? item->batch->window_count : 0;
	}
	while (r == 0 && from < ready) {
		size_t done = 0;
		int merged = store_merge(in->options.store, deliveries + from, ready - from, &done, &err);
		for (size_t i = from; i < from + done; i++)
			order[i]->merged = order[i]->delivery.sequence;
		from += done;
		if (merged == 0)
			break;
		if (merged != -ESTALE) {
			r = merged;
			break;
		}
		const struct stream *stale = order[from]->stream;
		size_t kept = from;
		for (size_t i = from; i < ready; i++) {
			if (order[i]->stream == stale) {
				fail_item(order[i], -ESTALE, "a sequence past the next one that is expected; connect again and say hello");
			} else {
				order[kept] = order[i];
				deliveries[kept++] = deliveries[i];
			}
		}
		ready = kept;
	}
	for (size_t i = from; r < 0 && i < ready; i++)
		fail_item(order[i], r, err.text);
}

static void decode(struct item *item)
{
	if (item->kind == ITEM_SEALED && !item->delivery.lost) {
		int r = batch_decode(item->delivery.batch, &item->batch, &item->err);
		item->result = r < 0 ? r : 0;
	}
}

static void write_item(struct ingest *in, struct item *item)
{
	struct store *store = in->options.store;
	if (item->kind == ITEM_HELLO)
		item->result = store_hello(store, &item->delivery.hello, item->received_ms, &item->merged, &item->err);
	else
		item->result = store_goodbye(store, span_str(item->stream->agent), item->received_ms, &item->err);
}

static struct job *next_job(struct ingest *in)
{
	pthread_mutex_lock(&in->lock);
	struct job *job = in->jobs;
	if (job) {
		in->jobs = job->next;
		if (!in->jobs)
			in->jobs_last = &in->jobs;
	}
	pthread_mutex_unlock(&in->lock);
	return job;
}

static void end_job(struct ingest *in, struct job *job, int result)
{
	pthread_mutex_lock(&in->lock);
	job->result = result;
	job->done = true;
	pthread_cond_broadcast(&in->done);
	pthread_mutex_unlock(&in->lock);
}

static void run_work(uv_work_t *work)
{
	struct ingest *in = work->data;
	for (size_t i = 0; i < in->taken_count; i++)
		decode(in->taken[i]);
	for (size_t i = 0; i < in->taken_count;) {
		size_t run = i;
		while (run < in->taken_count && in->taken[run]->kind == ITEM_SEALED)
			run++;
		if (run > i)
			write_sealed(in, in->taken + i, run - i);
		else
			write_item(in, in->taken[run++]);
		i = run;
	}
	struct job *job;
	struct job *finished = NULL;
	while ((job = next_job(in))) {
		job->result = job->write(job->ctx, in->options.store, job->err);
		job->next = finished;
		finished = job;
	}
	in->again_ms = in->options.on_committed(in->options.ctx, in->options.store, finished != NULL);
	/* Told only now: whoever wrote a notice and reads the triggers next must find its trigger. */
	while ((job = finished)) {
		finished = job->next;
		end_job(in, job, job->result);
	}
}

/* ---- back on the loop ---- */

static void end_item(struct ingest *in, struct item *item)
{
	struct stream *s = item->stream;
	s->pending--;
	s->pending_bytes -= item->len;
	if (item->result == 0 && item->kind == ITEM_HELLO)
		log_info("agent %s: connected, merged up to %" PRIu64 " of epoch %" PRIu64, s->agent, item->merged, s->epoch);
	if (item->result == 0 && item->kind != ITEM_GOODBYE) {
		s->merged = item->merged;
		s->receipt_due = true;
		in->stats.deliveries += item->kind == ITEM_SEALED;
	} else if (item->result == -EBADMSG) {
		in->stats.malformed++;
		stream_end(s, GRPC_INVALID_ARGUMENT, item->err.text);
	} else if (item->result == -ESTALE) {
		stream_end(s, GRPC_OUT_OF_RANGE, item->err.text);
	} else if (item->result < 0) {
		log_error("store: %s; nothing of it was acknowledged", item->err.text);
		stream_end(s, GRPC_UNAVAILABLE, "the collector's store could not take it; try again");
	}
	batch_free(item->batch);
	free(item);
}

static void maybe_finish(struct ingest *in)
{
	if (!in->stopping || !in->server_gone || in->working || in->first || in->wake_closed)
		return;
	in->wake_closed = true;
	pthread_mutex_lock(&in->lock);
	in->refuse_jobs = true;
	pthread_mutex_unlock(&in->lock);
	for (struct job *job; (job = next_job(in));) {
		err_set(job->err, "the collector is stopping");
		end_job(in, job, -ESHUTDOWN);
	}
	uv_close((uv_handle_t *)&in->wake, NULL);
	uv_close((uv_handle_t *)&in->again, NULL);
}

static void on_again(uv_timer_t *timer)
{
	struct ingest *in = timer->data;
	in->again_due = true;
	start_work(in);
}

static void on_work_done(uv_work_t *work, int status)
{
	struct ingest *in = work->data;
	(void)status;
	in->stats.commits++;
	in->stats.windows = in->writer_windows;
	/* Still `working` while items end: one that puts a goodbye in line must not start new work in the middle of these. */
	for (size_t i = 0; i < in->taken_count; i++)
		end_item(in, in->taken[i]);
	in->working = false;
	if (in->again_ms > 0 && !in->stopping)
		uv_timer_start(&in->again, on_again, in->again_ms, 0);
	for (struct stream *s = in->streams; s; s = s->next) {
		send_receipt(s);
		end_when_done(s);
		if (s->paused && s->state == STREAM_OPEN && s->pending_bytes <= INGEST_STREAM_BYTES_MAX / 2) {
			s->paused = false;
			grpc_call_resume(s->call);
		}
	}
	reap(in);
	start_work(in);
	maybe_finish(in);
}

static void start_work(struct ingest *in)
{
	pthread_mutex_lock(&in->lock);
	bool jobs = in->jobs != NULL;
	pthread_mutex_unlock(&in->lock);
	if (in->working || (!in->first && !jobs && !in->again_due))
		return;
	in->again_due = false;
	size_t bytes = 0;
	in->taken_count = 0;
	while (in->first && in->taken_count < INGEST_COMMIT_ITEMS_MAX &&
	       (in->taken_count == 0 || bytes + in->first->len <= INGEST_COMMIT_BYTES_MAX)) {
		struct item *item = in->first;
		bytes += item->len;
		in->taken[in->taken_count++] = item;
		in->first = item->next;
	}
	if (!in->first)
		in->last = &in->first;
	in->working = true;
	in->work.data = in;
	uv_queue_work(in->options.loop, &in->work, run_work, on_work_done);
}

static void on_wake(uv_async_t *wake)
{
	start_work(wake->data);
}

/* ---- life ---- */

int ingest_start(const struct ingest_options *options, struct ingest **ret, struct err *err)
{
	struct ingest *in = calloc(1, sizeof *in);
	if (!in) {
		err_set(err, "out of memory");
		return -ENOMEM;
	}
	in->options = *options;
	in->last = &in->first;
	in->jobs_last = &in->jobs;
	pthread_mutex_init(&in->lock, NULL);
	pthread_cond_init(&in->done, NULL);
	int r = tls_context_new(TLS_SERVER, &options->files, &in->tls, err);
	if (r == 0)
		r = grpc_server_start(options->loop, in->tls, options->host, options->port, methods, &grpc_server_default_limits,
				      on_refused, in, &in->server, err);
	if (r < 0) {
		ingest_free(in);
		return r;
	}
	in->wake.data = in;
	uv_async_init(options->loop, &in->wake, on_wake); /* cannot fail: the loop has its own async already */
	in->again.data = in;
	uv_timer_init(options->loop, &in->again);
	uv_timer_start(&in->again, on_again, 0, 0);
	*ret = in;
	return 0;
}

uint16_t ingest_port(const struct ingest *in)
{
	return grpc_server_port(in->server);
}

void ingest_stats(struct ingest *in, struct ingest_stats *ret)
{
	*ret = in->stats;
}

int ingest_run_write(struct ingest *in, ingest_write_fn write, void *write_ctx, struct err *err)
{
	struct job job = {.write = write, .ctx = write_ctx, .err = err};
	pthread_mutex_lock(&in->lock);
	if (in->refuse_jobs) {
		pthread_mutex_unlock(&in->lock);
		err_set(err, "the collector is stopping");
		return -ESHUTDOWN;
	}
	*in->jobs_last = &job;
	in->jobs_last = &job.next;
	uv_async_send(&in->wake);
	while (!job.done)
		pthread_cond_wait(&in->done, &in->lock);
	pthread_mutex_unlock(&in->lock);
	return job.result;
}

static void on_server_stopped(void *ctx)
{
	struct ingest *in = ctx;
	in->server = NULL;
	in->server_gone = true;
	maybe_finish(in);
}

void ingest_stop(struct ingest *in)
{
	if (in->stopping)
		return;
	in->stopping = true;
	grpc_server_stop(in->server, "the collector is stopping", on_server_stopped);
}

void ingest_free(struct ingest *in)
{
	if (!in)
		return;
	reap(in);
	tls_context_free(in->tls);
	pthread_cond_destroy(&in->done);
	pthread_mutex_destroy(&in->lock);
	free(in);
}
