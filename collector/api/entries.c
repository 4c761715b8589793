#include "collector/api/entries.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "collector/api/rfc3339.h"
#include "collector/api/target.h"
#include "collector/services/functions.h"

/* One key of a body. A text lands at `offset` of the entry's struct, as a pointer into the JSON. */
struct key {
	const char *name;
	enum { KEY_TEXT, KEY_NOTE, KEY_DATE, KEY_LIST } kind; /* KEY_NOTE: a longer text, line ends allowed */
	bool required;
	size_t offset; /* unused for KEY_LIST: the reader takes it itself */
};

__attribute__((format(printf, 4, 5))) static int refuse(struct fault *fault, const char *key, const char *remedy, const char *format, ...)
{
	snprintf(fault->place, sizeof fault->place, "/%s", key);
	if (!*key)
		fault->place[0] = '\0'; /* the empty JSON pointer is the whole document (RFC 6901) */
	snprintf(fault->remedy, sizeof fault->remedy, "%s", remedy);
	va_list args;
	va_start(args, format);
	vsnprintf(fault->text, sizeof fault->text, format, args);
	va_end(args);
	return -EINVAL;
}

/* jansson recurses as deep as the input nests; a body needs two levels. */
static bool is_too_deep(struct span body)
{
	int depth = 0;
	bool in_text = false;
	for (size_t i = 0; i < body.len; i++) {
		char c = body.data[i];
		if (in_text && c == '\\')
			i++;
		else if (c == '"')
			in_text = !in_text;
		else if (!in_text && (c == '{' || c == '['))
			depth++;
		else if (!in_text && (c == '}' || c == ']'))
			depth--;
		if (depth > ENTRY_DEPTH_MAX)
			return true;
	}
	return false;
}

int entry_parse(struct span body, json_t **ret_json, struct fault *fault)
{
	static const char remedy[] = "send one JSON object in UTF-8, as openapi.yaml describes it";
	json_error_t error;
	if (body.len == 0)
		return refuse(fault, "", remedy, "the body is empty");
	if (is_too_deep(body))
		return refuse(fault, "", remedy, "the body nests deeper than %d levels", ENTRY_DEPTH_MAX);
	json_t *json = json_loadb(body.data, body.len, JSON_REJECT_DUPLICATES, &error);
	if (!json)
		return refuse(fault, "", remedy, "the body is not JSON: line %d, column %d: %s", error.line, error.column, error.text);
	if (!json_is_object(json)) {
		json_decref(json);
		return refuse(fault, "", remedy, "the body is not a JSON object");
	}
	*ret_json = json;
	return 0;
}

static const struct key *find_key(const struct key *keys, const char *name)
{
	for (; keys->name; keys++)
		if (strcmp(keys->name, name) == 0)
			return keys;
	return NULL;
}

/* "service, authority, level" for the sentence that refuses another key. */
static void list_keys(const struct key *keys, char *out, size_t cap)
{
	size_t len = 0;
	out[0] = '\0';
	for (; keys->name && len < cap; keys++)
		len += (size_t)snprintf(out + len, cap - len, "%s%s", len ? ", " : "", keys->name);
}

static int refuse_unknown(const json_t *json, const struct key *keys, struct fault *fault)
{
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)json, name, value)
	{
		char known[160], remedy[200];
		if (find_key(keys, name))
			continue;
		list_keys(keys, known, sizeof known);
		snprintf(remedy, sizeof remedy, "the keys are %s", known);
		return refuse(fault, "", remedy, "there is no key \"%.64s\"", name);
	}
	return 0;
}

/* Notes may have lines; everything else that is told is one plain line. */
static bool is_note(struct span text)
{
	while (text.len > 0)
		if (!text_is_plain(span_cut(&text, '\n')))
			return false;
	return true;
}

static int read_text(const struct key *key, const json_t *value, const char **ret, struct fault *fault)
{
	const char *text = json_string_value(value);
	size_t max = key->kind == KEY_NOTE ? ENTRY_NOTE_BYTES_MAX : ENTRY_NAME_BYTES_MAX;
	if (!text)
		return refuse(fault, key->name, "put it in quotation marks", "%s is not a text", key->name);
	struct span span = span_make(text, json_string_length(value));
	if (span.len > max)
		return refuse(fault, key->name, "shorten it", "%s has %zu bytes, more than %zu", key->name, span.len, max);
	if (!(key->kind == KEY_NOTE ? is_note(span) : text_is_plain(span)))
		return refuse(fault, key->name, "remove them", "%s holds control characters", key->name);
	if (key->required && span_trim(span).len == 0)
		return refuse(fault, key->name, "fill it in", "%s is empty", key->name);
	*ret = text;
	return 0;
}

static int check_date(const struct key *key, const char *text, struct fault *fault)
{
	calendar_day day;
	if (date_parse(span_str(text), &day) == 0)
		return 0;
	return refuse(fault, key->name, "give a date as YYYY-MM-DD", "%s is \"%.32s\", which is no day of the calendar", key->name, text);
}

/* Reads every text of `json` by the table; absent ones become "". */
static int read_keys(const json_t *json, const struct key *keys, void *entry, struct fault *fault)
{
	int r = refuse_unknown(json, keys, fault);
	for (const struct key *k = keys; k->name && r == 0; k++) {
		const json_t *value = json_object_get(json, k->name);
		const char *text = "";
		if (!value && k->required)
			return refuse(fault, k->name, "add it", "%s is missing", k->name);
		if (k->kind == KEY_LIST)
			continue;
		if (value)
			r = read_text(k, value, &text, fault);
		if (r == 0 && value && k->kind == KEY_DATE)
			r = check_date(k, text, fault);
		memcpy((char *)entry + k->offset, &text, sizeof text);
	}
	return r;
}

/* A date that check_date() has passed. */
static calendar_day day_of(const char *date)
{
	calendar_day day = 0;
	date_parse(span_str(date), &day);
	return day;
}

static int refuse_future(const char *key, const char *date, int64_t now_ms, struct fault *fault)
{
	char today[DATE_CAP];
	if (day_of(date) <= calendar_day_of(now_ms))
		return 0;
	date_format(calendar_day_of(now_ms), today);
	return refuse(fault, key, "give the day on which it happened", "%s is %.10s, but today is %s in Asia/Shanghai", key, date, today);
}

/* ---- the three entries ---- */

int login_read(const json_t *json, struct login_entry *ret, struct fault *fault)
{
	static const struct key keys[] = {{"code", KEY_TEXT, true, offsetof(struct login_entry, code)}, {0}};
	return read_keys(json, keys, ret, fault);
}

/* A body below prefecture level cannot give the notice of Article 3(5). */
static int check_level(const char *level, struct fault *fault)
{
	static const char *const levels[] = {"national", "province", "prefecture"};
	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
		if (strcmp(level, levels[i]) == 0)
			return 0;
	return refuse(fault, "level", "national, province or prefecture: Article 3(5) speaks of bodies of prefecture level or above",
		      "level is \"%.64s\"", level);
}

int notice_read(const json_t *json, int64_t now_ms, struct notice_entry *ret, struct fault *fault)
{
	static const struct key keys[] = {
		{"service", KEY_TEXT, true, offsetof(struct notice_entry, service)},
		{"authority", KEY_TEXT, true, offsetof(struct notice_entry, authority)},
		{"level", KEY_TEXT, true, offsetof(struct notice_entry, level)},
		{"reference", KEY_TEXT, true, offsetof(struct notice_entry, reference)},
		{"received_on", KEY_DATE, true, offsetof(struct notice_entry, received_on)},
		{"due_on", KEY_DATE, false, offsetof(struct notice_entry, due_on)},
		{"note", KEY_NOTE, false, offsetof(struct notice_entry, note)},
		{0},
	};
	struct notice_entry in = {0};
	int r = read_keys(json, keys, &in, fault);
	if (r == 0)
		r = check_level(in.level, fault);
	if (r == 0)
		r = refuse_future("received_on", in.received_on, now_ms, fault);
	if (r == 0 && *in.due_on && day_of(in.due_on) < day_of(in.received_on))
		r = refuse(fault, "due_on", "give the date that the notice names, or leave it out", "due_on is %.10s, before received_on",
			   in.due_on);
	if (r < 0)
		return r;
	in.received_ms = date_start_ms(day_of(in.received_on));
	*ret = in;
	return 0;
}

static int read_functions(const json_t *list, function_set *ret, struct fault *fault)
{
	static const char remedy[] = "give the classes that the report covers, for example [\"F01\",\"F09\"]";
	function_set set = 0;
	if (!json_is_array(list) || json_array_size(list) == 0)
		return refuse(fault, "functions", remedy, "functions is not a list with at least one class");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *code = json_string_value(json_array_get(list, i));
		function_set one = code ? function_from_code(span_str(code)) : 0;
		char place[32];
		snprintf(place, sizeof place, "functions/%zu", i);
		if (one == 0)
			return refuse(fault, place, "the classes of Article 2 are F01 to F11", "\"%.16s\" is no function class",
				      code ? code : "(not a text)");
		if (set & one)
			return refuse(fault, place, "name each class once", "%.16s stands twice", code);
		set |= one;
	}
	*ret = set;
	return 0;
}

int assessment_read(const json_t *json, int64_t now_ms, struct assessment_entry *ret, struct fault *fault)
{
	static const struct key keys[] = {
		{"service", KEY_TEXT, true, offsetof(struct assessment_entry, service)},
		{"functions", KEY_LIST, true, 0},
		{"filed_on", KEY_DATE, true, offsetof(struct assessment_entry, filed_on)},
		{"receipt", KEY_TEXT, false, offsetof(struct assessment_entry, receipt)},
		{"note", KEY_NOTE, false, offsetof(struct assessment_entry, note)},
		{0},
	};
	struct assessment_entry in = {0};
	int r = read_keys(json, keys, &in, fault);
	if (r == 0)
		r = read_functions(json_object_get(json, "functions"), &in.functions, fault);
	if (r == 0)
		r = refuse_future("filed_on", in.filed_on, now_ms, fault);
	if (r == 0)
		*ret = in;
	return r;
}

function_set functions_read(struct span list)
{
	function_set set = 0;
	if (list.len == 0 || list.data[list.len - 1] == ',')
		return 0;
	do {
		function_set one = function_from_code(span_cut(&list, ','));
		if (one == 0)
			return 0;
		set |= one;
	} while (list.len > 0);
	return set;
}
