/* Which service a scope belongs to: declarations first, by how exactly they name it; else the workload's own name.
 *
 * A host name says more than a workload does (one proxy serves many services), and an exact host more than a pattern, so the order is: exact host,
 * workload, longest matching pattern. Two declarations that claim the same name contradict each other and are refused at the start. */
#include "collector/services/services.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/arena.h"

enum { SERVICES_BYTES_MAX = 16 << 20 };

struct services {
	struct arena arena; /* everything below */
	struct service_declaration *declared;
	size_t count;
};

static const char *copy_text(struct arena *a, const char *text)
{
	if (!text)
		return NULL;
	size_t size = strlen(text) + 1;
	char *copy = arena_take(a, size);
	return copy ? memcpy(copy, text, size) : NULL;
}

static size_t list_length(const char *const *list)
{
	size_t n = 0;
	while (list && list[n])
		n++;
	return n;
}

static const char *const *copy_list(struct arena *a, const char *const *list)
{
	size_t n = list_length(list);
	const char **copy = arena_array(a, n + 1, sizeof *copy);
	for (size_t i = 0; copy && i < n; i++) {
		copy[i] = copy_text(a, list[i]);
		if (!copy[i])
			return NULL;
	}
	return copy;
}

static bool copy_declaration(struct arena *a, const struct service_declaration *from, struct service_declaration *to)
{
	*to = *from;
	to->name = copy_text(a, from->name);
	to->title = copy_text(a, from->title);
	to->assessed_on = copy_text(a, from->assessed_on);
	to->workloads = copy_list(a, from->workloads);
	to->hosts = copy_list(a, from->hosts);
	return to->name && to->workloads && to->hosts && !to->title == !from->title && !to->assessed_on == !from->assessed_on;
}

static const char *shared_name(const char *const *a, const char *const *b)
{
	for (size_t i = 0; a && a[i]; i++)
		for (size_t j = 0; b && b[j]; j++)
			if (span_equal_nocase(span_str(a[i]), span_str(b[j])))
				return a[i];
	return NULL;
}

static int check(const struct service_declaration *declared, size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		if (!declared[i].name || !declared[i].name[0] || strlen(declared[i].name) > NAME_BYTES_MAX) {
			err_set(err, "services: entry %zu needs a name of 1 to %d bytes", i + 1, NAME_BYTES_MAX);
			return -EINVAL;
		}
		for (size_t j = 0; j < i; j++) {
			if (strcmp(declared[i].name, declared[j].name) == 0) {
				err_set(err, "services: '%s' is declared twice; give each service its own name", declared[i].name);
				return -EINVAL;
			}
			const char *both = shared_name(declared[i].workloads, declared[j].workloads);
			if (!both)
				both = shared_name(declared[i].hosts, declared[j].hosts);
			if (both) {
				err_set(err, "services: '%s' and '%s' both claim '%s'; leave it in one of them", declared[j].name,
					declared[i].name, both);
				return -EINVAL;
			}
		}
	}
	return 0;
}

int services_new(const struct service_declaration *declared, size_t count, struct services **ret, struct err *err)
{
	int r = check(declared, count, err);
	if (r < 0)
		return r;
	struct services *s = calloc(1, sizeof *s);
	if (!s)
		return -ENOMEM;
	arena_init(&s->arena, SERVICES_BYTES_MAX);
	s->declared = arena_array(&s->arena, count + 1, sizeof *s->declared);
	for (size_t i = 0; s->declared && i < count; i++, s->count++)
		if (!copy_declaration(&s->arena, &declared[i], &s->declared[i]))
			break;
	if (s->count < count || !s->declared) {
		services_free(s);
		return -ENOMEM;
	}
	*ret = s;
	return 0;
}

void services_free(struct services *s)
{
	if (!s)
		return;
	arena_done(&s->arena);
	free(s);
}

static bool listed(const char *const *list, struct span name)
{
	for (size_t i = 0; list && list[i]; i++)
		if (span_equal_nocase(span_str(list[i]), name))
			return true;
	return false;
}

/* Bytes of the longest pattern "*.example.com" that covers `host`; 0 when none does. The star stands for one label or more, never for none. */
static size_t longest_pattern(const char *const *list, struct span host)
{
	size_t best = 0;
	for (size_t i = 0; list && list[i]; i++) {
		struct span suffix = span_str(list[i]);
		if (suffix.len < 3 || suffix.data[0] != '*' || suffix.data[1] != '.')
			continue;
		suffix = span_from(suffix, 1);
		if (host.len > suffix.len && span_equal_nocase(span_from(host, host.len - suffix.len), suffix) && suffix.len > best)
			best = suffix.len;
	}
	return best;
}

static const struct service_declaration *declaration_of(const struct services *s, struct span workload, struct span host)
{
	for (size_t i = 0; host.len && i < s->count; i++)
		if (listed(s->declared[i].hosts, host))
			return &s->declared[i];
	for (size_t i = 0; workload.len && i < s->count; i++)
		if (listed(s->declared[i].workloads, workload))
			return &s->declared[i];
	const struct service_declaration *best = NULL;
	size_t best_len = 0;
	for (size_t i = 0; i < s->count; i++) {
		size_t len = longest_pattern(s->declared[i].hosts, host);
		if (len > best_len) {
			best_len = len;
			best = &s->declared[i];
		}
	}
	return best;
}

struct span services_of(const struct services *s, enum workload_kind kind, struct span workload, struct span host)
{
	(void)kind; /* names are unique across kinds within a fleet; a declaration need not know how a workload is run */
	const struct service_declaration *d = declaration_of(s, workload, host);
	if (d)
		return span_str(d->name);
	if (workload.len)
		return workload;
	return host.len ? host : span_str("unknown");
}

const struct service_declaration *services_declared(const struct services *s, struct span name)
{
	for (size_t i = 0; i < s->count; i++)
		if (span_equal(span_str(s->declared[i].name), name))
			return &s->declared[i];
	return NULL;
}

const struct service_declaration *services_at(const struct services *s, size_t index)
{
	return index < s->count ? &s->declared[index] : NULL;
}
