/* The HTTP probe: loads bpf/http.bpf.c, attaches it at the root of the unified cgroup hierarchy and hands out what the kernel captured.
 *
 * Owns the programs, their links and the ring. The links end with the process, however it ends: nothing stays behind. It parses nothing and
 * knows no event loop: the caller drains it from a timer of a few milliseconds and, for bursts, when http_probe_fd is readable. */
#ifndef TOCSIN_AGENT_PROBE_HTTP_PROBE_H
#define TOCSIN_AGENT_PROBE_HTTP_PROBE_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/http.h"
#include "lib/err.h"

enum { HTTP_PROBE_RING_DEFAULT = 1 << 20, HTTP_PROBE_RING_MIN = 1 << 14, HTTP_PROBE_RING_MAX = 1 << 26 };

struct http_probe_options {
	int cgroup_fd;         /* borrowed; the branch to watch: host_cgroup2, or less */
	uint32_t ring_bytes;   /* a power of two; 0: HTTP_PROBE_RING_DEFAULT */
	const uint16_t *ports; /* only these local ports; NULL: every port somebody listens on */
	size_t port_count;
};

struct http_probe;

/* -EPERM, -EOPNOTSUPP, -EINVAL, -ENOMEM …: `err` says what is missing and how to mend it. */
int http_probe_new(const struct http_probe_options *options, struct http_probe **ret, struct err *err);
void http_probe_free(struct http_probe *p);

/* Somebody listens on this local port: connections to it that are older than the probe are taken up. Later listeners are seen by themselves. */
void http_probe_listening(struct http_probe *p, uint16_t port);
/* Leaves out everything that this listening socket of ours will accept. */
int http_probe_ignore(struct http_probe *p, int socket);

/* `data` holds slice->captured bytes; both are borrowed for the call. */
typedef void (*on_slice_fn)(void *ctx, const struct http_slice *slice, const uint8_t *data);
/* Hands out what the ring holds, HTTP_PROBE_POLL_MAX records at most; the number of records, so that the caller knows to come back. */
enum { HTTP_PROBE_POLL_MAX = 4096 };
int http_probe_poll(struct http_probe *p, on_slice_fn on_slice, void *ctx);
/* Readable when the ring is past a quarter full. An epoll descriptor, borrowed. */
int http_probe_fd(const struct http_probe *p);
/* Since the probe was loaded, of all processors. -errno. */
int http_probe_stats(const struct http_probe *p, struct http_probe_stats *ret);

#endif
