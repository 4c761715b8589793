/* The REST API, its server-sent events and the dashboard: HTTPS on libmicrohttpd, in its own threads, with read-only store handles.
 *
 * Owns its threads, sessions and event subscribers. Writes (a notice, an assessment) go through `run_write` to the one writer,
 * never through a handle of its own, so a slow query never stops ingest. The dashboard's files are embedded in the program. */
#ifndef TOCSIN_COLLECTOR_API_H
#define TOCSIN_COLLECTOR_API_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/store/store.h"
#include "lib/err.h"

struct api;

/* Handed to the writer and run there, one at a time; returns a negative errno with a sentence in `err`. */
typedef int (*api_write_fn)(void *write_ctx, struct store *writer, struct err *err);
/* Runs `write` on the writer's thread and waits for it; afterwards the writer judges. Called from API threads. */
typedef int (*api_run_write_fn)(void *ctx, api_write_fn write, void *write_ctx, struct err *err);

struct api_options {
	const char *host;             /* "127.0.0.1" */
	uint16_t port;                /* 0: any free one */
	const char *certificate_file; /* PEM */
	const char *key_file;
	const char *store_path;
	int day_offset_minutes;
	const char *state_dir; /* api.token (0600) is kept here for tocsinctl; sessions are in memory */
	api_run_write_fn run_write;
	void *ctx;
};

int api_start(const struct api_options *options, struct api **ret, struct err *err);
uint16_t api_port(const struct api *api);
/* A new one-time login code, good for one login within its life: printed by `make run` as https://…/login#CODE. */
int api_login_code(struct api *api, char *out, unsigned long cap);
/* Tells every subscriber of /api/v1/events. Any thread. `json` is one object. */
void api_publish(struct api *api, const char *event, const char *json);
/* The same for a trigger, as openapi.yaml shows it: "trigger" while it is open, "trigger-closed" after. `service` must be filled. */
void api_publish_trigger(struct api *api, const struct store_trigger *trigger);
void api_stop(struct api *api);

#endif
