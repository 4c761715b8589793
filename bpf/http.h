/* What the kernel side of the HTTP probe hands to user space: slices of TCP segments, in size classes.
 *
 * The kernel captures, user space parses. bpf/http.bpf.c decides with the first bytes of a segment and one small state per direction whether a
 * segment can matter (a head starts in it, or a head that started earlier may go on in it) and copies it; bodies are skipped.
 * Fixed widths and no padding: the size is asserted on both sides. */
#ifndef TOCSIN_BPF_HTTP_H
#define TOCSIN_BPF_HTTP_H

#include <linux/types.h>

/* Largest sizes of a ring buffer record, this header included. A request segment is cut at LARGE, an answer at SMALL.
 * A request segment that begins with GET or HEAD and is longer than one record (pipelining: heads only, no bodies) is handed over whole, as
 * several LARGE records in a row, each with its own tcp_seq; all but the first say CONTINUES. Answers on a connection that was seen to
 * pipeline are cut at LARGE. */
#define HTTP_SLICE_SMALL 512
#define HTTP_SLICE_LARGE 4096

enum http_slice_event {
	HTTP_SLICE_DATA = 1,
	HTTP_SLICE_CLOSE = 2, /* the connection ended; no data follows. Numbered as, and flagged, an answer */
};

enum http_slice_flag {
	HTTP_SLICE_ANSWER = 1 << 0,     /* egress of a server socket: the answer's direction; else the request's */
	HTTP_SLICE_CONTINUES = 1 << 1,  /* taken because an earlier head may go on here, not because one starts here */
	HTTP_SLICE_LAST_CHUNK = 1 << 2, /* the segment before this one, in this direction, ended in "0\r\n\r\n" */
	HTTP_SLICE_JOINED = 1 << 3,     /* the connection existed before the probe: its earlier bytes are unknown */
};

struct http_slice {
	__u64 cookie;      /* bpf_get_socket_cookie: names the connection */
	__u64 cgroup;      /* bpf_skb_cgroup_id: the cgroup in which the listener was made */
	__u64 time_ns;     /* bpf_ktime_get_ns */
	__u32 number;      /* running number of this connection's records in this direction, from 0; a hole is a lost record */
	__u32 tcp_seq;     /* TCP sequence of the first byte that follows this header */
	__u32 segment_len; /* payload bytes of the segment from tcp_seq on; more than `captured` when it was cut */
	__u16 captured;    /* bytes that follow this header */
	__u8 event;        /* enum http_slice_event */
	__u8 flags;        /* enum http_slice_flag */
	__u8 remote[16];   /* client address; IPv4 as ::ffff:a.b.c.d */
	__u16 remote_port; /* host order */
	__u16 local_port;  /* host order */
	__u32 reserved;    /* zero */
};

/* What was moved and what was missed, since the probe was loaded. One for each processor in the kernel; user space adds them up. */
struct http_probe_stats {
	__u64 connections;      /* server connections seen from their first packet */
	__u64 joined;           /* server connections that were older than the probe */
	__u64 request_segments; /* TCP segments with payload that server sockets received, retransmitted ones too */
	__u64 request_bytes;
	__u64 answer_segments; /* … and sent */
	__u64 answer_bytes;
	__u64 opaque_bytes; /* part of the bytes above: on connections whose first bytes were not HTTP/1 (TLS, databases …) */
	__u64 records;      /* handed to the ring */
	__u64 full;         /* records lost because the ring had no room: each leaves a hole in its connection's numbers */
	__u64 unreadable;   /* segments that could not be copied */
	__u64 unsupported;  /* packets with IPv6 extension headers that are not followed */
	__u64 untracked;    /* connections without storage: the kernel had no memory */
};

_Static_assert(sizeof(struct http_probe_stats) == 12 * 8, "http_probe_stats is shared with the kernel side: no padding");
_Static_assert(sizeof(struct http_slice) == 64, "http_slice is shared with the kernel side: no padding");

#endif
