// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0
/* Which segments of a connection may hold a head, judged by their first and their last eight bytes.
 *
 *   - A segment that begins like a head is taken.
 *   - After a taken segment that did not end in a blank line the next ones are taken too (CONTINUES), within a budget.
 *   - Of a body's segment that ends in a blank line, the end is taken: a request may stand there.
 *   - Everything else is body: counted, not copied.
 *
 * Pure, so that it is tested in user space as it runs in the kernel. `head` and `tail` are eight bytes each, the first one highest; a shorter
 * segment's head is filled up with zeros, and its tail goes on from the tail before. */
#ifndef TOCSIN_BPF_HTTP_JUDGE_H
#define TOCSIN_BPF_HTTP_JUDGE_H

#include <linux/types.h>
#include <stdbool.h>

#include "bpf/http.h"

/* Inlined by force: the verifier then sees each caller's own bounds. */
#define HTTP_INLINE inline __attribute__((always_inline))

enum {
	/* What may follow the beginning of a head before we call it a body. A head of 16 KB in packets of 1,448 bytes is 12 segments.
	 * Methods without a body are only ever followed by heads: there the budget is for a client that breaks that rule. */
	HTTP_HEAD_SEGMENTS = 16,
	HTTP_HEAD_BYTES = 16 << 10,
	HTTP_TRAIN_SEGMENTS = 4096,
	HTTP_TRAIN_BYTES = 16 << 20,
	/* Only the first bytes of an answer matter: once one small record could hold them, nothing continues it. */
	HTTP_ANSWER_SEGMENTS = 8,
	HTTP_ANSWER_BYTES = HTTP_SLICE_SMALL - sizeof(struct http_slice),
};

enum http_take { HTTP_TAKE_NOTHING, HTTP_TAKE_WHOLE, HTTP_TAKE_END };

/* One direction of a connection; begins zeroed. */
struct http_direction {
	__u64 tail;       /* last eight payload bytes, the latest one lowest */
	__u32 number;     /* of the next record */
	__s32 bytes_left; /* of the budget for what continues a head … */
	__u16 segments_left;
	__u8 train; /* the head began with GET or HEAD: what follows are heads */
	__u8 reserved[5];
};

/* "\n\n" and "\n\r\n" end a head (RFC 9112, 2.2: a lone LF may be taken for a line's end). */
static HTTP_INLINE bool http_ends_head(__u64 tail)
{
	return (tail & 0xffff) == 0x0a0a || (tail & 0xffffff) == 0x0a0d0a;
}

static HTTP_INLINE bool http_ends_chunks(__u64 tail)
{
	return (tail & 0xffffffffff) == 0x300d0a0d0a; /* "0\r\n\r\n" */
}

/* An empty line before a request is to be ignored (RFC 9112, 2.2). */
static HTTP_INLINE __u64 http_skip_empty_line(__u64 head)
{
	if (head >> 48 == 0x0d0a)
		return head << 16;
	return head >> 56 == '\n' ? head << 8 : head;
}

static HTTP_INLINE bool http_is_upper(__u8 byte)
{
	return byte >= 'A' && byte <= 'Z';
}

/* A byte that may stand inside a method; 0 where a short segment ended. */
static HTTP_INLINE bool http_is_method(__u8 byte)
{
	return http_is_upper(byte) || byte == '-' || byte == 0;
}

/* The first four bytes of any registered method and its space: "GET ", "POST", "PROPFIND", "M-SEARCH". Text that happens to look like it is copied
 * once too often; user space knows from the framing that no head starts there. */
static HTTP_INLINE bool http_begins_request(__u64 head)
{
	__u8 first = (__u8)(head >> 56), second = (__u8)(head >> 48), third = (__u8)(head >> 40), fourth = (__u8)(head >> 32);
	return http_is_upper(first) && http_is_method(second) && http_is_method(third) && (http_is_method(fourth) || fourth == ' ');
}

static HTTP_INLINE bool http_is_bodyless(__u64 head)
{
	__u32 word = (__u32)(head >> 32);
	return word == 0x47455420 || word == 0x48454144; /* "GET ", "HEAD" */
}

static HTTP_INLINE bool http_begins_answer(__u64 head)
{
	return head >> 24 == 0x485454502f; /* "HTTP/" */
}

static HTTP_INLINE void http_open_budget(struct http_direction *d, __u16 segments, __s32 bytes)
{
	d->segments_left = segments;
	d->bytes_left = bytes;
}

static HTTP_INLINE void http_spend(struct http_direction *d, __u64 tail, __u32 len)
{
	if (http_ends_head(tail) || len >= (__u32)d->bytes_left || d->segments_left == 1) {
		d->segments_left = 0;
		return;
	}
	d->bytes_left -= (__s32)len;
	d->segments_left--;
}

/* The end of a body and the next request share a segment when a server answers before it was sent everything. User space knows where in it
 * the body stops. */
static HTTP_INLINE bool http_may_hide_head(__u64 tail)
{
	return http_ends_head(tail) && !http_ends_chunks(tail);
}

/* What to take of a request's segment. Adds to `flags` what its record must say, and leaves in `d` what the next one needs to know. */
static HTTP_INLINE enum http_take http_judge_request(struct http_direction *d, __u64 head, __u64 tail, __u32 len, __u8 *flags)
{
	bool begins = http_begins_request(head);
	if (http_ends_chunks(d->tail))
		*flags |= HTTP_SLICE_LAST_CHUNK;
	d->tail = tail;
	if (!begins)
		*flags |= HTTP_SLICE_CONTINUES;
	if (!begins && !d->segments_left) {
		d->train = 0;
		return http_may_hide_head(tail) ? HTTP_TAKE_END : HTTP_TAKE_NOTHING;
	}
	if (begins) {
		d->train = http_is_bodyless(head);
		http_open_budget(d, d->train ? HTTP_TRAIN_SEGMENTS : HTTP_HEAD_SEGMENTS, d->train ? HTTP_TRAIN_BYTES : HTTP_HEAD_BYTES);
	}
	http_spend(d, tail, len);
	return HTTP_TAKE_WHOLE;
}

static HTTP_INLINE enum http_take http_judge_answer(struct http_direction *d, __u64 head, __u64 tail, __u32 len, __u8 *flags)
{
	bool begins = http_begins_answer(head);
	if (http_ends_chunks(d->tail))
		*flags |= HTTP_SLICE_LAST_CHUNK;
	d->tail = tail;
	if (!begins)
		*flags |= HTTP_SLICE_CONTINUES;
	if (!begins && !d->segments_left)
		return HTTP_TAKE_NOTHING;
	if (begins)
		http_open_budget(d, HTTP_ANSWER_SEGMENTS, HTTP_ANSWER_BYTES);
	http_spend(d, tail, len);
	return HTTP_TAKE_WHOLE;
}

#endif
