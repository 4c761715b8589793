/* The reader of the reference: attaches, says "up", drains the ring every 10 ms as our agent does, and on SIGTERM says what it saw.
 *
 * Tracepoints need tracefs. It is mounted in a mount namespace of this process alone, so nothing stays behind. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "bench/http_reference.skel.h"
#include "tests/bench/http_reference.h"

static volatile sig_atomic_t stopped;

struct seen {
	uint64_t reads, writes;
	uint64_t first_bytes; /* the reader looks at what it gets, no more */
};

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

static int on_record(void *ctx, void *data, size_t size)
{
	struct seen *seen = ctx;
	const struct reference_record *r = data;
	(void)size;
	seen->first_bytes += r->data[0];
	if (r->is_write)
		seen->writes++;
	else
		seen->reads++;
	return 0;
}

static int mount_tracefs(void)
{
	if (access("/sys/kernel/tracing/events/syscalls", F_OK) == 0)
		return 0;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	return mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL) < 0 ? -errno : 0;
}

int main(void)
{
	struct seen seen = {0};
	struct ring_buffer *ring = NULL;
	int status = 1;
	struct sigaction action = {.sa_handler = on_signal};
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	int r = mount_tracefs();
	if (r < 0) {
		fprintf(stderr, "tracefs: %s\n", strerror(-r));
		return 1;
	}
	struct http_reference_bpf *skeleton = http_reference_bpf__open_and_load();
	if (!skeleton || http_reference_bpf__attach(skeleton) < 0) {
		fprintf(stderr, "cannot load or attach: %s\n", strerror(errno));
		goto out;
	}
	ring = ring_buffer__new(bpf_map__fd(skeleton->maps.ring), on_record, &seen, NULL);
	if (!ring)
		goto out;
	fprintf(stderr, "up: reference\n");
	while (!stopped) {
		usleep(10000);
		ring_buffer__consume(ring);
	}
	ring_buffer__consume(ring);
	fprintf(stderr, "reads %llu writes %llu check %llu\n", (unsigned long long)seen.reads, (unsigned long long)seen.writes,
		(unsigned long long)seen.first_bytes);
	status = 0;
out:
	ring_buffer__free(ring);
	http_reference_bpf__destroy(skeleton);
	return status;
}
