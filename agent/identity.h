/* Who made a request, as keyed hashes: the only place where a raw identifier is looked at, and where it ends.
 *
 * Owns the rules and the keys. A hash is SipHash-2-4 (libsodium crypto_shorthash) of the raw bytes under a key that BLAKE2b derives from the
 * fleet key, one for each kind; so the raw bytes need not be copied (what base64 hides is decoded on the stack and wiped). Kinds never mix: account (bearer-token subject, configured cookie or header, a log's user
 * field), session (well-known session cookies), address (the client; X-Forwarded-For only through configured proxies). */
#ifndef TOCSIN_AGENT_IDENTITY_H
#define TOCSIN_AGENT_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/exchange.h"
#include "lib/err.h"
#include "lib/span.h"

enum { IDENTITY_KEY_BYTES = 16 };

/* What the operator configured; borrowed during identity_new only. Lists end with NULL; a NULL list is the default one, an empty one turns
 * that source off. A cookie name may begin or end with '*'. */
struct identity_rules {
	const char *const *account_cookies; /* NULL: the built-in ones of well-known software that carry a user's name or number */
	const char *const *account_headers; /* NULL: none */
	const char *const *session_cookies; /* NULL: the built-in list of well-known ones */
	const char *const
		*trusted_proxies; /* "10.0.0.0/8", "::1": X-Forwarded-For and Forwarded are believed only from these; NULL: none */
	uint8_t key[IDENTITY_KEY_BYTES];
};

enum { IDENTITY_RULES_MAX = 256, IDENTITY_FORWARDED_MAX = 4 };

struct identity;

int identity_new(const struct identity_rules *rules, struct identity **ret, struct err *err);
void identity_free(struct identity *id);
/* Public name of the key: travels with every sketch. First four bytes of a BLAKE2b of the key. */
uint32_t identity_key_id(const struct identity *id);

/* One header field of a request head at a time, in order; the reader starts zeroed. Fields that say nothing about identity are ignored.
 * Where a request carries several identifiers of one kind, the one whose rule stands first wins: configured ones, bearer token, basic user,
 * built-in cookies. */
struct identity_reader {
	struct identities who;
	uint16_t strength[IDENTITY_KINDS];             /* of the rule that gave who.hash[kind] */
	struct span forwarded[IDENTITY_FORWARDED_MAX]; /* the last X-Forwarded-For values, or Forwarded when there are none; borrowed */
	uint8_t forwarded_count;
	bool is_rfc7239; /* they are Forwarded values */
};
void identity_on_header(const struct identity *id, struct identity_reader *reader, struct span name, struct span value);
/* After the last field: settles the client address (16 bytes, IPv4 mapped) against X-Forwarded-For. */
void identity_finish(const struct identity *id, struct identity_reader *reader, const uint8_t address[16]);

/* From a log line: client address as text (v4 or v6; hashed the same as the probe would hash it) and the user field ("-" is nobody). */
void identity_from_log(const struct identity *id, struct span address, struct span user, struct identities *ret_who);

#endif
