/* The header lists of a gRPC call: what is read of them, and what they say. Pure: knows no connection. */
#ifndef TOCSIN_LIB_GRPC_HEAD_H
#define TOCSIN_LIB_GRPC_HEAD_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/grpc.h"
#include "lib/span.h"

enum {
	GRPC_HEADER_BYTES_MAX = 8192, /* of one header list, as SETTINGS_MAX_HEADER_LIST_SIZE counts */
	GRPC_SENTENCE_MAX = 256,
	GRPC_ENCODED_SENTENCE_MAX = GRPC_SENTENCE_MAX * 3, /* every byte as %XX */
};

/* Longer values are cut, which makes them unequal to whatever is looked for. */
struct grpc_head {
	char method[8];
	char path[128];
	char content_type[64];
	char encoding[16];
	char te[16];
	char http_status[4];
	char grpc_status[4];
	char message[GRPC_ENCODED_SENTENCE_MAX];
	size_t bytes;
};

/* One field, known or not. -EMSGSIZE past GRPC_HEADER_BYTES_MAX in all. */
int grpc_head_add(struct grpc_head *h, struct span name, struct span value);
/* Server: why this is no gRPC request, with the status to answer; NULL when it is one. */
const char *grpc_head_fault(const struct grpc_head *h, enum grpc_status *ret_status);
/* Client: whether this answer's head or trailers end the call, and how. `ends_stream`: nothing follows it. */
bool grpc_head_ends_call(const struct grpc_head *h, bool ends_stream, enum grpc_status *ret_status, char sentence[GRPC_SENTENCE_MAX]);
/* The grpc-message form of a sentence, cut at a whole character of the encoding. */
void grpc_head_encode_sentence(const char *sentence, char *out, size_t cap);

#endif
