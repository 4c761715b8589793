#include "agent/probes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/http/streams.h"
#include "agent/probe/host.h"
#include "agent/probe/http_probe.h"
#include "agent/probe/listeners.h"
#include "agent/probe/resolve.h"
#include "lib/clock.h"

struct probes {
	int root_fd;   /* of the unified hierarchy: names workloads */
	int branch_fd; /* what is watched; root_fd or a branch of it */
	struct http_probe *probe;
	struct http_streams *streams;
	struct listeners *listeners;
	struct resolver *resolver;
	int64_t wall_offset_ns;
	struct http_probe_stats kernel; /* as of the last account */
	struct http_stats heads;
	int64_t unexplained; /* bytes moved and not yet accounted; negative while a body that its head announced is still moving */
};

static void on_slice(void *ctx, const struct http_slice *slice, const uint8_t *data)
{
	struct probes *p = ctx;
	int64_t time_ms = ((int64_t)slice->time_ns + p->wall_offset_ns) / 1000000;
	uint32_t workload = resolver_workload(p->resolver, slice->cgroup, slice->local_port, (int64_t)(slice->time_ns / 1000000));
	http_streams_feed(p->streams, slice, span_make(data, slice->captured), workload, time_ms);
}

static int open_branch(struct probes *p, const char *path, struct err *err)
{
	char root[256];
	int r = host_cgroup2(&p->root_fd, root, sizeof root, err);
	if (r < 0)
		return r;
	p->branch_fd = p->root_fd;
	if (path[0] == '\0')
		return 0;
	p->branch_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->branch_fd >= 0)
		return 0;
	r = -errno;
	err_set(err, "probe_cgroup: %s cannot be opened: %s", path, strerror(-r));
	return r;
}

/* Connections that are older than the probe are recognised by the port that somebody listens on. */
static void take_up_listeners(struct probes *p)
{
	listeners_scan(p->listeners);
	for (size_t i = 0; i < listeners_count(p->listeners); i++)
		http_probe_listening(p->probe, listeners_at(p->listeners, i)->port);
}

int probes_new(const struct agent_settings *settings, const struct identity *identity, struct workloads *workloads,
	       on_exchange_fn on_exchange, void *ctx, struct probes **ret, struct err *err)
{
	struct probes *p = calloc(1, sizeof *p);
	struct http_limits limits = {0};
	if (!p) {
		err_set(err, "out of memory");
		return -ENOMEM;
	}
	p->root_fd = p->branch_fd = -1;
	p->wall_offset_ns = clock_wall_offset_ns();
	int r = open_branch(p, settings->probe_cgroup, err);
	if (r < 0)
		goto fail;
	struct http_probe_options options = {.cgroup_fd = p->branch_fd,
					     .ring_bytes = settings->ring_bytes,
					     .ports = settings->probe_ports_count > 0 ? settings->probe_ports : NULL,
					     .port_count = settings->probe_ports_count};
	r = http_probe_new(&options, &p->probe, err);
	if (r < 0)
		goto fail;
	p->streams = http_streams_new(&limits, identity, on_exchange, ctx);
	p->listeners = listeners_new("/proc");
	p->resolver = p->listeners ? resolver_new(p->root_fd, p->listeners, workloads) : NULL;
	if (!p->streams || !p->resolver) {
		err_set(err, "out of memory");
		r = -ENOMEM;
		goto fail;
	}
	if (!options.ports)
		take_up_listeners(p);
	*ret = p;
	return 0;
fail:
	probes_free(p);
	return r;
}

void probes_finish(struct probes *p)
{
	http_streams_finish(p->streams);
}

void probes_free(struct probes *p)
{
	if (!p)
		return;
	http_probe_free(p->probe);
	http_streams_free(p->streams);
	resolver_free(p->resolver);
	listeners_free(p->listeners);
	if (p->branch_fd >= 0 && p->branch_fd != p->root_fd)
		close(p->branch_fd);
	if (p->root_fd >= 0)
		close(p->root_fd);
	free(p);
}

int probes_fd(const struct probes *p)
{
	return http_probe_fd(p->probe);
}

bool probes_poll(struct probes *p)
{
	return http_probe_poll(p->probe, on_slice, p) == HTTP_PROBE_POLL_MAX;
}

void probes_sweep(struct probes *p, int64_t now_ms)
{
	/* The wall clock is set now and then, and the monotonic clock is not: the next slices are dated anew. */
	p->wall_offset_ns = clock_wall_offset_ns();
	http_streams_sweep(p->streams, now_ms);
}

void probes_account(struct probes *p, struct ledger *ledger)
{
	struct http_probe_stats kernel;
	struct http_stats heads;
	if (http_probe_stats(p->probe, &kernel) < 0)
		return;
	http_streams_stats(p->streams, &heads);
	uint64_t moved = kernel.request_bytes + kernel.answer_bytes - p->kernel.request_bytes - p->kernel.answer_bytes;
	uint64_t opaque = kernel.opaque_bytes - p->kernel.opaque_bytes;
	uint64_t understood = heads.bytes_understood - p->heads.bytes_understood;
	/* A head tells the length of a body that has yet to move: that debt is carried on, and what moves pays it first. What is left over is
	 * called a gap at once, though the ring may still hold it: understood later, it is paid back as debt. */
	p->unexplained += (int64_t)moved - (int64_t)opaque - (int64_t)understood;
	uint64_t gap = p->unexplained > 0 ? (uint64_t)p->unexplained : 0;
	p->unexplained -= (int64_t)gap;

	ledger->seen += understood + opaque + gap;
	ledger->counted += understood;
	ledger->skipped += opaque;
	ledger->known_gap += gap;
	ledger->events += heads.exchanges - p->heads.exchanges;
	ledger->events_malformed += heads.heads_malformed - p->heads.heads_malformed;
	ledger->events_lost +=
		kernel.full + kernel.unreadable + kernel.untracked - p->kernel.full - p->kernel.unreadable - p->kernel.untracked;
	ledger->events_lost += heads.refused - p->heads.refused;
	p->kernel = kernel;
	p->heads = heads;
}
