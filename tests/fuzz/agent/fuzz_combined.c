/* Any bytes as a line of an access log: never read past, spans lie inside, and a warm cache of times answers as a cold one does. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/tap/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct span part, const char *line, size_t size)
{
	bool constant =
		part.len == 1 && part.data[0] == '/' && (part.data < line || part.data >= line + size); /* the path of "http://host" */
	if (part.len > 0 && !constant && (part.data < line || part.data + part.len > line + size))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct log_times warm;
	struct log_times cold = {0};
	struct log_line a = {0}, b = {0};
	struct span line = span_make(data, size);
	enum log_verdict verdict = combined_parse(&cold, line, &a);
	if (combined_parse(&warm, line, &b) != verdict)
		abort();
	if (verdict != LOG_REQUEST)
		return 0;
	if (a.time_ms != b.time_ms || a.status != b.status || a.answer_bytes != b.answer_bytes || !span_equal(a.path, b.path))
		abort();
	if (a.path.len == 0 || a.method.len == 0 || a.address.len == 0 || (a.path.data[0] != '/' && a.path.data[0] != '*'))
		abort();
	const struct span parts[] = {a.address, a.user, a.method, a.host, a.path};
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		check_inside(parts[i], line.data, size);
	return 0;
}
