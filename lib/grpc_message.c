#include "lib/grpc_message.h"

#include <errno.h>

long grpc_message_take(struct span in, struct span *ret_message)
{
	if (in.len < GRPC_PREFIX_BYTES)
		return 0;
	const uint8_t *p = (const uint8_t *)in.data;
	if (p[0] > 1)
		return -EBADMSG;
	if (p[0] == 1)
		return -EPROTONOSUPPORT;
	uint32_t len = (uint32_t)p[1] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 8 | p[4];
	if (len > GRPC_MESSAGE_MAX)
		return -EMSGSIZE;
	if (in.len - GRPC_PREFIX_BYTES < len)
		return 0;
	*ret_message = span_make(in.data + GRPC_PREFIX_BYTES, len);
	return GRPC_PREFIX_BYTES + (long)len;
}

void grpc_message_prefix(size_t len, uint8_t out[GRPC_PREFIX_BYTES])
{
	out[0] = 0;
	out[1] = (uint8_t)(len >> 24);
	out[2] = (uint8_t)(len >> 16);
	out[3] = (uint8_t)(len >> 8);
	out[4] = (uint8_t)len;
}
