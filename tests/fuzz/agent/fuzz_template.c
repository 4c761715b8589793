/* A day of requests, one a line: "<status digit><client letter><host or '-'> <path>". Whatever they are, a segment that is neither a typed
 * label nor made of route words leaves only after `clients_min` distinct clients met it with good answers, and a name is always one that
 * a batch may carry. */
#include <stdlib.h>

#include "agent/template.h"
#include "agent/template/shape.h"
#include "lib/utf8.h"

enum { SEEN_MAX = 512, CLIENTS_MIN = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Which of 32 clients met a text, anywhere, with a good answer: at least those that the trie counted for one place. */
struct seen {
	char text[LITERAL_BYTES_MAX];
	size_t len;
	uint32_t clients;
};

struct day {
	struct templates *templates;
	struct seen seen[SEEN_MAX];
	size_t count;
};

static void require(bool holds)
{
	if (!holds)
		abort();
}

static struct seen *find(struct day *d, struct span text)
{
	for (size_t i = 0; i < d->count; i++)
		if (span_equal(span_make(d->seen[i].text, d->seen[i].len), text))
			return &d->seen[i];
	return NULL;
}

static void remember(struct day *d, struct span text, uint32_t client)
{
	struct seen *s = find(d, text);

	if (!s && text.len <= LITERAL_BYTES_MAX && d->count < SEEN_MAX) {
		s = &d->seen[d->count++];
		*s = (struct seen){.len = text.len};
		memcpy(s->text, text.data, text.len);
	}
	if (s)
		s->clients |= client;
}

static void remember_path(struct day *d, struct span path, uint32_t client)
{
	while (path.len > 0) {
		char room[SEGMENT_BYTES_MAX];
		struct span segment = span_cut(&path, '/'), text;
		segment = span_cut(&segment, ';');
		if (shape_decode(segment, room, &text))
			remember(d, text, client);
	}
}

static void check_segment(struct day *d, struct span text, enum word_below below)
{
	struct shape shape;

	if (memchr(text.data, '{', text.len))
		return;
	shape_of(text, below, &shape);
	if (shape.kind == SHAPE_WORD)
		return;
	const struct seen *s = find(d, text);
	require(d->count == SEEN_MAX || (s && __builtin_popcount(s->clients) >= CLIENTS_MIN));
}

static void check_name(struct day *d, struct span name, char separator)
{
	require(name.len <= NAME_BYTES_MAX && utf8_clean_len(name) == name.len);
	if (span_equal(name, span_str("*")))
		return;
	while (name.len > 0) {
		struct span text = span_cut(&name, separator);
		if (text.len > 0)
			check_segment(d, text, BELOW_ROUTES);
	}
}

static void one_request(struct day *d, struct span line)
{
	bool is_new;

	if (line.len < 4)
		return;
	unsigned bit = (unsigned char)line.data[1] % 32;
	uint16_t status = (uint16_t)((line.data[0] - '0') * 100);
	struct span rest = span_from(line, 2);
	struct span host = span_cut(&rest, ' ');
	struct exchange x = {.workload = bit % 2, .status = status, .host = host, .path = rest};
	x.who.mask = 1 << IDENTITY_SESSION;
	x.who.hash[IDENTITY_SESSION] = bit;
	if (status > 0 && status < 400) {
		remember_path(d, rest, 1u << bit);
		for (struct span labels = host; labels.len > 0;) {
			char lower[LITERAL_BYTES_MAX];
			struct span label = span_cut(&labels, '.');
			for (size_t i = 0; i < label.len && i < sizeof lower; i++)
				lower[i] = (char)(label.data[i] >= 'A' && label.data[i] <= 'Z' ? label.data[i] | 0x20 : label.data[i]);
			if (label.len <= sizeof lower)
				remember(d, span_make(lower, label.len), 1u << bit);
		}
	}
	check_name(d, templates_host(d->templates, &x), '.');
	check_name(d, templates_route(d->templates, &x, &is_new), '/');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct day d;
	const struct template_limits limits = {.nodes_max = 150, .clients_min = CLIENTS_MIN, .children_max = 6};
	struct span lines = span_make(data, size);
	struct template_stats stats;

	d.count = 0;
	d.templates = templates_new(&limits);
	require(d.templates != NULL);
	while (lines.len > 0) {
		struct span line = span_cut(&lines, '\n');
		/* Every line many times, so that patience is reached within one input. */
		for (int i = 0; i < 40; i++)
			one_request(&d, line);
	}
	templates_stats(d.templates, &stats);
	require(stats.nodes <= limits.nodes_max);
	templates_free(d.templates);
	return 0;
}
