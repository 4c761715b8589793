/* A saved trie, with its checksum made right so that the records behind it are reached. What loads is usable, and saves to what loads again. */
#include <stdlib.h>

#include "agent/template.h"
#include "lib/crc32c.h"
#include "lib/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void use(struct templates *t)
{
	static const char *const paths[] = {"/live/rooms/42", "/frobnicate", "/mitglied/zoe", "/u/alice/", "/a/b/c/d/e/f/g/h/i/j/k/l/m"};
	bool is_new;

	for (unsigned i = 0; i < 200; i++) {
		struct exchange x = {.workload = i % 3, .status = i % 7 ? 200 : 500, .host = span_str("www.kindergarten.org")};
		x.path = span_str(paths[i % 5]);
		x.who.mask = 1;
		x.who.hash[0] = i;
		struct span name = templates_route(t, &x, &is_new);
		require(name.len > 0 && name.len <= NAME_BYTES_MAX && utf8_clean_len(name) == name.len);
		name = templates_host(t, &x);
		require(name.len <= NAME_BYTES_MAX && utf8_clean_len(name) == name.len);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct template_limits limits = {.nodes_max = 300, .clients_min = 3, .children_max = 6};
	struct templates *t = templates_new(&limits), *again = templates_new(&limits);
	struct buf bytes;

	require(t && again);
	buf_init(&bytes, 1 << 20);
	require(buf_append(&bytes, data, size) == 0);
	uint32_t crc = crc32c(0, bytes.data, bytes.len);
	for (int i = 0; i < 4; i++)
		require(buf_append_byte(&bytes, (uint8_t)(crc >> (8 * i))) == 0);
	if (templates_load(t, buf_span(&bytes), NULL) == 0) {
		buf_clear(&bytes);
		require(templates_save(t, &bytes) == 0);
		require(templates_load(again, buf_span(&bytes), NULL) == 0);
		use(t);
		use(again);
	}
	buf_done(&bytes);
	templates_free(t);
	templates_free(again);
	return 0;
}
