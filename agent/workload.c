#include "agent/workload.h"

#include <stdlib.h>
#include <string.h>

struct workloads {
	size_t count;
	size_t max;
	struct workload items[];
};

struct workloads *workloads_new(size_t max)
{
	struct workloads *w = calloc(1, sizeof *w + (max + 1) * sizeof w->items[0]);
	if (!w)
		return NULL;
	w->max = max + 1;
	w->items[0] = (struct workload){.kind = WORKLOAD_UNKNOWN, .name = span_str("unknown")};
	w->count = 1;
	return w;
}

void workloads_free(struct workloads *w)
{
	if (!w)
		return;
	for (size_t i = 1; i < w->count; i++)
		free((char *)(uintptr_t)w->items[i].name.data);
	free(w);
}

uint32_t workloads_intern(struct workloads *w, enum workload_kind kind, struct span name)
{
	/* A host serves tens of workloads: a scan of a dense array beats a hash table here, and callers keep the id. */
	for (size_t i = 0; i < w->count; i++)
		if (w->items[i].kind == kind && span_equal(w->items[i].name, name))
			return (uint32_t)i;
	if (w->count == w->max)
		return 0;
	char *copy = malloc(name.len ? name.len : 1);
	if (!copy)
		return 0;
	memcpy(copy, name.data, name.len);
	w->items[w->count] = (struct workload){.kind = kind, .name = span_make(copy, name.len)};
	return (uint32_t)w->count++;
}

const struct workload *workloads_get(const struct workloads *w, uint32_t id)
{
	return &w->items[id < w->count ? id : 0];
}
