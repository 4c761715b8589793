/* Trigger rules: one pure function a clause of Article 3, from facts to verdicts with their reasons.
 *
 * A rule reads facts only: no store, no clock, no log. The table in triggers.c lists them: a new clause is one file and one row.
 * Verdicts come through a callback; the strings in them are valid during it. */
#ifndef TOCSIN_COLLECTOR_TRIGGERS_H
#define TOCSIN_COLLECTOR_TRIGGERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/services/services.h"
#include "collector/store/store.h"

/* Everything that the rules may know about one service. Borrowed arrays. */
struct facts {
	const struct store_service_row *service;
	const struct store_endpoint_row *endpoints; /* with a function class and a good answer */
	size_t endpoint_count;
	const struct store_notice *notices;
	size_t notice_count;
	int64_t now_ms;
};

typedef void (*on_verdict)(void *ctx, const struct store_trigger *raised);

struct clause {
	const char *number; /* "3(1)" */
	const char *title;
	const char *title_zh;
	void (*judge)(const struct facts *facts, on_verdict raise, void *ctx);
};

void clause_3_1_judge(const struct facts *facts, on_verdict raise, void *ctx);
void clause_3_5_judge(const struct facts *facts, on_verdict raise, void *ctx);

const struct clause *clause_at(size_t index); /* NULL past the end */

/* Judges every service in the store and keeps the triggers: the one place where facts, rules and store meet. `changed` is called
 * for each trigger that is new or closed now. Runs on the writer's thread. A 3(1) trigger closes when an assessment covers it, when other triggers
 * of its service say the same, or when the service is declared as Internet news information (Article 16). */
typedef void (*on_trigger_change)(void *ctx, const struct store_trigger *trigger, bool is_new);
int judge_run(struct store *s, int64_t now_ms, on_trigger_change changed, void *ctx, struct err *err);

#endif
