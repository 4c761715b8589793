// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0
/* The way most peers see plaintext HTTP, reduced to what it cannot do without: tracepoints at the entry and the exit of the socket calls, the
 * arguments kept in a map between the two, connections known by process and descriptor from accept4 and close, the first 512 bytes of what
 * moved copied to a ring. It does less than any of them: no protocol is inferred, nothing is reassembled, and calls on descriptors that are
 * no accepted connection end at one map lookup. Its cost is a floor. */
#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>

#include "tests/bench/http_reference.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct enter {
	__u64 common;
	__s64 id;
	__u64 args[6];
};

struct leave {
	__u64 common;
	__s64 id;
	__s64 result;
};

struct call {
	__u64 buffer;
	__u32 descriptor;
	bool is_vector;
	bool is_message;
	__u16 reserved;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64); /* process << 32 | descriptor */
	__type(value, __u8);
} connections SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64); /* thread */
	__type(value, struct call);
} calls SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} ring SEC(".maps");

static __u64 connection_key(__u64 thread, __u32 descriptor)
{
	return (thread >> 32) << 32 | descriptor;
}

static int enter(const struct enter *ctx, bool is_vector, bool is_message)
{
	__u64 thread = bpf_get_current_pid_tgid();
	__u64 key = connection_key(thread, (__u32)ctx->args[0]);
	if (!bpf_map_lookup_elem(&connections, &key))
		return 0;
	struct call call = {.buffer = ctx->args[1], .descriptor = (__u32)ctx->args[0], .is_vector = is_vector, .is_message = is_message};
	bpf_map_update_elem(&calls, &thread, &call, BPF_ANY);
	return 0;
}

/* struct user_msghdr: the vector's address is the third field; struct iovec: the buffer's address is the first. */
static __u64 first_buffer(const struct call *call)
{
	__u64 at = call->buffer;
	if (call->is_message)
		bpf_probe_read_user(&at, sizeof at, (const void *)(at + 16));
	if (call->is_vector || call->is_message)
		bpf_probe_read_user(&at, sizeof at, (const void *)at);
	return at;
}

static int leave(const struct leave *ctx, bool is_write)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct call *call = bpf_map_lookup_elem(&calls, &thread);
	if (!call)
		return 0;
	if (ctx->result > 0) {
		struct reference_record *r = bpf_ringbuf_reserve(&ring, sizeof *r, 0);
		if (r) {
			__u32 len = ctx->result > REFERENCE_CAPTURE ? REFERENCE_CAPTURE : (__u32)ctx->result;
			/* clang checks one copy of the register and uses another: clamp again where the verifier looks. */
			len -= 1;
			asm volatile("%0 &= 511" : "+r"(len));
			len += 1;
			r->time_ns = bpf_ktime_get_ns();
			r->process = (__u32)(thread >> 32);
			r->descriptor = call->descriptor;
			r->len = (__u32)ctx->result;
			r->captured = (__u16)len;
			r->is_write = is_write;
			bpf_probe_read_user(r->data, len, (const void *)first_buffer(call));
			bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
		}
	}
	bpf_map_delete_elem(&calls, &thread);
	return 0;
}

#define ENTER(name, is_vector, is_message)                                                                                                 \
	SEC("tp/syscalls/sys_enter_" #name) int enter_##name(struct enter *ctx)                                                            \
	{                                                                                                                                  \
		return enter(ctx, is_vector, is_message);                                                                                  \
	}
#define LEAVE(name, is_write)                                                                                                              \
	SEC("tp/syscalls/sys_exit_" #name) int leave_##name(struct leave *ctx)                                                             \
	{                                                                                                                                  \
		return leave(ctx, is_write);                                                                                               \
	}

ENTER(read, false, false)
ENTER(recvfrom, false, false)
ENTER(recvmsg, false, true)
ENTER(readv, true, false)
ENTER(write, false, false)
ENTER(sendto, false, false)
ENTER(sendmsg, false, true)
ENTER(writev, true, false)
LEAVE(read, false)
LEAVE(recvfrom, false)
LEAVE(recvmsg, false)
LEAVE(readv, false)
LEAVE(write, true)
LEAVE(sendto, true)
LEAVE(sendmsg, true)
LEAVE(writev, true)

/* sendfile shows a length only. */
SEC("tp/syscalls/sys_enter_sendfile64") int enter_sendfile64(struct enter *ctx)
{
	return enter(ctx, false, false);
}

SEC("tp/syscalls/sys_exit_sendfile64") int leave_sendfile64(struct leave *ctx)
{
	(void)ctx;
	__u64 thread = bpf_get_current_pid_tgid();
	bpf_map_delete_elem(&calls, &thread);
	return 0;
}

SEC("tp/syscalls/sys_exit_accept4") int leave_accept4(struct leave *ctx)
{
	if (ctx->result < 0)
		return 0;
	__u64 key = connection_key(bpf_get_current_pid_tgid(), (__u32)ctx->result);
	__u8 one = 1;
	bpf_map_update_elem(&connections, &key, &one, BPF_ANY);
	return 0;
}

SEC("tp/syscalls/sys_enter_close") int enter_close(struct enter *ctx)
{
	__u64 key = connection_key(bpf_get_current_pid_tgid(), (__u32)ctx->args[0]);
	bpf_map_delete_elem(&connections, &key);
	return 0;
}
