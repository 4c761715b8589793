/* The fleet key: under it identities become hashes, the same on every host of a fleet so that sketches merge.
 *
 * It lives in one file, 0600, as 32 hexadecimal digits; who holds it can test every IPv4 address, so it never reaches the collector. */
#ifndef TOCSIN_AGENT_FLEET_KEY_H
#define TOCSIN_AGENT_FLEET_KEY_H

#include <stdint.h>

#include "agent/identity.h"
#include "lib/err.h"

/* Reads the key; makes a random one when there is no such file. -EINVAL when the file holds something else, or others may read it. */
int fleet_key_load(const char *path, uint8_t ret_key[IDENTITY_KEY_BYTES], struct err *err);

#endif
