/* CPU that watching adds to one HTTP request: nobody, our agent, and the syscall-tracepoint reference, in alternating rounds.
 *
 * nginx (one process, answers of 12 bytes) and a load of fixed count over keep-alive connections, both in a cgroup of their own that the agent
 * watches. What is counted is the CPU time of every process that takes part (nginx, load, observer), in nanoseconds, from their POSIX clocks.
 * On the loopback the network's softirq runs in the context of whoever sends, so it is in those clocks, and with it what cgroup_skb and
 * sockops cost; tracepoints run in the caller anyway. Other work on the machine is not in them, so this can be measured on a busy one.
 * An observer that did not see every request fails the run: seeing less is cheap.
 *
 * A parent process waits, and takes away cgroup and folder however the benchmark ends. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/probe/host.h"
#include "agent/spool.h"
#include "lib/clock.h"
#include "lib/pki.h"
#include "proto/record.h"
#include "proto/window.h"

enum {
	ROUNDS = 9,
	REQUESTS = 30000, /* a round */
	WARM_UP = 1009,
	CONNECTIONS = 32,
	USERS = 503,
	ROUTES = 7,
	WAIT_MS = 10000,
};

struct place {
	char folder[64];
	char cgroup[64]; /* name below the root of the unified hierarchy */
	int root_fd, cgroup_fd;
	uint16_t port;
};

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static void pause_ms(unsigned ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000}, NULL);
}

/* ---- processes ---- */

static void pin(unsigned cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
		sched_setaffinity(0, sizeof set, &set);
}

static void enter_cgroup(const struct place *place)
{
	int fd = openat(place->cgroup_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		die("cannot enter the cgroup: %s", strerror(errno));
	close(fd);
}

/* A child that dies with us, its standard error in `log`. */
static pid_t spawn(const struct place *place, bool inside, int cpu, const char *log, const char *const *argv)
{
	unlink(log); /* of an earlier round, in which the word that is waited for would be found at once */
	pid_t parent = getpid(), pid = fork();
	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	if (inside)
		enter_cgroup(place);
	if (cpu >= 0)
		pin((unsigned)cpu);
	int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd >= 0) {
		dup2(fd, 1);
		dup2(fd, 2);
	}
	execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

static void stop(pid_t pid)
{
	int status;
	kill(pid, SIGTERM);
	waitpid(pid, &status, 0);
}

static uint64_t cpu_ns(pid_t pid)
{
	clockid_t clock;
	struct timespec t;
	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) < 0)
		die("process %d ended before its time", pid);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static size_t read_text(const char *path, char *text, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd >= 0 ? read(fd, text, cap - 1) : 0;
	if (fd >= 0)
		close(fd);
	text[len > 0 ? len : 0] = '\0';
	return len > 0 ? (size_t)len : 0;
}

static void wait_for_word(const char *log, const char *word)
{
	char text[8192];
	for (int waited = 0; waited < WAIT_MS; waited += 5) {
		read_text(log, text, sizeof text);
		if (strstr(text, word))
			return;
		pause_ms(5);
	}
	die("no \"%s\" in %s:\n%s", word, log, text);
}

/* ---- nginx ---- */

static int dial(uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static uint16_t free_port(void)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof any;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof any) < 0 || getsockname(fd, (struct sockaddr *)&any, &len) < 0)
		die("no free port: %s", strerror(errno));
	close(fd);
	return ntohs(any.sin_port);
}

static pid_t start_nginx(struct place *place)
{
	char conf[128], log[128];
	place->port = free_port();
	snprintf(conf, sizeof conf, "%s/nginx.conf", place->folder);
	snprintf(log, sizeof log, "%s/nginx.log", place->folder);
	FILE *f = fopen(conf, "we");
	if (!f)
		die("%s: %s", conf, strerror(errno));
	fprintf(f,
		"daemon off; master_process off; pid %s/nginx.pid; error_log stderr crit; worker_rlimit_nofile 1024;\n"
		"events { worker_connections 512; }\n"
		"http { access_log off; keepalive_requests 1000000000; default_type text/plain;\n"
		"client_body_temp_path %s/t1; proxy_temp_path %s/t2; fastcgi_temp_path %s/t3; uwsgi_temp_path %s/t4; scgi_temp_path %s/t5;\n"
		"server { listen 127.0.0.1:%u; location / { return 200 'hello world\\n'; } } }\n",
		place->folder, place->folder, place->folder, place->folder, place->folder, place->folder, place->port);
	fclose(f);
	const char *const argv[] = {"/usr/sbin/nginx", "-p", place->folder, "-c", conf, NULL};
	pid_t pid = spawn(place, true, 0, log, argv);
	for (int waited = 0; waited < WAIT_MS; waited += 5) {
		int fd = dial(place->port);
		if (fd >= 0) {
			close(fd);
			return pid;
		}
		pause_ms(5);
	}
	die("nginx does not answer; see %s", log);
}

/* ---- load ---- */

struct request {
	char text[512];
	size_t len;
};

static struct request requests[USERS * ROUTES];

static void make_requests(void)
{
	static const char *const routes[ROUTES] = {"/", "/latest", "/categories", "/search?q=clock", "/t/4711", "/u/settings", "/about"};
	for (int i = 0; i < USERS * ROUTES; i++)
		requests[i].len =
			(size_t)snprintf(requests[i].text, sizeof requests[i].text,
					 "GET %s HTTP/1.1\r\nHost: forum.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) "
					 "Gecko/20100101 Firefox/128.0\r\nAccept: */*\r\nAccept-Language: zh-CN,zh;q=0.8\r\n"
					 "Accept-Encoding: gzip, deflate\r\nCookie: theme=dark; PHPSESSID=%032x\r\n\r\n",
					 routes[i % ROUTES], (unsigned)i % USERS);
}

static void send_request(int fd, unsigned number)
{
	const struct request *r = &requests[number % (USERS * ROUTES)];
	if (send(fd, r->text, r->len, MSG_NOSIGNAL) != (ssize_t)r->len)
		die("load: send: %s", strerror(errno));
}

/* One request at a time on each connection, until `count` were answered. */
static void load(uint16_t port, unsigned count)
{
	struct epoll_event events[CONNECTIONS];
	unsigned sent = 0, answered = 0;
	int ready = epoll_create1(EPOLL_CLOEXEC);
	int fds[CONNECTIONS];
	for (int i = 0; i < CONNECTIONS; i++) {
		fds[i] = dial(port);
		if (fds[i] < 0 || epoll_ctl(ready, EPOLL_CTL_ADD, fds[i], &(struct epoll_event){.events = EPOLLIN, .data.fd = fds[i]}) < 0)
			die("load: connect: %s", strerror(errno));
		send_request(fds[i], sent++);
	}
	while (answered < count) {
		int n = epoll_wait(ready, events, CONNECTIONS, WAIT_MS);
		if (n <= 0)
			die("load: %u of %u answered", answered, count);
		for (int i = 0; i < n; i++) {
			char answer[1024];
			ssize_t len = recv(events[i].data.fd, answer, sizeof answer, 0);
			if (len < 12 || memcmp(answer + len - 12, "hello world\n", 12) != 0)
				die("load: an answer of %zd bytes", len);
			answered++;
			if (sent < count)
				send_request(events[i].data.fd, sent++);
		}
	}
	for (int i = 0; i < CONNECTIONS; i++)
		close(fds[i]);
	close(ready);
}

/* In a process of its own; returns its CPU time. */
static uint64_t run_load(const struct place *place, unsigned count)
{
	int ends[2], status;
	uint64_t ns = 0;
	if (pipe2(ends, O_CLOEXEC) < 0)
		die("pipe: %s", strerror(errno));
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		enter_cgroup(place);
		pin(1);
		load(place->port, count);
		ns = cpu_ns(getpid());
		_exit(write(ends[1], &ns, sizeof ns) != sizeof ns);
	}
	close(ends[1]);
	if (read(ends[0], &ns, sizeof ns) != sizeof ns)
		die("the load failed");
	close(ends[0]);
	waitpid(pid, &status, 0);
	return ns;
}

/* ---- observers ---- */

struct watch {
	pid_t pid;
	uint64_t seen, lost; /* requests and records, when stopped */
	long memory_kib;
	char log[128], state[128];
};

static void start_agent(const struct place *place, struct watch *w)
{
	char cgroup[96], ca[128], certificate[128], key[128];
	snprintf(w->log, sizeof w->log, "%s/agent.log", place->folder);
	snprintf(w->state, sizeof w->state, "%s/state", place->folder);
	/* However the hierarchy is mounted, this is its place. */
	snprintf(cgroup, sizeof cgroup, "probe_cgroup=/proc/%d/fd/%d", getpid(), place->cgroup_fd);
	snprintf(ca, sizeof ca, "ca=%s/pki/ca.crt", place->folder);
	snprintf(certificate, sizeof certificate, "certificate=%s/pki/bench.crt", place->folder);
	snprintf(key, sizeof key, "key=%s/pki/bench.key", place->folder);
	/* Nobody listens on port 9: windows are sealed and made durable, and the uplink keeps knocking. */
	const char *const argv[] = {"build/tocsin-agent",
				    "run",
				    "--state",
				    w->state,
				    "--set",
				    "agent=bench",
				    "--set",
				    "collector=127.0.0.1:9",
				    "--set",
				    cgroup,
				    "--set",
				    ca,
				    "--set",
				    certificate,
				    "--set",
				    key,
				    NULL};
	w->pid = spawn(place, false, -1, w->log, argv);
	wait_for_word(w->log, "probes: attached");
}

static void add_events(struct span batch_bytes, struct watch *w)
{
	struct err err = {0};
	struct batch *batch;
	if (batch_decode(batch_bytes, &batch, &err) < 0)
		die("batch: %s", err.text);
	for (size_t i = 0; i < batch->window_count; i++)
		for (size_t k = 0; k < batch->windows[i].ledger_count; k++) {
			w->seen += batch->windows[i].ledger[k].events;
			w->lost += batch->windows[i].ledger[k].events_lost;
		}
	batch_free(batch);
}

static void count_spool(struct watch *w)
{
	char dir[160];
	struct err err = {0};
	struct spool *spool;
	struct buf bytes;
	const struct spool_limits limits = {.bytes_max = 256 << 20, .segment_bytes = 8 << 20};
	uint64_t sequence = 0;
	snprintf(dir, sizeof dir, "%s/spool", w->state);
	if (spool_open(dir, span_str("bench"), &limits, &spool, &err) < 0)
		die("spool: %s", err.text);
	buf_init(&bytes, RECORD_BYTES_MAX);
	while (spool_read_after(spool, sequence, &bytes, &sequence) == 0) {
		struct record record;
		if (record_decode(buf_span(&bytes), &record, &err) < 0)
			die("record: %s", err.text);
		add_events(record.batch, w);
		record_done(&record);
		buf_clear(&bytes);
	}
	buf_done(&bytes);
	spool_close(spool);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void finish_agent(struct watch *w)
{
	char path[64], status[4096];
	snprintf(path, sizeof path, "/proc/%d/status", w->pid);
	read_text(path, status, sizeof status);
	const char *peak = strstr(status, "VmHWM:");
	w->memory_kib = peak ? strtol(peak + 6, NULL, 10) : 0;
	stop(w->pid);
	count_spool(w);
	nftw(w->state, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void start_reference(const struct place *place, struct watch *w)
{
	snprintf(w->log, sizeof w->log, "%s/reference.log", place->folder);
	const char *const argv[] = {"build/tests/bench/http_reference", NULL};
	w->pid = spawn(place, false, -1, w->log, argv);
	wait_for_word(w->log, "up: reference");
}

static void finish_reference(struct watch *w)
{
	char text[512];
	stop(w->pid);
	read_text(w->log, text, sizeof text);
	const char *writes = strstr(text, "writes ");
	w->seen = writes ? strtoull(writes + 7, NULL, 10) : 0;
}

static const struct observer {
	const char *name;
	void (*start)(const struct place *place, struct watch *w);
	void (*finish)(struct watch *w);
	bool counts_exactly; /* the reference sees other processes of this host, too */
} observers[] = {
	{"nobody", NULL, NULL, false},
	{"tocsin-agent", start_agent, finish_agent, true},
	{"syscall tracepoints, minimal", start_reference, finish_reference, false},
};

enum { OBSERVERS = sizeof observers / sizeof observers[0] };

/* ---- rounds ---- */

struct result {
	double total_us[ROUNDS];    /* CPU a request, all processes */
	double observer_us[ROUNDS]; /* the observer's own part of it */
	long memory_kib;
};

__attribute__((noreturn)) static void die_with_log(const struct observer *o, const struct watch *w)
{
	char text[4096];
	read_text(w->log, text, sizeof text);
	die("%s saw %llu requests of %d and lost %llu records; it said:\n%s", o->name, (unsigned long long)w->seen, WARM_UP + REQUESTS,
	    (unsigned long long)w->lost, text);
}

static void run_round(const struct place *place, pid_t nginx, const struct observer *o, int round, struct result *result)
{
	struct watch w = {0};
	if (o->start)
		o->start(place, &w);
	run_load(place, WARM_UP);
	uint64_t server = cpu_ns(nginx), own = w.pid ? cpu_ns(w.pid) : 0;
	uint64_t client = run_load(place, REQUESTS);
	pause_ms(50); /* the observer's timer comes round and drains what is left */
	server = cpu_ns(nginx) - server;
	own = w.pid ? cpu_ns(w.pid) - own : 0;
	if (o->finish)
		o->finish(&w);
	if (o->start && (w.seen < WARM_UP + REQUESTS || (o->counts_exactly && w.seen != WARM_UP + REQUESTS)))
		die_with_log(o, &w);
	result->total_us[round] = (double)(server + client + own) / REQUESTS / 1000;
	result->observer_us[round] = (double)own / REQUESTS / 1000;
	if (w.memory_kib > result->memory_kib)
		result->memory_kib = w.memory_kib;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(const double *values)
{
	double sorted[ROUNDS];
	memcpy(sorted, values, sizeof sorted);
	qsort(sorted, ROUNDS, sizeof sorted[0], by_value);
	return sorted[ROUNDS / 2];
}

/* Of the differences within a round: what drifts from round to round (clock, neighbours) falls out. */
static double median_added(const struct result *with, const struct result *without)
{
	double added[ROUNDS];
	for (int i = 0; i < ROUNDS; i++)
		added[i] = with->total_us[i] - without->total_us[i];
	return median(added);
}

static void print_results(const struct result *results)
{
	printf("### One HTTP request in clear: CPU time of server, load and observer together\n\n");
	printf("Median of %d alternating rounds of %d requests, %d keep-alive connections, nginx with one process.\n\n", ROUNDS, REQUESTS,
	       CONNECTIONS);
	printf("| watched by | CPU µs a request | added | of it in the kernel | in the observer's process |\n|---|---|---|---|---|\n");
	for (int i = 0; i < OBSERVERS; i++) {
		double added = median_added(&results[i], &results[0]), own = median(results[i].observer_us);
		printf("| %s | %.2f | %+.2f | %.2f | %.2f |\n", observers[i].name, median(results[i].total_us), added, added - own, own);
	}
	printf("\nGoal: at most 2.0 added, later 1.5. Each observer saw every request. The agent understands them (heads, identity, template, window, "
	       "spool); the reference's reader only empties its ring.\nPeak memory of the agent: %.1f MiB (goal 20).\n\n",
	       (double)results[1].memory_kib / 1024);
}

static int measure(struct place *place)
{
	static struct result results[OBSERVERS];
	char pki[96], certificate[128], key[128];
	struct err err = {0};
	snprintf(pki, sizeof pki, "%s/pki", place->folder);
	snprintf(certificate, sizeof certificate, "%s/bench.crt", pki);
	snprintf(key, sizeof key, "%s/bench.key", pki);
	if (pki_make_authority(pki, clock_wall_ms(), &err) < 0 ||
	    pki_ensure(pki, PKI_AGENT, "bench", NULL, certificate, key, clock_wall_ms(), &err) < 0)
		die("certificates: %s", err.text);
	make_requests();
	pid_t nginx = start_nginx(place);
	for (int round = 0; round < ROUNDS; round++)
		for (int i = 0; i < OBSERVERS; i++) {
			int which = (round + i) % OBSERVERS;
			run_round(place, nginx, &observers[which], round, &results[which]);
		}
	stop(nginx);
	print_results(results);
	return 0;
}

/* ---- the parent ---- */

static void make_place(struct place *place)
{
	struct err err = {0};
	char root[256];
	snprintf(place->folder, sizeof place->folder, "/tmp/tocsin-bench-XXXXXX");
	if (!mkdtemp(place->folder))
		die("%s: %s", place->folder, strerror(errno));
	if (host_cgroup2(&place->root_fd, root, sizeof root, &err) < 0)
		die("%s", err.text);
	snprintf(place->cgroup, sizeof place->cgroup, "tocsin-bench-%d", getpid());
	if (mkdirat(place->root_fd, place->cgroup, 0755) < 0)
		die("cgroup %s: %s", place->cgroup, strerror(errno));
	place->cgroup_fd = openat(place->root_fd, place->cgroup, O_RDONLY | O_DIRECTORY);
}

static void remove_place(const struct place *place)
{
	int fd = openat(place->cgroup_fd, "cgroup.kill", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (write(fd, "1", 1) != 1)
			fprintf(stderr, "cgroup.kill: %s\n", strerror(errno));
		close(fd);
	}
	for (int i = 0; i < 200 && unlinkat(place->root_fd, place->cgroup, AT_REMOVEDIR) < 0 && errno == EBUSY; i++)
		pause_ms(10);
	nftw(place->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static volatile pid_t measuring;

static void on_signal(int number)
{
	kill(measuring, number);
}

int main(void)
{
	struct place place;
	int status;
	make_place(&place);
	struct sigaction action = {.sa_handler = on_signal};
	measuring = fork();
	if (measuring == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		status = measure(&place);
		fflush(stdout);
		_exit(status);
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	while (waitpid(measuring, &status, 0) < 0 && errno == EINTR)
		;
	remove_place(&place);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
