/* A batch from the wire: whatever was accepted must encode again, and to something that is accepted too. */
#include <stdint.h>
#include <stdlib.h>

#include "proto/window.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct batch *batch;
	struct err err;
	if (batch_decode(span_make(data, len), &batch, &err) < 0)
		return 0;
	struct buf out;
	buf_init(&out, BATCH_BYTES_MAX);
	/* A field written twice, or padded varints, make the first form longer than ours: never the other way round, so it fits. */
	if (batch_encode(batch, &out) < 0)
		abort();
	batch_free(batch);
	if (batch_decode(buf_span(&out), &batch, &err) < 0)
		abort();
	batch_free(batch);
	buf_done(&out);
	return 0;
}
