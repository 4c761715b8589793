#include "collector/store/table.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

_Static_assert(sizeof(((struct table *)0)->hash_key) == crypto_shorthash_KEYBYTES, "the key of SipHash-2-4");

void table_key_number(struct table_key *k, int64_t number)
{
	memcpy(k->bytes + k->len, &number, sizeof number);
	k->len += sizeof number;
}

struct span table_key_name(struct table_key *k, struct span name)
{
	size_t len = name.len <= NAME_BYTES_MAX ? name.len : NAME_BYTES_MAX;
	char *at = k->bytes + k->len;
	if (len)
		memcpy(at, name.data, len);
	at[len] = '\0';
	k->len += len + 1;
	return span_make(at, len);
}

int table_init(struct table *t, size_t entry_size, size_t max, void (*done)(struct entry *e))
{
	size_t buckets = 16;
	while (buckets < max)
		buckets *= 2;
	*t = (struct table){.bucket_count = buckets, .max = max, .entry_size = entry_size, .done = done};
	t->dirty_end = &t->dirty_first;
	t->buckets = calloc(buckets, sizeof(struct entry *));
	if (!t->buckets || sodium_init() < 0)
		return -ENOMEM;
	crypto_shorthash_keygen(t->hash_key);
	return 0;
}

void table_done(struct table *t)
{
	table_clear(t);
	free(t->buckets);
	t->buckets = NULL;
}

void table_clear(struct table *t)
{
	for (size_t i = 0; t->buckets && t->count && i < t->bucket_count; i++) {
		while (t->buckets[i]) {
			struct entry *e = t->buckets[i];
			t->buckets[i] = e->next;
			if (t->done)
				t->done(e);
			free(e);
		}
	}
	t->count = 0;
	t->dirty_first = NULL;
	t->dirty_end = &t->dirty_first;
}

bool table_full(const struct table *t)
{
	return t->count >= t->max;
}

static struct entry **bucket_of(const struct table *t, struct span key)
{
	uint64_t hash;
	crypto_shorthash((uint8_t *)&hash, (const uint8_t *)key.data, key.len, t->hash_key);
	return &t->buckets[hash & (t->bucket_count - 1)];
}

void *table_find(const struct table *t, struct span key)
{
	struct entry *e = *bucket_of(t, key);
	while (e && !span_equal(e->key, key))
		e = e->next;
	return e;
}

void *table_add(struct table *t, struct span key)
{
	struct entry *e = calloc(1, t->entry_size + key.len);
	if (!e)
		return NULL;
	char *bytes = (char *)e + t->entry_size;
	if (key.len)
		memcpy(bytes, key.data, key.len);
	e->key = span_make(bytes, key.len);
	struct entry **bucket = bucket_of(t, key);
	e->next = *bucket;
	*bucket = e;
	t->count++;
	return e;
}

void table_touch(struct table *t, struct entry *e)
{
	if (e->dirty)
		return;
	e->dirty = true;
	e->next_dirty = NULL;
	*t->dirty_end = e;
	t->dirty_end = &e->next_dirty;
}

void *table_next_dirty(struct table *t)
{
	struct entry *e = t->dirty_first;
	if (!e)
		return NULL;
	t->dirty_first = e->next_dirty;
	if (!t->dirty_first)
		t->dirty_end = &t->dirty_first;
	e->dirty = false;
	return e;
}
