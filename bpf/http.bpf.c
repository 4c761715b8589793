// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0
/* The kernel side of the HTTP probe: which TCP segments of server sockets may hold a head, copied into a ring.
 *
 * It only watches. Both cgroup_skb programs always return 1, nothing is written to a packet, a socket map or user memory, and a failure
 * costs a counter. Parsing is user space's; which segments are copied is told in bpf/http_judge.h.
 *
 * A server socket is one that was passively opened (sockops), or, when it is older than the probe, one on a port somebody listens on.
 * Its state lives in socket storage, so there is no table to size, to sweep or to overflow.
 *
 * Helpers, map types and instructions are those of Linux 5.10; there is no CO-RE relocation, so a kernel without BTF will do. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/http.h"
#include "bpf/http_judge.h"

#define BODY_LARGE (HTTP_SLICE_LARGE - sizeof(struct http_slice))

enum {
	/* Records for one segment: 64 KB, the most that receive offload or the loopback builds by default. */
	RECORDS_MAX = 17,
	/* Past a quarter full the reader is woken, once in this time. A wakeup costs microseconds (an interrupt to ourselves; on a virtual
	 * machine an exit): waking for each record of a band of 16 KB made the mean record three times as dear, 0.25 -> 0.75 us. */
	WAKE_GAP_NS = 1000000,
	EXTENSIONS_MAX = 4,
};

enum { REQUEST, ANSWER }; /* directions */
enum { FLAG_FIN = 1, FLAG_RST = 2 };

enum role {
	ROLE_SERVER = 1,
	ROLE_CLIENT, /* an outbound connection from a port on which somebody also listens */
	ROLE_OPAQUE, /* does not speak HTTP/1 in clear: never looked at again */
};

struct connection {
	__u64 cookie;
	__u64 cgroup;
	__u8 remote[16];
	__u16 remote_port;
	__u16 local_port;
	__u32 first_seq; /* of the client's stream; what was not seen from there on is not judged opaque */
	__u8 role;
	__u8 joined;
	__u8 described; /* cookie … local_port are filled in: at the first segment, where the packet tells them */
	__u8 pipelined;
	__u8 answered; /* an answer began and no request byte came since */
	__u8 closed;   /* and told: FIN and RST of a joined connection may both come, and come again */
	__u8 reserved[2];
	struct http_direction direction[2];
};

/* One segment, or the part of it that goes into one record. */
struct piece {
	struct http_probe_stats *stats;
	__u32 offset; /* of the payload, from the start of the IP header */
	__u32 len;
	__u32 seq;
	__u8 tcp_flags; /* FLAG_FIN, FLAG_RST */
	__u8 flags;     /* enum http_slice_flag */
	__u16 remote_port;
	__u8 remote[16];
};

/* A segment with data that completes the handshake (TCP_DEFER_ACCEPT, as Apache sets it; TCP fast open; a lost bare ACK; SYN cookies) is
 * filtered on the listener, before its own socket exists. It waits here for the microsecond until sockops announces that socket on
 * the same processor. */
struct early {
	struct http_slice slice;
	__u8 bytes[BODY_LARGE];
	struct http_direction direction;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct connection);
} connections SEC(".maps");

/* Listeners whose connections are left out: our own. User space marks the socket, the kernel clones the mark to what it accepts. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, __u32);
} ignored SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct http_probe_stats);
} stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct early);
} earlies SEC(".maps");

const volatile __u32 wake_at = 1 << 18;  /* bytes: a quarter of the ring */
const volatile bool only_listed = false; /* only the ports that user space marked in `listening` */

/* One byte a local port: somebody listens, or listened, on it. It keeps the traffic of clients at the cost of one load, and is never
 * cleared: a stale byte costs a storage lookup, while a wrongly cleared one would cost a connection. */
__u8 listening[1 << 16];

__u64 woken_ns; /* two processors that race for it wake the reader twice */

static const __u32 zero = 0;

static __always_inline bool is_listed(__u32 port)
{
	return port < sizeof listening && listening[port];
}

static __always_inline void list(__u32 port)
{
	if (!only_listed && port < sizeof listening)
		listening[port] = 1;
}

/* ---- the ring ---- */

static __always_inline __u64 wakeup(__u64 now_ns)
{
	if (bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) < wake_at || now_ns - woken_ns < WAKE_GAP_NS)
		return BPF_RB_NO_WAKEUP;
	woken_ns = now_ns;
	return BPF_RB_FORCE_WAKEUP;
}

static __always_inline void fill(struct http_slice *slice, const struct connection *c, const struct piece *p, __u32 number)
{
	slice->cookie = c->cookie;
	slice->cgroup = c->cgroup;
	slice->time_ns = bpf_ktime_get_ns();
	slice->number = number;
	slice->tcp_seq = p->seq;
	slice->segment_len = p->len;
	slice->event = HTTP_SLICE_DATA;
	slice->flags = p->flags | (c->joined ? HTTP_SLICE_JOINED : 0);
	__builtin_memcpy(slice->remote, c->remote, sizeof slice->remote);
	slice->remote_port = c->remote_port;
	slice->local_port = c->local_port;
	slice->reserved = 0;
}

/* min(n, max), at least 1, in a form that the compiler cannot rewrite: clang 14 may test a copy of the register, and then the verifier of the
 * helper's length sees no bound. */
#define BOUNDED(n, max)                                                                                                                    \
	({                                                                                                                                 \
		__u64 bounded_ = (n);                                                                                                      \
		asm volatile("if %0 > 0 goto +1\n\t%0 = 1\n\tif %0 <= %1 goto +1\n\t%0 = %1" : "+r"(bounded_) : "i"(max));                 \
		bounded_;                                                                                                                  \
	})

static __always_inline void emit(struct __sk_buff *skb, struct connection *c, struct http_direction *d, const struct piece *p,
				 const __u32 size)
{
	/* The number is used up whether or not the record makes it: that is how user space sees the hole. */
	__u32 number = d->number++;
	struct http_slice *slice = bpf_ringbuf_reserve(&ring, size, 0);
	if (!slice) {
		p->stats->full++;
		return;
	}
	__u64 n = BOUNDED(p->len, size - sizeof *slice);
	fill(slice, c, p, number);
	slice->captured = n;
	if (bpf_skb_load_bytes(skb, p->offset, slice + 1, n)) {
		p->stats->unreadable++;
		bpf_ringbuf_discard(slice, BPF_RB_NO_WAKEUP);
		return;
	}
	p->stats->records++;
	bpf_ringbuf_submit(slice, wakeup(slice->time_ns));
}

/* bpf_ringbuf_reserve takes constant sizes only. Classes between SMALL and LARGE, because a browser's head has 500 to 1,500 bytes: with two
 * classes the ring would hold a third of them. */
#define EMIT(size)                                                                                                                         \
	static __noinline int emit_##size(struct __sk_buff *skb, struct connection *c, struct http_direction *d, const struct piece *p)    \
	{                                                                                                                                  \
		emit(skb, c, d, p, size);                                                                                                  \
		return 0;                                                                                                                  \
	}
EMIT(256)
EMIT(512)
EMIT(1024)
EMIT(2048)
EMIT(4096)
_Static_assert(HTTP_SLICE_SMALL == 512 && HTTP_SLICE_LARGE == 4096, "the classes end where the contract says");

#define FITS(len, size) ((len) <= (size) - sizeof(struct http_slice))

static __always_inline void emit_small(struct __sk_buff *skb, struct connection *c, struct http_direction *d, const struct piece *p)
{
	if (FITS(p->len, 256))
		emit_256(skb, c, d, p);
	else
		emit_512(skb, c, d, p);
}

static __always_inline void emit_large(struct __sk_buff *skb, struct connection *c, struct http_direction *d, const struct piece *p)
{
	if (FITS(p->len, 512))
		emit_small(skb, c, d, p);
	else if (FITS(p->len, 1024))
		emit_1024(skb, c, d, p);
	else if (FITS(p->len, 2048))
		emit_2048(skb, c, d, p);
	else
		emit_4096(skb, c, d, p);
}

/* A train of heads in one segment. Only for methods without a body: an upload's first segment costs one record, not seventeen. */
static __noinline int emit_train(struct __sk_buff *skb, struct connection *c, struct http_direction *d, struct piece *p)
{
	for (int i = 0; i < RECORDS_MAX; i++) {
		emit_large(skb, c, d, p);
		if (p->len <= BODY_LARGE)
			break;
		p->len -= BODY_LARGE;
		p->seq += BODY_LARGE;
		p->offset += BODY_LARGE;
		p->flags = (p->flags & HTTP_SLICE_ANSWER) | HTTP_SLICE_CONTINUES;
	}
	return 0;
}

static __noinline int emit_close(struct connection *c, struct http_probe_stats *s)
{
	struct http_direction *d = &c->direction[ANSWER];
	if (c->closed || (d->number == 0 && c->direction[REQUEST].number == 0))
		return 0;
	c->closed = 1;
	__u32 number = d->number++;
	struct http_slice *slice = bpf_ringbuf_reserve(&ring, sizeof *slice, 0);
	if (!slice) {
		s->full++;
		return 0;
	}
	struct piece nothing = {.flags = HTTP_SLICE_ANSWER};
	fill(slice, c, &nothing, number);
	slice->event = HTTP_SLICE_CLOSE;
	slice->captured = 0;
	s->records++;
	bpf_ringbuf_submit(slice, wakeup(slice->time_ns));
	return 0;
}

/* ---- a segment's first and last bytes ---- */

/* Eight bytes at `offset`, the first one highest. Of a shorter segment, what there is, shifted into `before`. */
static __always_inline int load_tail(struct __sk_buff *skb, const struct piece *p, __u64 before, __u64 *ret)
{
	__u64 word;
	if (p->len >= sizeof word) {
		if (bpf_skb_load_bytes(skb, p->offset + p->len - sizeof word, &word, sizeof word))
			return -1;
		*ret = bpf_be64_to_cpu(word);
		return 0;
	}
	for (__u32 i = 0; i < sizeof word - 1; i++) {
		__u8 byte;
		if (i >= p->len)
			break;
		if (bpf_skb_load_bytes(skb, p->offset + i, &byte, sizeof byte))
			return -1;
		before = before << 8 | byte;
	}
	*ret = before;
	return 0;
}

static __always_inline int load_head(struct __sk_buff *skb, const struct piece *p, __u64 *ret)
{
	__u64 word;
	if (p->len < sizeof word) {
		if (load_tail(skb, p, 0, &word))
			return -1;
		*ret = word << (8 * (sizeof word - p->len));
		return 0;
	}
	if (bpf_skb_load_bytes(skb, p->offset, &word, sizeof word))
		return -1;
	*ret = bpf_be64_to_cpu(word);
	return 0;
}

/* ---- segments of a connection ---- */

/* The part of the segment that is to be taken; false when none is. */
static __always_inline bool cut(struct piece *p, enum http_take take)
{
	if (take == HTTP_TAKE_END && p->len > BODY_LARGE) {
		p->offset += p->len - BODY_LARGE;
		p->seq += p->len - BODY_LARGE;
		p->len = BODY_LARGE;
	}
	return take != HTTP_TAKE_NOTHING;
}

static __always_inline void give_up(struct connection *c, struct piece *p)
{
	c->role = ROLE_OPAQUE;
	p->stats->opaque_bytes += p->len;
}

static __always_inline void on_request(struct __sk_buff *skb, struct connection *c, struct piece *p, __u64 head, __u64 tail)
{
	struct http_direction *d = &c->direction[REQUEST];
	head = http_skip_empty_line(head);
	if (!c->joined && p->seq == c->first_seq && !http_begins_request(head)) {
		give_up(c, p);
		return;
	}
	c->answered = 0;
	c->direction[ANSWER].segments_left = 0;
	if (!cut(p, http_judge_request(d, head, tail, p->len, &p->flags)))
		return;
	if (p->len > BODY_LARGE && d->train) {
		c->pipelined = 1;
		emit_train(skb, c, d, p);
	} else {
		emit_large(skb, c, d, p);
	}
}

static __always_inline void on_answer(struct __sk_buff *skb, struct connection *c, struct piece *p, __u64 head, __u64 tail)
{
	struct http_direction *d = &c->direction[ANSWER];
	/* A server that speaks first (SSH, SMTP, MySQL). */
	if (!c->joined && !c->direction[REQUEST].tail && !http_begins_answer(head)) {
		give_up(c, p);
		return;
	}
	/* An upload that is being answered has left its head behind. A train goes on: pipelined answers overtake its requests. */
	if (!c->direction[REQUEST].train)
		c->direction[REQUEST].segments_left = 0;
	if (!cut(p, http_judge_answer(d, head, tail, p->len, &p->flags)))
		return;
	if (!(p->flags & HTTP_SLICE_CONTINUES)) {
		if (c->answered)
			c->pipelined = 1;
		c->answered = 1;
	}
	if (c->pipelined)
		emit_large(skb, c, d, p);
	else
		emit_small(skb, c, d, p);
}

/* ---- packets ---- */

/* Offset of the TCP header behind IPv6 extension headers (RFC 8200, 4.1); 0 when it is not TCP, negative when we do not follow. */
static __noinline int skip_extensions(struct __sk_buff *skb, __u32 next)
{
	__u32 offset = sizeof(struct ipv6hdr);
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		struct ipv6_opt_hdr extension;
		if (next == IPPROTO_TCP)
			return offset;
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS)
			return next == IPPROTO_FRAGMENT || next == IPPROTO_AH ? -1 : 0;
		if (bpf_skb_load_bytes(skb, offset, &extension, sizeof extension))
			return -1;
		next = extension.nexthdr;
		offset += (extension.hdrlen + 1) * 8;
	}
	return next == IPPROTO_TCP ? (int)offset : -1;
}

static __always_inline void remote_v4(struct piece *p, __u32 address)
{
	__u32 *words = (__u32 *)p->remote;
	words[0] = 0;
	words[1] = 0;
	words[2] = bpf_htonl(0xffff);
	words[3] = address;
}

/* Finds the payload of a TCP packet. 0 when there is one, 1 when the packet is of no interest, -1 when it could not be read. */
static __always_inline int find_payload(struct __sk_buff *skb, struct piece *p, const bool answer)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct tcphdr tcp;
	__u32 offset;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = data;
		if ((void *)(ip + 1) > end)
			return -1;
		if (ip->protocol != IPPROTO_TCP)
			return 1;
		offset = ip->ihl * 4;
		remote_v4(p, answer ? ip->daddr : ip->saddr);
	} else if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = data;
		if ((void *)(ip + 1) > end)
			return -1;
		__builtin_memcpy(p->remote, answer ? &ip->daddr : &ip->saddr, sizeof p->remote);
		offset = sizeof *ip;
		if (ip->nexthdr != IPPROTO_TCP) {
			int found = skip_extensions(skb, ip->nexthdr);
			if (found <= 0) {
				p->stats->unsupported += found < 0;
				return 1;
			}
			offset = found;
		}
	} else {
		return 1;
	}
	if (bpf_skb_load_bytes(skb, offset, &tcp, sizeof tcp))
		return -1;
	p->offset = offset + tcp.doff * 4;
	p->seq = bpf_ntohl(tcp.seq) + tcp.syn;
	p->remote_port = bpf_ntohs(answer ? tcp.dest : tcp.source);
	p->tcp_flags = (tcp.fin ? FLAG_FIN : 0) | (tcp.rst ? FLAG_RST : 0);
	/* Not the IP header's length: that is 0 in packets larger than 64 KB (RFC 2675, BIG TCP). */
	p->len = skb->len > p->offset ? skb->len - p->offset : 0;
	return 0;
}

static __noinline int keep_early(struct __sk_buff *skb, struct piece *p, __u32 local_port)
{
	struct early *e = bpf_map_lookup_elem(&earlies, &zero);
	__u64 head, tail;
	if (!e)
		return 0;
	e->slice.captured = 0;
	__builtin_memset(&e->direction, 0, sizeof e->direction);
	if (load_head(skb, p, &head) || load_tail(skb, p, 0, &tail) ||
	    http_judge_request(&e->direction, http_skip_empty_line(head), tail, p->len, &p->flags) != HTTP_TAKE_WHOLE)
		return 0;
	__u64 n = BOUNDED(p->len, BODY_LARGE);
	if (bpf_skb_load_bytes(skb, p->offset, e->bytes, n)) {
		p->stats->unreadable++;
		return 0;
	}
	e->slice.cgroup = bpf_skb_cgroup_id(skb);
	e->slice.tcp_seq = p->seq;
	e->slice.segment_len = p->len;
	e->slice.event = HTTP_SLICE_DATA;
	e->slice.flags = 0;
	__builtin_memcpy(e->slice.remote, p->remote, sizeof e->slice.remote);
	e->slice.remote_port = p->remote_port;
	e->slice.local_port = local_port;
	e->slice.reserved = 0;
	e->slice.captured = n;
	p->stats->request_segments++;
	p->stats->request_bytes += p->len;
	return 0;
}

/* A server socket without storage: older than the probe, unless it is one of ours. */
static __noinline struct connection *join(struct bpf_sock *sk, struct http_probe_stats *s)
{
	if (bpf_sk_storage_get(&ignored, sk, NULL, 0))
		return NULL;
	struct connection *c = bpf_sk_storage_get(&connections, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!c) {
		s->untracked++;
		return NULL;
	}
	c->role = ROLE_SERVER;
	c->joined = 1;
	s->joined++;
	return c;
}

static __always_inline void describe(struct __sk_buff *skb, struct connection *c, const struct piece *p, __u32 local_port)
{
	c->cookie = bpf_get_socket_cookie(skb);
	c->cgroup = bpf_skb_cgroup_id(skb);
	__builtin_memcpy(c->remote, p->remote, sizeof c->remote);
	c->remote_port = p->remote_port;
	c->local_port = local_port;
	c->described = 1;
}

static __always_inline void watch(struct __sk_buff *skb, const bool answer)
{
	struct bpf_sock *sk = skb->sk;
	struct piece p = {.flags = answer ? HTTP_SLICE_ANSWER : 0};
	__u64 head, tail;

	if (!sk)
		return;
	__u32 local_port = sk->src_port;
	if (!is_listed(local_port))
		return;
	p.stats = bpf_map_lookup_elem(&stats, &zero);
	if (!p.stats)
		return;
	int found = find_payload(skb, &p, answer);
	if (found) {
		p.stats->unreadable += found < 0;
		return;
	}
	if (!p.len && !p.tcp_flags)
		return;
	if (sk->state == BPF_TCP_LISTEN) {
		if (p.len && !answer && !bpf_sk_storage_get(&ignored, sk, NULL, 0))
			keep_early(skb, &p, local_port);
		return;
	}
	struct connection *c = bpf_sk_storage_get(&connections, sk, NULL, 0);
	if (!c && p.len)
		c = join(sk, p.stats);
	if (!c || c->role == ROLE_CLIENT)
		return;
	if (p.len) {
		if (answer) {
			p.stats->answer_segments++;
			p.stats->answer_bytes += p.len;
		} else {
			p.stats->request_segments++;
			p.stats->request_bytes += p.len;
		}
		if (c->role == ROLE_OPAQUE) {
			p.stats->opaque_bytes += p.len;
			return;
		}
		if (!c->described)
			describe(skb, c, &p, local_port);
		if (load_head(skb, &p, &head) || load_tail(skb, &p, c->direction[answer].tail, &tail))
			p.stats->unreadable++;
		else if (answer)
			on_answer(skb, c, &p, head, tail);
		else
			on_request(skb, c, &p, head, tail);
	}
	/* No state callback can be asked for here, so the end of a joined connection is read from its packets. (A reset
	 * after close(2) is not seen: the kernel has taken the port from the socket by then.) */
	if (c->joined && ((p.tcp_flags & FLAG_RST) || (answer && (p.tcp_flags & FLAG_FIN))))
		emit_close(c, p.stats);
}

SEC("cgroup_skb/ingress") int http_ingress(struct __sk_buff *skb)
{
	watch(skb, false);
	return 1;
}

SEC("cgroup_skb/egress") int http_egress(struct __sk_buff *skb)
{
	watch(skb, true);
	return 1;
}

/* ---- connections ---- */

/* Ports and the sequence number it must begin with: that it fits by chance needs the same client to be in two handshakes on one processor. */
static __always_inline bool opens(const struct http_slice *slice, const struct connection *c, const struct bpf_sock_ops *ops)
{
	return slice->captured && slice->tcp_seq == c->first_seq && slice->local_port == ops->local_port &&
	       slice->remote_port == (__u16)bpf_ntohl(ops->remote_port);
}

/* The segment that opened this connection, if one did. Longer ones were cut at LARGE: user space sees from segment_len what is missing. */
static __noinline int hand_over_early(struct bpf_sock_ops *ops, struct connection *c, struct http_probe_stats *s)
{
	struct early *e = bpf_map_lookup_elem(&earlies, &zero);
	if (!e || !opens(&e->slice, c, ops))
		return 0;
	c->cookie = bpf_get_socket_cookie(ops);
	c->cgroup = e->slice.cgroup;
	__builtin_memcpy(c->remote, e->slice.remote, sizeof c->remote);
	c->remote_port = e->slice.remote_port;
	c->local_port = e->slice.local_port;
	c->described = 1;
	c->direction[REQUEST] = e->direction;
	c->direction[REQUEST].number = 1;
	e->slice.cookie = c->cookie;
	e->slice.time_ns = bpf_ktime_get_ns();
	e->slice.number = 0;
	if (bpf_ringbuf_output(&ring, e, sizeof e->slice + BOUNDED(e->slice.captured, BODY_LARGE), wakeup(e->slice.time_ns)))
		s->full++;
	else
		s->records++;
	e->slice.captured = 0;
	return 0;
}

static __always_inline void on_accepted(struct bpf_sock_ops *ops)
{
	struct bpf_sock *sk = ops->sk;
	struct http_probe_stats *s = bpf_map_lookup_elem(&stats, &zero);
	if (!sk || !s)
		return;
	list(ops->local_port);
	if (!is_listed(ops->local_port) || bpf_sk_storage_get(&ignored, sk, NULL, 0))
		return;
	struct connection *c = bpf_sk_storage_get(&connections, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!c) {
		s->untracked++;
		return;
	}
	c->role = ROLE_SERVER;
	c->first_seq = ops->rcv_nxt;
	s->connections++;
	bpf_sock_ops_cb_flags_set(ops, ops->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG);
	hand_over_early(ops, c, s);
}

static __always_inline void on_connected(struct bpf_sock_ops *ops)
{
	struct bpf_sock *sk = ops->sk;
	if (!sk || !is_listed(ops->local_port))
		return;
	struct connection *c = bpf_sk_storage_get(&connections, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (c)
		c->role = ROLE_CLIENT;
}

static __always_inline void on_closed(struct bpf_sock_ops *ops)
{
	struct bpf_sock *sk = ops->sk;
	struct http_probe_stats *s = bpf_map_lookup_elem(&stats, &zero);
	if (!sk || !s)
		return;
	struct connection *c = bpf_sk_storage_get(&connections, sk, NULL, 0);
	if (c && c->role == ROLE_SERVER)
		emit_close(c, s);
}

SEC("sockops") int http_sockops(struct bpf_sock_ops *ops)
{
	switch (ops->op) {
	case BPF_SOCK_OPS_TCP_LISTEN_CB: list(ops->local_port); break;
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB: on_accepted(ops); break;
	case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB: on_connected(ops); break;
	case BPF_SOCK_OPS_STATE_CB:
		if (ops->args[1] == BPF_TCP_CLOSE)
			on_closed(ops);
		break;
	default: break;
	}
	return 1;
}

/* Ours to choose from Apache-2.0 and GPL-2.0 (LICENSE, bpf/LICENSE.GPL-2.0); the kernel is told the one it needs to hear. */
char LICENSE[] SEC("license") = "GPL";
