#include "collector/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/api/rfc3339.h"
#include "collector/services/functions.h"
#include "lib/address.h"
#include "lib/settings_table.h"

static const cyaml_schema_field_t service_fields[] = {
	SETTINGS_TEXT_REQUIRED("name", struct collector_service_setting, name),
	SETTINGS_TEXT("title", struct collector_service_setting, title),
	SETTINGS_TEXTS("workloads", struct collector_service_setting, workloads),
	SETTINGS_TEXTS("hosts", struct collector_service_setting, hosts),
	SETTINGS_TEXTS("assessed", struct collector_service_setting, assessed),
	SETTINGS_TEXT("assessed_on", struct collector_service_setting, assessed_on),
	SETTINGS_SWITCH("news", struct collector_service_setting, news),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t service_value = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct collector_service_setting, service_fields)};

static const struct settings_row rows[] = {
	{"listen", "'0.0.0.0:7465'", "where agents connect, over mutual TLS"},
	{"api_listen", "'127.0.0.1:8465'", "where the dashboard and the REST API are served, over HTTPS"},
	{"names", "'localhost,127.0.0.1'", "host names and addresses in the certificate that the first start makes"},
	{"ca", "''", "authority whose agents are let in; empty: <state>/pki/ca.crt, made on the first start"},
	{"certificate", "''", "the collector's certificate; empty: <state>/pki/collector.crt, made on the first start"},
	{"key", "''", "its private key; empty: <state>/pki/collector.key, made on the first start"},
	{"database", "''", "the embedded store's file; empty: <state>/tocsin.db"},
	{"day_offset_minutes", "480", "where a day begins, in minutes east of UTC; the law's days are those of Asia/Shanghai"},
	{"services", "[]", "information services: a list of {name, title, workloads, hosts, assessed, assessed_on, news}"},
	{"verbose", "false", "whether to log what is only of interest when looking for a fault"},
	{0},
};

static const cyaml_schema_field_t fields[] = {
	SETTINGS_TEXT("listen", struct collector_settings, listen),
	SETTINGS_TEXT("api_listen", struct collector_settings, api_listen),
	SETTINGS_TEXT("names", struct collector_settings, names),
	SETTINGS_TEXT("ca", struct collector_settings, ca),
	SETTINGS_TEXT("certificate", struct collector_settings, certificate),
	SETTINGS_TEXT("key", struct collector_settings, key),
	SETTINGS_TEXT("database", struct collector_settings, database),
	SETTINGS_SIGNED("day_offset_minutes", struct collector_settings, day_offset_minutes),
	SETTINGS_LIST("services", struct collector_settings, services, &service_value),
	SETTINGS_SWITCH("verbose", struct collector_settings, verbose),
	CYAML_FIELD_END,
};

const struct settings_table collector_settings_table = {rows, fields, sizeof(struct collector_settings)};

static int check(const struct collector_settings *s, struct err *err)
{
	char host[ADDRESS_HOST_MAX];
	uint16_t port;
	int r = address_split(s->listen, host, &port, err);
	if (r == 0)
		r = address_split(s->api_listen, host, &port, err);
	if (r == 0 && (s->day_offset_minutes < -720 || s->day_offset_minutes > 840)) {
		err_set(err, "day_offset_minutes: %d is outside -720 to 840", s->day_offset_minutes);
		r = -EINVAL;
	}
	return r;
}

int collector_settings_load(const char *file, const char *const *set, size_t count, const char *state_dir, struct collector_settings **ret,
			    struct err *err)
{
	void *loaded = NULL;
	int r = settings_load(&collector_settings_table, file, set, count, &loaded, err);
	if (r < 0)
		return r;
	struct collector_settings *s = loaded;
	if ((r = settings_default_text(&s->ca, state_dir, "/pki/ca.crt")) < 0 ||
	    (r = settings_default_text(&s->certificate, state_dir, "/pki/collector.crt")) < 0 ||
	    (r = settings_default_text(&s->key, state_dir, "/pki/collector.key")) < 0 ||
	    (r = settings_default_text(&s->database, state_dir, "/tocsin.db")) < 0)
		err_set(err, "out of memory");
	else
		r = check(s, err);
	if (r < 0) {
		if (file && !err->file[0])
			snprintf(err->file, sizeof err->file, "%s", file);
		collector_settings_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void collector_settings_free(struct collector_settings *s)
{
	settings_free(&collector_settings_table, s);
}

/* The list with a NULL at its end, as struct service_declaration wants it. */
static const char *const *terminated(char **list, uint32_t count)
{
	const char **out = calloc(count + 1, sizeof *out);
	for (uint32_t i = 0; out && i < count; i++)
		out[i] = list[i];
	return out;
}

static int function_set_of(const struct collector_service_setting *s, function_set *ret, struct err *err)
{
	function_set set = 0;
	for (uint32_t i = 0; i < s->assessed_count; i++) {
		function_set one = function_from_code(span_str(s->assessed[i]));
		if (!one) {
			err_set(err, "services: %s: assessed: '%s' is no function class; write F01 to F11", s->name, s->assessed[i]);
			return -EINVAL;
		}
		set |= one;
	}
	*ret = set;
	return 0;
}

/* What is on file is a report of a day: without a day, or with one that there is not, nothing is said to be on file, nor silently left off it. */
static int check_assessed_on(const struct collector_service_setting *s, struct err *err)
{
	calendar_day day;
	bool given = s->assessed_on && s->assessed_on[0];
	if (given && date_parse(span_str(s->assessed_on), &day) < 0) {
		err_set(err, "services: %s: assessed_on: '%.40s' is no date; write the day of the report, like 2026-03-01", s->name,
			s->assessed_on);
		return -EINVAL;
	}
	if (!given && s->assessed_count > 0) {
		err_set(err, "services: %s: assessed names functions, but assessed_on does not say when the report was filed; add it",
			s->name);
		return -EINVAL;
	}
	return 0;
}

int collector_settings_services(const struct collector_settings *s, struct services **ret, struct err *err)
{
	struct service_declaration *declared = calloc(s->services_count + 1, sizeof *declared);
	int r = declared ? 0 : -ENOMEM;
	for (uint32_t i = 0; r == 0 && i < s->services_count; i++) {
		const struct collector_service_setting *from = &s->services[i];
		struct service_declaration *to = &declared[i];
		to->name = from->name;
		to->title = from->title;
		to->news = from->news == SETTINGS_TRUE;
		to->assessed_on = from->assessed_on && from->assessed_on[0] ? from->assessed_on : NULL;
		to->workloads = terminated(from->workloads, from->workloads_count);
		to->hosts = terminated(from->hosts, from->hosts_count);
		r = to->workloads && to->hosts ? check_assessed_on(from, err) : -ENOMEM;
		if (r == 0)
			r = function_set_of(from, &to->assessed, err);
	}
	if (r == 0)
		r = services_new(declared, s->services_count, ret, err);
	if (r == -ENOMEM)
		err_set(err, "out of memory");
	for (uint32_t i = 0; declared && i < s->services_count; i++) {
		free((void *)(uintptr_t)declared[i].workloads);
		free((void *)(uintptr_t)declared[i].hosts);
	}
	free(declared);
	return r;
}
