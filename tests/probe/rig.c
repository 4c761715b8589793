#include "tests/probe/rig.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/probe/host.h"

/* ---- the cgroup ---- */

static void write_at(int dir, const char *path, const char *text)
{
	int fd = openat(dir, path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static int open_root(void)
{
	struct err err = {0};
	char path[256];
	int fd;
	if (host_cgroup2(&fd, path, sizeof path, &err))
		fail_msg("%s", err.text);
	return fd;
}

static void read_home(struct rig *rig)
{
	char line[512];
	FILE *f = fopen("/proc/self/cgroup", "re");
	assert_non_null(f);
	while (fgets(line, sizeof line, f))
		if (sscanf(line, "0::/%[^\n]", rig->home) == 1)
			break;
	fclose(f);
}

static void folder_of(const char *name, char *out, size_t cap)
{
	snprintf(out, cap, "/tmp/%s", name);
}

/* Lives until the test's end of the pipe is closed, by whatever: then kills who is left in the cgroup, and removes it and nginx's folder. */
static int janitor_start(int root, const char *name)
{
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid > 0) {
		close(ends[0]);
		return ends[1];
	}
	char byte, kill_path[128], folder[128];
	close(ends[1]);
	setsid();
	while (read(ends[0], &byte, 1) < 0 && errno == EINTR)
		;
	snprintf(kill_path, sizeof kill_path, "%s/cgroup.kill", name);
	int fd = openat(root, kill_path, O_WRONLY);
	if (fd >= 0 && write(fd, "1", 1) == 1)
		close(fd);
	for (int i = 0; i < 200 && unlinkat(root, name, AT_REMOVEDIR) && errno == EBUSY; i++)
		usleep(10000);
	folder_of(name, folder, sizeof folder);
	execlp("rm", "rm", "-rf", folder, (char *)NULL);
	_exit(127);
}

void rig_open(struct rig *rig)
{
	int root = open_root();
	memset(rig, 0, sizeof *rig);
	snprintf(rig->name, sizeof rig->name, "tocsin-test-%d", getpid());
	read_home(rig);
	assert_int_equal(mkdirat(root, rig->name, 0755), 0);
	rig->janitor = janitor_start(root, rig->name);
	rig->cgroup_fd = openat(root, rig->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(rig->cgroup_fd >= 0);
	close(root);
}

void rig_close(struct rig *rig)
{
	http_probe_free(rig->probe);
	http_streams_free(rig->streams);
	close(rig->cgroup_fd);
	close(rig->janitor);
	/* The next test makes a cgroup of the same name: the janitor must be done. */
	while (wait(NULL) > 0)
		;
}

static void enter_cgroup(const struct rig *rig)
{
	write_at(rig->cgroup_fd, "cgroup.procs", "0");
}

static void leave_cgroup(const struct rig *rig)
{
	char path[600];
	int root = open_root();
	snprintf(path, sizeof path, "%s%scgroup.procs", rig->home, rig->home[0] ? "/" : "");
	write_at(root, path, "0");
	close(root);
}

/* ---- the probe ---- */

static void on_exchange(void *ctx, const struct exchange *exchange)
{
	struct tally *t = ctx;
	t->exchanges++;
	t->answered += exchange->status > 0;
	t->with_input += exchange->takes_input;
	t->fake += span_equal(exchange->path, span_str("/fake"));
	if (exchange->status < sizeof t->status / sizeof t->status[0])
		t->status[exchange->status]++;
}

static void on_slice(void *ctx, const struct http_slice *slice, const uint8_t *data)
{
	struct rig *rig = ctx;
	struct tally *t = &rig->tally;
	t->slices += slice->event == HTTP_SLICE_DATA;
	t->closes += slice->event == HTTP_SLICE_CLOSE;
	t->joined_slices += (slice->flags & HTTP_SLICE_JOINED) != 0;
	t->last_number[slice->flags & HTTP_SLICE_ANSWER] = slice->number;
	http_streams_feed(rig->streams, slice, span_make(data, slice->captured), 0, (int64_t)(slice->time_ns / 1000000));
}

void rig_attach(struct rig *rig, uint32_t ring_bytes, const uint16_t *ports, size_t port_count)
{
	struct err err = {0};
	const struct http_limits limits = {0};
	const struct http_probe_options options = {
		.cgroup_fd = rig->cgroup_fd, .ring_bytes = ring_bytes, .ports = ports, .port_count = port_count};
	rig->streams = http_streams_new(&limits, NULL, on_exchange, &rig->tally);
	assert_non_null(rig->streams);
	if (http_probe_new(&options, &rig->probe, &err))
		fail_msg("%s", err.text);
}

int rig_poll(struct rig *rig)
{
	return http_probe_poll(rig->probe, on_slice, rig);
}

void rig_drain(struct rig *rig)
{
	int n;
	while ((n = rig_poll(rig)) > 0)
		;
	assert_int_equal(n, 0);
}

struct http_probe_stats rig_stats(const struct rig *rig)
{
	struct http_probe_stats stats;
	assert_int_equal(http_probe_stats(rig->probe, &stats), 0);
	return stats;
}

/* ---- sockets ---- */

static socklen_t loopback(int family, uint16_t port, struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof *ret);
	if (family == AF_INET) {
		struct sockaddr_in *in = (struct sockaddr_in *)ret;
		*in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
		return sizeof *in;
	}
	struct sockaddr_in6 *in = (struct sockaddr_in6 *)ret;
	*in = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_loopback};
	return sizeof *in;
}

static void set_option(int fd, int level, int name, int value)
{
	assert_int_equal(setsockopt(fd, level, name, &value, sizeof value), 0);
}

/* No test may hang: a peer that stays silent for 20 s is a failure. */
static void set_patience(int fd)
{
	struct timeval patience = {.tv_sec = 20};
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience), 0);
}

static int listen_here(int family, uint16_t *ret_port)
{
	struct sockaddr_storage address;
	socklen_t len = loopback(family, 0, &address);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	*ret_port = ntohs(family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port : ((struct sockaddr_in6 *)&address)->sin6_port);
	return fd;
}

int rig_listen(const struct rig *rig, int family, bool defer_accept, uint16_t *ret_port)
{
	enter_cgroup(rig);
	int fd = listen_here(family, ret_port);
	if (defer_accept)
		set_option(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, 5);
	assert_int_equal(listen(fd, 16), 0);
	leave_cgroup(rig);
	set_patience(fd);
	return fd;
}

int dial(int family, uint16_t port)
{
	struct sockaddr_storage address;
	socklen_t len = loopback(family, port, &address);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	set_patience(fd);
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (connect(fd, (struct sockaddr *)&address, len)) {
		close(fd);
		return -1;
	}
	return fd;
}

struct talk talk_open(int listener, int family, uint16_t port)
{
	struct talk t = {.client = dial(family, port)};
	assert_true(t.client >= 0);
	t.server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(t.server >= 0);
	set_patience(t.server);
	set_option(t.server, IPPROTO_TCP, TCP_NODELAY, 1);
	return t;
}

void talk_close(struct talk *t)
{
	close(t->client);
	close(t->server);
}

void send_all(int fd, const void *data, size_t len)
{
	const char *at = data;
	while (len) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
		assert_true(n > 0);
		at += n;
		len -= (size_t)n;
	}
}

uint64_t read_bytes(int fd, uint64_t len)
{
	static char block[1 << 18];
	for (uint64_t left = len; left;) {
		ssize_t n = recv(fd, block, left < sizeof block ? left : sizeof block, 0);
		assert_true(n > 0);
		left -= (uint64_t)n;
	}
	return len;
}

uint64_t read_marks(int fd, uint64_t count)
{
	static char block[1 << 16];
	uint64_t total = 0;
	while (count) {
		ssize_t n = recv(fd, block, sizeof block, 0);
		assert_true(n > 0);
		total += (uint64_t)n;
		for (ssize_t i = 0; i < n; i++)
			count -= block[i] == '~';
	}
	return total;
}

void say(int from, int to, const char *text)
{
	send_all(from, text, strlen(text));
	read_bytes(to, strlen(text));
}

/* ---- nginx ---- */

static void write_file(const char *folder, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void write_file(const char *folder, const char *name, const char *format, ...)
{
	char path[256];
	va_list args;
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "we");
	assert_non_null(f);
	va_start(args, format);
	vfprintf(f, format, args);
	va_end(args);
	fclose(f);
}

static void write_configuration(const struct nginx *nginx)
{
	write_file(nginx->folder, "nginx.conf",
		   "daemon off; master_process off; user root; pid %1$s/pid; error_log %1$s/error.log;\n"
		   "events { worker_connections 64; }\n"
		   "http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; default_type text/plain;\n"
		   " client_body_temp_path %1$s/body; proxy_temp_path %1$s/proxy; fastcgi_temp_path %1$s/fastcgi;\n"
		   " uwsgi_temp_path %1$s/uwsgi; scgi_temp_path %1$s/scgi;\n"
		   " server { listen 127.0.0.1:%2$u; listen [::1]:%2$u; root %1$s;\n"
		   "  location / { return 200 \"~\"; }\n"
		   "  location /none { return 204; }\n"
		   "  location = /page { }\n"
		   "  location = /large { } } }\n",
		   nginx->folder, nginx->port);
}

static void wait_until_it_listens(const struct nginx *nginx)
{
	for (int i = 0; i < 500; i++) {
		int fd = dial(AF_INET, nginx->port);
		if (fd >= 0) {
			close(fd);
			return;
		}
		usleep(10000);
	}
	fail_msg("nginx does not listen; see %s/error.log", nginx->folder);
}

void nginx_start(struct rig *rig, struct nginx *nginx, uint64_t large_bytes)
{
	char conf[256], large[256];
	folder_of(rig->name, nginx->folder, sizeof nginx->folder);
	assert_int_equal(mkdir(nginx->folder, 0700), 0);
	close(listen_here(AF_INET, &nginx->port));
	write_configuration(nginx);
	write_file(nginx->folder, "page", "~");
	write_file(nginx->folder, "large", "%s", "");
	snprintf(large, sizeof large, "%s/large", nginx->folder);
	assert_int_equal(truncate(large, (off_t)large_bytes), 0);
	snprintf(conf, sizeof conf, "%s/nginx.conf", nginx->folder);

	nginx->pid = fork();
	assert_true(nginx->pid >= 0);
	if (nginx->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		enter_cgroup(rig);
		execlp("nginx", "nginx", "-c", conf, "-e", "stderr", (char *)NULL);
		_exit(127);
	}
	wait_until_it_listens(nginx);
}

void nginx_stop(struct nginx *nginx)
{
	kill(nginx->pid, SIGTERM);
	waitpid(nginx->pid, NULL, 0);
}
