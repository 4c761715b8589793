/* Any bytes as a spool record: refused, or read and written again to a record that reads the same. */
#include <stdint.h>
#include <stdlib.h>

#include "proto/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record record, again;
	struct err err = {0};
	if (record_decode(span_make(data, size), &record, &err) < 0) {
		if (!err.text[0])
			abort();
		return 0;
	}
	struct buf out;
	buf_init(&out, RECORD_BYTES_MAX);
	if (record_encode(&record, &out) < 0 || record_decode(buf_span(&out), &again, NULL) < 0)
		abort();
	if (!span_equal(again.batch, record.batch) || again.cursor_count != record.cursor_count || again.clean != record.clean ||
	    again.written_ms != record.written_ms)
		abort();
	record_done(&again);
	record_done(&record);
	buf_done(&out);
	return 0;
}
