/* Rows of the store as the JSON of openapi.yaml. Pure: the time is an argument. NULL when memory ran out; json_pack() passes that on. */
#ifndef TOCSIN_COLLECTOR_VIEW_H
#define TOCSIN_COLLECTOR_VIEW_H

#include <jansson.h>
#include <stdint.h>

#include "collector/store/store.h"

/* NULL becomes null; bytes that are not UTF-8 become U+FFFD, so that one odd name never hides all the others. */
json_t *view_text(const char *text);
json_t *view_time(int64_t unix_ms); /* 0 becomes null */
json_t *view_date(int64_t unix_ms); /* the day of Asia/Shanghai */
json_t *view_functions(function_set set);
json_t *view_function_codes(function_set set);
json_t *view_share(uint64_t part, uint64_t whole); /* null when whole is 0; at most 1 */
const char *view_kind_name(enum identity_kind kind);
/* A new array of the same rows in order; `compare` as for qsort, over json_t *. Takes `list`. */
json_t *view_sorted(json_t *list, int (*compare)(const void *, const void *));

json_t *view_trigger(const struct store_trigger *t, int64_t now_ms);
json_t *view_endpoint(const struct store_endpoint_row *row);
json_t *view_users(const struct store_users_row *row);
json_t *view_hour(const struct store_hour_row *row);
json_t *view_agent(const struct store_agent_row *row);
json_t *view_ledger(const struct ledger *l);        /* the counters */
json_t *view_ledger_source(const struct ledger *l); /* with kind, source and coverage */
json_t *view_notice(const struct store_notice *n, const char *service);
json_t *view_assessment(const struct store_assessment *a, const char *service);

#endif
