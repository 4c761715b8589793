/* gRPC's own framing inside an HTTP/2 stream: one flag byte, four bytes of length, the message. */
#ifndef TOCSIN_LIB_GRPC_MESSAGE_H
#define TOCSIN_LIB_GRPC_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/span.h"

enum {
	GRPC_PREFIX_BYTES = 5,
	GRPC_MESSAGE_MAX = (1 << 20) + 4096, /* a batch of 1 MiB and the envelope around it */
};

/* The first message in `in`: bytes used, with the message in `ret_message` (borrowed); 0 when more bytes are needed (a length past the ceiling
 * is refused before them); -EMSGSIZE past GRPC_MESSAGE_MAX; -EPROTONOSUPPORT when it is compressed; -EBADMSG for another flag. */
long grpc_message_take(struct span in, struct span *ret_message);
void grpc_message_prefix(size_t len, uint8_t out[GRPC_PREFIX_BYTES]);

#endif
