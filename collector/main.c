/* tocsin-collector: settings, build, wire, run, tear down. What the parts do is theirs; who comes after whom is said here. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "collector/api/api.h"
#include "collector/ingest/ingest.h"
#include "collector/settings.h"
#include "collector/store/store.h"
#include "collector/triggers/triggers.h"
#include "lib/address.h"
#include "lib/clock.h"
#include "lib/command_line.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/pki.h"

static const char usage[] =
	"usage: tocsin-collector [run] [--state DIR] [--config FILE] [--set key=value]...\n"
	"       tocsin-collector enroll AGENT --to DIR [--state DIR]   makes ca.crt, agent.crt and agent.key for one agent\n"
	"       tocsin-collector settings                              prints every key with its default and meaning\n"
	"       tocsin-collector version\n";

static const char default_state[] = "/var/lib/tocsin-collector";

struct collector {
	struct collector_settings *settings;
	struct services *services;
	struct store *store;
	struct ingest *ingest;
	struct api *api;
	uint64_t judge_after_ns; /* the writer's */
	uv_loop_t loop;
	uv_signal_t stop_signals[2];
};

static int fail(const struct err *err)
{
	char text[1024];
	log_error("%s", err_text(err, text, sizeof text));
	return 1;
}

static int make_certificates(const struct collector_settings *s, const char *state, struct err *err)
{
	char dir[4096];
	snprintf(dir, sizeof dir, "%s/pki", state);
	int64_t now_ms = clock_wall_ms();
	int r = pki_make_authority(dir, now_ms, err);
	if (r == 0)
		r = pki_ensure(dir, PKI_SERVER, "tocsin-collector", s->names, s->certificate, s->key, now_ms, err);
	return r;
}

static int enroll(const struct command_line *line, const char *state)
{
	struct err err = {0};
	struct collector_settings *s = NULL;
	char dir[4096], path[4096], key[4096];
	if (line->word_count != 2 || !line->to) {
		fputs(usage, stderr);
		return 2;
	}
	int r = collector_settings_load(line->config, line->set, line->set_count, state, &s, &err);
	if (r == 0)
		r = make_certificates(s, state, &err);
	if (r == 0)
		r = file_make_folder(line->to, &err);
	struct buf authority;
	buf_init(&authority, 1 << 16);
	if (r == 0)
		r = file_read(s->ca, &authority, &err);
	if (r == 0) {
		snprintf(path, sizeof path, "%s/ca.crt", line->to);
		r = file_write(path, buf_span(&authority), 0644, &err);
	}
	if (r == 0) {
		snprintf(dir, sizeof dir, "%s/pki", state);
		snprintf(path, sizeof path, "%s/agent.crt", line->to);
		snprintf(key, sizeof key, "%s/agent.key", line->to);
		r = pki_ensure(dir, PKI_AGENT, line->words[1], NULL, path, key, clock_wall_ms(), &err);
	}
	buf_done(&authority);
	collector_settings_free(s);
	return r < 0 ? fail(&err) : 0;
}

/* ---- judging: on the writer's thread, after each commit ---- */

static void on_trigger(void *ctx, const struct store_trigger *t, bool is_new)
{
	struct collector *c = ctx;
	if (is_new)
		log_warn("trigger %s raised: %s", t->clause, t->reason);
	else
		log_info("trigger %s closed: %s", t->clause, t->key);
	if (c->api)
		api_publish_trigger(c->api, t);
}

enum { JUDGE_RETRY_MS = 10000 };

/* Judging reads every service's endpoints. It takes a tenth of the writer's time at most: a commit that comes too early is judged with a later one, or
 * when the pause is over. What a person wrote is judged at once. */
static uint64_t on_committed(void *ctx, struct store *store, bool wrote)
{
	struct collector *c = ctx;
	struct err err = {0};
	uint64_t began_ns = clock_monotonic_ns();
	if (!wrote && began_ns < c->judge_after_ns)
		return (c->judge_after_ns - began_ns) / 1000000 + 1;
	int r = judge_run(store, clock_wall_ms(), on_trigger, c, &err);
	if (r < 0)
		log_error("judging: %s; it is tried again in %d s", err.text, JUDGE_RETRY_MS / 1000);
	uint64_t ended_ns = clock_monotonic_ns();
	c->judge_after_ns = ended_ns + 9 * (ended_ns - began_ns);
	if (c->api)
		api_publish(c->api, "totals", "{}");
	return r < 0 ? JUDGE_RETRY_MS : 0;
}

static int on_api_write(void *ctx, api_write_fn write, void *write_ctx, struct err *err)
{
	struct collector *c = ctx;
	return ingest_run_write(c->ingest, write, write_ctx, err);
}

/* ---- run ---- */

static void on_handle(uv_handle_t *handle, void *ctx)
{
	(void)ctx;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void on_stop(uv_signal_t *signal, int number)
{
	struct collector *c = signal->data;
	log_info("signal %d: stopping", number);
	for (size_t i = 0; i < 2; i++)
		uv_close((uv_handle_t *)&c->stop_signals[i], NULL);
	ingest_stop(c->ingest);
}

static int start_loop(struct collector *c)
{
	static const int numbers[2] = {SIGINT, SIGTERM};
	signal(SIGPIPE, SIG_IGN);
	int r = uv_loop_init(&c->loop);
	for (size_t i = 0; r == 0 && i < 2; i++) {
		r = uv_signal_init(&c->loop, &c->stop_signals[i]);
		c->stop_signals[i].data = c;
		if (r == 0)
			r = uv_signal_start(&c->stop_signals[i], on_stop, numbers[i]);
	}
	return r;
}

static int start_parts(struct collector *c, const char *state, struct err *err)
{
	char host[ADDRESS_HOST_MAX], api_host[ADDRESS_HOST_MAX];
	uint16_t port, api_port_wanted;
	const struct collector_settings *s = c->settings;
	int r = collector_settings_services(s, &c->services, err);
	if (r < 0)
		return r;
	struct store_options store = {.path = s->database, .day_offset_minutes = s->day_offset_minutes, .services = c->services};
	r = store_open(&store, &c->store, err);
	if (r < 0)
		return r;
	r = address_split(s->listen, host, &port, err);
	if (r == 0)
		r = address_split(s->api_listen, api_host, &api_port_wanted, err);
	if (r < 0)
		return r;
	struct ingest_options ingest = {.loop = &c->loop,
					.host = host,
					.port = port,
					.files = {.authority = s->ca, .certificate = s->certificate, .key = s->key},
					.store = c->store,
					.on_committed = on_committed,
					.ctx = c};
	r = ingest_start(&ingest, &c->ingest, err);
	if (r < 0)
		return r;
	struct api_options api = {.host = api_host,
				  .port = api_port_wanted,
				  .certificate_file = s->certificate,
				  .key_file = s->key,
				  .store_path = s->database,
				  .day_offset_minutes = s->day_offset_minutes,
				  .state_dir = state,
				  .run_write = on_api_write,
				  .ctx = c};
	r = api_start(&api, &c->api, err);
	if (r < 0)
		return r;
	char code[64];
	r = api_login_code(c->api, code, sizeof code);
	log_info("agents: listening on %s port %u, mutual TLS", host, ingest_port(c->ingest));
	log_info("dashboard: https://%s:%u/login#%s (good once)", strcmp(api_host, "0.0.0.0") == 0 ? "127.0.0.1" : api_host,
		 api_port(c->api), r == 0 ? code : "");
	return 0;
}

static int run(const struct command_line *line, const char *state)
{
	struct collector c = {0};
	struct err err = {0};
	int failed = 0;
	if (collector_settings_load(line->config, line->set, line->set_count, state, &c.settings, &err) < 0)
		return fail(&err);
	log_open("collector", c.settings->verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	int r = file_make_folder(state, &err);
	if (r == 0)
		r = make_certificates(c.settings, state, &err);
	if (r < 0) {
		failed = fail(&err);
		goto no_loop;
	}
	r = start_loop(&c);
	if (r < 0) {
		log_error("event loop: %s", uv_strerror(r));
		failed = 1;
		goto no_loop;
	}
	r = start_parts(&c, state, &err);
	if (r < 0) {
		failed = fail(&err);
		if (c.ingest)
			ingest_stop(c.ingest);
		for (size_t i = 0; i < 2; i++)
			on_handle((uv_handle_t *)&c.stop_signals[i], NULL);
	}
	uv_run(&c.loop, UV_RUN_DEFAULT);
	/* The API's threads may still wait for the writer: it answers them with an error once it has stopped, so they end by themselves. */
	api_stop(c.api);
	ingest_free(c.ingest);
	uv_loop_close(&c.loop);
no_loop:
	store_close(c.store);
	services_free(c.services);
	collector_settings_free(c.settings);
	if (!failed)
		log_info("stopped");
	return failed;
}

int main(int argc, char **argv)
{
	struct command_line line;
	struct err err = {0};
	log_open("collector", LOG_LEVEL_INFO);
	if (command_line_parse(argc, argv, &line, &err) < 0) {
		fprintf(stderr, "%s\n%s", err.text, usage);
		return 2;
	}
	const char *state = line.state ? line.state : default_state;
	const char *command = line.word_count > 0 ? line.words[0] : "run";
	if (strcmp(command, "run") == 0 && line.word_count <= 1)
		return run(&line, state);
	if (strcmp(command, "enroll") == 0)
		return enroll(&line, state);
	if (strcmp(command, "settings") == 0) {
		settings_print_example(&collector_settings_table, stdout);
		return 0;
	}
	if (strcmp(command, "version") == 0) {
		puts("tocsin-collector " TOCSIN_VERSION);
		return 0;
	}
	fputs(usage, stderr);
	return 2;
}
