#include "collector/triggers/evidence.h"

#include <stdlib.h>

#include "collector/services/functions.h"

json_t *evidence_functions(function_set set)
{
	json_t *list = json_array();
	for (unsigned n = 1; list && n <= FUNCTION_CLASSES; n++) {
		const struct function_class *class = function_class_at(n);
		if (set & FUNCTION(n))
			json_array_append_new(
				list, json_pack("{s:s,s:s,s:s}", "code", class->code, "name", class->name, "name_zh", class->name_zh));
	}
	return list;
}

static int by_first_good(const void *a, const void *b)
{
	const struct store_endpoint_row *x = *(const struct store_endpoint_row *const *)a,
					*y = *(const struct store_endpoint_row *const *)b;
	if (x->first_good_ms != y->first_good_ms)
		return x->first_good_ms < y->first_good_ms ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

json_t *evidence_endpoints(const struct facts *facts, function_set set, size_t *ret_total)
{
	json_t *list = json_array();
	const struct store_endpoint_row **chosen = calloc(facts->endpoint_count + 1, sizeof *chosen);
	size_t count = 0;
	if (!list || !chosen) {
		json_decref(list);
		free(chosen);
		return NULL;
	}
	for (size_t i = 0; i < facts->endpoint_count; i++)
		if ((facts->endpoints[i].functions & set) && facts->endpoints[i].first_good_ms > 0)
			chosen[count++] = &facts->endpoints[i];
	qsort(chosen, count, sizeof *chosen, by_first_good);
	for (size_t i = 0; i < count && i < EVIDENCE_ENDPOINTS_MAX; i++) {
		const struct store_endpoint_row *e = chosen[i];
		char codes[64];
		json_array_append_new(list, json_pack("{s:o,s:s,s:s,s:s,s:b,s:I,s:I,s:I,s:I}", "endpoint",
						      json_sprintf("%s %s", e->method, e->template), "functions",
						      functions_text(e->functions, codes, sizeof codes), "workload", e->workload, "host",
						      e->host, "takes_input", e->takes_input, "first_good_ms", (json_int_t)e->first_good_ms,
						      "last_seen_ms", (json_int_t)e->last_seen_ms, "requests", (json_int_t)e->requests,
						      "good", (json_int_t)e->good));
	}
	free(chosen);
	*ret_total = count;
	return list;
}

char *evidence_text_take(json_t *evidence)
{
	char *text = evidence ? json_dumps(evidence, JSON_COMPACT) : NULL;
	json_decref(evidence);
	return text;
}
