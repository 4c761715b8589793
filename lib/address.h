/* "host:port" as operators write it. */
#ifndef TOCSIN_LIB_ADDRESS_H
#define TOCSIN_LIB_ADDRESS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

enum { ADDRESS_HOST_MAX = 256 };

/* Splits "host:port" or "[v6]:port". Port 0 is allowed: a listener then takes any free one. -EINVAL with a sentence. */
int address_split(const char *text, char host[ADDRESS_HOST_MAX], uint16_t *ret_port, struct err *err);

#endif
