#include "agent/outlet.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "agent/uplink.h"
#include "lib/address.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/log.h"

enum { FINISH_LOOK_MS = 20 };

struct outlet {
	struct spool *spool;
	struct uplink *uplink;
	uv_timer_t finish;
	uint64_t acked; /* as of the last look */
	int64_t progress_ms;
	bool delivered; /* when finished: nothing was left */
};

static int open_spool(struct outlet *o, const struct agent_settings *s, const char *state_dir, struct err *err)
{
	char dir[4096];
	struct spool_limits limits = {.bytes_max = s->spool_bytes, .segment_bytes = SPOOL_SEGMENT_BYTES};
	snprintf(dir, sizeof dir, "%s/spool", state_dir);
	int r = file_make_folder(dir, err);
	return r < 0 ? r : spool_open(dir, span_str(s->agent), &limits, &o->spool, err);
}

static int start_uplink(struct outlet *o, uv_loop_t *loop, const struct agent_settings *s, const char *state_dir, struct err *err)
{
	char host[ADDRESS_HOST_MAX], rejected[4096];
	struct utsname name = {0};
	uname(&name);
	snprintf(rejected, sizeof rejected, "%s/rejected", state_dir);
	struct uplink_options options = {.loop = loop,
					 .spool = o->spool,
					 .agent = s->agent,
					 .host = host,
					 .files = {.authority = s->ca, .certificate = s->certificate, .key = s->key},
					 .version = TOCSIN_VERSION,
					 .kernel = name.release,
					 .started_ms = clock_wall_ms(),
					 .rejected_dir = rejected};
	int r = address_split(s->collector, host, &options.port, err);
	return r < 0 ? r : uplink_start(&options, &o->uplink, err);
}

int outlet_start(uv_loop_t *loop, const struct agent_settings *settings, const char *state_dir, struct outlet **ret, struct err *err)
{
	struct outlet *o = calloc(1, sizeof *o);
	if (!o) {
		err_set(err, "out of memory");
		return -ENOMEM;
	}
	int r = open_spool(o, settings, state_dir, err);
	if (r == 0)
		r = start_uplink(o, loop, settings, state_dir, err);
	if (r < 0) {
		spool_close(o->spool);
		free(o);
		return r;
	}
	uv_timer_init(loop, &o->finish);
	uv_unref((uv_handle_t *)&o->finish);
	o->finish.data = o;
	*ret = o;
	return 0;
}

struct spool *outlet_spool(struct outlet *o)
{
	return o->spool;
}

int outlet_last_record(struct outlet *o, struct buf *bytes, struct record *ret, struct err *err)
{
	uint64_t sequence;
	struct err why = {0};
	int r = spool_read_last(o->spool, bytes, &sequence);
	if (r == 0)
		r = record_decode(buf_span(bytes), ret, &why);
	if (r == -ENOENT) {
		*ret = (struct record){0};
		return 0;
	}
	if (r < 0)
		err_set(err,
			"spool: its newest record, which says how far the logs were read, cannot be read: %s; start again, or begin anew with "
			"an empty state folder: the logs are then counted from their beginnings",
			why.text[0] ? why.text : strerror(-r));
	return r;
}

void outlet_wake(struct outlet *o)
{
	uplink_wake(o->uplink);
}

bool outlet_drained(const struct outlet *o)
{
	return uplink_drained(o->uplink);
}

static uint64_t acked(const struct outlet *o)
{
	struct spool_stats stats;
	spool_stats(o->spool, &stats);
	return stats.acked;
}

static void on_look(uv_timer_t *timer)
{
	struct outlet *o = timer->data;
	int64_t now_ms = (int64_t)(clock_monotonic_ns() / 1000000);
	if (acked(o) != o->acked) {
		o->acked = acked(o);
		o->progress_ms = now_ms;
	}
	if (!outlet_drained(o) && now_ms - o->progress_ms < OUTLET_FINISH_MS)
		return;
	o->delivered = outlet_drained(o);
	if (!o->delivered)
		log_warn("uplink: the collector has not acknowledged everything; what is left stays in the spool");
	outlet_abandon(o);
}

void outlet_finish(struct outlet *o)
{
	o->acked = acked(o);
	o->progress_ms = (int64_t)(clock_monotonic_ns() / 1000000);
	uv_ref((uv_handle_t *)&o->finish);
	uv_timer_start(&o->finish, on_look, 0, FINISH_LOOK_MS);
}

void outlet_abandon(struct outlet *o)
{
	uplink_stop(o->uplink);
	if (!uv_is_closing((uv_handle_t *)&o->finish))
		uv_close((uv_handle_t *)&o->finish, NULL);
}

bool outlet_delivered(const struct outlet *o)
{
	return o->delivered;
}

void outlet_free(struct outlet *o)
{
	if (!o)
		return;
	uplink_free(o->uplink);
	spool_close(o->spool);
	free(o);
}
