#include "agent/http/flow.h"

/* A TCP window is at most 2^30 bytes (RFC 7323 section 2.3): a segment that seems to lie further back lies ahead instead, behind a body that
 * the kernel side skipped. */
#define WINDOW_MAX (UINT32_C(1) << 30)

/* Inside a body that is longer than that, 32 bits cannot tell forward from back: only its exact end is believed. */
static bool is_huge(const struct flow *f)
{
	return f->mode == FLOW_HEAD && f->next - f->body > WINDOW_MAX;
}

static uint64_t place(const struct flow *f, uint32_t tcp_seq)
{
	if (f->mode == FLOW_NEW)
		return (UINT64_C(1) << 32) + tcp_seq;
	uint32_t forward = tcp_seq - (uint32_t)f->next;
	if (forward == 0)
		return f->next;
	if (is_huge(f))
		return f->body;
	uint32_t back = (uint32_t)f->next - tcp_seq;
	return back <= WINDOW_MAX ? f->next - back : f->next + forward;
}

struct segment flow_place(const struct flow *f, uint32_t tcp_seq, uint32_t segment_len, struct span data)
{
	uint64_t begin = place(f, tcp_seq);
	return (struct segment){.begin = begin, .seen = begin + data.len, .end = begin + segment_len, .data = data};
}

struct span flow_rest(const struct flow *f, const struct segment *seg)
{
	uint64_t from = f->next > seg->begin ? f->next - seg->begin : 0;
	return span_from(seg->data, (size_t)from);
}

uint32_t flow_number(struct flow *f, uint32_t number)
{
	uint32_t hole = number - f->number;
	f->number = number + 1;
	if (f->mode == FLOW_NEW || hole > INT32_MAX)
		return 0;
	f->missing = f->missing > UINT32_MAX - hole ? UINT32_MAX : f->missing + hole;
	return hole;
}

void flow_enter(struct flow *f, enum flow_mode mode, uint64_t from, uint64_t length)
{
	f->mode = mode;
	f->body = from;
	f->next = from + length;
	if (mode == FLOW_CHUNKS)
		chunks_init(&f->chunks);
}
