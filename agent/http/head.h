/* The head of an HTTP/1.x message, read in place: start line and fields as spans into the caller's bytes.
 *
 * Owns nothing, allocates nothing, copies nothing. Lenient where real servers are (lines that end in LF alone, empty lines before a start
 * line), strict where request smuggling lives (RFC 9112 sections 5 and 6): what two parsers could read in two ways is `ambiguous`, what no
 * server should read is bad. The caller bounds how many bytes it shows. */
#ifndef TOCSIN_AGENT_HTTP_HEAD_H
#define TOCSIN_AGENT_HTTP_HEAD_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/span.h"

enum {
	HEAD_FIELDS_MAX = 100, /* kept; later ones are still read for what they say about framing */
	HEAD_METHOD_MAX = 20,  /* the longest registered method, UPDATEREDIRECTREF, has 17 letters */
};

/* How long the body is, as far as the fields tell. */
enum head_framing {
	HEAD_FRAMING_NONE,      /* neither Content-Length nor Transfer-Encoding */
	HEAD_FRAMING_LENGTH,    /* content_length bytes */
	HEAD_FRAMING_CHUNKED,   /* until the last chunk */
	HEAD_FRAMING_CLOSE,     /* an answer whose last transfer coding is not chunked: until the connection closes */
	HEAD_FRAMING_AMBIGUOUS, /* differing lengths, length beside coding, folded lines, a blank before a colon … */
};

struct head_field {
	struct span name;
	struct span value; /* trimmed */
};

struct head {
	struct span method; /* requests; empty in answers */
	struct span target; /* requests, as sent */
	uint16_t status;    /* answers; 0 in requests */
	uint8_t minor;      /* of HTTP/1.minor */
	enum head_framing framing;
	uint64_t content_length;
	struct span host;         /* first Host field */
	struct span content_type; /* first Content-Type field */
	size_t field_count;
	size_t fields_dropped; /* beyond HEAD_FIELDS_MAX */
	struct head_field fields[HEAD_FIELDS_MAX];
};

enum {
	HEAD_MORE = -EAGAIN, /* no end yet: `head` holds the lines that were complete (no method and no status: not even the first) */
	HEAD_BAD = -EBADMSG, /* not a head */
};

/* Bytes of the head, its empty line included, or HEAD_MORE, or HEAD_BAD. `head` is filled as far as the lines go. */
int head_parse_request(struct span bytes, struct head *head);
/* The same for an answer. Lines that are no field are passed over and leave the framing ambiguous: the status is worth more than they are. */
int head_parse_answer(struct span bytes, struct head *head);

/* Could these bytes begin a head? Looks at a few bytes only; a prefix too short to tell says yes. */
bool head_may_begin_request(struct span bytes);
bool head_may_begin_answer(struct span bytes);

/* Host and path of a request: absolute-form targets lose scheme and authority (which then wins over the Host field, RFC 9112 section 3.2.2),
 * paths lose query and fragment, hosts lose user and port. The path begins with '/' or is "*". */
void head_route(const struct head *head, struct span *ret_host, struct span *ret_path);

#endif
