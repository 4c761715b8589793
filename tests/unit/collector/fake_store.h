/* A store with fixed rows behind the functions of store.h that the API calls. Included by one test.
 *
 * The real store is tested with the real collector; this one makes every row known to the digit and lets the store fail on demand. */
#ifndef TOCSIN_TESTS_FAKE_STORE_H
#define TOCSIN_TESTS_FAKE_STORE_H

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "collector/store/store.h"

enum { FORUM = 1, SHOP = 2, FAKE_NOTICES_MAX = 8 };
#define T0 INT64_C(1763949600000) /* 2025-11-24T02:00:00Z, a Monday */

static atomic_bool fake_fails;
static atomic_int fake_notices, fake_assessments;
static struct {
	int64_t service_id, received_ms;
	char authority[128], level[32], reference[128], due_on[16], note[64], actor[16];
} fake_notice[FAKE_NOTICES_MAX];
static struct {
	int64_t service_id;
	function_set functions;
	char filed_on[16], receipt[64], actor[16];
} fake_assessment;

struct store {
	int unused;
};
static struct store fake_handle;

static int fake_failure(struct err *err)
{
	if (!atomic_load(&fake_fails))
		return 0;
	err_set(err, "disk I/O error");
	return -EIO;
}

int store_open(const struct store_options *options, struct store **ret, struct err *err)
{
	if (!options->read_only || strcmp(options->path, "fake.db") != 0) {
		err_set(err, "%s is no store", options->path);
		return -ENOENT;
	}
	*ret = &fake_handle;
	return 0;
}

void store_close(struct store *s)
{
	(void)s;
}

static const struct store_service_row fake_services[] = {
	{.id = SHOP,
	 .name = "shop/web",
	 .declared = true,
	 .title = "Shop",
	 .first_seen_ms = T0 - 1000,
	 .last_seen_ms = T0,
	 .functions = FUNCTION(9),
	 .assessment_on_file = true,
	 .assessed = FUNCTION(9),
	 .assessed_on = "2025-10-01",
	 .endpoints = 1,
	 .requests_24h = 7},
	{.id = FORUM,
	 .name = "forum",
	 .first_seen_ms = T0 - 86400000,
	 .last_seen_ms = T0,
	 .functions = FUNCTION(1) | FUNCTION(9),
	 .endpoints = 3,
	 .requests_24h = 10007},
};

int store_each_service(struct store *s, on_store_service each, void *ctx, struct err *err)
{
	(void)s;
	int r = fake_failure(err);
	for (size_t i = 0; i < 2 && r == 0; i++)
		r = each(ctx, &fake_services[i]);
	return r;
}

static const struct store_endpoint_row fake_endpoints[] = {
	{.id = 1,
	 .service_id = FORUM,
	 .service = "forum",
	 .workload = "forum.service",
	 .host = "forum.example",
	 .method = "GET",
	 .template = "/t/{slug}/{id}",
	 .content = "html",
	 .functions = FUNCTION(1),
	 .first_seen_ms = T0 - 5000,
	 .first_good_ms = T0 - 5000,
	 .detected_ms = T0,
	 .last_seen_ms = T0,
	 .requests = 10000,
	 .good = 9990},
	{.id = 2,
	 .service_id = FORUM,
	 .service = "forum",
	 .workload = "forum.service",
	 .host = "forum.example",
	 .method = "POST",
	 .template = "/t/{slug}/{id}/reply",
	 .content = "json",
	 .takes_input = true,
	 .functions = FUNCTION(1) | FUNCTION(9),
	 .first_seen_ms = T0 - 4000,
	 .first_good_ms = T0 - 4000,
	 .detected_ms = T0,
	 .last_seen_ms = T0,
	 .requests = 6,
	 .good = 6},
	{.id = 3,
	 .service_id = FORUM,
	 .service = "forum",
	 .workload = "forum.service",
	 .host = "",
	 .method = "GET",
	 .template = "{scanner}",
	 .content = "",
	 .first_seen_ms = T0,
	 .detected_ms = T0,
	 .last_seen_ms = T0,
	 .requests = 1},
	{.id = 4,
	 .service_id = SHOP,
	 .service = "shop/web",
	 .workload = "shop/web",
	 .host = "\xff\xfe",
	 .method = "POST",
	 .template = "/comment",
	 .content = "json",
	 .takes_input = true,
	 .functions = FUNCTION(9),
	 .first_seen_ms = T0,
	 .first_good_ms = T0,
	 .detected_ms = T0,
	 .last_seen_ms = T0,
	 .requests = 7,
	 .good = 7},
};

int store_each_endpoint(struct store *s, const struct store_endpoint_filter *filter, on_store_endpoint each, void *ctx, struct err *err)
{
	(void)s;
	int r = fake_failure(err);
	size_t given = 0;
	for (size_t i = 0; i < 4 && r == 0 && given < filter->limit; i++) {
		const struct store_endpoint_row *row = &fake_endpoints[i];
		if ((filter->service_id && row->service_id != filter->service_id) ||
		    (filter->functions && !(row->functions & filter->functions)))
			continue;
		given++;
		r = each(ctx, row);
	}
	return r;
}

/* Signed-in users cover 79 of 100 requests on the first day and 80 on the second. */
static const struct store_users_row fake_users[] = {
	{"2025-11-23", IDENTITY_ADDRESS, 400.5, 0.0061, 100, 100},
	{"2025-11-23", IDENTITY_ACCOUNT, 300, 0.0061, 79, 100},
	{"2025-11-24", IDENTITY_ADDRESS, 503.25, 0.0061, 100, 100},
	{"2025-11-24", IDENTITY_ACCOUNT, 350, 0.0061, 80, 100},
};

int store_each_users(struct store *s, int64_t service_id, const char *from, const char *to, on_store_users each, void *ctx, struct err *err)
{
	(void)s;
	int r = fake_failure(err);
	for (size_t i = 0; i < 4 && r == 0 && service_id == FORUM; i++)
		if (strcmp(fake_users[i].day, from) >= 0 && (!*to || strcmp(fake_users[i].day, to) <= 0))
			r = each(ctx, &fake_users[i]);
	return r;
}

int store_users_total(struct store *s, int64_t service_id, const char *from, const char *to, on_store_users each, void *ctx,
		      struct err *err)
{
	static const struct store_users_row total = {"total", IDENTITY_ADDRESS, 777, 0.0061, 200, 200};
	(void)s;
	(void)service_id;
	(void)from;
	(void)to;
	int r = fake_failure(err);
	return r < 0 ? r : each(ctx, &total);
}

int store_each_hour(struct store *s, int64_t service_id, int64_t from_ms, int64_t to_ms, on_store_hour each, void *ctx, struct err *err)
{
	static const struct store_hour_row hours[] = {{T0 - 3600000, {1, 0, 5, 2, 1, 1}}, {T0, {0, 0, 9997, 0, 0, 0}}};
	(void)s;
	int r = fake_failure(err);
	for (size_t i = 0; i < 2 && r == 0 && service_id == FORUM; i++)
		if (hours[i].hour_ms >= from_ms && hours[i].hour_ms < to_ms)
			r = each(ctx, &hours[i]);
	return r;
}

int store_each_agent(struct store *s, on_store_agent each, void *ctx, struct err *err)
{
	static const struct store_agent_row agents[] = {
		{.agent = "host-1",
		 .version = "0.1.0",
		 .kernel = "6.1.0",
		 .epoch = UINT64_MAX,
		 .sequence = 42,
		 .first_seen_ms = T0 - 1,
		 .last_seen_ms = T0,
		 .connected = true,
		 .ledger = {.seen = 1000, .counted = 990, .malformed = 10, .events = 23},
		 .sources = 1},
		{.agent = "host/\"2\"", .version = "0.1.0", .kernel = "5.10", .first_seen_ms = T0, .last_seen_ms = T0},
	};
	(void)s;
	int r = fake_failure(err);
	for (size_t i = 0; i < 2 && r == 0; i++)
		r = each(ctx, &agents[i]);
	return r;
}

int store_each_ledger(struct store *s, struct span agent, on_store_ledger each, void *ctx, struct err *err)
{
	struct ledger row = {
		.kind = SOURCE_PROBE, .source = span_str("probe:http"), .seen = 1000, .counted = 990, .malformed = 10, .events = 23};
	(void)s;
	int r = fake_failure(err);
	return r < 0 || !span_equal(agent, span_str("host-1")) ? r : each(ctx, &row);
}

int store_add_assessment(struct store *s, const struct store_assessment *a, int64_t now_ms, int64_t *ret_id, struct err *err)
{
	(void)s;
	(void)now_ms;
	int r = fake_failure(err);
	if (r < 0)
		return r;
	fake_assessment.service_id = a->service_id;
	fake_assessment.functions = a->functions;
	snprintf(fake_assessment.filed_on, sizeof fake_assessment.filed_on, "%s", a->filed_on);
	snprintf(fake_assessment.receipt, sizeof fake_assessment.receipt, "%s", a->receipt);
	snprintf(fake_assessment.actor, sizeof fake_assessment.actor, "%s", a->actor);
	*ret_id = atomic_fetch_add(&fake_assessments, 1) + 1;
	return 0;
}

int store_add_notice(struct store *s, const struct store_notice *n, int64_t now_ms, int64_t *ret_id, struct err *err)
{
	(void)s;
	(void)now_ms;
	int r = fake_failure(err);
	int i = atomic_load(&fake_notices);
	if (r < 0 || i == FAKE_NOTICES_MAX)
		return r < 0 ? r : -ENOSPC;
	fake_notice[i].service_id = n->service_id;
	fake_notice[i].received_ms = n->received_ms;
	snprintf(fake_notice[i].authority, sizeof fake_notice[i].authority, "%s", n->authority);
	snprintf(fake_notice[i].level, sizeof fake_notice[i].level, "%s", n->level);
	snprintf(fake_notice[i].reference, sizeof fake_notice[i].reference, "%s", n->reference);
	snprintf(fake_notice[i].due_on, sizeof fake_notice[i].due_on, "%s", n->due_on);
	snprintf(fake_notice[i].note, sizeof fake_notice[i].note, "%s", n->note);
	snprintf(fake_notice[i].actor, sizeof fake_notice[i].actor, "%s", n->actor);
	*ret_id = i + 1;
	atomic_store(&fake_notices, i + 1);
	return 0;
}

int store_each_notice(struct store *s, int64_t service_id, on_store_notice each, void *ctx, struct err *err)
{
	(void)s;
	int r = fake_failure(err);
	for (int i = 0; i < atomic_load(&fake_notices) && r == 0; i++) {
		struct store_notice row = {.id = i + 1,
					   .service_id = fake_notice[i].service_id,
					   .authority = fake_notice[i].authority,
					   .level = fake_notice[i].level,
					   .reference = fake_notice[i].reference,
					   .received_ms = fake_notice[i].received_ms,
					   .due_on = fake_notice[i].due_on,
					   .note = fake_notice[i].note,
					   .actor = fake_notice[i].actor};
		if (service_id == 0 || service_id == row.service_id)
			r = each(ctx, &row);
	}
	return r;
}

static const struct store_trigger fake_triggers[] = {
	{.id = 1,
	 .key = "3(1)/forum/F01",
	 .clause = "3(1)",
	 .service_id = FORUM,
	 .service = "forum",
	 .state = TRIGGER_CONFIRMED,
	 .functions = FUNCTION(1),
	 .occurred_ms = T0 - 5000,
	 .detected_ms = T0,
	 .confirmed_ms = T0,
	 .deadline_ms = T0 - 5000,
	 .reason = "Service forum serves F01.",
	 .reason_zh = "论坛",
	 .evidence = "{\"endpoint\": \"GET /t/{slug}/{id}\"}"},
	{.id = 2,
	 .key = "3(5)/shop",
	 .clause = "3(5)",
	 .service_id = SHOP,
	 .service = "shop/web",
	 .state = TRIGGER_CLOSED,
	 .occurred_ms = T0,
	 .detected_ms = T0 + 1,
	 .confirmed_ms = T0,
	 .deadline_ms = T0 + 86400000,
	 .reason = "A notice.",
	 .reason_zh = "书面通知",
	 .evidence = "not json"},
};

int store_each_trigger(struct store *s, bool open_only, on_store_trigger each, void *ctx, struct err *err)
{
	(void)s;
	int r = fake_failure(err);
	for (size_t i = 0; i < 2 && r == 0; i++)
		if (!open_only || fake_triggers[i].state <= TRIGGER_CONFIRMED)
			r = each(ctx, &fake_triggers[i]);
	return r;
}

#endif
