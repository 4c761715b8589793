#include "collector/api/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "collector/api/routes.h"
#include "collector/api/static.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/log.h"

enum { PEM_BYTES_MAX = 1 << 20, BODY_IGNORED_MAX = 4 << 20, EVENT_BLOCK_BYTES = 4096 };

struct http {
	struct env *env;
	struct MHD_Daemon *daemon;
	char complaint[256]; /* libmicrohttpd's last words, for a start that failed */
};

/* One request from its first line to its end. */
struct visit {
	struct request rq;
	struct reply reply;
	const struct route *route;
	struct buf body;
	size_t body_ignored; /* bytes that were thrown away: past the ceiling, or of a request that was refused */
	bool begun, refused;
	int target_error;
	struct err target_err;
	char raw_path[TARGET_BYTES_MAX + 1]; /* as it came, without the query: static files are found by it */
	uint8_t source[16];
};

/* ---- replies ---- */

static const char *header(struct MHD_Connection *c, const char *name)
{
	return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

/* The dashboard needs its own files and nothing else: no inline script, no foreign origin, no frame around it. */
static const char *const security_headers[][2] = {
	{"Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
				    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"},
	{"X-Content-Type-Options", "nosniff"},
	{"X-Frame-Options", "DENY"},
	{"Referrer-Policy", "no-referrer"},
	{"Cross-Origin-Opener-Policy", "same-origin"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
};

/* Strict transport holds for a host name with all its ports: on localhost it would lock people out of their other servers (RFC 6797, 8.3). */
static bool wants_strict_transport(const char *host)
{
	return host && !span_starts_with(span_str(host), span_str("localhost"));
}

static void add_headers(struct MHD_Response *response, const struct reply *reply, bool is_api, const char *host)
{
	char number[16];
	for (size_t i = 0; i < sizeof security_headers / sizeof *security_headers; i++)
		MHD_add_response_header(response, security_headers[i][0], security_headers[i][1]);
	if (wants_strict_transport(host))
		MHD_add_response_header(response, "Strict-Transport-Security", "max-age=31536000");
	MHD_add_response_header(response, "Cache-Control", is_api ? "no-store" : "no-cache");
	if (reply->type)
		MHD_add_response_header(response, "Content-Type", reply->type);
	if (*reply->set_cookie)
		MHD_add_response_header(response, "Set-Cookie", reply->set_cookie);
	if (*reply->allow)
		MHD_add_response_header(response, "Allow", reply->allow);
	if (reply->status == 401)
		MHD_add_response_header(response, "WWW-Authenticate", "Bearer realm=\"tocsin\"");
	if (reply->retry_after_s > 0) {
		snprintf(number, sizeof number, "%d", reply->retry_after_s);
		MHD_add_response_header(response, "Retry-After", number);
	}
}

/* ---- event streams ---- */

struct stream {
	struct subscriber *subscriber;
	struct MHD_Connection *connection;
	struct sessions *sessions;
	char secret[SECRET_CAP]; /* of the session that asked; empty for the token, which does not end */
};

static void park(void *ctx)
{
	struct stream *s = ctx;
	MHD_suspend_connection(s->connection);
}

static void unpark(void *ctx)
{
	struct stream *s = ctx;
	MHD_resume_connection(s->connection);
}

/* Asked before every read, and the heartbeat makes one: who logged out or whose session ran out hears no more. */
static bool may_listen(const struct stream *s)
{
	int64_t expires_ms;
	return !*s->secret || sessions_has(s->sessions, span_str(s->secret), clock_wall_ms(), &expires_ms);
}

static ssize_t on_stream_read(void *ctx, uint64_t pos, char *out, size_t max)
{
	struct stream *s = ctx;
	(void)pos;
	if (!may_listen(s))
		return MHD_CONTENT_READER_END_OF_STREAM;
	ssize_t n = events_read(s->subscriber, out, max);
	return n >= 0 ? n : MHD_CONTENT_READER_END_OF_STREAM;
}

static void on_stream_end(void *ctx)
{
	struct stream *s = ctx;
	events_unsubscribe(s->subscriber);
	explicit_bzero(s->secret, sizeof s->secret);
	free(s);
}

static struct MHD_Response *stream_response(struct visit *v, struct MHD_Connection *c)
{
	struct stream *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	s->connection = c;
	s->sessions = v->rq.env->sessions;
	if (v->rq.actor == ACTOR_SESSION) /* it was found, so it has the length of a secret */
		snprintf(s->secret, sizeof s->secret, "%.*s", (int)v->rq.cookie.len, v->rq.cookie.data);
	struct events_sleep sleep = {.park = park, .wake = unpark, .ctx = s};
	int r = events_subscribe(v->rq.env->events, v->rq.last_event_id, &sleep, &s->subscriber);
	if (r < 0) {
		free(s);
		reply_problem(&v->reply, 503, NULL, "close other dashboards, or load by hand",
			      "there are %d subscribers already, or the collector stops", EVENTS_SUBSCRIBERS_MAX);
		return NULL;
	}
	struct MHD_Response *response =
		MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, EVENT_BLOCK_BYTES, on_stream_read, s, on_stream_end);
	if (!response)
		on_stream_end(s);
	return response;
}

static struct MHD_Response *body_response(struct reply *reply)
{
	if (reply->kind == REPLY_STATIC) /* libmicrohttpd takes a pointer to writable memory, and only reads it */
		return MHD_create_response_from_buffer(reply->data_len, (void *)reply->data, MHD_RESPMEM_PERSISTENT);
	struct MHD_Response *response = MHD_create_response_from_buffer(reply->text_len, reply->text, MHD_RESPMEM_MUST_FREE);
	if (response)
		reply->text = NULL;
	return response;
}

static enum MHD_Result send_reply(struct visit *v, struct MHD_Connection *c)
{
	struct env *env = v->rq.env;
	struct MHD_Response *response = v->reply.kind == REPLY_EVENTS ? stream_response(v, c) : NULL;
	if (!response && v->reply.kind != REPLY_EVENTS)
		response = body_response(&v->reply);
	if (!response)
		return MHD_NO;
	add_headers(response, &v->reply, v->route || v->reply.kind == REPLY_BODY, header(c, "Host"));
	enum MHD_Result result = MHD_queue_response(c, v->reply.status, response);
	MHD_destroy_response(response);
	unsigned class = v->reply.status / 100;
	if (class < sizeof env->requests / sizeof *env->requests)
		__atomic_add_fetch(&env->requests[class], 1, __ATOMIC_RELAXED);
	return result;
}

/* ---- who asks, and whether they may: every step replies and returns false, or lets the request pass ---- */

static bool check_target(struct visit *v)
{
	if (v->target_error == 0)
		return true;
	reply_problem(&v->reply, v->target_error == -EMSGSIZE ? 414 : 400, NULL, "see openapi.yaml", "%s", v->target_err.text);
	return false;
}

static bool is_api(const struct target *t)
{
	return t->segment_count >= 2 && strcmp(t->segments[0], "api") == 0 && strcmp(t->segments[1], "v1") == 0;
}

static void reply_file(struct visit *v, const char *method)
{
	bool is_page = strcmp(v->raw_path, "/") == 0 || strcmp(v->raw_path, "/login") == 0;
	const struct static_file *file = static_find(is_page ? "/index.html" : v->raw_path);
	if (!file) {
		reply_problem(&v->reply, 404, NULL, "the dashboard is at /, the API at /api/v1", "there is nothing at this address");
	} else if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
		reply_problem(&v->reply, 405, NULL, "use GET", "this address knows no %.16s", method);
		snprintf(v->reply.allow, sizeof v->reply.allow, "GET");
	} else {
		reply_static(&v->reply, file->type, file->data, file->len);
	}
}

static bool check_route(struct visit *v, const char *method)
{
	if (!is_api(&v->rq.target)) {
		reply_file(v, method);
		return false;
	}
	struct reply *reply = &v->reply;
	v->route = route_find(method, &v->rq.target, &v->rq.parameter, reply->allow, sizeof reply->allow);
	if (v->route)
		return true;
	if (*reply->allow)
		reply_problem(reply, 405, NULL, "see openapi.yaml", "this address knows no %.16s", method);
	else
		reply_problem(reply, 404, NULL, "see openapi.yaml", "there is nothing at this address");
	return false;
}

static void identify(struct request *rq, struct MHD_Connection *c)
{
	struct span authorization = span_str(header(c, "Authorization"));
	struct span scheme = span_cut(&authorization, ' ');
	rq->cookie = span_str(MHD_lookup_connection_value(c, MHD_COOKIE_KIND, "__Host-tocsin"));
	if (span_equal_nocase(scheme, span_str("Bearer")) && sessions_is_token(rq->env->sessions, span_trim(authorization)))
		rq->actor = ACTOR_TOKEN;
	else if (rq->cookie.len > 0 && sessions_has(rq->env->sessions, rq->cookie, rq->now_ms, &rq->session_expires_ms))
		rq->actor = ACTOR_SESSION;
}

static bool check_access(struct visit *v)
{
	if (v->route->access == ACCESS_ANYBODY)
		return true;
	if (v->rq.actor == ACTOR_NOBODY) {
		reply_problem(&v->reply, 401, NULL, "log in with a code of tocsinctl login-code, or send the token of api.token as Bearer",
			      "nobody is signed in");
		return false;
	}
	if (v->route->access == ACCESS_TOKEN && v->rq.actor != ACTOR_TOKEN) {
		reply_problem(&v->reply, 403, NULL, "use tocsinctl on the collector's host", "a session may not do this; the token may");
		return false;
	}
	return true;
}

/* A browser names the page that sends a POST. A foreign page may not act with the session's cookie, which SameSite=Strict already keeps
 * from it; without any origin a cookie is not enough. */
static bool check_origin(struct visit *v, struct MHD_Connection *c)
{
	const char *origin = header(c, "Origin"), *host = header(c, "Host");
	char own[300];
	if (strcmp(v->route->method, "POST") != 0 || (!origin && v->rq.actor != ACTOR_SESSION))
		return true;
	int len = snprintf(own, sizeof own, "https://%s", host ? host : "");
	if (origin && host && len < (int)sizeof own && strcmp(origin, own) == 0)
		return true;
	reply_problem(&v->reply, 403, NULL, "send it from the dashboard's own page, or with the token",
		      "the request comes from another origin (%.128s)", origin ? origin : "none");
	return false;
}

static bool check_query(struct visit *v)
{
	const char *key = route_unknown_key(v->route, &v->rq.target);
	char place[80], remedy[128];
	if (!key)
		return true;
	snprintf(place, sizeof place, "?%.64s", key);
	snprintf(remedy, sizeof remedy, "the keys are: %s", *v->route->keys ? v->route->keys : "none");
	reply_problem(&v->reply, 400, place, remedy, "there is no key \"%.64s\"", key);
	return false;
}

static void reply_too_large(struct visit *v)
{
	reply_problem(&v->reply, 413, NULL, "send less", "the body is larger than %d bytes", HTTP_BODY_BYTES_MAX);
}

static uint64_t declared_length(struct MHD_Connection *c)
{
	const char *length = header(c, "Content-Length");
	return length ? strtoull(length, NULL, 10) : 0;
}

static bool check_body(struct visit *v, struct MHD_Connection *c)
{
	bool has_body = declared_length(c) > 0 || header(c, "Transfer-Encoding");
	struct span type = span_str(header(c, "Content-Type"));
	if (has_body && !span_equal_nocase(span_trim(span_cut(&type, ';')), span_str("application/json"))) {
		reply_problem(&v->reply, 415, NULL, "send Content-Type: application/json", "the body is not said to be JSON");
		return false;
	}
	if (declared_length(c) > HTTP_BODY_BYTES_MAX) {
		reply_too_large(v);
		return false;
	}
	return true;
}

/* An IPv6 client owns its whole /64: that is one source. */
static struct span source_of(struct MHD_Connection *c, uint8_t out[16])
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *address = info ? info->client_addr : NULL;
	if (address && address->sa_family == AF_INET) {
		memcpy(out, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
		return span_make(out, 4);
	}
	if (address && address->sa_family == AF_INET6) {
		const struct in6_addr *six = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
		size_t len = IN6_IS_ADDR_V4MAPPED(six) ? 16 : 8;
		memcpy(out, six, len);
		return span_make(out, len);
	}
	return span_make(out, 0);
}

static bool begin(struct visit *v, struct MHD_Connection *c, const char *method)
{
	v->rq.now_ms = clock_wall_ms();
	v->rq.source = source_of(c, v->source);
	v->rq.last_event_id = header(c, "Last-Event-ID");
	identify(&v->rq, c);
	return check_target(v) && check_route(v, method) && check_access(v) && check_origin(v, c) && check_query(v) && check_body(v, c);
}

/* ---- libmicrohttpd's callbacks ---- */

/* The first that is heard of a request: its target, still encoded. */
static void *on_target(void *ctx, const char *uri, struct MHD_Connection *c)
{
	struct http *http = ctx;
	struct visit *v = calloc(1, sizeof *v);
	(void)c;
	if (!v)
		return NULL;
	v->rq.env = http->env;
	buf_init(&v->body, HTTP_BODY_BYTES_MAX);
	v->target_error = target_parse(span_str(uri), &v->rq.target, &v->target_err);
	struct span rest = span_str(uri);
	struct span path = span_cut(&rest, '?');
	if (path.len < sizeof v->raw_path)
		memcpy(v->raw_path, path.data, path.len);
	return v;
}

/* What nobody wants of a body is thrown away, since a client hears no answer while it sends; past the next ceiling the connection is. */
static enum MHD_Result take_body(struct visit *v, const char *data, size_t *len)
{
	if (v->refused || v->body_ignored > 0 || buf_append(&v->body, data, *len) < 0)
		v->body_ignored += *len;
	*len = 0;
	return v->body_ignored > BODY_IGNORED_MAX ? MHD_NO : MHD_YES;
}

static void answer(struct visit *v)
{
	v->rq.body = buf_span(&v->body);
	if (v->body_ignored > 0)
		reply_too_large(v);
	else
		v->route->handle(&v->rq, &v->reply);
	if (v->rq.store)
		readers_give(v->rq.env->readers, v->rq.store);
	v->rq.store = NULL;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *c, const char *url, const char *method, const char *version,
				  const char *data, size_t *len, void **visit)
{
	struct visit *v = *visit;
	(void)ctx;
	(void)url;
	(void)version;
	if (!v)
		return MHD_NO;
	if (!v->begun) {
		v->begun = true;
		v->refused = !begin(v, c, method);
		return v->refused && declared_length(c) > BODY_IGNORED_MAX ? send_reply(v, c) : MHD_YES;
	}
	if (*len > 0)
		return take_body(v, data, len);
	if (!v->refused)
		answer(v);
	return send_reply(v, c);
}

static void on_completed(void *ctx, struct MHD_Connection *c, void **visit, enum MHD_RequestTerminationCode why)
{
	struct visit *v = *visit;
	(void)ctx;
	(void)c;
	(void)why;
	if (!v)
		return;
	reply_done(&v->reply);
	buf_done(&v->body);
	free(v);
	*visit = NULL;
}

__attribute__((format(printf, 2, 0))) static void on_log(void *ctx, const char *format, va_list args)
{
	struct http *http = ctx;
	char text[sizeof http->complaint];
	vsnprintf(text, sizeof text, format, args);
	text[strcspn(text, "\n")] = '\0';
	if (!http->daemon)
		snprintf(http->complaint, sizeof http->complaint, "%s", text);
	log_debug("api: %s", text);
}

/* ---- start and stop ---- */

/* libmicrohttpd wants its PEM as a terminated text. */
static int read_pem(const char *path, struct buf *out, struct err *err)
{
	int r = file_read(path, out, err);
	if (r == 0 && buf_append_byte(out, '\0') < 0) {
		err_at(err, path, 0, "is larger than %d bytes", PEM_BYTES_MAX);
		r = -EFBIG;
	}
	return r;
}

static int listen_at(const struct addrinfo *address)
{
	int one = 1;
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 && bind(fd, address->ai_addr, address->ai_addrlen) == 0 &&
	    listen(fd, SOMAXCONN) == 0)
		return fd;
	int r = -errno;
	close(fd);
	return r;
}

/* A socket of our own, so that "address already in use" is said in a sentence that helps. */
static int listen_on(const struct api_options *o, struct err *err)
{
	char port[8];
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *found;
	snprintf(port, sizeof port, "%u", (unsigned)o->port);
	int r = getaddrinfo(o->host, port, &hints, &found);
	if (r != 0) {
		err_set(err, "the dashboard's address \"%s\": %s", o->host, gai_strerror(r));
		return -EINVAL;
	}
	r = listen_at(found);
	freeaddrinfo(found);
	if (r < 0)
		err_set(err, "cannot listen on %s port %s: %s%s", o->host, port, strerror(-r),
			r == -EADDRINUSE ? "; another collector runs there, or choose another port" : "");
	return r;
}

static struct MHD_Daemon *start_daemon(struct http *http, int fd, const struct buf *certificate, const struct buf *key)
{
	unsigned flags = MHD_USE_AUTO_INTERNAL_THREAD | MHD_USE_TLS | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
	/* The logger comes first: it must hear what the options after it say. */
	return MHD_start_daemon(
		flags, 0, NULL, NULL, on_request, http, MHD_OPTION_EXTERNAL_LOGGER, on_log, http, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_HTTPS_MEM_CERT, (const char *)certificate->data, MHD_OPTION_HTTPS_MEM_KEY, (const char *)key->data,
		MHD_OPTION_HTTPS_PRIORITIES, "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2", MHD_OPTION_THREAD_POOL_SIZE,
		(unsigned)HTTP_THREADS, MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)HTTP_IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_HEAD_BYTES_MAX, MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_URI_LOG_CALLBACK, on_target, http, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_END);
}

/* Serves on `fd`, which the daemon then owns. */
static int serve(struct http *http, int fd, struct err *err)
{
	const struct api_options *o = &http->env->options;
	struct buf certificate, key;
	buf_init(&certificate, PEM_BYTES_MAX);
	buf_init(&key, PEM_BYTES_MAX);
	int r = read_pem(o->certificate_file, &certificate, err);
	if (r == 0)
		r = read_pem(o->key_file, &key, err);
	if (r == 0) {
		http->daemon = start_daemon(http, fd, &certificate, &key);
		if (!http->daemon) {
			err_set(err, "HTTPS did not start with %s and %s: %s", o->certificate_file, o->key_file, http->complaint);
			r = -EINVAL;
		}
	}
	if (key.data)
		explicit_bzero(key.data, key.len);
	buf_done(&key);
	buf_done(&certificate);
	return r;
}

int http_start(struct env *env, struct http **ret, struct err *err)
{
	struct http *http = calloc(1, sizeof *http);
	if (!http) {
		err_set(err, "out of memory");
		return -ENOMEM;
	}
	http->env = env;
	int fd = listen_on(&env->options, err);
	int r = fd < 0 ? fd : serve(http, fd, err);
	if (r < 0) {
		if (fd >= 0)
			close(fd);
		free(http);
		return r;
	}
	*ret = http;
	return 0;
}

uint16_t http_port(const struct http *http)
{
	return MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

void http_stop(struct http *http)
{
	if (!http)
		return;
	MHD_stop_daemon(http->daemon);
	free(http);
}
