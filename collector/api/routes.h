/* Every address of the API, in one table: method, path, who may ask, which query keys it knows, and its handler. */
#ifndef TOCSIN_COLLECTOR_ROUTES_H
#define TOCSIN_COLLECTOR_ROUTES_H

#include <stddef.h>

#include "collector/api/handler.h"

enum access { ACCESS_ANYBODY, ACCESS_SIGNED_IN, ACCESS_TOKEN };

struct route {
	const char *method;
	const char *path; /* below /api/v1; "*" is the parameter */
	enum access access;
	const char *keys; /* of the query, separated by blanks */
	handler_fn handle;
};

/* The table; ends with method NULL. */
extern const struct route routes[];

/* The route of a request below /api/v1, and its parameter. NULL without one: `allow` (of cap bytes) then holds the methods that the
 * path knows, empty when it knows none. HEAD finds what GET does. */
const struct route *route_find(const char *method, const struct target *target, const char **ret_parameter, char *allow, size_t cap);
/* The first query key that the route does not know, or NULL. */
const char *route_unknown_key(const struct route *route, const struct target *target);

/* ---- the handlers, by the file that has them ---- */
void get_session(struct request *rq, struct reply *reply); /* session_handlers.c */
void post_login(struct request *rq, struct reply *reply);
void post_logout(struct request *rq, struct reply *reply);
void post_login_code(struct request *rq, struct reply *reply);
void get_services(struct request *rq, struct reply *reply); /* fact_handlers.c */
void get_users(struct request *rq, struct reply *reply);
void get_hours(struct request *rq, struct reply *reply);
void get_endpoints(struct request *rq, struct reply *reply);
void get_agents(struct request *rq, struct reply *reply);
void get_ledger(struct request *rq, struct reply *reply);
void get_triggers(struct request *rq, struct reply *reply); /* law_handlers.c */
void get_notices(struct request *rq, struct reply *reply);
void post_notice(struct request *rq, struct reply *reply);
void post_assessment(struct request *rq, struct reply *reply);
void get_deadline(struct request *rq, struct reply *reply);
void get_events(struct request *rq, struct reply *reply); /* machine_handlers.c */
void get_health(struct request *rq, struct reply *reply);
void get_metrics(struct request *rq, struct reply *reply);
void get_openapi(struct request *rq, struct reply *reply);

/* ---- what several handlers do ---- */
enum { ROWS_MAX = 10000 };

/* The id of the service with this name; without one it replies (404 when the name stood in the path or the query, 400 at /service of a
 * body) and returns false. */
bool find_service(struct request *rq, const char *name, const char *place, struct store_service_row *ret, struct reply *reply);
/* Query values with their defaults; on a bad one they reply and return false. */
bool query_flag(const struct request *rq, const char *key, bool *ret, struct reply *reply);
bool query_number(const struct request *rq, const char *key, int min, int max, int *ret, struct reply *reply);
bool query_moment(const struct request *rq, const char *key, int64_t *ret_ms, struct reply *reply);

#endif
