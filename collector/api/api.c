/* Wires sessions, event hub, readers and HTTPS together, and takes them down in the order in which they need each other. */
#include "collector/api/api.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "collector/api/handler.h"
#include "collector/api/http.h"
#include "collector/api/view.h"
#include "lib/clock.h"

struct api {
	struct env env;
	struct http *http;
};

int api_start(const struct api_options *options, struct api **ret, struct err *err)
{
	struct api *api = calloc(1, sizeof *api);
	if (!api) {
		err_set(err, "out of memory");
		return -ENOMEM;
	}
	struct env *env = &api->env;
	env->options = *options;
	env->started_ms = clock_wall_ms();
	int r = sessions_new(options->state_dir, &env->sessions, err);
	if (r < 0)
		goto fail;
	r = readers_new(options->store_path, options->day_offset_minutes, HTTP_THREADS, &env->readers, err);
	if (r < 0)
		goto fail;
	r = events_new(randombytes_random(), &env->events);
	if (r < 0) {
		err_set(err, "the thread of the event hub did not start: %s", strerror(-r));
		goto fail;
	}
	r = http_start(env, &api->http, err);
	if (r < 0)
		goto fail;
	*ret = api;
	return 0;
fail:
	api_stop(api);
	return r;
}

uint16_t api_port(const struct api *api)
{
	return http_port(api->http);
}

int api_login_code(struct api *api, char *out, unsigned long cap)
{
	int64_t expires_ms;
	if (cap < SECRET_CAP)
		return -ENOBUFS;
	sessions_code(api->env.sessions, clock_wall_ms(), out, &expires_ms);
	return 0;
}

void api_publish(struct api *api, const char *event, const char *json)
{
	events_publish(api->env.events, event, json);
}

void api_publish_trigger(struct api *api, const struct store_trigger *trigger)
{
	bool is_open = trigger->state == TRIGGER_CANDIDATE || trigger->state == TRIGGER_CONFIRMED;
	json_t *json = view_trigger(trigger, clock_wall_ms());
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	/* Without memory the subscribers are told to load what they show anew. */
	events_publish(api->env.events, text ? (is_open ? "trigger" : "trigger-closed") : "ready", text ? text : "{\"missed\":true}");
	free(text);
	json_decref(json);
}

void api_stop(struct api *api)
{
	if (!api)
		return;
	if (api->env.events)
		events_stop(api->env.events);
	http_stop(api->http);
	events_free(api->env.events);
	readers_free(api->env.readers);
	sessions_free(api->env.sessions);
	free(api);
}
