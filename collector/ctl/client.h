/* The REST API as tocsinctl calls it: HTTPS by libcurl, the token of api.token, problems turned into sentences.
 *
 * Owns one connection. Only https and only a verified certificate: the token must not reach anybody else. */
#ifndef TOCSIN_CTL_CLIENT_H
#define TOCSIN_CTL_CLIENT_H

#include <jansson.h>

#include "lib/err.h"

struct client;

struct client_options {
	const char *collector;  /* "https://127.0.0.1:8465" */
	const char *token_file; /* holds the token in its first line */
	const char *ca_file;    /* NULL: the system's authorities */
};

int client_new(const struct client_options *options, struct client **ret, struct err *err);
void client_free(struct client *c);

/* One request below /api/v1. `body` is borrowed, NULL for none (a POST then has an empty one). -EACCES when the API refused, -EIO when it
 * was not reached or answered nonsense. */
int client_call(struct client *c, const char *method, const char *path, const json_t *body, json_t **ret, struct err *err);
/* Appends "?key=value" or "&key=value", percent-encoded; `value` NULL appends nothing. -EMSGSIZE. */
int client_query(struct client *c, char *path, size_t cap, const char *key, const char *value);

#endif
