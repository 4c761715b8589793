#include "collector/api/handler.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"

struct store *request_store(struct request *rq)
{
	if (!rq->store)
		rq->store = readers_take(rq->env->readers);
	return rq->store;
}

const char *actor_name(enum actor actor)
{
	switch (actor) {
	case ACTOR_SESSION: return "session";
	case ACTOR_TOKEN: return "token";
	case ACTOR_NOBODY: break;
	}
	return "nobody";
}

void reply_done(struct reply *r)
{
	free(r->text);
	r->text = NULL;
}

static void set_body(struct reply *r, unsigned status, const char *type, json_t *json)
{
	reply_done(r);
	r->kind = REPLY_BODY;
	r->status = status;
	r->type = type;
	r->text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	if (!r->text) {
		static const char no_memory[] = "{\"type\":\"about:blank\",\"status\":500,\"title\":\"Internal Server Error\","
						"\"detail\":\"out of memory\",\"remedy\":\"try again\"}";
		reply_static(r, "application/problem+json", no_memory, sizeof no_memory - 1);
		r->status = 500;
		return;
	}
	r->text_len = strlen(r->text);
}

void reply_json(struct reply *r, unsigned status, json_t *json)
{
	set_body(r, status, "application/json", json);
}

void reply_text(struct reply *r, const char *type, char *text, size_t len)
{
	reply_done(r);
	r->kind = REPLY_BODY;
	r->status = 200;
	r->type = type;
	r->text = text;
	r->text_len = len;
}

void reply_static(struct reply *r, const char *type, const void *data, size_t len)
{
	reply_done(r);
	r->kind = REPLY_STATIC;
	r->status = 200;
	r->type = type;
	r->data = data;
	r->data_len = len;
}

static const char *status_title(unsigned status)
{
	switch (status) {
	case 400: return "Bad Request";
	case 401: return "Unauthorized";
	case 403: return "Forbidden";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 413: return "Content Too Large";
	case 414: return "URI Too Long";
	case 415: return "Unsupported Media Type";
	case 429: return "Too Many Requests";
	case 503: return "Service Unavailable";
	default: return "Internal Server Error";
	}
}

void reply_problem(struct reply *r, unsigned status, const char *place, const char *remedy, const char *format, ...)
{
	char detail[768];
	va_list args;
	va_start(args, format);
	vsnprintf(detail, sizeof detail, format, args);
	va_end(args);
	/* What a client wrote may be quoted in the detail and cut by it in mid-character. */
	json_t *text = json_string(detail);
	json_t *json = json_pack("{s:s, s:i, s:s, s:o, s:s*, s:s*}", "type", "about:blank", "status", (int)status, "title",
				 status_title(status), "detail", text ? text : json_string("the request holds text that is not UTF-8"),
				 "place", place, "remedy", remedy);
	set_body(r, status, "application/problem+json", json);
}

void reply_store_failed(struct reply *r, const struct err *err)
{
	char text[800];
	log_error("api: %s; the request was answered with 500", err_text(err, text, sizeof text));
	reply_problem(r, 500, NULL, "see the collector's log", "the store could not be read or written");
}
