/* Article 3(5): 地市级以上网信部门或者公安机关书面通知需要进行安全评估的其他情形. "Other circumstances in which a cyberspace or public-security body at prefecture level
 * or above notifies in writing that a security assessment is needed." Article 7: the report is due within 30 working days of the occurrence, which is the
 * day on which the written notice came; an earlier date in the notice wins. A person entered it: confirmed by fact, no telemetry is asked. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "collector/calendar/calendar.h"
#include "collector/triggers/evidence.h"
#include "collector/triggers/triggers.h"

enum { REPORT_WORKING_DAYS = 30 };

static bool read_date(const char *text, calendar_day *ret)
{
	int year, month, day, end = 0;
	if (!text || sscanf(text, "%4d-%2d-%2d%n", &year, &month, &day, &end) != 3 || text[end] || month < 1 || month > 12 || day < 1 ||
	    day > 31)
		return false;
	*ret = calendar_day_from_date(year, month, day);
	return true;
}

/* 24:00 in Asia/Shanghai of that day (Civil Code Art. 203). */
static int64_t end_of(calendar_day day)
{
	return ((int64_t)day + 1) * 86400000 - 8 * 3600000;
}

static void raise_notice(const struct facts *facts, const struct store_notice *n, on_verdict raise, void *ctx)
{
	const struct store_service_row *s = facts->service;
	struct deadline by_law = calendar_deadline(n->received_ms, REPORT_WORKING_DAYS);
	struct deadline due = by_law;
	calendar_day named;
	bool earlier = read_date(n->due_on, &named) && named < by_law.day;
	if (earlier)
		due = (struct deadline){.day = named, .end_ms = end_of(named), .provisional = false};

	char key[640], reason[1600], reason_zh[1600];
	int year, month, day;
	calendar_date_of(due.day, &year, &month, &day);
	snprintf(key, sizeof key, "3(5)/%s/%" PRId64, s->name, n->id);
	snprintf(reason, sizeof reason,
		 "%.400s requires an assessment of %s in writing (%.300s). The report is due by %04d-%02d-%02d%s: %s (Art. 7).",
		 n->authority, s->name, n->reference, year, month, day, due.provisional ? ", provisionally" : "",
		 due.provisional ? "30 working days from the notice, some of them in a year whose holidays are not announced"
		 : earlier       ? "the notice's own date, which is earlier than 30 working days"
				 : "30 working days from the notice");
	snprintf(reason_zh, sizeof reason_zh,
		 "%.400s书面通知对服务 %s 进行安全评估（%.300s）。报告最迟应当于 %04d-%02d-%02d %s提交：%s（第七条）。", n->authority,
		 s->name, n->reference, year, month, day, due.provisional ? "（暂定）" : "",
		 due.provisional ? "自收到通知之日起三十个工作日内，其中部分日期所在年度的放假安排尚未公布"
		 : earlier       ? "通知载明的期限早于三十个工作日"
				 : "自收到通知之日起三十个工作日内");
	char *evidence = evidence_text_take(json_pack("{s:s,s:s,s:s,s:I,s:s,s:s,s:s}", "authority", n->authority, "level",
						      n->level ? n->level : "", "reference", n->reference, "received_ms",
						      (json_int_t)n->received_ms, "due_on", n->due_on ? n->due_on : "", "note",
						      n->note ? n->note : "", "entered_by", n->actor ? n->actor : ""));
	if (!evidence)
		return; /* judged again after the next commit */

	struct store_trigger t = {.key = key,
				  .clause = "3(5)",
				  .service_id = s->id,
				  .service = s->name,
				  .state = TRIGGER_CONFIRMED,
				  .occurred_ms = n->received_ms,
				  .detected_ms = facts->now_ms,
				  .confirmed_ms = facts->now_ms,
				  .deadline_ms = due.end_ms,
				  .provisional = due.provisional,
				  .reason = reason,
				  .reason_zh = reason_zh,
				  .evidence = evidence};
	raise(ctx, &t);
	free(evidence);
}

void clause_3_5_judge(const struct facts *facts, on_verdict raise, void *ctx)
{
	for (size_t i = 0; i < facts->notice_count; i++)
		raise_notice(facts, &facts->notices[i], raise, ctx);
}
