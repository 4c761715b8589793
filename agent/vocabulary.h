/* The vocabulary: route words so common that seeing one says nothing about anybody. Read-only.
 *
 * English words of web routes, every route word of the eleven function classes of Article 2 with its Chinese and pinyin cues, the names of
 * well-known files, and top-level domains. A word also says what may follow it: below some words stand things, below some stand names that
 * people chose, and there only acts are believed to be routes. */
#ifndef TOCSIN_AGENT_VOCABULARY_H
#define TOCSIN_AGENT_VOCABULARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/span.h"

enum { WORD_BYTES_MAX = 32 };

/* What an unknown segment below a word is. */
enum word_below {
	BELOW_ROUTES, /* perhaps a route of its own: api, v1, admin */
	BELOW_THINGS, /* the name of a thing: forum, rooms, posts. Other words are still routes there */
	BELOW_NAMES,  /* people's own choice: users, tags, search. Even words may be names there; only acts are routes */
};

struct word {
	char text[WORD_BYTES_MAX]; /* lower case, UTF-8; zeros to the end */
	uint8_t len;
	uint8_t below; /* enum word_below */
	bool act;      /* something done, a route even below names: login, search, edit */
};

/* The word written `text`, ASCII letters in any case; NULL when it is none. */
const struct word *vocabulary_find(struct span text);
/* All of them, sorted by bytes. */
const struct word *vocabulary_words(size_t *ret_count);

#endif
