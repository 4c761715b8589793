/* An API on a free port of loopback with its own certificate and a store of fixed rows, and a client that asks it. Included by its tests. */
#ifndef TOCSIN_TESTS_API_WORLD_H
#define TOCSIN_TESTS_API_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/api/api.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/pki.h"
#include "tests/unit/collector/fake_store.h"

enum { ANSWER_MAX = 1 << 20, WAIT_MS = 30000 };

static struct {
	char dir[64], certificate[128], key[128], ca[128], base[64];
	char token[64];
	struct api *api;
	pthread_mutex_t writer;
	struct store store;
} world = {.writer = PTHREAD_MUTEX_INITIALIZER};

/* ---- a client ---- */

struct answer {
	long status;
	char type[64];
	struct buf body, head;
};

struct ask {
	const char *method, *path, *body;
	const char *headers[5];
	bool anonymous;     /* without the token */
	size_t body_len;    /* 0: that of the text */
	const char *cookie; /* "__Host-tocsin=…" */
};

static size_t on_bytes(char *data, size_t size, size_t count, void *ctx)
{
	return buf_append(ctx, data, size * count) == 0 ? size * count : 0;
}

static CURL *client(const struct ask *ask, struct curl_slist **ret_headers)
{
	CURL *curl = curl_easy_init();
	char url[9000], bearer[128];
	struct curl_slist *headers = NULL;
	snprintf(url, sizeof url, "%s%s", world.base, ask->path);
	snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", world.token);
	if (!ask->anonymous)
		headers = curl_slist_append(headers, bearer);
	for (size_t i = 0; i < 5 && ask->headers[i]; i++)
		headers = curl_slist_append(headers, ask->headers[i]);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_CAINFO, world.ca);
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
	curl_easy_setopt(curl, CURLOPT_COOKIE, ask->cookie);
	*ret_headers = headers;
	return curl;
}

static struct answer ask(struct ask a)
{
	struct answer answer = {0};
	struct curl_slist *headers;
	CURL *curl = client(&a, &headers);
	char *type = NULL;
	buf_init(&answer.body, ANSWER_MAX);
	buf_init(&answer.head, ANSWER_MAX);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer.body);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, &answer.head);
	if (a.body) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, a.body_len ? (long)a.body_len : (long)strlen(a.body));
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, a.body);
	}
	if (strcmp(a.method, "HEAD") == 0)
		curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	else
		curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, a.method);
	CURLcode r = curl_easy_perform(curl);
	if (r != CURLE_OK)
		fail_msg("%s %s: %s", a.method, a.path, curl_easy_strerror(r));
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
	curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
	snprintf(answer.type, sizeof answer.type, "%s", type ? type : "");
	buf_append_byte(&answer.head, '\0');
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	return answer;
}

static void answer_done(struct answer *a)
{
	buf_done(&a->body);
	buf_done(&a->head);
}

/* ---- the world ---- */

static int run_write(void *ctx, api_write_fn write, void *write_ctx, struct err *err)
{
	(void)ctx;
	pthread_mutex_lock(&world.writer);
	int r = write(write_ctx, &world.store, err);
	pthread_mutex_unlock(&world.writer);
	return r;
}

static struct api_options options(void)
{
	return (struct api_options){.host = "127.0.0.1",
				    .certificate_file = world.certificate,
				    .key_file = world.key,
				    .store_path = "fake.db",
				    .day_offset_minutes = 480,
				    .state_dir = world.dir,
				    .run_write = run_write};
}

static int world_up(void **state)
{
	struct err err = {0};
	struct api_options o = options();
	char path[128];
	(void)state;
	snprintf(world.dir, sizeof world.dir, "/tmp/tocsin-api-XXXXXX");
	if (!mkdtemp(world.dir))
		return -1;
	snprintf(world.certificate, sizeof world.certificate, "%s/api.crt", world.dir);
	snprintf(world.key, sizeof world.key, "%s/api.key", world.dir);
	snprintf(world.ca, sizeof world.ca, "%s/ca.crt", world.dir);
	if (pki_make_authority(world.dir, clock_wall_ms(), &err) < 0 ||
	    pki_ensure(world.dir, PKI_SERVER, "collector", "127.0.0.1", world.certificate, world.key, clock_wall_ms(), &err) < 0 ||
	    api_start(&o, &world.api, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return -1;
	}
	snprintf(world.base, sizeof world.base, "https://127.0.0.1:%u", api_port(world.api));
	snprintf(path, sizeof path, "%s/api.token", world.dir);
	FILE *f = fopen(path, "r");
	if (!f || fscanf(f, "%63s", world.token) != 1)
		return -1;
	fclose(f);
	return 0;
}

static int world_down(void **state)
{
	(void)state;
	api_stop(world.api);
	static const char *const files[] = {"api.crt", "api.key", "ca.crt", "ca.key", "api.token"};
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		char path[128];
		snprintf(path, sizeof path, "%s/%s", world.dir, files[i]);
		unlink(path);
	}
	return rmdir(world.dir);
}

static long status_of(struct ask a)
{
	struct answer answer = ask(a);
	answer_done(&answer);
	return answer.status;
}

/* A login as a browser does it; the cookie as a browser would send it back. */
static void sign_in(char cookie[128])
{
	char code[64], body[128];
	assert_int_equal(api_login_code(world.api, code, sizeof code), 0);
	snprintf(body, sizeof body, "{\"code\":\"%s\"}", code);
	struct answer a = ask((struct ask){
		.method = "POST", .path = "/api/v1/login", .body = body, .anonymous = true, .headers = {"Content-Type: application/json"}});
	assert_int_equal(a.status, 200);
	const char *set = strstr((const char *)a.head.data, "__Host-tocsin=");
	assert_non_null(set);
	assert_non_null(strstr(set, "; Path=/; Secure; HttpOnly; SameSite=Strict"));
	snprintf(cookie, 128, "%.*s", (int)strcspn(set, ";"), set);
	answer_done(&a);
}

#endif
