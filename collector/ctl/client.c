#include "collector/ctl/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"

enum { ANSWER_BYTES_MAX = 64 << 20, URL_BYTES_MAX = 4096, TOKEN_BYTES_MAX = 128, CONNECT_S = 10, ANSWER_S = 120 };

struct client {
	const struct client_options *options;
	CURL *curl;
	char authorization[TOKEN_BYTES_MAX + 32];
	char why[CURL_ERROR_SIZE];
};

static int read_token(const char *path, char out[TOKEN_BYTES_MAX], struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, TOKEN_BYTES_MAX - 1);
	int error = errno;
	if (fd >= 0)
		close(fd);
	if (n < 0) {
		err_at(err, path, 0,
		       "%s; the collector's token is read from there: run as the collector's user, or name it with --state or --token-file",
		       strerror(error));
		return -error;
	}
	out[n] = '\0';
	out[strcspn(out, "\r\n")] = '\0';
	if (!*out) {
		err_at(err, path, 1, "holds no token; --token-file takes the collector's api.token");
		return -EINVAL;
	}
	return 0;
}

int client_new(const struct client_options *options, struct client **ret, struct err *err)
{
	char token[TOKEN_BYTES_MAX];
	if (strncmp(options->collector, "https://", 8) != 0) {
		err_set(err, "the collector's address \"%s\" does not begin with https://; the token goes over nothing else",
			options->collector);
		return -EINVAL;
	}
	int r = read_token(options->token_file, token, err);
	if (r < 0)
		return r;
	struct client *c = calloc(1, sizeof *c);
	if (c)
		c->curl = curl_easy_init();
	if (!c || !c->curl) {
		free(c);
		err_set(err, "out of memory");
		return -ENOMEM;
	}
	c->options = options;
	snprintf(c->authorization, sizeof c->authorization, "Authorization: Bearer %s", token);
	explicit_bzero(token, sizeof token);
	*ret = c;
	return 0;
}

void client_free(struct client *c)
{
	if (!c)
		return;
	curl_easy_cleanup(c->curl);
	explicit_bzero(c->authorization, sizeof c->authorization);
	free(c);
}

static size_t on_bytes(char *data, size_t size, size_t count, void *ctx)
{
	return buf_append(ctx, data, size * count) == 0 ? size * count : 0;
}

/* What libcurl met, and what an operator can do about it. */
static int explain_curl(const struct client *c, CURLcode code, struct err *err)
{
	const char *remedy = "";
	switch (code) {
	case CURLE_COULDNT_CONNECT:
		remedy = "; is the collector running there? start it, or name another with --collector https://HOST:PORT";
		break;
	case CURLE_COULDNT_RESOLVE_HOST: remedy = "; name the collector with --collector https://HOST:PORT"; break;
	case CURLE_PEER_FAILED_VERIFICATION:
		remedy = "; give the collector's authority with --ca FILE (its STATE/pki/ca.crt), and the name that its certificate has";
		break;
	case CURLE_SSL_CACERT_BADFILE: remedy = "; --ca takes a PEM file with the collector's authority"; break;
	case CURLE_SSL_CONNECT_ERROR: remedy = "; is it the API's port (8465), not that of the agents?"; break;
	default: break;
	}
	err_set(err, "%s: %s%s", c->options->collector, *c->why ? c->why : curl_easy_strerror(code), remedy);
	return -EIO;
}

static int explain_problem(const struct client *c, long status, const json_t *problem, struct err *err)
{
	const char *detail = json_string_value(json_object_get(problem, "detail")),
		   *place = json_string_value(json_object_get(problem, "place"));
	const char *remedy = json_string_value(json_object_get(problem, "remedy"));
	if (status == 401) {
		err_at(err, c->options->token_file, 0, "holds another collector's token; --state takes the folder of the collector at %s",
		       c->options->collector);
		return -EACCES;
	}
	err_set(err, "refused (%ld): %s%s%s%s%s", status, detail ? detail : "without a reason", place && *place ? ", at " : "",
		place && *place ? place : "", remedy ? "; " : "", remedy ? remedy : "");
	return -EACCES;
}

static int read_answer(struct client *c, const struct buf *answer, json_t **ret, struct err *err)
{
	long status = 0;
	json_error_t error;
	curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	json_t *json = json_loadb((const char *)answer->data, answer->len, 0, &error);
	int r = 0;
	if (status >= 400)
		r = explain_problem(c, status, json, err);
	else if (!json) {
		err_set(err, "%s answers, but not as a Tocsin collector: %s", c->options->collector, error.text);
		r = -EIO;
	}
	if (r < 0)
		json_decref(json);
	else
		*ret = json;
	return r;
}

static int perform(struct client *c, const char *method, const char *path, const char *body, struct buf *answer, struct err *err)
{
	char url[URL_BYTES_MAX];
	if (snprintf(url, sizeof url, "%s/api/v1%s", c->options->collector, path) >= (int)sizeof url) {
		err_set(err, "the address is longer than %d bytes", URL_BYTES_MAX);
		return -EMSGSIZE;
	}
	struct curl_slist *headers = curl_slist_append(NULL, c->authorization);
	if (headers && body)
		curl_slist_append(headers, "Content-Type: application/json");
	curl_easy_reset(c->curl);
	curl_easy_setopt(c->curl, CURLOPT_URL, url);
	curl_easy_setopt(c->curl, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(c->curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
	curl_easy_setopt(c->curl, CURLOPT_TIMEOUT, (long)ANSWER_S);
	curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, c->why);
	curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, on_bytes);
	curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, answer);
	if (c->options->ca_file)
		curl_easy_setopt(c->curl, CURLOPT_CAINFO, c->options->ca_file);
	if (strcmp(method, "POST") == 0)
		curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, body ? body : "");
	CURLcode code = headers ? curl_easy_perform(c->curl) : CURLE_OUT_OF_MEMORY;
	curl_slist_free_all(headers);
	return code == CURLE_OK ? 0 : explain_curl(c, code, err);
}

int client_call(struct client *c, const char *method, const char *path, const json_t *body, json_t **ret, struct err *err)
{
	struct buf answer;
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	if (body && !text) {
		err_set(err, "out of memory");
		return -ENOMEM;
	}
	buf_init(&answer, ANSWER_BYTES_MAX);
	int r = perform(c, method, path, text, &answer, err);
	if (r == 0)
		r = read_answer(c, &answer, ret, err);
	buf_done(&answer);
	free(text);
	return r;
}

int client_query(struct client *c, char *path, size_t cap, const char *key, const char *value)
{
	if (!value)
		return 0;
	char *escaped = curl_easy_escape(c->curl, value, 0);
	size_t len = strlen(path);
	int more = escaped ? snprintf(path + len, cap - len, "%c%s=%s", strchr(path, '?') ? '&' : '?', key, escaped) : -1;
	curl_free(escaped);
	return more < 0 || (size_t)more >= cap - len ? -EMSGSIZE : 0;
}
