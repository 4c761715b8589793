#include "proto/record.h"

#include <errno.h>
#include <stdlib.h>

#include "proto/window.h"
#include "spool.pb-c.h"

/* Two bytes of input can ask for one Cursor of a hundred: what a decode may allocate is counted, not trusted. */
enum { DECODE_BYTES_MAX = RECORD_BYTES_MAX + (2 << 20) };

struct allowance {
	size_t left;
	bool refused;
};

static void *allowance_alloc(void *data, size_t size)
{
	struct allowance *a = data;
	if (size > a->left) {
		a->refused = true;
		return NULL;
	}
	a->left -= size;
	return malloc(size);
}

static void allowance_free(void *data, void *memory)
{
	(void)data;
	free(memory);
}

static bool cursor_plausible(const struct cursor *c)
{
	return c->path.len > 0 && c->path.len <= CURSOR_PATH_MAX && memchr(c->path.data, '\0', c->path.len) == NULL &&
	       c->head_len <= CURSOR_HEAD_BYTES && c->offset <= INT64_MAX;
}

static ProtobufCBinaryData bytes_of(struct span s)
{
	return (ProtobufCBinaryData){.len = s.len, .data = (uint8_t *)(uintptr_t)s.data};
}

static void cursor_to_wire(const struct cursor *c, Tocsin__Spool__V1__Cursor *wire)
{
	tocsin__spool__v1__cursor__init(wire);
	wire->path = bytes_of(c->path);
	wire->device = c->device;
	wire->inode = c->inode;
	wire->generation = c->generation;
	wire->offset = c->offset;
	wire->head_len = c->head_len;
	wire->head_hash = c->head_hash;
	wire->tail_hash = c->tail_hash;
}

static struct cursor cursor_from_wire(const Tocsin__Spool__V1__Cursor *wire)
{
	return (struct cursor){
		.path = span_make(wire->path.data, wire->path.len),
		.device = wire->device,
		.inode = wire->inode,
		.generation = wire->generation,
		.offset = wire->offset,
		.head_len = wire->head_len,
		.head_hash = wire->head_hash,
		.tail_hash = wire->tail_hash,
	};
}

static int pack(const Tocsin__Spool__V1__Record *wire, struct buf *out)
{
	size_t size = tocsin__spool__v1__record__get_packed_size(wire);
	if (size > RECORD_BYTES_MAX)
		return -EMSGSIZE;
	int r = buf_reserve(out, size);
	if (r < 0 || size == 0) /* a record that says nothing takes no byte, and `out` may have none */
		return r;
	out->len += tocsin__spool__v1__record__pack(wire, out->data + out->len);
	return 0;
}

int record_encode(const struct record *record, struct buf *out)
{
	if (record->batch.len > BATCH_BYTES_MAX || record->cursor_count > RECORD_CURSORS_MAX)
		return -EMSGSIZE;
	size_t count = record->cursor_count;
	Tocsin__Spool__V1__Cursor *items = malloc((count + 1) * sizeof *items);
	Tocsin__Spool__V1__Cursor **pointers = calloc(count + 1, sizeof(void *));
	int r = items && pointers ? 0 : -ENOMEM;
	for (size_t i = 0; i < count && r == 0; i++) {
		if (!cursor_plausible(&record->cursors[i]))
			r = -EINVAL;
		cursor_to_wire(&record->cursors[i], &items[i]);
		pointers[i] = &items[i];
	}
	if (r == 0) {
		Tocsin__Spool__V1__Record wire = TOCSIN__SPOOL__V1__RECORD__INIT;
		wire.batch = bytes_of(record->batch);
		wire.n_cursors = count;
		wire.cursors = pointers;
		wire.clean = record->clean;
		wire.written_ms = record->written_ms;
		r = pack(&wire, out);
	}
	free(pointers);
	free(items);
	return r;
}

static int cursors_from_wire(const Tocsin__Spool__V1__Record *wire, struct cursor **ret, struct err *err)
{
	struct cursor *cursors = malloc((wire->n_cursors + 1) * sizeof *cursors);
	if (!cursors)
		return -ENOMEM;
	for (size_t i = 0; i < wire->n_cursors; i++) {
		cursors[i] = cursor_from_wire(wire->cursors[i]);
		if (!cursor_plausible(&cursors[i])) {
			free(cursors);
			err_set(err, "record: cursor %zu is of no possible file", i);
			return -EBADMSG;
		}
	}
	*ret = cursors;
	return 0;
}

static int convert(Tocsin__Spool__V1__Record *wire, struct record *ret_record, struct err *err)
{
	if (wire->batch.len > BATCH_BYTES_MAX) {
		err_set(err, "record: a batch of %zu bytes, more than %d", wire->batch.len, BATCH_BYTES_MAX);
		return -EBADMSG;
	}
	if (wire->n_cursors > RECORD_CURSORS_MAX) {
		err_set(err, "record: %zu cursors, more than %d", wire->n_cursors, RECORD_CURSORS_MAX);
		return -EBADMSG;
	}
	struct cursor *cursors = NULL;
	int r = cursors_from_wire(wire, &cursors, err);
	if (r < 0)
		return r;
	*ret_record = (struct record){
		.batch = span_make(wire->batch.data, wire->batch.len),
		.cursors = cursors,
		.cursor_count = wire->n_cursors,
		.clean = wire->clean,
		.written_ms = wire->written_ms,
		.owner = wire,
	};
	return 0;
}

int record_decode(struct span bytes, struct record *ret_record, struct err *err)
{
	if (bytes.len > RECORD_BYTES_MAX) {
		err_set(err, "record: %zu bytes, more than %d", bytes.len, RECORD_BYTES_MAX);
		return -EBADMSG;
	}
	struct allowance allowance = {.left = DECODE_BYTES_MAX};
	ProtobufCAllocator allocator = {.alloc = allowance_alloc, .free = allowance_free, .allocator_data = &allowance};
	Tocsin__Spool__V1__Record *wire = tocsin__spool__v1__record__unpack(&allocator, bytes.len, (const uint8_t *)bytes.data);
	if (!wire) {
		err_set(err,
			allowance.refused ? "record: decodes to more than %d bytes" : "record: not a Record message (ceiling %d bytes)",
			DECODE_BYTES_MAX);
		return -EBADMSG;
	}
	int r = convert(wire, ret_record, err);
	if (r < 0)
		tocsin__spool__v1__record__free_unpacked(wire, NULL);
	return r;
}

void record_done(struct record *record)
{
	if (record->owner) {
		free(record->cursors);
		tocsin__spool__v1__record__free_unpacked(record->owner, NULL);
	}
	*record = (struct record){0};
}
