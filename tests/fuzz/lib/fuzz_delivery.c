/* The envelope from the wire: a delivery that was accepted is the same after being written and read again; receipts likewise. */
#include <stdint.h>
#include <stdlib.h>

#include "proto/window.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_delivery(struct span bytes)
{
	struct delivery d, again;
	struct err err;
	if (delivery_decode(bytes, &d, &err) < 0)
		return;
	struct buf out;
	buf_init(&out, 2 * BATCH_BYTES_MAX);
	int r = d.part == DELIVERY_HELLO ? delivery_encode_hello(&d.hello, &out)
					 : delivery_encode_sealed(d.epoch, d.sequence, d.lost, d.batch, &out);
	if (r < 0 || delivery_decode(buf_span(&out), &again, &err) < 0 || again.part != d.part)
		abort();
	if (d.part == DELIVERY_HELLO && (!span_equal(d.hello.agent, again.hello.agent) || d.hello.epoch != again.hello.epoch))
		abort();
	if (d.part == DELIVERY_SEALED && (!span_equal(d.batch, again.batch) || d.sequence != again.sequence || d.lost != again.lost))
		abort();
	buf_done(&out);
}

static void check_receipt(struct span bytes)
{
	struct receipt r, again;
	struct err err;
	if (receipt_decode(bytes, &r, &err) < 0)
		return;
	struct buf out;
	buf_init(&out, 64);
	if (receipt_encode(&r, &out) < 0 || receipt_decode(buf_span(&out), &again, &err) < 0)
		abort();
	if (r.epoch != again.epoch || r.sequence != again.sequence)
		abort();
	buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	check_delivery(span_make(data, len));
	check_receipt(span_make(data, len));
	return 0;
}
