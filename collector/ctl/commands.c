#include "collector/ctl/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "collector/ctl/table.h"

enum { PATH_BYTES_MAX = 2048, CELL_BYTES_MAX = 256 };

static const char *option(const struct call *call, const char *name)
{
	for (size_t i = 0; i < call->option_count; i++)
		if (strcmp(call->options[i].name, name) == 0)
			return call->options[i].value;
	return NULL;
}

static int print_json(const json_t *json)
{
	json_dumpf(json, stdout, JSON_INDENT(2));
	fputc('\n', stdout);
	return 0;
}

/* ---- lists ---- */

struct listing {
	const char *path; /* of the API */
	const char *list; /* the answer's key */
	const char *none;
	const char *const *head;
	void (*row)(struct table *t, const json_t *row);
};

static int print_listing(struct call *call, const struct listing *listing, const char *path, struct err *err)
{
	json_t *json, *row;
	size_t i;
	int r = client_call(call->client, "GET", path, NULL, &json, err);
	if (r < 0)
		return r;
	struct table *t = call->json ? NULL : table_new(listing->head);
	if (call->json) {
		r = print_json(json);
	} else if (t) {
		json_array_foreach(json_object_get(json, listing->list), i, row) listing->row(t, row);
		r = table_print(t, listing->none, stdout);
	} else {
		r = -ENOMEM;
	}
	if (r == 0 && json_is_true(json_object_get(json, "truncated")))
		fprintf(stderr, "there are more; ask for more with --limit N, or for one service with --service S\n");
	if (r == -ENOMEM)
		err_set(err, "out of memory");
	table_free(t);
	json_decref(json);
	return r;
}

static const char *text(const json_t *row, const char *key)
{
	const char *value = json_string_value(json_object_get(row, key));
	return value ? value : "";
}

static json_int_t number(const json_t *row, const char *key)
{
	return json_integer_value(json_object_get(row, key));
}

static void number_cell(struct table *t, const json_t *row, const char *key)
{
	char cell[32];
	snprintf(cell, sizeof cell, "%lld", (long long)number(row, key));
	table_cell(t, json_is_integer(json_object_get(row, key)) ? cell : "");
}

/* Without seconds, and in the law's own time, so that a moment and a due date beside it mean the same days. */
static void time_cell(struct table *t, const json_t *row, const char *key)
{
	char cell[48] = "-";
	struct tm tm = {0};
	if (strptime(text(row, key), "%Y-%m-%dT%H:%M:%S", &tm)) {
		time_t shanghai = timegm(&tm) + 8 * 3600;
		gmtime_r(&shanghai, &tm);
		strftime(cell, sizeof cell, "%Y-%m-%d %H:%M+08", &tm);
	}
	table_cell(t, cell);
}

static void share_cell(struct table *t, const json_t *row, const char *key)
{
	char cell[32];
	const json_t *share = json_object_get(row, key);
	snprintf(cell, sizeof cell, "%.2f %%", 100 * json_number_value(share));
	table_cell(t, json_is_number(share) ? cell : "-");
}

/* "F01 forum, F09 information sharing" of a list of functions, or "F01" of a list of codes. */
static void functions_cell(struct table *t, const json_t *list)
{
	char cell[CELL_BYTES_MAX] = "";
	size_t i, len = 0;
	json_t *f;
	json_array_foreach(list, i, f)
	{
		const char *code = json_is_string(f) ? json_string_value(f) : text(f, "code");
		if (len < sizeof cell)
			len += (size_t)snprintf(cell + len, sizeof cell - len, "%s%s%s%s", i ? ", " : "", code,
						json_is_object(f) ? " " : "", json_is_object(f) ? text(f, "name") : "");
	}
	table_cell(t, i ? cell : "-");
}

/* ---- triggers ---- */

static void clock_cell(struct table *t, const json_t *clock)
{
	char cell[CELL_BYTES_MAX];
	json_int_t left = number(clock, "working_days_left"), elapsed = number(clock, "working_days_elapsed");
	const char *status = text(clock, "status"),
		   *provisional = json_is_true(json_object_get(clock, "provisional")) ? " (provisional)" : "";
	if (strcmp(status, "stopped") == 0)
		snprintf(cell, sizeof cell, "%s", status);
	else if (strcmp(text(clock, "kind"), "before-launch") == 0)
		snprintf(cell, sizeof cell, "%s, %lld working day%s", status, (long long)elapsed, elapsed == 1 ? "" : "s");
	else if (left < 0)
		snprintf(cell, sizeof cell, "%s since %s by %lld working days%s", status, text(clock, "due_on"), (long long)-left,
			 provisional);
	else
		snprintf(cell, sizeof cell, "%s, %lld working day%s left, due %s%s", status, (long long)left, left == 1 ? "" : "s",
			 text(clock, "due_on"), provisional);
	table_cell(t, cell);
}

static void trigger_row(struct table *t, const json_t *row)
{
	number_cell(t, row, "id");
	table_cell(t, text(row, "clause"));
	table_cell(t, text(row, "service"));
	functions_cell(t, json_object_get(row, "functions"));
	table_cell(t, text(row, "state"));
	time_cell(t, row, "occurred_at");
	clock_cell(t, json_object_get(row, "clock"));
	table_cell(t, text(row, "reason"));
}

static int run_triggers(struct call *call, struct err *err)
{
	static const char *const head[] = {">ID", "CLAUSE", "SERVICE", "FUNCTIONS", "STATE", "OCCURRED", "CLOCK", "REASON", NULL};
	static const struct listing listing = {"/triggers", "triggers", "no triggers", head, trigger_row};
	return print_listing(call, &listing, option(call, "all") ? "/triggers" : "/triggers?open=true", err);
}

/* ---- services, endpoints, agents, notices ---- */

static void users_cells(struct table *t, const json_t *users)
{
	char cell[CELL_BYTES_MAX];
	snprintf(cell, sizeof cell, "%.0f", json_number_value(json_object_get(users, "users")));
	table_cell(t, json_is_object(users) ? cell : "-");
	snprintf(cell, sizeof cell, "%s, %s%s", text(users, "kind"), text(users, "day"),
		 json_is_true(json_object_get(users, "sufficient")) ? "" : ", low coverage");
	table_cell(t, json_is_object(users) ? cell : "-");
}

static void service_row(struct table *t, const json_t *row)
{
	const json_t *assessment = json_object_get(row, "assessment");
	const char *filed = text(assessment, "filed_on");
	table_cell(t, text(row, "name"));
	functions_cell(t, json_object_get(row, "functions"));
	table_cell(t, json_is_object(assessment) ? (*filed ? filed : "on file") : "none");
	if (json_is_true(json_object_get(row, "news")))
		table_cell(t, "news (Art. 16)"); /* its own regulation: no clock for clauses 1 and 2 */
	else
		functions_cell(t, json_object_get(row, "unassessed"));
	time_cell(t, row, "first_seen");
	number_cell(t, row, "endpoints");
	number_cell(t, row, "requests_24h");
	users_cells(t, json_object_get(row, "users"));
}

static int run_services(struct call *call, struct err *err)
{
	static const char *const head[] = {"SERVICE",    "FUNCTIONS",     "ASSESSMENT", "UNASSESSED", "FIRST SEEN",
					   ">ENDPOINTS", ">REQUESTS 24H", ">USERS",     "KIND, DAY",  NULL};
	static const struct listing listing = {"/services", "services", "no services yet", head, service_row};
	return print_listing(call, &listing, listing.path, err);
}

static void endpoint_row(struct table *t, const json_t *row)
{
	table_cell(t, text(row, "service"));
	table_cell(t, *text(row, "host") ? text(row, "host") : "-");
	table_cell(t, text(row, "method"));
	table_cell(t, text(row, "template"));
	functions_cell(t, json_object_get(row, "functions"));
	table_cell(t, json_is_true(json_object_get(row, "takes_input")) ? "yes" : "no");
	number_cell(t, row, "requests");
	time_cell(t, row, "first_good");
}

static int run_endpoints(struct call *call, struct err *err)
{
	static const char *const head[] = {"SERVICE",           "HOST", "METHOD", "TEMPLATE", "FUNCTIONS", "INPUT", ">REQUESTS",
					   "FIRST GOOD ANSWER", NULL};
	static const struct listing listing = {"/endpoints", "endpoints", "no endpoints", head, endpoint_row};
	static const char *const keys[] = {"service", "function", "limit"};
	char path[PATH_BYTES_MAX] = "/endpoints";
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		if (client_query(call->client, path, sizeof path, keys[i], option(call, keys[i])) < 0) {
			err_set(err, "--%s is too long", keys[i]);
			return -EMSGSIZE;
		}
	}
	return print_listing(call, &listing, path, err);
}

static void agent_row(struct table *t, const json_t *row)
{
	const json_t *ledger = json_object_get(row, "ledger");
	table_cell(t, text(row, "id"));
	table_cell(t, json_is_true(json_object_get(row, "connected")) ? "yes" : "no");
	time_cell(t, row, "last_seen");
	share_cell(t, row, "coverage");
	number_cell(t, ledger, "events");
	number_cell(t, ledger, "events_lost");
	number_cell(t, row, "lost_records");
	number_cell(t, row, "sequence");
	table_cell(t, text(row, "version"));
	table_cell(t, text(row, "kernel"));
}

static int run_agents(struct call *call, struct err *err)
{
	static const char *const head[] = {"AGENT",         "CONNECTED", "LAST SEEN", ">COVERAGE", ">EVENTS", ">EVENTS LOST",
					   ">RECORDS LOST", ">SEQUENCE", "VERSION",   "KERNEL",    NULL};
	static const struct listing listing = {"/agents", "agents", "no agents yet", head, agent_row};
	return print_listing(call, &listing, listing.path, err);
}

static void notice_row(struct table *t, const json_t *row)
{
	number_cell(t, row, "id");
	table_cell(t, text(row, "service"));
	table_cell(t, text(row, "authority"));
	table_cell(t, text(row, "level"));
	table_cell(t, text(row, "reference"));
	table_cell(t, text(row, "received_on"));
	table_cell(t, *text(row, "due_on") ? text(row, "due_on") : "-");
	table_cell(t, text(row, "note"));
}

static int run_notices(struct call *call, struct err *err)
{
	static const char *const head[] = {">ID", "SERVICE", "AUTHORITY", "LEVEL", "REFERENCE", "RECEIVED", "DUE", "NOTE", NULL};
	static const struct listing listing = {"/notices", "notices", "no notices", head, notice_row};
	return print_listing(call, &listing, listing.path, err);
}

/* ---- entries ---- */

/* Sends `body` (taken) and prints what was recorded as `sentence` with its number. */
static int record(struct call *call, const char *path, json_t *body, const char *sentence, struct err *err)
{
	json_t *json = NULL;
	if (!body) { /* json_pack refuses what is no UTF-8 */
		err_set(err, "an option holds text that is not UTF-8");
		return -EINVAL;
	}
	int r = client_call(call->client, "POST", path, body, &json, err);
	json_decref(body);
	if (r < 0)
		return r;
	if (call->json)
		print_json(json);
	else
		printf("%s %lld recorded for %s; tocsinctl triggers shows what follows\n", sentence, (long long)number(json, "id"),
		       text(json, "service"));
	json_decref(json);
	return 0;
}

static int run_notice_add(struct call *call, struct err *err)
{
	json_t *body = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s*, s:s*}", "service", option(call, "service"), "authority",
				 option(call, "authority"), "level", option(call, "level"), "reference", option(call, "reference"),
				 "received_on", option(call, "received"), "due_on", option(call, "due"), "note", option(call, "note"));
	return record(call, "/notices", body, "notice", err);
}

/* "F01,F09" as a list; the API says which of them is no class. */
static json_t *split(const char *codes)
{
	json_t *list = json_array();
	while (codes) {
		const char *comma = strchr(codes, ',');
		json_array_append_new(list, json_stringn(codes, comma ? (size_t)(comma - codes) : strlen(codes)));
		codes = comma ? comma + 1 : NULL;
	}
	return list;
}

static int run_assessment_add(struct call *call, struct err *err)
{
	json_t *body =
		json_pack("{s:s, s:o, s:s, s:s*, s:s*}", "service", option(call, "service"), "functions", split(option(call, "functions")),
			  "filed_on", option(call, "filed"), "receipt", option(call, "receipt"), "note", option(call, "note"));
	return record(call, "/assessments", body, "assessment", err);
}

static int run_login_code(struct call *call, struct err *err)
{
	json_t *json;
	int r = client_call(call->client, "POST", "/login-codes", NULL, &json, err);
	if (r < 0)
		return r;
	if (call->json)
		print_json(json);
	else
		printf("%s%s\ngood for one login, until %.16sZ\n", call->collector, text(json, "path"), text(json, "expires_at"));
	json_decref(json);
	return 0;
}

const struct command commands[] = {
	{"triggers", "all", "[--all]", "open triggers of Article 3 with their clocks; --all: closed ones too", run_triggers},
	{"services", "", "", "information services, their functions, assessments and users", run_services},
	{"endpoints", "service= function= limit=", "[--service S] [--function F01,F09] [--limit N]",
	 "route templates and their function classes", run_endpoints},
	{"agents", "", "", "agents with their coverage and losses", run_agents},
	{"notices", "", "", "written notices of authorities", run_notices},
	{"notice add", "service=! authority=! level=! reference=! received=! due= note=",
	 "--service S --authority A --level national|province|prefecture --reference R --received DATE [--due DATE] [--note N]",
	 "record an authority's written notice: clause 3(5), 30 working days or its own earlier date", run_notice_add},
	{"assessment add",
	 "service=! functions=! filed=! receipt= note=", "--service S --functions F01,F09 --filed DATE [--receipt R] [--note N]",
	 "put an assessment on file: the baseline of clause 3(1)", run_assessment_add},
	{"login-code", "", "", "a new one-time login for the dashboard", run_login_code},
	{0},
};
