/* Who may ask: one-time login codes, browser sessions and the token of tocsinctl.
 *
 * Owns them all, in memory and hashed (BLAKE2b); a secret in the clear exists only in the hands it was given to, and in api.token, a file
 * of mode 0600 that a restart keeps. Comparing takes the same time whatever is wrong. Time is an argument. Any thread. */
#ifndef TOCSIN_COLLECTOR_SESSIONS_H
#define TOCSIN_COLLECTOR_SESSIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/span.h"

enum {
	SECRET_CAP = 23, /* 128 random bits in URL-safe base 64, terminated */
	LOGIN_CODES_MAX = 16,
	LOGIN_CODE_LIFE_MS = 15 * 60 * 1000,
	SESSIONS_MAX = 256,
	SESSION_LIFE_S = 12 * 3600,
	LOGIN_FAILURES_MAX = 10, /* of one address within LOGIN_FAILURES_SPAN_MS */
	LOGIN_FAILURES_SPAN_MS = 60 * 1000,
	LOGIN_SOURCES_MAX = 64,
};

struct sessions;

/* Reads or makes `state_dir`/api.token. Refuses one that others can read. */
int sessions_new(const char *state_dir, struct sessions **ret, struct err *err);
void sessions_free(struct sessions *s);

/* A new one-time code; when LOGIN_CODES_MAX are open the oldest is worth nothing any more. */
void sessions_code(struct sessions *s, int64_t now_ms, char out[SECRET_CAP], int64_t *ret_expires_ms);
/* Turns a code into a session, once. `source` tells addresses apart for the limit on failures. -EACCES: no such code; -EAGAIN: too many
 * failures, `ret_retry_s` says how long to wait. */
int sessions_login(struct sessions *s, struct span source, struct span code, int64_t now_ms, char out_secret[SECRET_CAP],
		   int64_t *ret_expires_ms, int *ret_retry_s);
bool sessions_has(struct sessions *s, struct span secret, int64_t now_ms, int64_t *ret_expires_ms);
void sessions_logout(struct sessions *s, struct span secret);
bool sessions_is_token(const struct sessions *s, struct span token);

struct sessions_stats {
	uint64_t open;            /* sessions now */
	uint64_t logins;          /* that succeeded */
	uint64_t failures;        /* wrong codes */
	uint64_t refused_by_rate; /* not even looked at */
};
void sessions_stats(struct sessions *s, int64_t now_ms, struct sessions_stats *ret);

#endif
