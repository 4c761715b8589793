/* An exchange is one request and its answer, as a probe or a tap understood it.
 *
 * It lives for the microseconds between its parser and the window that counts it: every span is borrowed from the parser's bytes
 * and valid only inside the callback. Identities are already keyed hashes here; the raw ones are gone. */
#ifndef TOCSIN_AGENT_EXCHANGE_H
#define TOCSIN_AGENT_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/span.h"
#include "proto/window.h"

/* Who asked: one 64-bit keyed hash per identity kind that the request carried. Bit k of `mask` says that hash[k] holds one. */
struct identities {
	uint64_t hash[IDENTITY_KINDS];
	uint8_t mask;
};

struct exchange {
	int64_t time_ms;     /* event time: when the request was made, Unix milliseconds */
	uint32_t workload;   /* id in agent/workload.h */
	struct span method;  /* "GET"; upper case token */
	struct span host;    /* Host header without port, lower case not guaranteed; empty when unknown */
	struct span path;    /* without query and fragment; begins with '/' (or "*") */
	struct span content; /* kind of the answer: "html", "json" …; a static word, empty when unknown */
	uint16_t status;     /* 0: no answer was seen */
	bool takes_input;    /* the request carried a body */
	struct identities who;
	uint64_t request_bytes;
	uint64_t answer_bytes;
};

typedef void (*on_exchange_fn)(void *ctx, const struct exchange *exchange);

#endif
