/* Callbacks translate what happened into an event; step() decides; enter() alone writes the state. */
#include "agent/uplink.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/file.h"
#include "lib/grpc.h"
#include "lib/log.h"
#include "proto/record.h"
#include "proto/window.h"

#define METHOD "/tocsin.v1.Ingest/Deliver"
enum { DOUBLINGS_MAX = 6, KEEP_BYTES = 65536, ENVELOPE_MAX = 64 };

/* A send never finds gRPC's output full: the window is smaller, even with the one record that overshoots it. */
_Static_assert(UPLINK_WINDOW_BYTES + GRPC_MESSAGE_MAX + UPLINK_WINDOW_RECORDS * GRPC_PREFIX_BYTES <= GRPC_OUT_MAX, "window and output");
_Static_assert(BATCH_BYTES_MAX + ENVELOPE_MAX <= GRPC_MESSAGE_MAX, "every batch fits a message");

struct uplink {
	enum uplink_state state;
	struct uplink_options options; /* its strings are ours */
	struct tls_context *tls;
	struct grpc_client *client;
	uv_timer_t timer;  /* until the next attempt, or for the greeting */
	unsigned failures; /* attempts since the last receipt */
	uint64_t epoch;
	uint64_t sent;                         /* up to here on this connection */
	uint64_t acked;                        /* up to here, by a receipt */
	uint32_t sizes[UPLINK_WINDOW_RECORDS]; /* of what is in flight, by sequence */
	uint64_t in_flight_bytes;
	uint64_t careful_until; /* one record at a time up to here: the collector refused one of them, and which is not known */
	uint64_t rejected;      /* the record that it refused alone; goes out as lost */
	uint64_t lost_last;     /* so that a stretch of lost records is one line in the log */
	char fault[256];        /* why we closed the connection ourselves */
	bool fault_is_refusal;
	struct buf payload, message;
	struct uplink_stats stats;
};

enum event_kind { EVENT_OPEN, EVENT_RECEIPT, EVENT_CLOSED, EVENT_TIMER, EVENT_WAKE, EVENT_STOP };

struct event {
	enum event_kind kind;
	struct receipt receipt;
	enum grpc_status status;
	const char *sentence;
};

static void step(struct uplink *u, const struct event *event);

/* We end the connection, for a reason of our own; EVENT_CLOSED follows and finds it. */
__attribute__((format(printf, 2, 3))) static void hang_up(struct uplink *u, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(u->fault, sizeof u->fault, format, args);
	va_end(args);
	grpc_client_close(u->client);
}

/* ---- what happens outside ---- */

static void on_open(void *ctx)
{
	step(ctx, &(struct event){.kind = EVENT_OPEN});
}

static void on_message(void *ctx, struct span message)
{
	struct uplink *u = ctx;
	struct event event = {.kind = EVENT_RECEIPT};
	struct err err;
	if (receipt_decode(message, &event.receipt, &err) < 0)
		hang_up(u, "the collector sent %s", err.text);
	else
		step(u, &event);
}

static void on_writable(void *ctx)
{
	(void)ctx; /* a send never finds the output full */
}

static void on_closed(void *ctx, enum grpc_status status, const char *sentence)
{
	struct uplink *u = ctx;
	u->client = NULL;
	step(u, &(struct event){.kind = EVENT_CLOSED, .status = status, .sentence = sentence});
}

static const struct grpc_client_events client_events = {on_open, on_message, on_writable, on_closed};

static void on_timer(uv_timer_t *timer)
{
	step(timer->data, &(struct event){.kind = EVENT_TIMER});
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct uplink *u = handle->data;
	u->state = UPLINK_STOPPED;
}

/* ---- states ---- */

static void enter(struct uplink *u, enum uplink_state state)
{
	u->state = state;
	uv_timer_stop(&u->timer);
	switch (state) {
	case UPLINK_GREETING: uv_timer_start(&u->timer, on_timer, UPLINK_GREETING_MS, 0); break;
	case UPLINK_STOPPING:
		if (u->client)
			grpc_client_close(u->client);
		else
			uv_close((uv_handle_t *)&u->timer, on_timer_closed);
		break;
	default: break;
	}
}

/* Evenly between the first wait and a ceiling that doubles: agents that lost their collector together do not come back together
 * (M. Brooker, "Exponential Backoff and Jitter", 2015). Who was refused for what he is has no reason to hurry. */
static uint64_t backoff_ms(const struct uplink *u, bool refused)
{
	uint64_t first = u->options.backoff_first_ms;
	uint64_t ceiling = first << (refused || u->failures > DOUBLINGS_MAX ? DOUBLINGS_MAX : u->failures);
	if (ceiling > UPLINK_BACKOFF_MAX_MS)
		ceiling = UPLINK_BACKOFF_MAX_MS;
	uint32_t dice = 0;
	uv_random(NULL, NULL, &dice, sizeof dice, 0, NULL);
	uint64_t floor = refused ? ceiling / 2 : first;
	return floor + dice % (ceiling - floor + 1);
}

/* A renewed certificate is taken up; one that cannot be read is said, and the old one serves on. */
static void reread_certificates(struct uplink *u)
{
	struct tls_context *fresh;
	struct err err;
	char text[1024];
	if (tls_context_new(TLS_CLIENT, &u->options.files, &fresh, &err) < 0) {
		log_warn("uplink: %s; the certificate read before serves on", err_text(&err, text, sizeof text));
		return;
	}
	tls_context_free(u->tls);
	u->tls = fresh;
}

static void wait_and_retry(struct uplink *u, bool refused, const char *sentence);

static void dial(struct uplink *u)
{
	const struct grpc_client_options options = {.tls = u->tls, .host = u->options.host, .port = u->options.port, .path = METHOD};
	u->stats.attempts++;
	u->failures++;
	u->fault[0] = '\0';
	u->fault_is_refusal = false;
	int r = grpc_client_connect(u->options.loop, &options, &client_events, u, &u->client);
	if (r < 0)
		wait_and_retry(u, false, uv_strerror(r));
	else
		enter(u, UPLINK_CONNECTING);
}

static bool is_refusal(enum grpc_status status)
{
	return status == GRPC_ALREADY_EXISTS || status == GRPC_PERMISSION_DENIED || status == GRPC_UNAUTHENTICATED ||
	       status == GRPC_UNIMPLEMENTED || status == GRPC_FAILED_PRECONDITION;
}

/* The log hears of trouble when it begins or changes, not at every attempt. */
static void wait_and_retry(struct uplink *u, bool refused, const char *sentence)
{
	uint64_t wait_ms = backoff_ms(u, refused);
	char trouble[sizeof u->stats.trouble];
	snprintf(trouble, sizeof trouble, "%s%s", refused ? "refused: " : "", sentence);
	bool is_news = strcmp(trouble, u->stats.trouble) != 0;
	memcpy(u->stats.trouble, trouble, sizeof trouble);
	log_line(!is_news  ? LOG_LEVEL_DEBUG
		 : refused ? LOG_LEVEL_ERROR
			   : LOG_LEVEL_WARN,
		 "uplink %s:%u: %s, retrying in %.1f s", u->options.host, u->options.port, trouble, (double)wait_ms / 1000);
	enter(u, UPLINK_WAITING);
	uv_timer_start(&u->timer, on_timer, wait_ms, 0);
}

/* ---- sending ---- */

static void give_back(struct buf *b)
{
	buf_clear(b);
	if (b->cap > KEEP_BYTES)
		buf_done(b);
}

static bool has_room(const struct uplink *u)
{
	uint64_t in_flight = u->sent - u->acked;
	if (u->acked < u->careful_until)
		return in_flight == 0;
	return in_flight < UPLINK_WINDOW_RECORDS && u->in_flight_bytes < UPLINK_WINDOW_BYTES;
}

static int send_message(struct uplink *u)
{
	int r = grpc_client_send(u->client, buf_span(&u->message));
	if (r < 0)
		return r;
	u->sent++;
	u->sizes[u->sent % UPLINK_WINDOW_RECORDS] = (uint32_t)u->message.len;
	u->in_flight_bytes += u->message.len;
	u->stats.records_sent++;
	u->stats.bytes_sent += u->message.len;
	return 0;
}

static int send_lost(struct uplink *u, uint64_t sequence, const char *why)
{
	buf_clear(&u->message);
	int r = delivery_encode_sealed(u->epoch, sequence, true, span_make(NULL, 0), &u->message);
	if (r == 0)
		r = send_message(u);
	if (r < 0)
		return r;
	u->stats.lost++;
	if (sequence != u->lost_last + 1)
		log_warn("uplink: record %" PRIu64 " of epoch %" PRIu64 " %s: declared as lost, and so are those after it that are too",
			 sequence, u->epoch, why);
	u->lost_last = sequence;
	return 0;
}

static int send_record(struct uplink *u, uint64_t sequence)
{
	struct record record;
	struct err err;
	int r = record_decode(buf_span(&u->payload), &record, &err);
	if (r == -EBADMSG)
		return send_lost(u, sequence, "cannot be decoded");
	if (r < 0)
		return r;
	if (record.batch.len > BATCH_BYTES_MAX) {
		r = send_lost(u, sequence, "is larger than any collector takes");
	} else {
		buf_clear(&u->message);
		r = delivery_encode_sealed(u->epoch, sequence, false, record.batch, &u->message);
		if (r == 0)
			r = send_message(u);
	}
	record_done(&record);
	return r;
}

/* The record after what was sent, whatever became of it. -ENOENT when there is none yet. */
static int send_next(struct uplink *u)
{
	uint64_t sequence = 0;
	buf_clear(&u->payload);
	int r = spool_read_after(u->options.spool, u->sent, &u->payload, &sequence);
	if (r < 0 && r != -EBADMSG)
		return r;
	if (sequence != u->sent + 1)
		return send_lost(u, u->sent + 1, "is no longer in the spool");
	if (r == -EBADMSG)
		return send_lost(u, sequence, "cannot be read back from the spool");
	if (sequence == u->rejected)
		return send_lost(u, sequence, "was rejected by the collector");
	return send_record(u, sequence);
}

static void pump(struct uplink *u)
{
	int r = 0;
	while (r == 0 && has_room(u))
		r = send_next(u);
	give_back(&u->payload);
	give_back(&u->message);
	if (r < 0 && r != -ENOENT && r != -ENOTCONN)
		hang_up(u, "record %" PRIu64 " cannot be sent: %s", u->sent + 1, strerror(-r));
}

static void say_hello(struct uplink *u)
{
	struct spool_stats spool;
	spool_stats(u->options.spool, &spool);
	u->epoch = spool.epoch;
	const struct hello hello = {
		.agent = span_str(u->options.agent),
		.epoch = spool.epoch,
		.first_sequence = spool.first,
		.version = span_str(u->options.version),
		.kernel = span_str(u->options.kernel),
		.started_ms = u->options.started_ms,
	};
	buf_clear(&u->message);
	if (delivery_encode_hello(&hello, &u->message) < 0 || grpc_client_send(u->client, buf_span(&u->message)) < 0)
		hang_up(u, "hello cannot be said");
}

/* ---- receipts ---- */

static void acknowledge(struct uplink *u, uint64_t sequence)
{
	struct err err;
	char text[1024];
	while (u->acked < sequence) {
		u->acked++;
		u->in_flight_bytes -= u->acked <= u->sent ? u->sizes[u->acked % UPLINK_WINDOW_RECORDS] : 0;
	}
	u->stats.acked = u->acked;
	if (spool_ack(u->options.spool, sequence, &err) < 0)
		log_warn("uplink: spool: %s; the next receipt tries again", err_text(&err, text, sizeof text));
}

/* The answer to hello: from here on, what follows `merged` is sent. */
static void begin_streaming(struct uplink *u, uint64_t merged)
{
	struct spool_stats spool;
	spool_stats(u->options.spool, &spool);
	if (merged >= spool.next) {
		/* Going on would number new records as the collector's old ones, and it would drop them as known. */
		u->fault_is_refusal = true;
		hang_up(u,
			"the collector has record %" PRIu64 " of this epoch, the spool none past %" PRIu64
			": the state folder is an old copy or another host's; begin with an empty one",
			merged, spool.next - 1);
		return;
	}
	u->sent = u->acked = merged;
	u->in_flight_bytes = 0;
	u->stats.connections++;
	if (u->stats.trouble[0] || u->stats.connections == 1)
		log_info("uplink %s:%u: connected; the collector has merged up to %" PRIu64 ", %" PRIu64 " to send", u->options.host,
			 u->options.port, merged, spool.next - 1 - merged);
	u->stats.trouble[0] = '\0';
	u->failures = 0;
	enter(u, UPLINK_STREAMING);
	if (merged > 0)
		acknowledge(u, merged);
	pump(u);
}

static void on_receipt(struct uplink *u, const struct receipt *receipt)
{
	u->stats.receipts++;
	if (receipt->epoch != u->epoch || (u->state == UPLINK_STREAMING && receipt->sequence > u->sent)) {
		hang_up(u, "a receipt for record %" PRIu64 " of epoch %" PRIu64 ", which was not sent", receipt->sequence, receipt->epoch);
	} else if (u->state == UPLINK_GREETING) {
		begin_streaming(u, receipt->sequence);
	} else if (receipt->sequence > u->acked) {
		acknowledge(u, receipt->sequence);
		pump(u);
	}
}

/* ---- what a collector can never take ---- */

static bool has_room_for_rejected(const char *dir)
{
	DIR *folder = opendir(dir);
	int count = 0;
	if (!folder)
		return true; /* not made yet */
	while (readdir(folder))
		count++;
	closedir(folder);
	return count < UPLINK_REJECTED_MAX + 2; /* . and .. */
}

static void keep_rejected(struct uplink *u, uint64_t sequence)
{
	char path[4096], text[1024];
	struct err err;
	uint64_t found = 0;
	const char *dir = u->options.rejected_dir;
	if (!dir || !has_room_for_rejected(dir))
		return;
	buf_clear(&u->payload);
	if (spool_read_after(u->options.spool, sequence - 1, &u->payload, &found) < 0 || found != sequence)
		return;
	snprintf(path, sizeof path, "%s/%" PRIu64 "-%" PRIu64 ".record", dir, u->epoch, sequence);
	if (file_make_folder(dir, &err) < 0 || file_write(path, buf_span(&u->payload), 0600, &err) < 0)
		log_warn("uplink: a rejected record cannot be kept: %s", err_text(&err, text, sizeof text));
	give_back(&u->payload);
}

/* INVALID_ARGUMENT is about one record among those in flight. Alone, it is the one; else they are sent again one at a time. */
static void on_invalid(struct uplink *u, const char *sentence)
{
	uint64_t in_flight = u->sent - u->acked;
	if (in_flight == 1 && u->sent != u->rejected) {
		u->rejected = u->sent;
		u->stats.rejected++;
		log_error("uplink: the collector can never take record %" PRIu64 " of epoch %" PRIu64 ": %s", u->sent, u->epoch, sentence);
		keep_rejected(u, u->sent);
	} else if (in_flight > 1) {
		u->careful_until = u->sent;
	}
}

/* ---- the machine ---- */

static void step_closed(struct uplink *u, const struct event *event)
{
	if (u->state == UPLINK_STREAMING && event->status == GRPC_INVALID_ARGUMENT)
		on_invalid(u, event->sentence);
	if (u->fault[0])
		wait_and_retry(u, u->fault_is_refusal, u->fault);
	else
		wait_and_retry(u, is_refusal(event->status), event->sentence);
}

static void step(struct uplink *u, const struct event *event)
{
	if (event->kind == EVENT_STOP && u->state < UPLINK_STOPPING) {
		enter(u, UPLINK_STOPPING);
		return;
	}
	switch (u->state) {
	case UPLINK_WAITING:
		if (event->kind == EVENT_TIMER) {
			reread_certificates(u);
			dial(u);
		}
		break;
	case UPLINK_CONNECTING:
		if (event->kind == EVENT_OPEN) {
			enter(u, UPLINK_GREETING);
			say_hello(u);
		} else if (event->kind == EVENT_CLOSED) {
			step_closed(u, event);
		}
		break;
	case UPLINK_GREETING:
		if (event->kind == EVENT_RECEIPT)
			on_receipt(u, &event->receipt);
		else if (event->kind == EVENT_TIMER)
			hang_up(u, "no answer to hello within %d s", UPLINK_GREETING_MS / 1000);
		else if (event->kind == EVENT_CLOSED)
			step_closed(u, event);
		break;
	case UPLINK_STREAMING:
		if (event->kind == EVENT_RECEIPT)
			on_receipt(u, &event->receipt);
		else if (event->kind == EVENT_WAKE)
			pump(u);
		else if (event->kind == EVENT_CLOSED)
			step_closed(u, event);
		break;
	case UPLINK_STOPPING:
		if (event->kind == EVENT_CLOSED)
			uv_close((uv_handle_t *)&u->timer, on_timer_closed);
		break;
	case UPLINK_STOPPED: break;
	}
}

/* ---- life ---- */

static void free_strings(struct uplink_options *o)
{
	const char *const texts[] = {o->agent,     o->host,    o->files.authority, o->files.certificate,
				     o->files.key, o->version, o->kernel,          o->rejected_dir};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		free((char *)(uintptr_t)texts[i]);
}

static bool copy_strings(struct uplink_options *o)
{
	const char **const texts[] = {&o->agent,     &o->host,    &o->files.authority, &o->files.certificate,
				      &o->files.key, &o->version, &o->kernel,          &o->rejected_dir};
	bool ok = true;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		*texts[i] = *texts[i] ? strdup(*texts[i]) : NULL;
		ok = ok && (*texts[i] || texts[i] == &o->rejected_dir);
	}
	return ok;
}

int uplink_start(const struct uplink_options *options, struct uplink **ret, struct err *err)
{
	struct uplink *u = calloc(1, sizeof *u);
	if (!u) {
		err_set(err, "out of memory");
		return -ENOMEM;
	}
	u->options = *options;
	if (u->options.backoff_first_ms == 0)
		u->options.backoff_first_ms = UPLINK_BACKOFF_FIRST_MS;
	buf_init(&u->payload, RECORD_BYTES_MAX);
	buf_init(&u->message, GRPC_MESSAGE_MAX);
	int r = -ENOMEM;
	err_set(err, "out of memory");
	if (copy_strings(&u->options))
		r = tls_context_new(TLS_CLIENT, &u->options.files, &u->tls, err);
	if (r < 0) {
		uplink_free(u);
		return r;
	}
	uv_timer_init(options->loop, &u->timer);
	u->timer.data = u;
	dial(u);
	*ret = u;
	return 0;
}

void uplink_wake(struct uplink *u)
{
	step(u, &(struct event){.kind = EVENT_WAKE});
}

bool uplink_drained(const struct uplink *u)
{
	struct spool_stats spool;
	spool_stats(u->options.spool, &spool);
	return spool.acked + 1 >= spool.next;
}

void uplink_stats(const struct uplink *u, struct uplink_stats *ret)
{
	*ret = u->stats;
	ret->state = u->state;
	ret->in_flight = u->state == UPLINK_STREAMING ? u->sent - u->acked : 0;
	ret->in_flight_bytes = u->state == UPLINK_STREAMING ? u->in_flight_bytes : 0;
}

void uplink_stop(struct uplink *u)
{
	step(u, &(struct event){.kind = EVENT_STOP});
}

void uplink_free(struct uplink *u)
{
	if (!u)
		return;
	free_strings(&u->options);
	tls_context_free(u->tls);
	buf_done(&u->payload);
	buf_done(&u->message);
	free(u);
}
