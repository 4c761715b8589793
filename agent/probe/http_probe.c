#include "agent/probe/http_probe.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/probe/host.h"
#include "http.skel.h"

struct http_probe {
	struct http_bpf *bpf;
	struct ring_buffer *ring;
	struct http_probe_stats *per_cpu;
	int cpus;

	on_slice_fn on_slice; /* of the running http_probe_poll */
	void *ctx;
	int polled;
};

/* The last thing libbpf complained of: it goes into the sentence for the operator instead of to standard error. libbpf has one printer a
 * process, hence the static. */
static char complaint[256];

__attribute__((format(printf, 2, 0))) static int on_libbpf_print(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level != LIBBPF_WARN)
		return 0;
	vsnprintf(complaint, sizeof complaint, format, args);
	complaint[strcspn(complaint, "\n")] = '\0';
	return 0;
}

/* Which of the things that can be missing is missing: the kernel's own answer is mostly a bare EPERM or EINVAL. */
static int explain(int r, const char *doing, size_t ring_bytes, struct err *err)
{
	char release[128] = "?", missing[128];
	if (!host_kernel(release, sizeof release)) {
		err_set(err, "HTTP probe: %s failed: Linux %s is too old, %d.%d or later is needed; log taps still work", doing, release,
			HOST_KERNEL_MAJOR, HOST_KERNEL_MINOR);
		return -EOPNOTSUPP;
	}
	if (!host_capabilities(missing, sizeof missing)) {
		err_set(err,
			"HTTP probe: %s failed: %s missing: run as root, or add it to AmbientCapabilities= (systemd) or securityContext.capabilities (Kubernetes)",
			doing, missing[0] ? missing : "capabilities");
		return -EPERM;
	}
	if (!host_memlock_is_enough(2 * ring_bytes)) {
		err_set(err,
			"HTTP probe: %s failed: locked memory is too small: set LimitMEMLOCK=infinity (systemd) or ulimit -l unlimited",
			doing);
		return -ENOMEM;
	}
	if (r == -EPERM) {
		err_set(err,
			"HTTP probe: %s failed: another BPF program is attached there for itself alone, or the kernel forbids it: see bpftool cgroup tree",
			doing);
		return r;
	}
	err_set(err, "HTTP probe: %s failed: %s%s%s", doing, strerror(-r), complaint[0] ? ": " : "", complaint);
	return r;
}

static int on_record(void *ctx, void *data, size_t size)
{
	struct http_probe *p = ctx;
	const struct http_slice *slice = data;
	/* The ring is the kernel's word, but a length is checked where it is used. */
	if (size >= sizeof *slice && slice->captured <= size - sizeof *slice)
		p->on_slice(p->ctx, slice, (const uint8_t *)(slice + 1));
	/* A negative answer ends the round; this record is consumed all the same. */
	return ++p->polled < HTTP_PROBE_POLL_MAX ? 0 : -EAGAIN;
}

static int configure(struct http_probe *p, const struct http_probe_options *o, size_t ring_bytes, struct err *err)
{
	if (ring_bytes < HTTP_PROBE_RING_MIN || ring_bytes > HTTP_PROBE_RING_MAX || (ring_bytes & (ring_bytes - 1))) {
		err_set(err, "HTTP probe: a ring of %zu bytes: it must be a power of two between %d and %d", ring_bytes,
			HTTP_PROBE_RING_MIN, HTTP_PROBE_RING_MAX);
		return -EINVAL;
	}
	p->bpf->rodata->wake_at = (uint32_t)ring_bytes / 4;
	p->bpf->rodata->only_listed = o->ports != NULL;
	return bpf_map__set_max_entries(p->bpf->maps.ring, (uint32_t)ring_bytes);
}

/* Connections before packets: a connection that opens in between is then known from its start. */
static int attach(struct http_probe *p, int cgroup_fd)
{
	struct {
		struct bpf_program *program;
		struct bpf_link **link;
	} steps[] = {
		{p->bpf->progs.http_sockops, &p->bpf->links.http_sockops},
		{p->bpf->progs.http_ingress, &p->bpf->links.http_ingress},
		{p->bpf->progs.http_egress, &p->bpf->links.http_egress},
	};
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		*steps[i].link = bpf_program__attach_cgroup(steps[i].program, cgroup_fd);
		if (!*steps[i].link)
			return -errno;
	}
	return 0;
}

int http_probe_new(const struct http_probe_options *options, struct http_probe **ret, struct err *err)
{
	size_t ring_bytes = options->ring_bytes ? options->ring_bytes : HTTP_PROBE_RING_DEFAULT;
	const char *doing = "opening";
	struct http_probe *p = calloc(1, sizeof *p);
	int r = -ENOMEM;
	if (!p) {
		err_set(err, "HTTP probe: out of memory");
		return r;
	}
	complaint[0] = '\0';
	libbpf_set_print(on_libbpf_print);

	p->bpf = http_bpf__open();
	if (!p->bpf) {
		r = -errno;
		goto fail;
	}
	r = configure(p, options, ring_bytes, err);
	if (r < 0) {
		http_probe_free(p);
		return r;
	}
	doing = "loading";
	r = http_bpf__load(p->bpf);
	if (r < 0)
		goto fail;
	p->cpus = libbpf_num_possible_cpus();
	p->per_cpu = p->cpus > 0 ? calloc((size_t)p->cpus, sizeof *p->per_cpu) : NULL;
	p->ring = ring_buffer__new(bpf_map__fd(p->bpf->maps.ring), on_record, p, NULL);
	if (!p->per_cpu || !p->ring) {
		r = -ENOMEM;
		goto fail;
	}
	for (size_t i = 0; options->ports && i < options->port_count; i++)
		http_probe_listening(p, options->ports[i]);
	doing = "attaching to the cgroup";
	r = attach(p, options->cgroup_fd);
	if (r < 0)
		goto fail;
	*ret = p;
	return 0;
fail:
	r = explain(r, doing, ring_bytes, err);
	http_probe_free(p);
	return r;
}

void http_probe_free(struct http_probe *p)
{
	if (!p)
		return;
	http_bpf__destroy(p->bpf);
	ring_buffer__free(p->ring);
	free(p->per_cpu);
	free(p);
}

void http_probe_listening(struct http_probe *p, uint16_t port)
{
	p->bpf->bss->listening[port] = 1;
}

int http_probe_ignore(struct http_probe *p, int socket)
{
	uint32_t mark = 1;
	return bpf_map_update_elem(bpf_map__fd(p->bpf->maps.ignored), &socket, &mark, BPF_ANY) ? -errno : 0;
}

int http_probe_poll(struct http_probe *p, on_slice_fn on_slice, void *ctx)
{
	p->on_slice = on_slice;
	p->ctx = ctx;
	p->polled = 0;
	int r = ring_buffer__consume(p->ring);
	return r < 0 && r != -EAGAIN ? r : p->polled;
}

int http_probe_fd(const struct http_probe *p)
{
	return ring_buffer__epoll_fd(p->ring);
}

int http_probe_stats(const struct http_probe *p, struct http_probe_stats *ret)
{
	enum { FIELDS = sizeof *ret / sizeof(__u64) };
	uint32_t key = 0;
	if (bpf_map_lookup_elem(bpf_map__fd(p->bpf->maps.stats), &key, p->per_cpu))
		return -errno;
	struct http_probe_stats sum = {0};
	__u64 *to = &sum.connections;
	for (int cpu = 0; cpu < p->cpus; cpu++) {
		const __u64 *from = &p->per_cpu[cpu].connections;
		for (size_t i = 0; i < FIELDS; i++)
			to[i] += from[i];
	}
	*ret = sum;
	return 0;
}
