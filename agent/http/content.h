/* What kind of thing an answer is, from its Content-Type: one of a few static words, so that nothing a server wrote is kept. */
#ifndef TOCSIN_AGENT_HTTP_CONTENT_H
#define TOCSIN_AGENT_HTTP_CONTENT_H

#include "lib/span.h"

/* "html", "json", "xml", "text", "css", "script", "image", "audio", "video", "playlist", "font", "form", "event-stream", "pdf", "grpc",
 * "binary"; empty when the type is empty. */
struct span content_kind(struct span content_type);

#endif
