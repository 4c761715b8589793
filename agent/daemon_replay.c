/* The loop of a replay: it reads as fast as the spool takes it, while the uplink delivers beside it. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <uv.h>

#include "agent/daemon.h"
#include "agent/outlet.h"
#include "agent/pipeline.h"
#include "agent/privilege.h"
#include "agent/replay.h"
#include "lib/clock.h"
#include "lib/log.h"

enum { WAIT_FOR_ROOM_MS = 50 };

struct replaying {
	uv_timer_t step; /* a timer and no idle handle: between two steps the uplink has its turn */
	struct replay *replay;
	struct outlet *outlet;
	struct err *err;
	int result;
};

static void stop(struct replaying *r)
{
	uv_close((uv_handle_t *)&r->step, NULL);
}

static void on_step(uv_timer_t *timer)
{
	struct replaying *r = timer->data;
	int more = replay_step(r->replay, clock_wall_ms(), r->err);
	outlet_wake(r->outlet);
	if (more == 1) {
		uv_timer_start(timer, on_step, 0, 0);
	} else if (more == -ENOSPC) {
		uv_timer_start(timer, on_step, WAIT_FOR_ROOM_MS, 0);
	} else if (more < 0) {
		r->result = more;
		stop(r);
		outlet_abandon(r->outlet);
	} else {
		stop(r);
		outlet_finish(r->outlet);
	}
}

static void on_notice(void *ctx, const char *text)
{
	(void)ctx;
	log_warn("replay %s", text);
}

static void say(const struct replaying *r)
{
	struct taps_stats stats;
	uint64_t records;
	replay_stats(r->replay, &stats, &records);
	log_info("replay: %" PRIu64 " lines counted, %" PRIu64 " malformed, %" PRIu64 " without a request; %" PRIu64 " records",
		 stats.lines, stats.malformed, stats.others, records);
}

int daemon_replay(const struct agent_settings *settings, const char *state_dir, const char *const *files, size_t count, struct err *err)
{
	uv_loop_t loop;
	struct pipeline pipeline = {0};
	struct replaying r = {.err = err};
	struct err warning;
	struct replay_input input = {.files = files,
				     .count = count,
				     .format = settings->taps_count > 0 ? settings->taps[0].format : "combined",
				     .workload = settings->taps_count > 0 ? settings->taps[0].workload : "replay",
				     .on_notice = on_notice};
	signal(SIGPIPE, SIG_IGN);
	int e = uv_loop_init(&loop);
	if (e < 0) {
		err_set(err, "event loop: %s", uv_strerror(e));
		return e;
	}
	e = pipeline_init(&pipeline, settings, state_dir, REPLAY_SPAN_MS, &warning, err);
	if (e < 0)
		goto out;
	if (warning.text[0])
		log_warn("templates: %s: %s", warning.file, warning.text);
	if (privilege_drop(&warning) < 0)
		log_warn("%s; going on with all of them", warning.text);
	e = outlet_start(&loop, settings, state_dir, &r.outlet, err);
	if (e < 0)
		goto out;
	e = replay_new(&pipeline, outlet_spool(r.outlet), &input, &r.replay, err);
	if (e < 0) {
		outlet_abandon(r.outlet);
	} else {
		uv_timer_init(&loop, &r.step);
		r.step.data = &r;
		uv_timer_start(&r.step, on_step, 0, 0);
	}
	uv_run(&loop, UV_RUN_DEFAULT);
	if (e == 0)
		e = r.result;
	if (e == 0) {
		say(&r);
		e = pipeline_save_templates(&pipeline, err);
	}
	if (e == 0 && !outlet_delivered(r.outlet)) {
		err_set(err,
			"replay: everything is read and in the spool, but the collector has not taken it all; run the replay again to go on");
		e = -EAGAIN;
	}
out:
	replay_free(r.replay);
	outlet_free(r.outlet);
	pipeline_done(&pipeline);
	uv_loop_close(&loop);
	return e;
}
