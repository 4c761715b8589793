#include "agent/daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "agent/commit.h"
#include "agent/outlet.h"
#include "agent/pipeline.h"
#include "agent/privilege.h"
#include "agent/probes.h"
#include "agent/tap/tap.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "proto/record.h"

enum {
	TICK_MS = 10, /* the ring is drained; a wakeup an event would cost more than the event */
	TAPS_EVERY_TICKS = 10,
	RING_TURNS_MAX = 8, /* of one tick, so that a flood leaves room for the rest */
	TAP_BYTES_A_TURN = 1 << 20,
	COMMIT_SLACK_MS = 200, /* after a window's end, for what is still on its way */
	URGENT_MS = 1000,
	SAVE_TEMPLATES_SECONDS = 60,
};

struct daemon {
	const struct agent_settings *settings;
	uv_loop_t loop;
	uv_timer_t tick, second;
	uv_poll_t ring_ready, files_changed;
	uv_signal_t stop_signals[2];
	struct pipeline pipeline;
	struct outlet *outlet;
	struct commit commit;
	struct probes *probes;
	struct taps *taps;
	unsigned ticks, seconds;
	bool tap_more;
	bool commit_failed; /* said once, and once when it works again */
	int64_t last_commit_ms, next_commit_ms;
};

/* ---- sealing ---- */

static int64_t next_commit_after(const struct daemon *d, int64_t now_ms)
{
	int64_t span_ms = d->settings->window_ms;
	return (now_ms / span_ms + 1) * span_ms + (span_ms > 2 * COMMIT_SLACK_MS ? COMMIT_SLACK_MS : 0);
}

static struct ledger *probe_ledger(struct daemon *d)
{
	return windows_ledger(d->pipeline.windows, SOURCE_PROBE, span_str(PROBES_SOURCE));
}

static int seal(struct daemon *d, bool clean)
{
	struct err err = {0};
	int64_t now_ms = clock_wall_ms();
	struct ledger *ledger = d->probes ? probe_ledger(d) : NULL;
	if (ledger)
		probes_account(d->probes, ledger);
	d->last_commit_ms = now_ms;
	d->next_commit_ms = next_commit_after(d, now_ms);
	int r = commit_run(&d->commit, now_ms, clean, &err);
	if (r < 0) {
		if (!d->commit_failed)
			log_error("spool: %s; logs wait where they are, probe events are kept while there is room, trying again", err.text);
		d->commit_failed = true;
		return r;
	}
	if (d->commit_failed)
		log_info("spool: writing again");
	d->commit_failed = false;
	outlet_wake(d->outlet);
	return 0;
}

static void seal_when_due(struct daemon *d)
{
	int64_t now_ms = clock_wall_ms();
	bool urgent = windows_urgent(d->pipeline.windows) && now_ms - d->last_commit_ms >= URGENT_MS;
	bool clock_went_back = d->next_commit_ms - now_ms > 2 * (int64_t)d->settings->window_ms;
	if (!urgent && now_ms < d->next_commit_ms && !clock_went_back)
		return;
	/* Without probes there is nothing to say when no line came; with them a record also says up to when they watched. */
	if (d->probes || !windows_empty(d->pipeline.windows))
		seal(d, false);
	else
		d->next_commit_ms = next_commit_after(d, now_ms);
}

/* ---- sources ---- */

/* A probe cannot wait: when the windows are full, what is open is sealed at once; when that fails too, the loss is counted. */
static void on_probe_exchange(void *ctx, const struct exchange *x)
{
	struct daemon *d = ctx;
	int r = windows_add(d->pipeline.windows, x);
	if (r < 0 && !d->commit_failed && seal(d, false) == 0)
		r = windows_add(d->pipeline.windows, x);
	if (r < 0 && probe_ledger(d))
		probe_ledger(d)->events_lost++;
}

static int on_tap_exchange(void *ctx, const struct exchange *x)
{
	struct daemon *d = ctx;
	return windows_add(d->pipeline.windows, x);
}

static struct ledger *on_tap_ledger(void *ctx, struct span source)
{
	struct daemon *d = ctx;
	return windows_ledger(d->pipeline.windows, SOURCE_FILE, source);
}

static void on_tap_notice(void *ctx, const char *text)
{
	(void)ctx;
	log_warn("tap %s", text);
}

static void poll_taps(struct daemon *d)
{
	int r = taps_poll(d->taps, TAP_BYTES_A_TURN);
	d->tap_more = r != 0;
	if (r == -ENOBUFS && !d->commit_failed)
		seal(d, false);
}

static void poll_ring(struct daemon *d)
{
	for (int i = 0; i < RING_TURNS_MAX && probes_poll(d->probes); i++)
		;
}

static void on_tick(uv_timer_t *timer)
{
	struct daemon *d = timer->data;
	d->ticks++;
	if (d->probes)
		poll_ring(d);
	if (d->taps && (d->tap_more || d->ticks % TAPS_EVERY_TICKS == 0))
		poll_taps(d);
	seal_when_due(d);
}

static void on_second(uv_timer_t *timer)
{
	struct daemon *d = timer->data;
	struct err err = {0};
	if (d->probes)
		probes_sweep(d->probes, clock_wall_ms());
	if (d->taps)
		taps_sweep(d->taps);
	if (++d->seconds % SAVE_TEMPLATES_SECONDS == 0 && pipeline_save_templates(&d->pipeline, &err) < 0)
		log_warn("templates: %s %s; they are kept in memory", err.file, err.text);
}

static void on_ring_ready(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	poll_ring(poll->data);
}

static void on_files_changed(uv_poll_t *poll, int status, int events)
{
	struct daemon *d = poll->data;
	(void)status;
	(void)events;
	taps_on_wake(d->taps);
	poll_taps(d);
}

/* ---- starting ---- */

static void start_probes(struct daemon *d)
{
	struct err err = {0};
	if (d->settings->probes == 0) {
		log_info("probes: off by the settings");
		return;
	}
	if (probes_new(d->settings, d->pipeline.identity, d->pipeline.workloads, on_probe_exchange, d, &d->probes, &err) < 0) {
		log_warn("probes: %s; going on with log taps only", err.text);
		return;
	}
	log_info("probes: attached, %s", d->settings->probe_ports_count > 0 ? "chosen ports only" : "every listening port");
	uv_poll_init(&d->loop, &d->ring_ready, probes_fd(d->probes));
	d->ring_ready.data = d;
	uv_poll_start(&d->ring_ready, UV_READABLE, on_ring_ready);
}

/* What happened between the last record and now, an open window of a killed agent included, nobody saw. */
static void note_absence(struct daemon *d, const struct record *last)
{
	int64_t away_ms = clock_wall_ms() - last->written_ms;
	if (d->probes && last->written_ms > 0 && away_ms > 0 && probe_ledger(d))
		probe_ledger(d)->gap_ms += (uint64_t)away_ms;
}

static int start_taps(struct daemon *d, const struct record *last, struct err *err)
{
	const struct agent_settings *s = d->settings;
	struct tap_sink sink = {.on_exchange = on_tap_exchange, .ledger = on_tap_ledger, .on_notice = on_tap_notice, .ctx = d};
	struct tap_rule rules[TAPS_MAX];
	if (s->taps_count == 0 && last->cursor_count == 0) /* without a rule, taps still hand on the cursors of others */
		return 0;
	if (s->taps_count > TAPS_MAX) {
		err_set(err, "taps: %u of them; at most %d are allowed, a glob counts as one", s->taps_count, TAPS_MAX);
		return -EINVAL;
	}
	for (uint32_t i = 0; i < s->taps_count; i++)
		rules[i] = (struct tap_rule){.path = s->taps[i].path, .format = s->taps[i].format, .workload = s->taps[i].workload};
	int r = taps_new(rules, s->taps_count, d->pipeline.identity, d->pipeline.workloads, &sink, false, &d->taps, err);
	if (r == 0)
		r = taps_resume(d->taps, last);
	if (r < 0)
		return r;
	taps_sweep(d->taps);
	if (taps_fd(d->taps) >= 0) {
		uv_poll_init(&d->loop, &d->files_changed, taps_fd(d->taps));
		d->files_changed.data = d;
		uv_poll_start(&d->files_changed, UV_READABLE, on_files_changed);
	}
	return 0;
}

/* Goes on where the newest record of the spool left off. */
static int resume(struct daemon *d, struct err *err)
{
	struct buf bytes;
	struct record last = {0};
	buf_init(&bytes, RECORD_BYTES_MAX);
	int r = outlet_last_record(d->outlet, &bytes, &last, err);
	if (r == 0)
		r = start_taps(d, &last, err);
	if (r == 0)
		note_absence(d, &last);
	record_done(&last);
	buf_done(&bytes);
	if (r == 0 && !d->probes && !d->taps)
		log_warn("nothing to watch: no probe could be attached and no tap is set; see `tocsin-agent check`");
	return r;
}

/* ---- stopping ---- */

static void close_handle(void *handle)
{
	uv_handle_t *h = handle;
	if (h->loop && !uv_is_closing(h))
		uv_close(h, NULL);
}

static void close_sources(struct daemon *d)
{
	close_handle(&d->tick);
	close_handle(&d->second);
	close_handle(&d->ring_ready);
	close_handle(&d->files_changed);
	for (size_t i = 0; i < 2; i++)
		close_handle(&d->stop_signals[i]);
}

/* Requests that still wait for their answer are counted as unanswered now: the last record holds them. */
static void stop_probes(struct daemon *d)
{
	if (!d->probes)
		return;
	poll_ring(d);
	probes_finish(d->probes); /* may seal on the way, when the windows are full: the probes are still whole then */
	if (probe_ledger(d))
		probes_account(d->probes, probe_ledger(d));
	close_handle(&d->ring_ready);
	probes_free(d->probes);
	d->probes = NULL;
}

static void on_stop(uv_signal_t *signal, int number)
{
	struct daemon *d = signal->data;
	struct err err = {0};
	log_info("signal %d: sealing what is open", number);
	stop_probes(d);
	if (d->taps)
		poll_taps(d);
	seal(d, true);
	if (pipeline_save_templates(&d->pipeline, &err) < 0)
		log_warn("templates: %s", err.text);
	close_sources(d);
	outlet_finish(d->outlet);
}

static int start_loop(struct daemon *d, struct err *err)
{
	static const int numbers[2] = {SIGINT, SIGTERM};
	signal(SIGPIPE, SIG_IGN);
	int r = uv_timer_init(&d->loop, &d->tick);
	if (r == 0)
		r = uv_timer_init(&d->loop, &d->second);
	d->tick.data = d->second.data = d;
	for (size_t i = 0; r == 0 && i < 2; i++) {
		r = uv_signal_init(&d->loop, &d->stop_signals[i]);
		d->stop_signals[i].data = d;
		if (r == 0)
			r = uv_signal_start(&d->stop_signals[i], on_stop, numbers[i]);
	}
	if (r < 0)
		err_set(err, "event loop: %s", uv_strerror(r));
	return r;
}

int daemon_run(const struct agent_settings *settings, const char *state_dir, struct err *err)
{
	struct daemon d = {.settings = settings};
	struct err warning;
	int r = uv_loop_init(&d.loop);
	if (r < 0) {
		err_set(err, "event loop: %s", uv_strerror(r));
		return r;
	}
	r = pipeline_init(&d.pipeline, settings, state_dir, settings->window_ms, &warning, err);
	if (r < 0)
		goto out;
	if (warning.text[0])
		log_warn("templates: %s: %s", warning.file, warning.text);
	start_probes(&d);
	/* Before the outlet: it looks names up in threads of its own. */
	if (privilege_drop(&warning) < 0)
		log_warn("%s; going on with all of them", warning.text);
	r = outlet_start(&d.loop, settings, state_dir, &d.outlet, err);
	if (r == 0)
		r = start_loop(&d, err);
	if (r == 0)
		r = resume(&d, err);
	if (r == 0) {
		commit_init(&d.commit, d.pipeline.windows, d.taps, outlet_spool(d.outlet));
		d.next_commit_ms = next_commit_after(&d, clock_wall_ms());
		uv_timer_start(&d.tick, on_tick, TICK_MS, TICK_MS);
		uv_timer_start(&d.second, on_second, 1000, 1000);
		log_info("up: %s, %u taps, delivering to %s", settings->agent, settings->taps_count, settings->collector);
	} else {
		close_sources(&d);
		if (d.outlet)
			outlet_abandon(d.outlet);
	}
	uv_run(&d.loop, UV_RUN_DEFAULT);
out:
	probes_free(d.probes);
	taps_free(d.taps);
	commit_done(&d.commit);
	outlet_free(d.outlet);
	pipeline_done(&d.pipeline);
	uv_loop_close(&d.loop);
	return r;
}
