/* Deliveries and receipts: the envelope around a batch, read and written field by field.
 *
 * Not through protobuf-c, because that would copy and decode the batch inside: a spool record goes to the wire byte for byte, and the
 * collector hands the still encoded batch to another thread. The encoding: https://protobuf.dev/programming-guides/encoding/ */
#include <errno.h>

#include "lib/utf8.h"
#include "proto/window.h"

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_LEN = 2, WIRE_FIXED32 = 5 };
enum { VARINT_BYTES_MAX = 10 };

/* Field numbers of tocsin.proto. */
enum { DELIVERY_FIELD_HELLO = 1, DELIVERY_FIELD_SEALED = 2 };
enum { HELLO_AGENT = 1, HELLO_EPOCH, HELLO_FIRST_SEQUENCE, HELLO_VERSION, HELLO_KERNEL, HELLO_STARTED };
enum { SEALED_EPOCH = 1, SEALED_SEQUENCE, SEALED_LOST, SEALED_BATCH };
enum { RECEIPT_EPOCH = 1, RECEIPT_SEQUENCE };

/* ---- writing ---- */

static size_t varint_len(uint64_t value)
{
	size_t len = 1;
	while (value >>= 7)
		len++;
	return len;
}

static uint8_t *put_varint(uint8_t *at, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		*at++ = (uint8_t)(value | 0x80);
	*at++ = (uint8_t)value;
	return at;
}

static uint8_t *put_tag(uint8_t *at, unsigned field, enum wire_type type)
{
	return put_varint(at, field << 3 | type);
}

/* As proto3 wants it, a field with the value 0 is not written at all. All our field numbers fit a one-byte tag. */
static size_t number_len(uint64_t value)
{
	return value ? 1 + varint_len(value) : 0;
}

static uint8_t *put_number(uint8_t *at, unsigned field, uint64_t value)
{
	return value ? put_varint(put_tag(at, field, WIRE_VARINT), value) : at;
}

static size_t text_len(struct span text)
{
	return text.len ? 1 + varint_len(text.len) + text.len : 0;
}

static uint8_t *put_text(uint8_t *at, unsigned field, struct span text)
{
	if (text.len == 0)
		return at;
	at = put_varint(put_tag(at, field, WIRE_LEN), text.len);
	memcpy(at, text.data, text.len);
	return at + text.len;
}

/* Room for one part of a Delivery of `len` bytes; its frame is written, `ret_at` is where the part goes. */
static int begin_part(struct buf *out, unsigned field, size_t len, uint8_t **ret_at)
{
	int r = buf_reserve(out, 1 + varint_len(len) + len);
	if (r < 0)
		return r;
	*ret_at = put_varint(put_tag(out->data + out->len, field, WIRE_LEN), len);
	out->len = (size_t)(*ret_at - out->data) + len;
	return 0;
}

int delivery_encode_hello(const struct hello *h, struct buf *out)
{
	size_t len = text_len(h->agent) + number_len(h->epoch) + number_len(h->first_sequence) + text_len(h->version) +
		     text_len(h->kernel) + number_len((uint64_t)h->started_ms);
	uint8_t *at;
	int r = begin_part(out, DELIVERY_FIELD_HELLO, len, &at);
	if (r < 0)
		return r;
	at = put_text(at, HELLO_AGENT, h->agent);
	at = put_number(at, HELLO_EPOCH, h->epoch);
	at = put_number(at, HELLO_FIRST_SEQUENCE, h->first_sequence);
	at = put_text(at, HELLO_VERSION, h->version);
	at = put_text(at, HELLO_KERNEL, h->kernel);
	put_number(at, HELLO_STARTED, (uint64_t)h->started_ms);
	return 0;
}

int delivery_encode_sealed(uint64_t epoch, uint64_t sequence, bool lost, struct span batch, struct buf *out)
{
	/* An empty batch is written all the same: its presence is what tells it from a lost one. */
	size_t batch_len = lost ? 0 : 1 + varint_len(batch.len) + batch.len;
	size_t len = number_len(epoch) + number_len(sequence) + number_len(lost) + batch_len;
	uint8_t *at;
	int r = begin_part(out, DELIVERY_FIELD_SEALED, len, &at);
	if (r < 0)
		return r;
	at = put_number(at, SEALED_EPOCH, epoch);
	at = put_number(at, SEALED_SEQUENCE, sequence);
	at = put_number(at, SEALED_LOST, lost);
	if (lost)
		return 0;
	at = put_varint(put_tag(at, SEALED_BATCH, WIRE_LEN), batch.len);
	if (batch.len > 0)
		memcpy(at, batch.data, batch.len);
	return 0;
}

int receipt_encode(const struct receipt *receipt, struct buf *out)
{
	size_t len = number_len(receipt->epoch) + number_len(receipt->sequence);
	int r = buf_reserve(out, len);
	if (r < 0 || len == 0)
		return r;
	uint8_t *at = put_number(out->data + out->len, RECEIPT_EPOCH, receipt->epoch);
	put_number(at, RECEIPT_SEQUENCE, receipt->sequence);
	out->len += len;
	return 0;
}

/* ---- reading ---- */

struct field {
	uint64_t number;
	enum wire_type type;
	uint64_t value;    /* of a varint */
	struct span bytes; /* of a length-delimited field */
};

static bool take_varint(struct span *rest, uint64_t *ret)
{
	uint64_t value = 0;
	for (size_t i = 0; i < VARINT_BYTES_MAX && i < rest->len; i++) {
		uint8_t byte = (uint8_t)rest->data[i];
		value |= (uint64_t)(byte & 0x7F) << (7 * i);
		if (byte & 0x80)
			continue;
		*rest = span_from(*rest, i + 1);
		*ret = value;
		return true;
	}
	return false;
}

static bool take_bytes(struct span *rest, uint64_t len, struct span *ret)
{
	if (len > rest->len)
		return false;
	*ret = span_make(rest->data, (size_t)len);
	*rest = span_from(*rest, (size_t)len);
	return true;
}

/* The next field of a message, known or not. Groups (types 3 and 4) left the language before proto3. */
static bool take_field(struct span *rest, struct field *ret)
{
	uint64_t tag;
	if (!take_varint(rest, &tag) || tag >> 3 == 0)
		return false;
	*ret = (struct field){.number = tag >> 3, .type = (enum wire_type)(tag & 7)};
	switch (ret->type) {
	case WIRE_VARINT: return take_varint(rest, &ret->value);
	case WIRE_FIXED64: return take_bytes(rest, 8, &ret->bytes);
	case WIRE_FIXED32: return take_bytes(rest, 4, &ret->bytes);
	case WIRE_LEN: return take_varint(rest, &ret->value) && take_bytes(rest, ret->value, &ret->bytes);
	}
	return false;
}

static int bad(struct err *err, const char *what)
{
	err_set(err, "%s", what);
	return -EBADMSG;
}

/* A field of the number that we know but of another type is skipped, as every protobuf reader does. */
static bool is(const struct field *f, unsigned number, enum wire_type type)
{
	return f->number == number && f->type == type;
}

static bool is_shown_text(struct span s, size_t max)
{
	return s.len <= max && utf8_clean_len(s) == s.len;
}

static int read_hello(struct span rest, struct hello *ret, struct err *err)
{
	struct hello h = {.version = span_str(""), .kernel = span_str("")};
	while (rest.len > 0) {
		struct field f;
		if (!take_field(&rest, &f))
			return bad(err, "a hello that is no protobuf message");
		if (is(&f, HELLO_AGENT, WIRE_LEN))
			h.agent = f.bytes;
		else if (is(&f, HELLO_EPOCH, WIRE_VARINT))
			h.epoch = f.value;
		else if (is(&f, HELLO_FIRST_SEQUENCE, WIRE_VARINT))
			h.first_sequence = f.value;
		else if (is(&f, HELLO_VERSION, WIRE_LEN))
			h.version = f.bytes;
		else if (is(&f, HELLO_KERNEL, WIRE_LEN))
			h.kernel = f.bytes;
		else if (is(&f, HELLO_STARTED, WIRE_VARINT))
			h.started_ms = (int64_t)f.value;
	}
	if (h.agent.len == 0 || !is_shown_text(h.agent, AGENT_BYTES_MAX))
		return bad(err, "a hello whose agent id is empty, longer than 64 bytes or not plain text");
	if (!is_shown_text(h.version, NAME_BYTES_MAX) || !is_shown_text(h.kernel, NAME_BYTES_MAX))
		return bad(err, "a hello whose version or kernel is longer than 512 bytes or not plain text");
	if (h.first_sequence > COUNT_MAX)
		return bad(err, "a hello whose first sequence is past 2^48");
	if (h.started_ms < 0 || h.started_ms >= TIME_MAX_MS)
		return bad(err, "a hello whose start lies outside the years 1970 to 9999");
	*ret = h;
	return 0;
}

static int read_sealed(struct span rest, struct delivery *ret, struct err *err)
{
	struct delivery d = {.part = DELIVERY_SEALED};
	bool has_batch = false;
	while (rest.len > 0) {
		struct field f;
		if (!take_field(&rest, &f))
			return bad(err, "a sealed record that is no protobuf message");
		if (is(&f, SEALED_EPOCH, WIRE_VARINT))
			d.epoch = f.value;
		else if (is(&f, SEALED_SEQUENCE, WIRE_VARINT))
			d.sequence = f.value;
		else if (is(&f, SEALED_LOST, WIRE_VARINT))
			d.lost = f.value != 0;
		else if (is(&f, SEALED_BATCH, WIRE_LEN)) {
			/* protobuf would merge two; no sender of ours writes two, and merging would need a copy */
			if (has_batch)
				return bad(err, "a sealed record with two batches");
			has_batch = true;
			d.batch = f.bytes;
		}
	}
	if (d.sequence == 0)
		return bad(err, "a sealed record without a sequence; they count from 1");
	if (d.sequence > COUNT_MAX)
		return bad(err, "a sealed record whose sequence is past 2^48");
	if (d.lost == has_batch)
		return bad(err, d.lost ? "a sealed record declared lost that carries a batch" : "a sealed record without a batch");
	if (d.batch.len > BATCH_BYTES_MAX)
		return bad(err, "a sealed record whose batch is larger than 1 MiB");
	*ret = d;
	return 0;
}

int delivery_decode(struct span bytes, struct delivery *ret_delivery, struct err *err)
{
	struct span parts[2];
	bool has[2] = {false, false};
	while (bytes.len > 0) {
		struct field f;
		if (!take_field(&bytes, &f))
			return bad(err, "a delivery that is no protobuf message");
		if (f.type != WIRE_LEN || (f.number != DELIVERY_FIELD_HELLO && f.number != DELIVERY_FIELD_SEALED))
			continue;
		if (has[0] || has[1])
			return bad(err, "a delivery with two parts");
		parts[f.number - 1] = f.bytes;
		has[f.number - 1] = true;
	}
	if (has[1])
		return read_sealed(parts[1], ret_delivery, err);
	if (!has[0])
		return bad(err, "a delivery with neither a hello nor a sealed record");
	struct delivery d = {.part = DELIVERY_HELLO};
	int r = read_hello(parts[0], &d.hello, err);
	if (r == 0)
		*ret_delivery = d;
	return r;
}

int receipt_decode(struct span bytes, struct receipt *ret_receipt, struct err *err)
{
	struct receipt receipt = {0};
	while (bytes.len > 0) {
		struct field f;
		if (!take_field(&bytes, &f))
			return bad(err, "a receipt that is no protobuf message");
		if (is(&f, RECEIPT_EPOCH, WIRE_VARINT))
			receipt.epoch = f.value;
		else if (is(&f, RECEIPT_SEQUENCE, WIRE_VARINT))
			receipt.sequence = f.value;
	}
	*ret_receipt = receipt;
	return 0;
}
