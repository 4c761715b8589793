/* What a gRPC peer says, past HTTP/2: header fields (two per length-prefixed pair in the input) and message frames. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/grpc_head.h"
#include "lib/grpc_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct span take(struct span *rest)
{
	size_t len = rest->len > 0 ? (uint8_t)rest->data[0] : 0;
	struct span bytes = span_from(*rest, rest->len > 0);
	bytes.len = len < bytes.len ? len : bytes.len;
	*rest = span_from(*rest, bytes.len + (rest->len > 0));
	return bytes;
}

static void check_head(struct span rest)
{
	struct grpc_head head = {0};
	enum grpc_status status;
	char sentence[GRPC_SENTENCE_MAX], encoded[GRPC_ENCODED_SENTENCE_MAX];
	while (rest.len > 0) {
		struct span name = take(&rest), value = take(&rest);
		if (grpc_head_add(&head, name, value) < 0)
			return;
	}
	grpc_head_fault(&head, &status);
	if (!grpc_head_ends_call(&head, true, &status, sentence))
		abort();
	for (const char *p = sentence; *p; p++)
		if (*p < 0x20 || *p > 0x7E)
			abort();
	grpc_head_encode_sentence(sentence, encoded, sizeof encoded);
	if (strlen(sentence) > strlen(encoded))
		abort();
}

static void check_messages(struct span rest)
{
	struct span message;
	long used;
	while ((used = grpc_message_take(rest, &message)) > 0) {
		if ((size_t)used != message.len + GRPC_PREFIX_BYTES || (size_t)used > rest.len)
			abort();
		rest = span_from(rest, (size_t)used);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	check_head(span_make(data, len));
	check_messages(span_make(data, len));
	return 0;
}
