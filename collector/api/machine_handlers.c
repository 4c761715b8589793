/* What machines ask: /health, /metrics, /events and the description of it all. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "collector/api/openapi.h"
#include "collector/api/routes.h"
#include "collector/api/view.h"
#include "lib/buf.h"

enum { METRICS_BYTES_MAX = 8 << 20 };

void get_events(struct request *rq, struct reply *reply)
{
	(void)rq;
	reply->kind = REPLY_EVENTS;
	reply->status = 200;
	reply->type = "text/event-stream";
}

void get_openapi(struct request *rq, struct reply *reply)
{
	(void)rq;
	reply_static(reply, "application/yaml; charset=utf-8", openapi_yaml, (size_t)(openapi_yaml_end - openapi_yaml));
}

static int on_first_agent(void *ctx, const struct store_agent_row *row)
{
	(void)ctx;
	(void)row;
	return 1;
}

/* One small read tells whether the store answers; its sentence stays out of an address that anybody may ask. */
void get_health(struct request *rq, struct reply *reply)
{
	struct err err = {0};
	bool readable = store_each_agent(request_store(rq), on_first_agent, NULL, &err) >= 0;
	reply_json(reply, readable ? 200 : 503,
		   json_pack("{s:s, s:s, s:o}", "status", readable ? "ok" : "store unreadable", "version", TOCSIN_VERSION, "started_at",
			     view_time(rq->env->started_ms)));
}

/* ---- metrics: Prometheus text exposition format 0.0.4 ---- */

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void gauge(struct buf *out, const char *name, const char *help, uint64_t value)
{
	head(out, name, "gauge", help);
	buf_printf(out, "%s %" PRIu64 "\n", name, value);
}

static void counter(struct buf *out, const char *name, const char *help, uint64_t value)
{
	head(out, name, "counter", help);
	buf_printf(out, "%s %" PRIu64 "\n", name, value);
}

/* A label's value: backslash, quotation mark and line end are escaped. */
static void label(struct buf *out, const char *value)
{
	for (const char *c = value; *c; c++) {
		if (*c == '\n') {
			buf_append(out, "\\n", 2);
			continue;
		}
		if (*c == '\\' || *c == '"')
			buf_append_byte(out, '\\');
		buf_append_byte(out, (uint8_t)*c);
	}
}

static void of_agent(struct buf *out, const char *name, const char *agent, uint64_t value)
{
	buf_printf(out, "%s{agent=\"", name);
	label(out, agent);
	buf_printf(out, "\"} %" PRIu64 "\n", value);
}

static uint64_t is_connected(const struct store_agent_row *row)
{
	return row->connected;
}

static uint64_t last_seen_s(const struct store_agent_row *row)
{
	return (uint64_t)(row->last_seen_ms / 1000);
}

static uint64_t lost_records(const struct store_agent_row *row)
{
	return row->lost_records;
}

static uint64_t bytes_seen(const struct store_agent_row *row)
{
	return row->ledger.seen;
}

static uint64_t bytes_counted(const struct store_agent_row *row)
{
	return row->ledger.counted;
}

static uint64_t events_counted(const struct store_agent_row *row)
{
	return row->ledger.events;
}

static uint64_t events_lost(const struct store_agent_row *row)
{
	return row->ledger.events_lost;
}

enum { AGENT_METRICS = 7 };
static const struct agent_metric {
	const char *name, *type, *help;
	uint64_t (*value)(const struct store_agent_row *row);
} agent_metrics[AGENT_METRICS] = {
	{"tocsin_agent_connected", "gauge", "Whether the agent's stream is open.", is_connected},
	{"tocsin_agent_last_seen_seconds", "gauge", "Unix time of the agent's last message.", last_seen_s},
	{"tocsin_agent_lost_records_total", "counter", "Sequences that the agent declared lost.", lost_records},
	{"tocsin_agent_bytes_seen_total", "counter", "Bytes that the agent's sources saw.", bytes_seen},
	{"tocsin_agent_bytes_counted_total", "counter", "Of those, bytes that were counted; their ratio is the coverage.", bytes_counted},
	{"tocsin_agent_events_total", "counter", "Exchanges and log lines counted.", events_counted},
	{"tocsin_agent_events_lost_total", "counter", "Records that the kernel could not hand over.", events_lost},
};

/* Prometheus wants the lines of one metric together: one buffer a metric, filled in one pass over the agents. */
static int on_agent_metrics(void *ctx, const struct store_agent_row *row)
{
	struct buf *bufs = ctx;
	for (size_t i = 0; i < AGENT_METRICS; i++)
		of_agent(&bufs[i], agent_metrics[i].name, row->agent, agent_metrics[i].value(row));
	return 0;
}

static int add_agents(struct request *rq, struct buf *out, struct err *err)
{
	struct buf bufs[AGENT_METRICS];
	for (size_t i = 0; i < AGENT_METRICS; i++)
		buf_init(&bufs[i], METRICS_BYTES_MAX / AGENT_METRICS);
	int r = store_each_agent(request_store(rq), on_agent_metrics, bufs, err);
	for (size_t i = 0; i < AGENT_METRICS; i++) {
		head(out, agent_metrics[i].name, agent_metrics[i].type, agent_metrics[i].help);
		buf_append_span(out, buf_span(&bufs[i]));
		buf_done(&bufs[i]);
	}
	return r;
}

struct trigger_counts {
	const char *clause[8];
	uint64_t open[8];
};

static int on_open_trigger(void *ctx, const struct store_trigger *t)
{
	struct trigger_counts *counts = ctx;
	for (size_t i = 0; i < 8 && counts->clause[i]; i++)
		counts->open[i] += strcmp(counts->clause[i], t->clause) == 0;
	return 0;
}

static int add_triggers(struct request *rq, struct buf *out, struct err *err)
{
	struct trigger_counts counts = {.clause = {"3(1)", "3(2)", "3(3)", "3(4)", "3(5)"}};
	int r = store_each_trigger(request_store(rq), true, on_open_trigger, &counts, err);
	head(out, "tocsin_triggers_open", "gauge", "Open triggers of Article 3, by clause.");
	for (size_t i = 0; counts.clause[i]; i++)
		buf_printf(out, "tocsin_triggers_open{clause=\"%s\"} %" PRIu64 "\n", counts.clause[i], counts.open[i]);
	return r;
}

static int on_counted_service(void *ctx, const struct store_service_row *row)
{
	(void)row;
	++*(uint64_t *)ctx;
	return 0;
}

static void add_own(struct request *rq, struct buf *out)
{
	struct events_stats events;
	struct sessions_stats sessions;
	events_stats(rq->env->events, &events);
	sessions_stats(rq->env->sessions, rq->now_ms, &sessions);
	head(out, "tocsin_api_requests_total", "counter", "Requests answered, by status class.");
	for (int class = 2; class <= 5; class ++)
		buf_printf(out, "tocsin_api_requests_total{status=\"%dxx\"} %" PRIu64 "\n", class,
			   __atomic_load_n(&rq->env->requests[class], __ATOMIC_RELAXED));
	gauge(out, "tocsin_api_subscribers", "Subscribers of server-sent events.", events.subscribers);
	counter(out, "tocsin_api_events_total", "Events published.", events.published);
	counter(out, "tocsin_api_subscribers_dropped_total", "Subscribers dropped because they did not read.", events.dropped);
	gauge(out, "tocsin_api_sessions", "Open sessions.", sessions.open);
	counter(out, "tocsin_api_logins_total", "Logins that succeeded.", sessions.logins);
	counter(out, "tocsin_api_login_failures_total", "Logins with a wrong code.", sessions.failures);
	counter(out, "tocsin_api_login_refusals_total", "Logins refused because of too many failures.", sessions.refused_by_rate);
}

void get_metrics(struct request *rq, struct reply *reply)
{
	struct err err = {0};
	struct buf out;
	uint64_t services = 0;
	buf_init(&out, METRICS_BYTES_MAX * 2);
	int r = add_triggers(rq, &out, &err);
	if (r >= 0)
		r = store_each_service(request_store(rq), on_counted_service, &services, &err);
	if (r >= 0)
		r = add_agents(rq, &out, &err);
	if (r < 0) {
		buf_done(&out);
		reply_store_failed(reply, &err);
		return;
	}
	gauge(&out, "tocsin_services", "Information services known.", services);
	gauge(&out, "tocsin_collector_start_time_seconds", "Unix time of the collector's start.", (uint64_t)(rq->env->started_ms / 1000));
	add_own(rq, &out);
	reply_text(reply, "text/plain; version=0.0.4; charset=utf-8", (char *)out.data, out.len); /* takes the buffer's memory */
}
