/* Information services: what the law speaks of, as a named set of workloads and host names.
 *
 * Owns the declarations from the settings. Pure: maps a scope to the name of its service. A scope that no declaration covers belongs to a
 * default service named after its workload, so that nothing that was seen is without an owner. */
#ifndef TOCSIN_COLLECTOR_SERVICES_H
#define TOCSIN_COLLECTOR_SERVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/span.h"
#include "proto/window.h"

/* Function classes F01 … F11 of Article 2 as a set: bit (n - 1) is Fn. */
typedef uint32_t function_set;
enum { FUNCTION_CLASSES = 11 };
#define FUNCTION(n) ((function_set)1 << ((n)-1))

struct service_declaration {
	const char *name;
	const char *title;            /* for people; may be NULL */
	const char *const *workloads; /* names, NULL-terminated; may be NULL */
	const char *const *hosts;     /* host names, NULL-terminated, "*.example.com" allowed; may be NULL */
	function_set assessed;        /* classes that an assessment on file covers */
	const char *assessed_on;      /* date of that report, "2026-03-01"; NULL: none on file */
	bool news;                    /* Internet news information: Article 16, own regulation for new technologies */
};

struct services;
int services_new(const struct service_declaration *declared, size_t count, struct services **ret, struct err *err);
void services_free(struct services *s);
/* Name of the service of one scope. Borrowed from `s` or from `workload`. */
struct span services_of(const struct services *s, enum workload_kind kind, struct span workload, struct span host);
/* NULL when the service was not declared. */
const struct service_declaration *services_declared(const struct services *s, struct span name);
const struct service_declaration *services_at(const struct services *s, size_t index); /* NULL past the end */

#endif
