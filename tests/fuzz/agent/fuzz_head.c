/* Heads and chunks: spans lie inside the input, and a prefix never knows better than the whole. */
#include <stdlib.h>

#include "agent/http/chunks.h"
#include "agent/http/content.h"
#include "agent/http/head.h"

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_inside(struct span whole, struct span part)
{
	check(part.len == 0 || (part.data >= whole.data && part.data + part.len <= whole.data + whole.len));
}

static void check_head(struct span bytes, int (*parse)(struct span, struct head *))
{
	struct head head;
	int len = parse(bytes, &head);
	check(len == HEAD_MORE || len == HEAD_BAD || (len > 0 && (size_t)len <= bytes.len));
	check(head.field_count <= HEAD_FIELDS_MAX);
	check_inside(bytes, head.method);
	check_inside(bytes, head.target);
	check_inside(bytes, head.host);
	for (size_t i = 0; i < head.field_count; i++) {
		check_inside(bytes, head.fields[i].name);
		check_inside(bytes, head.fields[i].value);
	}
	content_kind(head.content_type);
	if (head.method.len > 0) {
		struct span host, path;
		head_route(&head, &host, &path);
		check_inside(bytes, host);
		check(path.len > 0 && (path.data[0] == '/' || path.data[0] == '*'));
		check(!memchr(path.data, '?', path.len) && !memchr(path.data, '#', path.len));
	}
	if (len <= 0)
		return;
	struct head shorter;
	check(parse(span_make(bytes.data, (size_t)len), &shorter) == len);
	check(parse(span_make(bytes.data, (size_t)len - 1), &shorter) == HEAD_MORE);
}

static void check_chunks(struct span bytes)
{
	struct chunks whole, single;
	chunks_init(&whole);
	chunks_init(&single);
	size_t took = chunks_read(&whole, bytes);
	size_t i = 0;
	while (i < bytes.len && chunks_read(&single, span_make(bytes.data + i, 1)) == 1)
		i++;
	check(took == i && whole.phase == single.phase && whole.left == single.left);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = span_make(data, size);
	check_head(bytes, head_parse_request);
	check_head(bytes, head_parse_answer);
	head_may_begin_request(bytes);
	head_may_begin_answer(bytes);
	check_chunks(bytes);
	return 0;
}
