#include "lib/grpc_head.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *grpc_status_word(enum grpc_status status)
{
	switch (status) {
	case GRPC_OK: return "OK";
	case GRPC_CANCELLED: return "CANCELLED";
	case GRPC_UNKNOWN: return "UNKNOWN";
	case GRPC_INVALID_ARGUMENT: return "INVALID_ARGUMENT";
	case GRPC_NOT_FOUND: return "NOT_FOUND";
	case GRPC_ALREADY_EXISTS: return "ALREADY_EXISTS";
	case GRPC_PERMISSION_DENIED: return "PERMISSION_DENIED";
	case GRPC_RESOURCE_EXHAUSTED: return "RESOURCE_EXHAUSTED";
	case GRPC_FAILED_PRECONDITION: return "FAILED_PRECONDITION";
	case GRPC_OUT_OF_RANGE: return "OUT_OF_RANGE";
	case GRPC_UNIMPLEMENTED: return "UNIMPLEMENTED";
	case GRPC_INTERNAL: return "INTERNAL";
	case GRPC_UNAVAILABLE: return "UNAVAILABLE";
	case GRPC_UNAUTHENTICATED: return "UNAUTHENTICATED";
	}
	return "status of another age";
}

int grpc_head_add(struct grpc_head *h, struct span name, struct span value)
{
	const struct {
		const char *name;
		char *value;
		size_t cap;
	} known[] = {
		{":method", h->method, sizeof h->method},
		{":path", h->path, sizeof h->path},
		{":status", h->http_status, sizeof h->http_status},
		{"content-type", h->content_type, sizeof h->content_type},
		{"grpc-encoding", h->encoding, sizeof h->encoding},
		{"te", h->te, sizeof h->te},
		{"grpc-status", h->grpc_status, sizeof h->grpc_status},
		{"grpc-message", h->message, sizeof h->message},
	};
	h->bytes += name.len + value.len + 32; /* RFC 9113, 6.5.2 */
	if (h->bytes > GRPC_HEADER_BYTES_MAX)
		return -EMSGSIZE;
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (span_equal(name, span_str(known[i].name)))
			snprintf(known[i].value, known[i].cap, "%.*s", (int)value.len, value.data);
	return 0;
}

static bool is_grpc(const char *content_type)
{
	return strncmp(content_type, "application/grpc", 16) == 0 && (!content_type[16] || strchr("+;", content_type[16]));
}

const char *grpc_head_fault(const struct grpc_head *h, enum grpc_status *ret_status)
{
	*ret_status = GRPC_UNIMPLEMENTED;
	if (strcmp(h->method, "POST") != 0)
		return "a gRPC call is a POST";
	if (!is_grpc(h->content_type))
		return "the content type is not application/grpc";
	if (h->encoding[0] && strcmp(h->encoding, "identity") != 0)
		return "messages are compressed; only identity is spoken here";
	*ret_status = GRPC_INTERNAL;
	/* A proxy that drops it would also drop the trailers, and with them the status. */
	if (strcmp(h->te, "trailers") != 0)
		return "\"te: trailers\" is missing";
	return NULL;
}

/* doc/http-grpc-status-mapping.md */
static enum grpc_status status_of_http(const char *status)
{
	static const struct {
		const char *http;
		enum grpc_status status;
	} rows[] = {
		{"400", GRPC_INTERNAL},    {"401", GRPC_UNAUTHENTICATED}, {"403", GRPC_PERMISSION_DENIED}, {"404", GRPC_UNIMPLEMENTED},
		{"429", GRPC_UNAVAILABLE}, {"502", GRPC_UNAVAILABLE},     {"503", GRPC_UNAVAILABLE},       {"504", GRPC_UNAVAILABLE},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (strcmp(status, rows[i].http) == 0)
			return rows[i].status;
	return GRPC_UNKNOWN;
}

static enum grpc_status status_of_text(const char *text)
{
	char *end;
	unsigned long status = strtoul(text, &end, 10);
	return text[0] >= '0' && text[0] <= '9' && !*end && status <= GRPC_UNAUTHENTICATED ? (enum grpc_status)status : GRPC_UNKNOWN;
}

/* Printable ASCII stays, the rest is percent-encoded. */
void grpc_head_encode_sentence(const char *sentence, char *out, size_t cap)
{
	size_t at = 0;
	for (const char *p = sentence; *p && at + 4 <= cap; p++) {
		unsigned char byte = (unsigned char)*p;
		if (byte >= 0x20 && byte <= 0x7E && byte != '%')
			out[at++] = *p;
		else
			at += (size_t)snprintf(out + at, cap - at, "%%%02X", byte);
	}
	out[at] = '\0';
}

static int hex_value(char c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + ('a' - 'A') : c) : NULL;
	return at ? (int)(at - digits) : -1;
}

/* What a peer says ends in a log: whatever is not printable ASCII after decoding becomes '?'. */
static void decode_sentence(const char *text, char *out, size_t cap)
{
	size_t at = 0;
	for (const char *p = text; *p && at + 1 < cap; p++) {
		char byte = *p;
		int high = byte == '%' ? hex_value(p[1]) : -1, low = high >= 0 ? hex_value(p[2]) : -1;
		if (low >= 0) {
			byte = (char)(high << 4 | low);
			p += 2;
		}
		out[at++] = byte >= 0x20 && byte <= 0x7E ? byte : '?';
	}
	out[at] = '\0';
}

bool grpc_head_ends_call(const struct grpc_head *h, bool ends_stream, enum grpc_status *ret_status, char sentence[GRPC_SENTENCE_MAX])
{
	if (strcmp(h->http_status, "200") != 0) {
		*ret_status = status_of_http(h->http_status);
		bool is_number = strspn(h->http_status, "0123456789") == 3;
		snprintf(sentence, GRPC_SENTENCE_MAX, "the peer answered with HTTP status %s", is_number ? h->http_status : "\"?\"");
		return true;
	}
	if (!is_grpc(h->content_type)) {
		*ret_status = GRPC_UNKNOWN;
		snprintf(sentence, GRPC_SENTENCE_MAX, "the peer's answer is not gRPC");
		return true;
	}
	if (!ends_stream)
		return false;
	*ret_status = status_of_text(h->grpc_status);
	if (h->grpc_status[0])
		decode_sentence(h->message, sentence, GRPC_SENTENCE_MAX);
	else
		snprintf(sentence, GRPC_SENTENCE_MAX, "the peer ended the call without a status");
	return true;
}
