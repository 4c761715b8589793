/* Article 3(1): 具有舆论属性或社会动员能力的信息服务上线，或者信息服务增设相关功能的. "An information service with public-opinion properties or social
 * mobilization capacity goes online, or an information service adds such functions." Article 7: the report is due before the launch, so whatever is
 * seen in traffic is late already: the clock shows the working days since.
 *
 * A class counts from its first good answer (below 400): a scanner's guesses never raise anything. Without an assessment on file the service's
 * going online is one trigger, with every class seen within a day of the first, because a service does not come up one function at a time; each later
 * class is an added function and a trigger of its own. With an assessment on file, each class that its baseline lacks is one. Confirmed by fact: no
 * second limb needs a person. The occurrence is what agents saw: it may lie after the launch, and before it by a window's span at most; replaying older
 * logs moves it back. A service of Internet news information falls under its own regulation for new technologies (Article 16): no clock here. */
#include <stdio.h>
#include <stdlib.h>

#include "collector/services/functions.h"
#include "collector/triggers/evidence.h"
#include "collector/triggers/triggers.h"

enum { GOING_ONLINE_MS = 24 * 3600 * 1000 };

/* First good answer of any class in `set`; 0 when there was none. */
static int64_t first_good(const struct facts *facts, function_set set)
{
	int64_t first_ms = 0;
	for (size_t i = 0; i < facts->endpoint_count; i++) {
		const struct store_endpoint_row *e = &facts->endpoints[i];
		if ((e->functions & set) && e->first_good_ms > 0 && (first_ms == 0 || e->first_good_ms < first_ms))
			first_ms = e->first_good_ms;
	}
	return first_ms;
}

static function_set served(const struct facts *facts)
{
	function_set set = 0;
	for (size_t i = 0; i < facts->endpoint_count; i++)
		if (facts->endpoints[i].first_good_ms > 0)
			set |= facts->endpoints[i].functions;
	return set;
}

static char *evidence_of(const struct facts *facts, function_set set, const char *change)
{
	const struct store_service_row *s = facts->service;
	size_t total = 0;
	json_t *endpoints = evidence_endpoints(facts, set, &total);
	return evidence_text_take(json_pack("{s:s,s:o,s:o,s:s?,s:o,s:I}", "change", change, "functions", evidence_functions(set),
					    "assessed", evidence_functions(s->assessment_on_file ? s->assessed : 0), "assessed_on",
					    s->assessed_on, "endpoints", endpoints, "endpoints_in_all", (json_int_t)total));
}

/* "F01 forum, F09 information sharing", or the Chinese terms. */
static void name_classes(function_set set, int chinese, char *out, size_t cap)
{
	size_t len = 0;
	out[0] = '\0';
	for (unsigned n = 1; n <= FUNCTION_CLASSES && len < cap; n++) {
		const struct function_class *class = function_class_at(n);
		if (set & FUNCTION(n))
			len += (size_t)snprintf(out + len, cap - len, "%s%s %s",
						len == 0  ? ""
						: chinese ? "、"
							  : ", ",
						class->code, chinese ? class->name_zh : class->name);
	}
}

static void raise_one(const struct facts *facts, function_set set, int added, on_verdict raise, void *ctx)
{
	const struct store_service_row *s = facts->service;
	char key[640], what[512], what_zh[512], reason[1600], reason_zh[1600], code[64];
	int64_t occurred_ms = first_good(facts, set);
	char *evidence = evidence_of(facts, set, added ? "function added" : "service online");
	if (!evidence)
		return; /* judged again after the next commit */

	name_classes(set, 0, what, sizeof what);
	name_classes(set, 1, what_zh, sizeof what_zh);
	if (added)
		snprintf(key, sizeof key, "3(1)/%s/%s", s->name, functions_text(set, code, sizeof code));
	else
		snprintf(key, sizeof key, "3(1)/%s/online", s->name);
	/* What is known is what is on file here, and that the class is served since an agent first saw it: a forum may be older than the agent beside it. */
	const char *did = !added ? "is online with" : s->assessment_on_file ? "offers" : "also offers";
	const char *did_zh = !added ? "已上线，提供" : s->assessment_on_file ? "提供" : "还提供";
	snprintf(reason, sizeof reason, "Service %s %s %s; %s. The report was due before the %s (Art. 7).", s->name, did, what,
		 s->assessment_on_file ? "the assessment on file does not cover it" : "no security assessment is on file",
		 added ? "function was added" : "launch");
	snprintf(reason_zh, sizeof reason_zh, "服务 %s %s%s；%s。报告应当在%s前提交（第七条）。", s->name, did_zh, what_zh,
		 s->assessment_on_file ? "已登记的安全评估未涵盖该功能" : "未登记安全评估报告", added ? "功能增设" : "上线");

	struct store_trigger t = {.key = key,
				  .clause = "3(1)",
				  .service_id = s->id,
				  .service = s->name,
				  .state = TRIGGER_CONFIRMED,
				  .functions = set,
				  .occurred_ms = occurred_ms,
				  .detected_ms = facts->now_ms,
				  .confirmed_ms = facts->now_ms,
				  .deadline_ms = occurred_ms,
				  .reason = reason,
				  .reason_zh = reason_zh,
				  .evidence = evidence};
	raise(ctx, &t);
	free(evidence);
}

void clause_3_1_judge(const struct facts *facts, on_verdict raise, void *ctx)
{
	const struct store_service_row *s = facts->service;
	function_set lacking = served(facts);
	if (s->news || lacking == 0)
		return;
	if (s->assessment_on_file) {
		lacking &= ~s->assessed;
	} else {
		int64_t online_ms = first_good(facts, lacking);
		function_set at_launch = 0;
		for (unsigned n = 1; n <= FUNCTION_CLASSES; n++)
			if ((lacking & FUNCTION(n)) && first_good(facts, FUNCTION(n)) - online_ms <= GOING_ONLINE_MS)
				at_launch |= FUNCTION(n);
		raise_one(facts, at_launch, 0, raise, ctx);
		lacking &= ~at_launch;
	}
	for (unsigned n = 1; n <= FUNCTION_CLASSES; n++)
		if (lacking & FUNCTION(n))
			raise_one(facts, FUNCTION(n), 1, raise, ctx);
}
