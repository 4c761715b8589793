/* The trie of path segments: nodes in one array, found by (parent, text) through one hash index. Bounded.
 *
 * It stores and finds; what a segment means and what may be said of it is agent/template.c's. Nodes are named by index, since the array
 * moves when it grows; a removed subtree's indexes are used again. */
#ifndef TOCSIN_AGENT_TEMPLATE_TRIE_H
#define TOCSIN_AGENT_TEMPLATE_TRIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/template/shape.h"
#include "lib/span.h"

#define NODE_NONE UINT32_MAX

enum { CLIENTS_MAX = 8, TRIE_DEPTH_MAX = 14 };

struct node {
	uint64_t hash;
	uint32_t parent, first_child, next_sibling; /* NODE_NONE at the ends; free nodes chain by next_sibling */
	uint8_t kind;                               /* enum shape_kind */
	uint8_t below;                              /* enum word_below: of its children */
	uint8_t depth;                              /* 0: a root */
	uint8_t len;                                /* of text */
	bool live;
	bool vetted;   /* unknown text that may be said */
	bool answered; /* a good answer ended here: the route exists */
	bool exported; /* its template was returned */
	bool variable; /* unknown children are "{x}" from now on */
	uint8_t client_count;
	uint32_t unknown;              /* children of unknown text */
	uint32_t popular;              /* those of them that enough clients met */
	uint32_t quiet;                /* good answers below unknown children since the last new one of them */
	uint32_t subtree;              /* of an unknown node: a bit for each kind of child, by hash */
	uint16_t clients[CLIENTS_MAX]; /* tags of those who met it until it is vetted */
	struct span name;              /* the whole template, owned; made when first asked for */
	char text[LITERAL_BYTES_MAX];
};

struct trie {
	struct node *nodes;
	uint32_t *slots; /* open addressing, at most half full */
	uint32_t slot_count;
	uint32_t cap, used, free_head, live, max;
};

void trie_init(struct trie *t, size_t max);
void trie_done(struct trie *t);

struct span node_text(const struct node *n);
/* The child of `parent` (NODE_NONE: among the roots) with this text, or NODE_NONE. */
uint32_t trie_find(const struct trie *t, uint32_t parent, struct span text);
/* Makes it; the caller looked first. NODE_NONE when the trie is full, too deep or memory is out. */
uint32_t trie_add(struct trie *t, uint32_t parent, enum shape_kind kind, struct span text);
/* Removes the node and all below it. Nothing there has a name that was lent out. */
void trie_remove(struct trie *t, uint32_t node);

#endif
