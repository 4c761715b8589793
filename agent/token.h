/* What an Authorization field says about who asks: the subject of a JSON Web Token (RFC 7519) or the user of Basic credentials (RFC 7617).
 *
 * Nothing is verified: a subject only becomes a hash, and whoever forges tokens changes a count, not a decision. Decoded bytes live in the
 * caller's buffer, which the caller wipes. */
#ifndef TOCSIN_AGENT_TOKEN_H
#define TOCSIN_AGENT_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/span.h"

enum { TOKEN_BYTES_MAX = 2048 }; /* decoded; of a longer claims set the first part is looked at */

struct token_buffer {
	char bytes[TOKEN_BYTES_MAX];
};

/* Three base64url parts between dots? */
bool token_is_jwt(struct span token);
/* The "sub" claim, a string (escapes as written) or a number; a span into `buffer`. False when there is none. */
bool token_subject(struct span jwt, struct token_buffer *buffer, struct span *ret);
/* The user name before the first colon; a span into `buffer`. False when there is none. */
bool token_basic_user(struct span credentials, struct token_buffer *buffer, struct span *ret);

#endif
