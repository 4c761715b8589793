/* CRC-32C (Castagnoli), the checksum of RFC 3720 section 12.1: reflected polynomial 0x82f63b78.
 *
 * Chains like zlib's crc32: start with 0 and pass the last result on. Uses the SSE4.2 instruction where the processor has it. */
#ifndef TOCSIN_LIB_CRC32C_H
#define TOCSIN_LIB_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(uint32_t crc, const void *data, size_t len);
/* The same value without the instruction: what crc32c falls back to, and what the tests hold it against. */
uint32_t crc32c_portable(uint32_t crc, const void *data, size_t len);

#endif
