#include "agent/http/content.h"

/* The first row that fits wins: exact types before their families, and what servers send most before the rest. */
struct row {
	struct span type; /* whole type, or with '*' at one end: "image/" and what follows, or a "+json" suffix */
	struct span kind;
};

#define TEXT(literal)                                                                                                                      \
	{                                                                                                                                  \
		literal, sizeof(literal) - 1                                                                                               \
	}

static const struct row rows[] = {
	{TEXT("text/html"), TEXT("html")},
	{TEXT("application/json"), TEXT("json")},
	{TEXT("text/css"), TEXT("css")},
	{TEXT("text/javascript"), TEXT("script")},
	{TEXT("text/event-stream"), TEXT("event-stream")},
	{TEXT("text/xml"), TEXT("xml")},
	{TEXT("text/*"), TEXT("text")},
	{TEXT("image/*"), TEXT("image")},
	{TEXT("application/xhtml+xml"), TEXT("html")},
	{TEXT("application/javascript"), TEXT("script")},
	{TEXT("application/x-javascript"), TEXT("script")},
	{TEXT("application/xml"), TEXT("xml")},
	{TEXT("application/vnd.apple.mpegurl"), TEXT("playlist")},
	{TEXT("application/x-mpegurl"), TEXT("playlist")},
	{TEXT("audio/mpegurl"), TEXT("playlist")},
	{TEXT("audio/x-mpegurl"), TEXT("playlist")},
	{TEXT("application/dash+xml"), TEXT("playlist")},
	{TEXT("application/x-ndjson"), TEXT("json")},
	{TEXT("application/pdf"), TEXT("pdf")},
	{TEXT("application/x-www-form-urlencoded"), TEXT("form")},
	{TEXT("multipart/form-data"), TEXT("form")},
	{TEXT("application/grpc*"), TEXT("grpc")},
	{TEXT("application/ogg"), TEXT("audio")},
	{TEXT("application/wasm"), TEXT("script")},
	{TEXT("audio/*"), TEXT("audio")},
	{TEXT("video/*"), TEXT("video")},
	{TEXT("font/*"), TEXT("font")},
	{TEXT("*+json"), TEXT("json")},
	{TEXT("*+xml"), TEXT("xml")},
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
		if (fits(type, rows[i].type))
			return rows[i].kind;
	return span_str("binary");
}
