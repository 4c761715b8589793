/* The rig of the probe tests: a cgroup of our own, servers in it, the real probe on it, and the real reader of slices behind.
 *
 * Clients live outside the cgroup, so that only the server's side is watched and every count is exact. What a client has got back was
 * captured before: no test waits for time. A janitor process kills what is in the cgroup and
 * removes it and what nginx wrote, however the test ends. */
#ifndef TOCSIN_TESTS_PROBE_RIG_H
#define TOCSIN_TESTS_PROBE_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/http/streams.h"
#include "agent/probe/http_probe.h"

struct tally {
	uint64_t exchanges;
	uint64_t answered;
	uint64_t status[600];
	uint64_t fake; /* path "/fake": it stood in a body */
	uint64_t with_input;
	uint64_t slices;
	uint64_t joined_slices;
	uint64_t closes;
	uint32_t last_number[2]; /* of the last slice, per direction */
};

struct rig {
	int cgroup_fd;
	char home[512]; /* the cgroup we came from */
	char name[64];
	int janitor;
	struct http_probe *probe;
	struct http_streams *streams;
	struct tally tally;
};

/* Makes the cgroup and the janitor. Asserts on failure, as everything here does. */
void rig_open(struct rig *rig);
void rig_close(struct rig *rig);
/* Attaches the probe to the cgroup; zero takes the default. */
void rig_attach(struct rig *rig, uint32_t ring_bytes, const uint16_t *ports, size_t port_count);
/* One http_probe_poll into http_streams. */
int rig_poll(struct rig *rig);
/* Everything that was captured so far goes through http_streams. */
void rig_drain(struct rig *rig);
struct http_probe_stats rig_stats(const struct rig *rig);

/* nginx with our configuration, in the cgroup; it answers `~` everywhere but in /none (204), /page and /large (files). */
struct nginx {
	pid_t pid;
	uint16_t port;
	char folder[128];
};
void nginx_start(struct rig *rig, struct nginx *nginx, uint64_t large_bytes);
void nginx_stop(struct nginx *nginx);

/* A listener in the cgroup, and both ends of one connection to it in our hands: a test then reads like the packets. */
int rig_listen(const struct rig *rig, int family, bool defer_accept, uint16_t *ret_port);
int dial(int family, uint16_t port);

struct talk {
	int client, server;
};
struct talk talk_open(int listener, int family, uint16_t port);
void talk_close(struct talk *t);
/* One write is one segment: TCP_NODELAY, and the other end has read it before this returns. */
void say(int from, int to, const char *text);

void send_all(int fd, const void *data, size_t len);
/* Reads until `count` bytes '~' have come; returns the number of bytes. */
uint64_t read_marks(int fd, uint64_t count);
uint64_t read_bytes(int fd, uint64_t len);

#endif
