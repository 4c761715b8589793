/* How fast the combined tap reads: lines a second of processor time, beside `wc -l` on the same file, in alternating rounds, median of them.
 *
 * The file is made here and the same at every run: `LINES` lines of nginx's combined format, 25 a second, by addresses of both families whose
 * shares fall off as 1/rank, over paths of which some carry numbers and queries, with the user agents that browsers, phones and tools send. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/tap/tap.h"
#include "agent/template.h"
#include "agent/windows.h"

enum { LINES = 500000, ROUNDS = 3, CLIENTS = 200000, PAGES = 40000 };

/* ---- the file ---- */

static uint64_t mix(uint64_t x) /* splitmix64 (Steele, Lea, Flood): the same numbers everywhere */
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

/* A rank below n whose logarithm is uniform: the first ones take nearly all. In integers: 2^(random of log2 n), the fraction linear. */
static uint32_t rank(uint64_t random, uint32_t n)
{
	unsigned octave = (unsigned)(random % 18);
	uint32_t value = (1u << octave) + (uint32_t)(mix(random) & ((1u << octave) - 1));
	return value % n;
}

static void write_line(FILE *f, uint64_t i)
{
	static const char *const methods[] = {"GET", "GET", "GET", "GET", "GET", "POST", "HEAD", "GET"};
	static const char *const roots[] = {"/",  "/forum/threads", "/api/v1/comments", "/static/js/app", "/search", "/login",
					    "/u", "/images"};
	static const char *const agents[] = {
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
		"Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
		"okhttp/4.12.0",
	};
	static const int statuses[] = {200, 200, 200, 200, 200, 200, 304, 302, 404, 499, 200, 200, 200, 200, 200, 500};
	uint64_t random = mix(i), client = mix(rank(random, CLIENTS)), page = mix(1u << 30 | rank(mix(random), PAGES));
	time_t second = 1767225600 + (time_t)(i / 25);
	struct tm tm;
	char when[40], target[96];
	strftime(when, sizeof when, "%d/%b/%Y:%H:%M:%S +0000", gmtime_r(&second, &tm));
	snprintf(target, sizeof target,
		 page & 1   ? "%s/%u"
		 : page & 2 ? "%s?id=%x&page=2"
			    : "%s",
		 roots[page >> 8 & 7], (unsigned)(page >> 16 & 0xffff));
	if (client % 16 == 0)
		fprintf(f, "2001:db8:%x::%x", (unsigned)(client >> 16 & 0xffff), (unsigned)(client >> 32 & 0xffff));
	else
		fprintf(f, "%u.%u.%u.%u", (unsigned)(client >> 8 & 127) + 11, (unsigned)(client >> 16 & 255),
			(unsigned)(client >> 24 & 255), (unsigned)(client >> 32 & 255));
	fprintf(f, " - %s [%s] \"%s %s HTTP/1.1\" %d %u \"%s\" \"%s\"\n", client % 7 == 0 ? "member" : "-", when, methods[random >> 8 & 7],
		target, statuses[random >> 16 & 15], (unsigned)(random >> 24 & 0xffff),
		random >> 40 & 1 ? "-" : "https://www.example.com/forum/threads", agents[client >> 40 & 3]);
}

static int make_file(const char *path)
{
	FILE *f = fopen(path, "we");
	if (!f)
		return -1;
	for (uint64_t i = 0; i < LINES; i++)
		write_line(f, i);
	return fclose(f);
}

/* ---- what is measured ---- */

struct sink {
	struct windows *windows; /* NULL: only counted */
	struct ledger ledger;
	uint64_t sum; /* of the hashes, so that none of the work can be left out */
};

static int on_exchange(void *ctx, const struct exchange *x)
{
	struct sink *s = ctx;
	s->sum += x->who.hash[IDENTITY_ADDRESS] ^ (uint64_t)x->time_ms ^ x->path.len;
	return s->windows ? windows_add(s->windows, x) : 0;
}

static struct ledger *ledger_of(void *ctx, struct span source)
{
	struct sink *s = ctx;
	return s->windows ? windows_ledger(s->windows, SOURCE_FILE, source) : &s->ledger;
}

struct parts {
	struct identity *identity;
	struct workloads *workloads;
	struct templates *templates;
	struct windows *windows;
};

static void read_file(const char *path, const struct parts *parts, struct windows *windows)
{
	struct sink sink = {.windows = windows};
	struct tap_sink callbacks = {.on_exchange = on_exchange, .ledger = ledger_of, .ctx = &sink};
	struct tap_rule rule = {.path = path, .format = "combined", .workload = "bench"};
	struct taps *taps;
	struct taps_stats stats;
	if (taps_new(&rule, 1, parts->identity, parts->workloads, &callbacks, true, &taps, NULL) < 0)
		abort();
	taps_sweep(taps);
	for (int more; (more = taps_poll(taps, 4 << 20)) != 0;)
		if (more < 0) /* what a commit would do, without its disk */
			windows_clear(windows);
	taps_stats(taps, &stats);
	if (stats.lines != LINES || sink.sum == 0)
		abort();
	taps_free(taps);
}

static void count_lines(const char *path)
{
	pid_t child = fork();
	if (child == 0) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
		dup2(null, STDOUT_FILENO);
		execlp("wc", "wc", "-l", path, (char *)NULL);
		_exit(127);
	}
	int status;
	if (waitpid(child, &status, 0) != child || status != 0)
		abort();
}

enum subject { WC, TAP, TAP_AND_WINDOWS, SUBJECTS };

/* Processor time and not the clock's: neighbours on the machine slow both, but unlike. */
static double cpu_seconds(int who)
{
	struct rusage usage;
	getrusage(who, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static double seconds_of(enum subject subject, const char *path, const struct parts *parts)
{
	int who = subject == WC ? RUSAGE_CHILDREN : RUSAGE_SELF;
	double start = cpu_seconds(who);
	if (subject == WC)
		count_lines(path);
	else
		read_file(path, parts, subject == TAP ? NULL : parts->windows);
	double seconds = cpu_seconds(who) - start;
	windows_clear(parts->windows);
	return seconds;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static int make_parts(struct parts *p)
{
	struct identity_rules rules = {.key = "a fleet key, 16"};
	struct template_limits templates = {.nodes_max = 100000, .clients_min = 3, .children_max = 24};
	struct windows_limits windows = {.span_ms = 3600000, .memory_bytes = 16 << 20};
	if (identity_new(&rules, &p->identity, NULL) < 0)
		return -1;
	p->workloads = workloads_new(8);
	p->templates = templates_new(&templates);
	if (!p->workloads || !p->templates)
		return -1;
	p->windows = windows_new(&windows, p->templates, p->workloads, identity_key_id(p->identity));
	return p->windows ? 0 : -1;
}

int main(void)
{
	static const char *const names[] = {"wc -l", "tap: parse, validate, hash", "tap and windows"};
	char path[] = "/tmp/tocsin-bench-XXXXXX";
	double seconds[SUBJECTS][ROUNDS];
	struct parts parts;
	struct stat st;
	int fd = mkstemp(path);
	if (fd < 0 || make_file(path) < 0 || stat(path, &st) < 0 || make_parts(&parts) < 0) {
		perror("bench_combined");
		return 1;
	}
	close(fd);
	count_lines(path); /* into the page cache */
	for (int round = 0; round < ROUNDS; round++)
		for (enum subject s = WC; s < SUBJECTS; s++)
			seconds[s][round] = seconds_of(s, path, &parts);
	unlink(path);
	printf("### The combined tap: lines of one core\n\n%d lines, %.0f MB, median of %d rounds; goal 2.5 M validated lines a second.\n\n",
	       LINES, (double)st.st_size / 1e6, ROUNDS);
	printf("| | M lines/s | MB/s |\n|---|---|---|\n");
	for (enum subject s = WC; s < SUBJECTS; s++) {
		qsort(seconds[s], ROUNDS, sizeof seconds[s][0], by_size);
		double median = seconds[s][ROUNDS / 2];
		printf("| %s | %.2f | %.0f |\n", names[s], LINES / median / 1e6, (double)st.st_size / median / 1e6);
	}
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	printf("\nPeak memory: %.1f MiB.\n\n", (double)usage.ru_maxrss / 1024);
	windows_free(parts.windows);
	templates_free(parts.templates);
	workloads_free(parts.workloads);
	identity_free(parts.identity);
	return 0;
}
