/* What a database must do to be a store: one function per function of store.h, called by store.c after it has checked what is the same for all.
 *
 * A second database is a second file with such a table, and one line in store_open. Seen by the store's files only. */
#ifndef TOCSIN_COLLECTOR_STORE_OPS_H
#define TOCSIN_COLLECTOR_STORE_OPS_H

#include "collector/store/store.h"

struct store_ops {
	void (*close)(struct store *s);
	int (*merge)(struct store *s, const struct store_delivery *deliveries, size_t count, size_t *ret_done, struct err *err);
	int (*hello)(struct store *s, const struct hello *hello, int64_t now_ms, uint64_t *ret_merged, struct err *err);
	int (*goodbye)(struct store *s, struct span agent, int64_t now_ms, struct err *err);
	int (*each_service)(struct store *s, on_store_service each, void *ctx, struct err *err);
	int (*each_endpoint)(struct store *s, const struct store_endpoint_filter *filter, on_store_endpoint each, void *ctx,
			     struct err *err);
	/* Days are numbers since 1970-01-01, inclusive; `total` merges them all into one row a kind. */
	int (*users)(struct store *s, int64_t service_id, int64_t from_day, int64_t to_day, bool total, on_store_users each, void *ctx,
		     struct err *err);
	int (*each_hour)(struct store *s, int64_t service_id, int64_t from_ms, int64_t to_ms, on_store_hour each, void *ctx,
			 struct err *err);
	int (*each_agent)(struct store *s, on_store_agent each, void *ctx, struct err *err);
	int (*each_ledger)(struct store *s, struct span agent, on_store_ledger each, void *ctx, struct err *err);
	int (*add_assessment)(struct store *s, const struct store_assessment *a, int64_t now_ms, int64_t *ret_id, struct err *err);
	int (*add_notice)(struct store *s, const struct store_notice *n, int64_t now_ms, int64_t *ret_id, struct err *err);
	int (*each_notice)(struct store *s, int64_t service_id, on_store_notice each, void *ctx, struct err *err);
	int (*raise)(struct store *s, const struct store_trigger *t, int64_t *ret_id, bool *ret_new, struct err *err);
	int (*close_trigger)(struct store *s, int64_t id, enum trigger_state state, int64_t now_ms, const char *why, struct err *err);
	int (*each_trigger)(struct store *s, bool open_only, on_store_trigger each, void *ctx, struct err *err);
};

struct store {
	const struct store_ops *ops;
	bool read_only;
};

int sqlite_store_open(const struct store_options *options, struct store **ret, struct err *err);

#endif
