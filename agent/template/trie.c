#include "agent/template/trie.h"

#include <assert.h>
#include <stdlib.h>

enum { NODES_FIRST = 256 };

void trie_init(struct trie *t, size_t max)
{
	*t = (struct trie){.free_head = NODE_NONE, .max = max < NODE_NONE / 4 ? (uint32_t)max : NODE_NONE / 4};
}

void trie_done(struct trie *t)
{
	for (uint32_t i = 0; i < t->used; i++)
		free((char *)(uintptr_t)t->nodes[i].name.data);
	free(t->nodes);
	free(t->slots);
	trie_init(t, t->max);
}

struct span node_text(const struct node *n)
{
	return span_make(n->text, n->len);
}

static uint64_t mix(uint64_t h, uint64_t value)
{
	h = (h ^ value) * UINT64_C(0x9E3779B97F4A7C15);
	return h ^ (h >> 29);
}

static uint64_t load(const char *from, size_t len)
{
	uint64_t value = 0;

	memcpy(&value, from, len);
	return value;
}

/* Eight bytes at a time, the last eight overlapping: this runs for every segment of every request. Crafted collisions gain nothing, since
 * text is compared. */
static uint64_t hash_of(uint32_t parent, struct span text)
{
	uint64_t h = mix(parent, text.len);

	if (text.len >= 8) {
		for (size_t i = 0; i + 8 < text.len; i += 8)
			h = mix(h, load(text.data + i, 8));
		return mix(h, load(text.data + text.len - 8, 8));
	}
	if (text.len >= 4)
		return mix(h, load(text.data, 4) << 32 | load(text.data + text.len - 4, 4));
	if (text.len >= 2)
		return mix(h, load(text.data, 2) << 32 | load(text.data + text.len - 2, 2));
	return text.len ? mix(h, (uint8_t)text.data[0]) : h;
}

uint32_t trie_find(const struct trie *t, uint32_t parent, struct span text)
{
	if (t->slot_count == 0 || text.len > LITERAL_BYTES_MAX)
		return NODE_NONE;
	uint64_t hash = hash_of(parent, text);
	for (uint32_t at = (uint32_t)hash & (t->slot_count - 1); t->slots[at] != NODE_NONE; at = (at + 1) & (t->slot_count - 1)) {
		const struct node *n = &t->nodes[t->slots[at]];
		if (n->hash == hash && n->parent == parent && span_equal(node_text(n), text))
			return t->slots[at];
	}
	return NODE_NONE;
}

static void put_slot(struct trie *t, uint32_t node)
{
	uint32_t at = (uint32_t)t->nodes[node].hash & (t->slot_count - 1);

	while (t->slots[at] != NODE_NONE)
		at = (at + 1) & (t->slot_count - 1);
	t->slots[at] = node;
}

/* Moves later entries of the run back into the hole when they would still be found there. */
static void take_slot(struct trie *t, uint32_t node)
{
	uint32_t mask = t->slot_count - 1;
	uint32_t hole = (uint32_t)t->nodes[node].hash & mask;

	while (t->slots[hole] != node)
		hole = (hole + 1) & mask;
	for (uint32_t at = (hole + 1) & mask; t->slots[at] != NODE_NONE; at = (at + 1) & mask) {
		uint32_t home = (uint32_t)t->nodes[t->slots[at]].hash & mask;
		if (((at - home) & mask) >= ((at - hole) & mask)) {
			t->slots[hole] = t->slots[at];
			hole = at;
		}
	}
	t->slots[hole] = NODE_NONE;
}

static bool grow(struct trie *t)
{
	uint32_t cap = t->cap ? t->cap * 2 : NODES_FIRST;
	struct node *nodes = realloc(t->nodes, cap * sizeof *nodes);

	if (!nodes)
		return false;
	t->nodes = nodes;
	uint32_t *slots = malloc((size_t)cap * 2 * sizeof *slots);
	if (!slots)
		return false;
	memset(slots, 0xff, (size_t)cap * 2 * sizeof *slots);
	free(t->slots);
	t->slots = slots;
	t->slot_count = cap * 2;
	t->cap = cap;
	for (uint32_t i = 0; i < t->used; i++)
		if (nodes[i].live)
			put_slot(t, i);
	return true;
}

static uint32_t take_node(struct trie *t)
{
	if (t->live == t->max)
		return NODE_NONE;
	if (t->free_head != NODE_NONE) {
		uint32_t node = t->free_head;
		t->free_head = t->nodes[node].next_sibling;
		return node;
	}
	if (t->used == t->cap && !grow(t))
		return NODE_NONE;
	return t->used++;
}

uint32_t trie_add(struct trie *t, uint32_t parent, enum shape_kind kind, struct span text)
{
	unsigned depth = parent == NODE_NONE ? 0 : t->nodes[parent].depth + 1u;

	assert(text.len <= LITERAL_BYTES_MAX);
	if (depth > TRIE_DEPTH_MAX)
		return NODE_NONE;
	uint32_t node = take_node(t);
	if (node == NODE_NONE)
		return NODE_NONE;
	struct node *n = &t->nodes[node];
	*n = (struct node){.hash = hash_of(parent, text),
			   .parent = parent,
			   .first_child = NODE_NONE,
			   .next_sibling = NODE_NONE,
			   .kind = (uint8_t)kind,
			   .depth = (uint8_t)depth,
			   .len = (uint8_t)text.len,
			   .live = true};
	if (text.len > 0)
		memcpy(n->text, text.data, text.len);
	if (parent != NODE_NONE) {
		n->next_sibling = t->nodes[parent].first_child;
		t->nodes[parent].first_child = node;
	}
	put_slot(t, node);
	t->live++;
	return node;
}

static void unlink_child(struct trie *t, uint32_t node)
{
	uint32_t *link = &t->nodes[t->nodes[node].parent].first_child;

	while (*link != node)
		link = &t->nodes[*link].next_sibling;
	*link = t->nodes[node].next_sibling;
}

/* Deepest first, at most TRIE_DEPTH_MAX calls deep. */
static void free_subtree(struct trie *t, uint32_t node)
{
	struct node *n = &t->nodes[node];

	while (n->first_child != NODE_NONE) {
		uint32_t child = n->first_child;
		n->first_child = t->nodes[child].next_sibling;
		free_subtree(t, child);
	}
	take_slot(t, node);
	free((char *)(uintptr_t)n->name.data);
	*n = (struct node){.next_sibling = t->free_head, .parent = NODE_NONE, .first_child = NODE_NONE};
	t->free_head = node;
	t->live--;
}

void trie_remove(struct trie *t, uint32_t node)
{
	if (t->nodes[node].parent != NODE_NONE)
		unlink_child(t, node);
	free_subtree(t, node);
}
