/* What a handler of a route gets and gives back. Knows nothing of the HTTP library: a handler is a function from request to reply. */
#ifndef TOCSIN_COLLECTOR_HANDLER_H
#define TOCSIN_COLLECTOR_HANDLER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "collector/api/api.h"
#include "collector/api/events.h"
#include "collector/api/readers.h"
#include "collector/api/sessions.h"
#include "collector/api/target.h"
#include "lib/span.h"

/* What all requests share; owned by api.c. */
struct env {
	struct api_options options;
	struct sessions *sessions;
	struct events *events;
	struct readers *readers;
	int64_t started_ms;
	uint64_t requests[6]; /* answered, by status class; atomics */
};

enum actor { ACTOR_NOBODY, ACTOR_SESSION, ACTOR_TOKEN };

struct request {
	struct env *env;
	struct target target;
	const char *parameter; /* the path's variable segment, or NULL */
	enum actor actor;
	struct span cookie;         /* the session's secret, as presented */
	int64_t session_expires_ms; /* of ACTOR_SESSION */
	struct span source;         /* the client's address, for the limit on failed logins */
	const char *last_event_id;  /* or NULL */
	struct span body;
	int64_t now_ms;
	struct store *store; /* lent on the first request_store(), given back by whoever called the handler */
};

/* A read-only store handle for the rest of this request. */
struct store *request_store(struct request *rq);
/* Name of the actor for the records. */
const char *actor_name(enum actor actor);

enum reply_kind { REPLY_NONE, REPLY_BODY, REPLY_STATIC, REPLY_EVENTS };

struct reply {
	enum reply_kind kind;
	unsigned status;
	const char *type;
	char *text; /* REPLY_BODY: owned, from malloc */
	size_t text_len;
	const void *data; /* REPLY_STATIC: borrowed for ever */
	size_t data_len;
	char set_cookie[128];
	char allow[64];
	int retry_after_s;
};

typedef void (*handler_fn)(struct request *rq, struct reply *reply);

void reply_done(struct reply *r);
/* Takes `json`; NULL stands for memory that ran out. */
void reply_json(struct reply *r, unsigned status, json_t *json);
/* Takes `text`, from malloc. */
void reply_text(struct reply *r, const char *type, char *text, size_t len);
void reply_static(struct reply *r, const char *type, const void *data, size_t len);
/* RFC 9457. `place` and `remedy` may be NULL. */
void reply_problem(struct reply *r, unsigned status, const char *place, const char *remedy, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
/* The store failed: logs its sentence once and says so without it. */
void reply_store_failed(struct reply *r, const struct err *err);

#endif
