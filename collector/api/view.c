#include "collector/api/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/api/clockface.h"
#include "collector/api/rfc3339.h"
#include "collector/api/target.h"
#include "collector/services/functions.h"
#include "collector/triggers/triggers.h"
#include "lib/buf.h"

enum { TEXT_BYTES_MAX = 1 << 20 };

/* The longest plain piece at a time; what is between the pieces is replaced. */
static json_t *repaired_text(const char *text)
{
	struct buf b;
	buf_init(&b, TEXT_BYTES_MAX);
	int r = 0;
	for (const char *c = text; *c && r == 0; c++) {
		size_t len = 0;
		for (size_t n = 1; n <= 4 && len == 0 && memchr(c, '\0', n) == NULL; n++)
			if (text_is_plain(span_make(c, n)))
				len = n;
		r = len ? buf_append(&b, c, len) : buf_append(&b, "\xef\xbf\xbd", 3);
		c += len ? len - 1 : 0;
	}
	json_t *json = json_stringn((const char *)b.data, b.len);
	buf_done(&b);
	return json;
}

json_t *view_text(const char *text)
{
	if (!text)
		return json_null();
	json_t *json = json_string(text);
	return json ? json : repaired_text(text);
}

json_t *view_time(int64_t unix_ms)
{
	char text[RFC3339_CAP];
	return unix_ms ? json_string(rfc3339_format(unix_ms, text)) : json_null();
}

json_t *view_date(int64_t unix_ms)
{
	char text[DATE_CAP];
	return json_string(date_format(calendar_day_of(unix_ms), text));
}

/* Counters stay below 2^53 for a very long time; one that would not is shown as the largest exact one. */
static json_t *count(uint64_t n)
{
	const uint64_t exact = UINT64_C(1) << 53;
	return json_integer((json_int_t)(n < exact ? n : exact));
}

json_t *view_functions(function_set set)
{
	json_t *list = json_array();
	for (unsigned n = 1; n <= FUNCTION_CLASSES; n++) {
		if (!(set & FUNCTION(n)))
			continue;
		const struct function_class *f = function_class_at(n);
		json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "code", f->code, "name", f->name, "name_zh", f->name_zh));
	}
	return list;
}

json_t *view_function_codes(function_set set)
{
	json_t *list = json_array();
	for (unsigned n = 1; n <= FUNCTION_CLASSES; n++)
		if (set & FUNCTION(n))
			json_array_append_new(list, json_string(function_class_at(n)->code));
	return list;
}

json_t *view_share(uint64_t part, uint64_t whole)
{
	if (whole == 0)
		return json_null();
	return json_real(part >= whole ? 1.0 : (double)part / (double)whole);
}

const char *view_kind_name(enum identity_kind kind)
{
	switch (kind) {
	case IDENTITY_ADDRESS: return "address";
	case IDENTITY_SESSION: return "session";
	case IDENTITY_ACCOUNT: return "account";
	case IDENTITY_KINDS: break;
	}
	return "address";
}

json_t *view_sorted(json_t *list, int (*compare)(const void *, const void *))
{
	size_t n = json_array_size(list);
	json_t **rows = malloc((n ? n : 1) * sizeof *rows);
	json_t *ret = rows ? json_array() : NULL;
	for (size_t i = 0; rows && i < n; i++)
		rows[i] = json_array_get(list, i);
	if (rows)
		qsort(rows, n, sizeof *rows, compare);
	for (size_t i = 0; ret && i < n; i++)
		json_array_append(ret, rows[i]);
	free(rows);
	json_decref(list);
	return ret;
}

/* ---- triggers ---- */

static const char *state_name(enum trigger_state state)
{
	switch (state) {
	case TRIGGER_CANDIDATE: return "candidate";
	case TRIGGER_CONFIRMED: return "confirmed";
	case TRIGGER_DISMISSED: return "dismissed";
	case TRIGGER_CLOSED: return "closed";
	}
	return "candidate";
}

static const struct clause *find_clause(const char *number)
{
	static const struct clause unknown = {.title = "", .title_zh = ""};
	const struct clause *c;
	for (size_t i = 0; (c = clause_at(i)); i++)
		if (strcmp(c->number, number) == 0)
			return c;
	return &unknown;
}

static json_t *maybe_integer(bool has, int n)
{
	return has ? json_integer(n) : json_null();
}

static json_t *view_clock(const struct store_trigger *t, int64_t now_ms)
{
	struct clockface face;
	clockface_read(t, now_ms, &face);
	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:i, s:o, s:b, s:b}", "kind",
			 face.before_launch ? "before-launch" : "working-days", "status", face.status, "status_zh", face.status_zh,
			 "due_on", view_date(face.last_moment_ms), "due_at", view_time(t->deadline_ms), "working_days_total",
			 maybe_integer(!face.before_launch, face.total), "working_days_elapsed", face.elapsed, "working_days_left",
			 maybe_integer(!face.before_launch, face.left), "overdue", (int)face.overdue, "provisional", (int)t->provisional);
}

static json_t *view_evidence(const char *evidence)
{
	json_t *json = evidence && *evidence ? json_loads(evidence, JSON_REJECT_DUPLICATES, NULL) : NULL;
	return json ? json : json_object();
}

json_t *view_trigger(const struct store_trigger *t, int64_t now_ms)
{
	const struct clause *clause = find_clause(t->clause);
	return json_pack("{s:I, s:o, s:s, s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id", (json_int_t)t->id,
			 "clause", view_text(t->clause), "clause_title", clause->title, "clause_title_zh", clause->title_zh, "service",
			 view_text(t->service ? t->service : ""), "state", state_name(t->state), "functions", view_functions(t->functions),
			 "occurred_at", view_time(t->occurred_ms), "detected_at", view_time(t->detected_ms), "confirmed_at",
			 view_time(t->confirmed_ms), "clock", view_clock(t, now_ms), "reason", view_text(t->reason ? t->reason : ""),
			 "reason_zh", view_text(t->reason_zh ? t->reason_zh : ""), "evidence", view_evidence(t->evidence), "closed_at",
			 view_time(t->closed_ms), "closed_why", view_text(t->closed_why));
}

/* ---- facts ---- */

json_t *view_endpoint(const struct store_endpoint_row *row)
{
	return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id", (json_int_t)row->id,
			 "service", view_text(row->service), "workload", view_text(row->workload), "host", view_text(row->host), "method",
			 view_text(row->method), "template", view_text(row->template), "content", view_text(row->content), "takes_input",
			 (int)row->takes_input, "functions", view_functions(row->functions), "first_seen", view_time(row->first_seen_ms),
			 "first_good", view_time(row->first_good_ms), "detected_at", view_time(row->detected_ms), "last_seen",
			 view_time(row->last_seen_ms), "requests", count(row->requests), "good", count(row->good));
}

json_t *view_users(const struct store_users_row *row)
{
	return json_pack("{s:o, s:s, s:f, s:f, s:o, s:o, s:o}", "day", view_text(row->day), "kind", view_kind_name(row->kind), "users",
			 row->users, "relative_error", row->relative_error, "requests", count(row->requests), "requests_all",
			 count(row->requests_all), "coverage", view_share(row->requests, row->requests_all));
}

json_t *view_hour(const struct store_hour_row *row)
{
	uint64_t all = 0;
	for (size_t i = 0; i < STATUS_CLASSES; i++)
		all += row->count[i];
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "hour", view_time(row->hour_ms), "requests", count(all), "unanswered",
			 count(row->count[STATUS_UNANSWERED]), "status_1xx", count(row->count[STATUS_1XX]), "status_2xx",
			 count(row->count[STATUS_2XX]), "status_3xx", count(row->count[STATUS_3XX]), "status_4xx",
			 count(row->count[STATUS_4XX]), "status_5xx", count(row->count[STATUS_5XX]));
}

json_t *view_ledger(const struct ledger *l)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "seen", count(l->seen), "counted", count(l->counted), "malformed",
			 count(l->malformed), "skipped", count(l->skipped), "known_gap", count(l->known_gap), "events", count(l->events),
			 "events_malformed", count(l->events_malformed), "events_lost", count(l->events_lost), "gap_ms", count(l->gap_ms));
}

json_t *view_ledger_source(const struct ledger *l)
{
	char source[NAME_BYTES_MAX + 1];
	snprintf(source, sizeof source, "%.*s", (int)(l->source.len < NAME_BYTES_MAX ? l->source.len : NAME_BYTES_MAX),
		 l->source.data ? l->source.data : "");
	json_t *json = view_ledger(l);
	json_object_set_new(json, "kind", json_string(l->kind == SOURCE_PROBE ? "probe" : "file"));
	json_object_set_new(json, "source", view_text(source));
	json_object_set_new(json, "coverage", view_share(l->counted, l->seen));
	return json;
}

json_t *view_agent(const struct store_agent_row *row)
{
	char epoch[24];
	snprintf(epoch, sizeof epoch, "%" PRIu64, row->epoch);
	return json_pack("{s:o, s:b, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id", view_text(row->agent), "connected",
			 (int)row->connected, "version", view_text(row->version), "kernel", view_text(row->kernel), "epoch", epoch,
			 "sequence", count(row->sequence), "first_seen", view_time(row->first_seen_ms), "last_seen",
			 view_time(row->last_seen_ms), "lost_records", count(row->lost_records), "sources", count(row->sources), "coverage",
			 view_share(row->ledger.counted, row->ledger.seen), "ledger", view_ledger(&row->ledger));
}

/* ---- what a person told us ---- */

static json_t *text_or_null(const char *text)
{
	return view_text(text && *text ? text : NULL);
}

static json_t *text_or_empty(const char *text)
{
	return view_text(text ? text : "");
}

json_t *view_notice(const struct store_notice *n, const char *service)
{
	return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id", (json_int_t)n->id, "service", view_text(service),
			 "authority", text_or_empty(n->authority), "level", text_or_empty(n->level), "reference",
			 text_or_empty(n->reference), "received_on", view_date(n->received_ms), "received_at", view_time(n->received_ms),
			 "due_on", text_or_null(n->due_on), "note", text_or_empty(n->note), "actor", text_or_empty(n->actor));
}

json_t *view_assessment(const struct store_assessment *a, const char *service)
{
	return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "id", (json_int_t)a->id, "service", view_text(service), "functions",
			 view_functions(a->functions), "filed_on", view_text(a->filed_on), "receipt", text_or_empty(a->receipt), "note",
			 text_or_empty(a->note), "actor", text_or_empty(a->actor));
}
