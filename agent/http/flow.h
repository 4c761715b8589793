/* One direction of one connection: at which position of the TCP stream the next head must begin.
 *
 * Positions are 64-bit: TCP's 32-bit sequence carried on over its wraps. This file knows positions only; what the bytes mean is decided in
 * streams.c, which tells it how long each body is. */
#ifndef TOCSIN_AGENT_HTTP_FLOW_H
#define TOCSIN_AGENT_HTTP_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/http/chunks.h"
#include "lib/span.h"

enum {
	FLOW_SEGMENT_MAX = 1 << 20, /* BIG TCP hands over at most 512 KiB at once */
};

enum flow_mode {
	FLOW_NEW,    /* nothing seen yet: the first head is taken where it is */
	FLOW_HEAD,   /* a head begins at `next`, or goes on there when its first part is held */
	FLOW_CHUNKS, /* a chunk's size line begins or goes on at `next` */
	FLOW_BODY,   /* a body whose end is unknown; the next head begins at `next` or later */
	FLOW_LOST,   /* a gap: the next self-evident head at `next` or later is taken */
	FLOW_CLOSED, /* nothing more is read: tunnel, or an answer that only the connection's end ends */
};

struct held;
struct flow {
	uint64_t next;
	uint64_t body; /* where what lies between the last head and `next` began */
	struct chunks chunks;
	struct held *held; /* first part of an unfinished head, ending at `next` */
	uint32_t number;   /* that the next record should carry */
	uint32_t missing;  /* records that are known to be lost since the last head at its expected place */
	enum flow_mode mode;
};

/* A captured segment in this direction's positions: bytes [begin, seen) are at hand, [seen, end) were not captured. */
struct segment {
	uint64_t begin, seen, end;
	struct span data;
};

struct segment flow_place(const struct flow *f, uint32_t tcp_seq, uint32_t segment_len, struct span data);
/* The captured bytes from `next` on (all of them when `next` lies before the segment). */
struct span flow_rest(const struct flow *f, const struct segment *seg);
/* Notes the record's running number; returns how many records before it are missing. */
uint32_t flow_number(struct flow *f, uint32_t number);
/* A head ended at `from` and `length` bytes of something that is no head follow it. */
void flow_enter(struct flow *f, enum flow_mode mode, uint64_t from, uint64_t length);

#endif
