#include "collector/api/routes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/api/rfc3339.h"

const struct route routes[] = {
	{"POST", "login", ACCESS_ANYBODY, "", post_login},
	{"POST", "logout", ACCESS_SIGNED_IN, "", post_logout},
	{"GET", "session", ACCESS_SIGNED_IN, "", get_session},
	{"POST", "login-codes", ACCESS_TOKEN, "", post_login_code},
	{"GET", "triggers", ACCESS_SIGNED_IN, "open", get_triggers},
	{"GET", "services", ACCESS_SIGNED_IN, "", get_services},
	{"GET", "services/*/users", ACCESS_SIGNED_IN, "from to total", get_users},
	{"GET", "services/*/hours", ACCESS_SIGNED_IN, "from to", get_hours},
	{"GET", "endpoints", ACCESS_SIGNED_IN, "service function limit", get_endpoints},
	{"GET", "agents", ACCESS_SIGNED_IN, "", get_agents},
	{"GET", "agents/*/ledger", ACCESS_SIGNED_IN, "", get_ledger},
	{"GET", "notices", ACCESS_SIGNED_IN, "service", get_notices},
	{"POST", "notices", ACCESS_SIGNED_IN, "", post_notice},
	{"POST", "assessments", ACCESS_SIGNED_IN, "", post_assessment},
	{"GET", "calendar/deadline", ACCESS_SIGNED_IN, "occurred working_days", get_deadline},
	{"GET", "events", ACCESS_SIGNED_IN, "", get_events},
	{"GET", "metrics", ACCESS_SIGNED_IN, "", get_metrics},
	{"GET", "health", ACCESS_ANYBODY, "", get_health},
	{"GET", "openapi.yaml", ACCESS_SIGNED_IN, "", get_openapi},
	{0},
};

enum { PREFIX_SEGMENTS = 2 }; /* "api", "v1" */

static bool path_matches(const char *path, const struct target *target, const char **ret_parameter)
{
	struct span rest = span_str(path);
	const char *parameter = NULL;
	for (size_t i = PREFIX_SEGMENTS; i < target->segment_count; i++) {
		struct span want = span_cut(&rest, '/');
		if (span_equal(want, span_make("*", 1)))
			parameter = target->segments[i];
		else if (want.len == 0 || !span_equal(want, span_str(target->segments[i])))
			return false;
	}
	if (rest.len > 0 || target->segment_count <= PREFIX_SEGMENTS)
		return false;
	*ret_parameter = parameter;
	return true;
}

const struct route *route_find(const char *method, const struct target *target, const char **ret_parameter, char *allow, size_t cap)
{
	const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
	size_t len = 0;
	allow[0] = '\0';
	for (const struct route *r = routes; r->method; r++) {
		const char *parameter;
		if (!path_matches(r->path, target, &parameter))
			continue;
		if (strcmp(r->method, wanted) == 0) {
			*ret_parameter = parameter;
			return r;
		}
		if (len < cap)
			len += (size_t)snprintf(allow + len, cap - len, "%s%s", len ? ", " : "", r->method);
	}
	return NULL;
}

static bool knows_key(const struct route *route, const char *key)
{
	struct span known = span_str(route->keys);
	while (known.len > 0)
		if (span_equal(span_cut(&known, ' '), span_str(key)))
			return true;
	return false;
}

const char *route_unknown_key(const struct route *route, const struct target *target)
{
	for (size_t i = 0; i < target->pair_count; i++)
		if (!knows_key(route, target->pairs[i].key))
			return target->pairs[i].key;
	return NULL;
}

/* ---- what several handlers do ---- */

struct service_search {
	const char *name;
	struct store_service_row *ret;
};

static int on_service_searched(void *ctx, const struct store_service_row *row)
{
	struct service_search *search = ctx;
	if (strcmp(row->name, search->name) != 0)
		return 0;
	*search->ret = *row;
	return 1;
}

bool find_service(struct request *rq, const char *name, const char *place, struct store_service_row *ret, struct reply *reply)
{
	struct err err = {0};
	struct service_search search = {name, ret};
	int r = store_each_service(request_store(rq), on_service_searched, &search, &err);
	if (r == 1) {
		/* What the row pointed to ended with the callback. */
		ret->name = name;
		ret->title = ret->assessed_on = NULL;
		return true;
	}
	if (r < 0)
		reply_store_failed(reply, &err);
	else
		reply_problem(reply, place && place[0] == '/' ? 400 : 404, place,
			      "GET /api/v1/services lists them (tocsinctl services); a new one is declared in the collector's settings",
			      "there is no service \"%.128s\"", name);
	return false;
}

bool query_flag(const struct request *rq, const char *key, bool *ret, struct reply *reply)
{
	const char *value = target_value(&rq->target, key);
	char place[40];
	if (!value)
		return true;
	if (strcmp(value, "true") == 0 || strcmp(value, "false") == 0) {
		*ret = value[0] == 't';
		return true;
	}
	snprintf(place, sizeof place, "?%s", key);
	reply_problem(reply, 400, place, "give true or false", "%s is \"%.64s\"", key, value);
	return false;
}

bool query_number(const struct request *rq, const char *key, int min, int max, int *ret, struct reply *reply)
{
	const char *value = target_value(&rq->target, key);
	char place[40], remedy[64];
	if (!value)
		return true;
	char *end;
	errno = 0;
	long n = strtol(value, &end, 10);
	if (value[0] >= '0' && value[0] <= '9' && *end == '\0' && errno == 0 && n >= min && n <= max) {
		*ret = (int)n;
		return true;
	}
	snprintf(place, sizeof place, "?%s", key);
	snprintf(remedy, sizeof remedy, "give a number from %d to %d", min, max);
	reply_problem(reply, 400, place, remedy, "%s is \"%.64s\"", key, value);
	return false;
}

bool query_moment(const struct request *rq, const char *key, int64_t *ret_ms, struct reply *reply)
{
	const char *value = target_value(&rq->target, key);
	char place[40];
	if (!value || moment_parse(span_str(value), ret_ms) == 0)
		return true;
	snprintf(place, sizeof place, "?%s", key);
	reply_problem(reply, 400, place, "give a date as YYYY-MM-DD or a time as 2026-11-23T08:00:00Z", "%s is \"%.64s\"", key, value);
	return false;
}
