#include "agent/http/content.h"

/* The first row that fits wins: exact types before their families. */
struct row {
	const char *type; /* whole type, or with '*' at one end: "image/" and what follows, or a "+json" suffix */
	const char *kind;
};

static const struct row rows[] = {
	{"text/html", "html"},
	{"application/json", "json"},
	{"application/xhtml+xml", "html"},
	{"text/css", "css"},
	{"text/javascript", "script"},
	{"application/javascript", "script"},
	{"application/x-javascript", "script"},
	{"text/event-stream", "event-stream"},
	{"text/xml", "xml"},
	{"application/xml", "xml"},
	{"application/vnd.apple.mpegurl", "playlist"},
	{"application/x-mpegurl", "playlist"},
	{"audio/mpegurl", "playlist"},
	{"audio/x-mpegurl", "playlist"},
	{"application/dash+xml", "playlist"},
	{"application/x-ndjson", "json"},
	{"application/pdf", "pdf"},
	{"application/x-www-form-urlencoded", "form"},
	{"multipart/form-data", "form"},
	{"application/grpc*", "grpc"},
	{"application/ogg", "audio"},
	{"application/wasm", "script"},
	{"image/*", "image"},
	{"audio/*", "audio"},
	{"video/*", "video"},
	{"font/*", "font"},
	{"text/*", "text"},
	{"*+json", "json"},
	{"*+xml", "xml"},
};

static bool fits(struct span type, struct span pattern)
{
	if (pattern.data[pattern.len - 1] == '*') {
		pattern.len--;
		return type.len >= pattern.len && span_equal_nocase(span_make(type.data, pattern.len), pattern);
	}
	if (pattern.data[0] == '*') {
		pattern = span_from(pattern, 1);
		return type.len >= pattern.len && span_equal_nocase(span_from(type, type.len - pattern.len), pattern);
	}
	return span_equal_nocase(type, pattern);
}

struct span content_kind(struct span content_type)
{
	struct span type = span_trim(span_cut(&content_type, ';'));
	if (type.len == 0)
		return span_make(NULL, 0);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (fits(type, span_str(rows[i].type)))
			return span_str(rows[i].kind);
	return span_str("binary");
}
