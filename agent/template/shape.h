/* What a path segment looks like, before anything is known about where it stands: a typed label, a route word, or unknown text.
 *
 * Pure and without memory. A typed label ("{id}", "{file}.css") and a vocabulary word identify nobody; unknown text might. */
#ifndef TOCSIN_AGENT_TEMPLATE_SHAPE_H
#define TOCSIN_AGENT_TEMPLATE_SHAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/vocabulary.h"
#include "lib/span.h"

enum {
	SEGMENT_BYTES_MAX = 192, /* after percent-decoding; a longer one is random or hostile */
	LITERAL_BYTES_MAX = 40,  /* longer text is nobody's route word */
};

enum shape_kind { SHAPE_LABEL, SHAPE_WORD, SHAPE_UNKNOWN };

struct shape {
	enum shape_kind kind;
	struct span text; /* into `room`, into the segment, or static; at most LITERAL_BYTES_MAX bytes */
	enum word_below below;
	char room[LITERAL_BYTES_MAX];
};

/* The segment percent-decoded (RFC 3986, once) into `room`, or itself when nothing is encoded. False when it cannot be a word of any route: too
 * long, control characters, slashes or braces in disguise, not UTF-8. */
bool shape_decode(struct span raw, char room[SEGMENT_BYTES_MAX], struct span *ret_text);
bool shape_is_clean(struct span text);  /* the same of text that is decoded already */
bool shape_is_number(struct span text); /* decimal digits alone: "{id}" */
/* The shape of decoded text that follows a word whose things are `below`. */
void shape_of(struct span text, enum word_below below, struct shape *ret);
/* Of a segment that shape_decode refused. */
void shape_of_undecodable(struct shape *ret);
/* How text that is a word or a label is written, and what stands below it: to read a persisted one again. */
enum word_below shape_below(struct span text);

#endif
