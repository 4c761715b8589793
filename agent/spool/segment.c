#include "agent/spool/segment.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "lib/crc32c.h"

/* A byte that is no text, a name, and the line ends that transfers mangle: the idea is PNG's. */
static const char MAGIC[8] = "\x89TSP\r\n\x1a\n";

enum { AT_LEN = 8, AT_PAYLOAD_CRC = 12, AT_SEQUENCE = 16, AT_EPOCH = 24, AT_AGENT = 32, AT_ZERO = 40, AT_CRC = 44 };

static void put32(uint8_t *at, uint32_t value)
{
	value = htole32(value);
	memcpy(at, &value, sizeof value);
}

static void put64(uint8_t *at, uint64_t value)
{
	value = htole64(value);
	memcpy(at, &value, sizeof value);
}

static uint32_t get32(const uint8_t *at)
{
	uint32_t value;
	memcpy(&value, at, sizeof value);
	return le32toh(value);
}

static uint64_t get64(const uint8_t *at)
{
	uint64_t value;
	memcpy(&value, at, sizeof value);
	return le64toh(value);
}

void frame_encode(const struct frame *frame, uint8_t header[FRAME_HEADER_BYTES])
{
	memcpy(header, MAGIC, sizeof MAGIC);
	put32(header + AT_LEN, frame->payload_len);
	put32(header + AT_PAYLOAD_CRC, frame->payload_crc);
	put64(header + AT_SEQUENCE, frame->sequence);
	put64(header + AT_EPOCH, frame->epoch);
	put64(header + AT_AGENT, frame->agent);
	put32(header + AT_ZERO, 0);
	put32(header + AT_CRC, crc32c(0, header, AT_CRC));
}

int frame_decode(const uint8_t header[FRAME_HEADER_BYTES], struct frame *ret_frame)
{
	if (memcmp(header, MAGIC, sizeof MAGIC) != 0 || get32(header + AT_CRC) != crc32c(0, header, AT_CRC))
		return -EBADMSG;
	struct frame frame = {
		.sequence = get64(header + AT_SEQUENCE),
		.epoch = get64(header + AT_EPOCH),
		.agent = get64(header + AT_AGENT),
		.payload_len = get32(header + AT_LEN),
		.payload_crc = get32(header + AT_PAYLOAD_CRC),
	};
	if (frame.payload_len > FRAME_PAYLOAD_MAX)
		return -EBADMSG;
	*ret_frame = frame;
	return 0;
}

bool frame_payload_valid(const struct frame *frame, const void *payload)
{
	return crc32c(0, payload, frame->payload_len) == frame->payload_crc;
}

uint64_t segment_next_header(struct span bytes, uint64_t from)
{
	while (from < bytes.len && bytes.len - from >= FRAME_HEADER_BYTES) {
		const char *hit = memmem(bytes.data + from, bytes.len - from, MAGIC, sizeof MAGIC);
		if (!hit)
			break;
		from = (uint64_t)(hit - bytes.data);
		struct frame frame;
		if (bytes.len - from >= FRAME_HEADER_BYTES && frame_decode((const uint8_t *)hit, &frame) == 0)
			return from;
		from++;
	}
	return bytes.len;
}

enum verdict { FRAME_VALID, FRAME_ROTTEN, FRAME_NONE };

/* ROTTEN: the header can be believed, so its length can be stepped over; NONE: search the next magic. */
static enum verdict judge(struct span bytes, uint64_t offset, const struct segment_bounds *bounds, uint64_t after, struct frame *ret_frame)
{
	uint64_t left = bytes.len - offset;
	const uint8_t *at = (const uint8_t *)bytes.data + offset;
	struct frame frame;
	if (left < FRAME_HEADER_BYTES || frame_decode(at, &frame) < 0 || frame_size(&frame) > left)
		return FRAME_NONE;
	*ret_frame = frame;
	if (frame.epoch != bounds->epoch || (bounds->agent != 0 && frame.agent != bounds->agent) || frame.sequence <= after ||
	    frame.sequence >= bounds->limit)
		return FRAME_ROTTEN;
	return frame_payload_valid(&frame, at + FRAME_HEADER_BYTES) ? FRAME_VALID : FRAME_ROTTEN;
}

static uint64_t last_written(struct span bytes, uint64_t from)
{
	uint64_t end = bytes.len;
	while (end > from && bytes.data[end - 1] == 0)
		end--;
	return end;
}

void segment_walk(struct span bytes, const struct segment_bounds *bounds, void (*each)(void *ctx, const struct segment_part *part),
		  void *ctx, struct segment_summary *ret_summary)
{
	struct segment_summary sum = {.last = bounds->first - 1};
	uint64_t offset = 0;
	while (offset < bytes.len) {
		struct frame frame;
		enum verdict verdict = judge(bytes, offset, bounds, sum.last, &frame);
		if (verdict == FRAME_NONE) {
			offset = segment_next_header(bytes, offset + 1);
			continue;
		}
		if (verdict == FRAME_VALID) {
			/* A bad stretch is known as bad, rather than torn, only now that a valid record stands behind it. */
			struct segment_part bad = {.offset = sum.end, .len = offset - sum.end};
			struct segment_part good = {.offset = offset, .len = frame_size(&frame), .sequence = frame.sequence, .valid = true};
			if (bad.len > 0) {
				bad.sequence = frame.sequence == sum.last + 2 ? sum.last + 1 : 0;
				sum.bad++;
				if (each)
					each(ctx, &bad);
			}
			if (each)
				each(ctx, &good);
			sum.records++;
			sum.last = frame.sequence;
			sum.last_from = offset;
			sum.end = offset + frame_size(&frame);
		}
		offset += frame_size(&frame);
	}
	sum.torn = last_written(bytes, sum.end) - sum.end;
	*ret_summary = sum;
}
