/* Signing in and out: /login, /logout, /session, /login-codes. */
#include <errno.h>
#include <stdio.h>

#include "collector/api/entries.h"
#include "collector/api/routes.h"
#include "collector/api/view.h"

void get_session(struct request *rq, struct reply *reply)
{
	json_t *expires = rq->actor == ACTOR_SESSION ? view_time(rq->session_expires_ms) : json_null();
	reply_json(reply, 200, json_pack("{s:s, s:o}", "actor", actor_name(rq->actor), "expires_at", expires));
}

static void login(struct request *rq, struct span code, struct reply *reply)
{
	char secret[SECRET_CAP];
	int64_t expires_ms;
	int retry_s;
	int r = sessions_login(rq->env->sessions, rq->source, code, rq->now_ms, secret, &expires_ms, &retry_s);
	if (r == -EAGAIN) {
		reply_problem(reply, 429, NULL, "wait, then use a fresh code", "too many failed logins from this address");
		reply->retry_after_s = retry_s;
	} else if (r < 0) {
		reply_problem(reply, 401, "/code", "make a new one on the collector's host: tocsinctl login-code",
			      "the login code is unknown, was used before, or is older than %d minutes", LOGIN_CODE_LIFE_MS / 60000);
	} else {
		reply_json(reply, 200, json_pack("{s:s, s:o}", "actor", "session", "expires_at", view_time(expires_ms)));
		snprintf(reply->set_cookie, sizeof reply->set_cookie,
			 "__Host-tocsin=%s; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=%d", secret, SESSION_LIFE_S);
	}
}

void post_login(struct request *rq, struct reply *reply)
{
	struct fault fault;
	struct login_entry entry;
	json_t *json = NULL;
	if (entry_parse(rq->body, &json, &fault) < 0 || login_read(json, &entry, &fault) < 0)
		reply_problem(reply, 400, fault.place, fault.remedy, "%s", fault.text);
	else
		login(rq, span_str(entry.code), reply);
	json_decref(json);
}

void post_logout(struct request *rq, struct reply *reply)
{
	if (rq->actor == ACTOR_SESSION)
		sessions_logout(rq->env->sessions, rq->cookie);
	reply_static(reply, NULL, "", 0);
	reply->status = 204;
	snprintf(reply->set_cookie, sizeof reply->set_cookie, "__Host-tocsin=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0");
}

void post_login_code(struct request *rq, struct reply *reply)
{
	char code[SECRET_CAP], path[SECRET_CAP + 8];
	int64_t expires_ms;
	sessions_code(rq->env->sessions, rq->now_ms, code, &expires_ms);
	snprintf(path, sizeof path, "/login#%s", code);
	reply_json(reply, 201, json_pack("{s:s, s:o, s:s}", "code", code, "expires_at", view_time(expires_ms), "path", path));
}
