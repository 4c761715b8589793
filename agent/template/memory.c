/* What templates learnt, on disk: little-endian, checksummed, read back as if it were hostile.
 *
 *   "TOCSINT1"  count u32  records, parents before children  crc32c u32 of all before
 *   record: parent u32 (index of its record; all ones for a root), kind u8, flags u8, text length u8, client count u8, quiet u32,
 *           subtree u32, text, clients u16 each
 *
 * Counts of children are made again from the records, and what stands below a word from today's vocabulary. */
#include <errno.h>
#include <stdlib.h>

#include "agent/template/templates.h"
#include "lib/crc32c.h"

#define MAGIC "TOCSINT1"

enum { MAGIC_BYTES = 8, HEAD_BYTES = MAGIC_BYTES + 4, RECORD_BYTES = 16, CLIENT_BYTES = 2, CRC_BYTES = 4 };
enum { FLAG_VETTED = 1, FLAG_ANSWERED = 2, FLAG_EXPORTED = 4, FLAG_VARIABLE = 8, FLAGS_ALL = 15 };

static void write_u32(uint8_t *to, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t read_u32(const uint8_t *from)
{
	return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

/* ---- save ---- */

static int save_node(const struct node *n, uint32_t parent, struct buf *out)
{
	uint8_t record[RECORD_BYTES + LITERAL_BYTES_MAX + CLIENTS_MAX * CLIENT_BYTES];
	size_t len = RECORD_BYTES;

	write_u32(record, parent);
	record[4] = n->kind;
	record[5] = (uint8_t)((n->vetted ? FLAG_VETTED : 0) | (n->answered ? FLAG_ANSWERED : 0) | (n->exported ? FLAG_EXPORTED : 0) |
			      (n->variable ? FLAG_VARIABLE : 0));
	record[6] = n->len;
	record[7] = n->client_count;
	write_u32(record + 8, n->quiet);
	write_u32(record + 12, n->subtree);
	if (n->len > 0)
		memcpy(record + len, n->text, n->len);
	len += n->len;
	for (unsigned i = 0; i < n->client_count; i++) {
		record[len++] = (uint8_t)n->clients[i];
		record[len++] = (uint8_t)(n->clients[i] >> 8);
	}
	return buf_append(out, record, len);
}

/* All live nodes, level by level: `order` gets their indexes. */
static void sort_by_level(const struct trie *t, uint32_t *order)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < t->used; i++)
		if (t->nodes[i].live && t->nodes[i].parent == NODE_NONE)
			order[count++] = i;
	for (uint32_t done = 0; done < count; done++)
		for (uint32_t c = t->nodes[order[done]].first_child; c != NODE_NONE; c = t->nodes[c].next_sibling)
			order[count++] = c;
}

int templates_save(const struct templates *t, struct buf *out)
{
	const struct trie *trie = &t->trie;
	size_t start = out->len;
	uint8_t number[4];
	uint32_t *order = calloc((size_t)trie->live + 1, sizeof *order);
	uint32_t *record_of = calloc((size_t)trie->used + 1, sizeof *record_of);
	int r = order && record_of ? buf_append(out, MAGIC, MAGIC_BYTES) : -ENOMEM;

	if (r == 0) {
		sort_by_level(trie, order);
		write_u32(number, trie->live);
		r = buf_append(out, number, sizeof number);
	}
	for (uint32_t i = 0; r == 0 && i < trie->live; i++) {
		const struct node *n = &trie->nodes[order[i]];
		record_of[order[i]] = i;
		r = save_node(n, n->parent == NODE_NONE ? NODE_NONE : record_of[n->parent], out);
	}
	if (r == 0) {
		write_u32(number, crc32c(0, out->data + start, out->len - start));
		r = buf_append(out, number, sizeof number);
	}
	if (r < 0)
		out->len = start;
	free(order);
	free(record_of);
	return r;
}

/* ---- load ---- */

static int bad(struct err *err, const char *what)
{
	err_set(err, "saved templates refused: %s", what);
	return -EBADMSG;
}

static bool is_label(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] <= ' ' || text.data[i] > '~' || text.data[i] == '/')
			return false;
	return memchr(text.data, '{', text.len) && memchr(text.data, '}', text.len);
}

/* Text that a running agent could have put there. */
static bool text_is_possible(uint8_t kind, struct span text)
{
	return kind == SHAPE_LABEL ? is_label(text) : shape_is_clean(text);
}

static int load_node(struct templates *t, const uint8_t *record, uint32_t parent, struct err *err, uint32_t *ret_node)
{
	struct span text = span_make(record + RECORD_BYTES, record[6]);
	const uint8_t *clients = record + RECORD_BYTES + text.len;

	if (record[4] > SHAPE_UNKNOWN || (record[5] & ~FLAGS_ALL) || !text_is_possible(record[4], text))
		return bad(err, "a segment that cannot be one");
	if (parent == NODE_NONE && record[4] != SHAPE_WORD)
		return bad(err, "a root that is none");
	if (trie_find(&t->trie, parent, text) != NODE_NONE)
		return bad(err, "the same segment twice");
	if (parent != NODE_NONE && t->trie.nodes[parent].depth >= TRIE_DEPTH_MAX)
		return bad(err, "deeper than any path");
	uint32_t node = trie_add(&t->trie, parent, (enum shape_kind)record[4], text);
	if (node == NODE_NONE)
		return -ENOMEM;
	struct node *n = &t->trie.nodes[node];
	n->below = (uint8_t)(n->kind == SHAPE_WORD && parent != NODE_NONE ? shape_below(text) : BELOW_ROUTES);
	n->vetted = n->kind == SHAPE_UNKNOWN && (record[5] & FLAG_VETTED);
	n->answered = record[5] & FLAG_ANSWERED;
	n->exported = record[5] & FLAG_EXPORTED;
	n->variable = record[5] & FLAG_VARIABLE;
	n->quiet = read_u32(record + 8);
	n->subtree = read_u32(record + 12);
	for (unsigned i = 0; i < record[7]; i++, clients += CLIENT_BYTES)
		n->clients[n->client_count++] = (uint16_t)(clients[0] | clients[1] << 8);
	if (n->kind == SHAPE_UNKNOWN && parent != NODE_NONE) {
		t->trie.nodes[parent].unknown++;
		t->trie.nodes[parent].popular += n->client_count >= t->limits.clients_min;
		t->strangers += !n->vetted;
	}
	*ret_node = node;
	return 0;
}

/* The records between head and checksum. */
static int load_records(struct templates *t, const uint8_t *from, const uint8_t *end, uint32_t *nodes, uint32_t count, struct err *err)
{
	for (uint32_t i = 0; i < count && t->trie.live < t->trie.max; i++) {
		if (end - from < RECORD_BYTES || from[6] > LITERAL_BYTES_MAX || from[7] > CLIENTS_MAX ||
		    end - from < RECORD_BYTES + from[6] + CLIENT_BYTES * from[7])
			return bad(err, "cut short");
		uint32_t parent = read_u32(from);
		if (parent != NODE_NONE && parent >= i)
			return bad(err, "a child before its parent");
		int r = load_node(t, from, parent == NODE_NONE ? NODE_NONE : nodes[parent], err, &nodes[i]);
		if (r < 0)
			return r;
		from += RECORD_BYTES + from[6] + (size_t)CLIENT_BYTES * from[7];
	}
	return t->trie.live == t->trie.max || from == end ? 0 : bad(err, "bytes after the last segment");
}

int templates_load(struct templates *t, struct span bytes, struct err *err)
{
	const uint8_t *data = (const uint8_t *)bytes.data;
	struct templates fresh = {.limits = t->limits,
				  .workloads = t->workloads,
				  .hosts = NODE_NONE,
				  .open_hosts = t->open_hosts,
				  .open_host_count = t->open_host_count};

	if (bytes.len < HEAD_BYTES + CRC_BYTES || memcmp(data, MAGIC, MAGIC_BYTES) != 0)
		return bad(err, "not a file of templates");
	const uint8_t *end = data + bytes.len - CRC_BYTES;
	if (crc32c(0, data, (size_t)(end - data)) != read_u32(end))
		return bad(err, "checksum does not match");
	uint32_t count = read_u32(data + MAGIC_BYTES);
	if (count > (size_t)(end - data) / RECORD_BYTES)
		return bad(err, "more segments than bytes");
	uint32_t *nodes = calloc((size_t)count + 1, sizeof *nodes);
	if (!nodes)
		return -ENOMEM;
	trie_init(&fresh.trie, t->trie.max);
	int r = load_records(&fresh, data + HEAD_BYTES, end, nodes, count, err);
	free(nodes);
	if (r < 0) {
		trie_done(&fresh.trie);
		return r;
	}
	trie_done(&t->trie);
	free(t->roots);
	*t = fresh;
	return 0;
}
