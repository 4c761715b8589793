/* Log formats: one line of a log, understood as one request. A new format is one new file and one row in formats.c.
 *
 * A parser reads a line in one pass, allocates nothing, and returns spans into the line. It says of every line which of three things it is, so that
 * the bytes of a log can be accounted for: a request, something else that the format allows, or not a line of this format. */
#ifndef TOCSIN_AGENT_TAP_FORMAT_H
#define TOCSIN_AGENT_TAP_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/span.h"

enum log_verdict {
	LOG_REQUEST,
	LOG_OTHER,     /* well formed, but no HTTP request: "-" of a connection closed early, TLS bytes sent to a clear port */
	LOG_MALFORMED, /* not a line of this format */
};

/* What a line says, as far as it is of interest. Empty spans: it does not say. */
struct log_line {
	int64_t time_ms; /* Unix time */
	struct span address;
	struct span user; /* "-" is nobody */
	struct span method;
	struct span host;
	struct span path; /* without query and fragment; escapes of the log are left as they stand */
	uint16_t status;  /* 0: no answer */
	uint64_t answer_bytes;
};

/* The last times that were read: most lines repeat the second, and nearly all the day, of the line before. Starts zeroed, one per reader. */
struct log_times {
	char text[26];
	char day[12];
	char zone[5];
	int64_t text_ms;
	int64_t day_ms;
};

struct log_format {
	const char *name;
	const char *help;
	enum log_verdict (*parse)(struct log_times *times, struct span line, struct log_line *ret_line);
};

extern const struct log_format log_formats[]; /* ends with name NULL */
const struct log_format *log_format_find(struct span name);

/* "17/May/2015:10:05:03 +0000", exactly 26 bytes, to Unix milliseconds. */
bool log_time_common(struct log_times *times, const char text[26], int64_t *ret_ms);
/* The request line of a log: "GET /path?query HTTP/1.1", absolute-form too (RFC 9112, 3.2.2), HTTP/0.9 without a version. False when it is none. */
bool log_request_line(struct span request, struct log_line *line);

enum log_verdict combined_parse(struct log_times *times, struct span line, struct log_line *ret_line);

#endif
