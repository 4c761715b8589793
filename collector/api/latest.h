/* The latest day of a service's distinct users, and the identity kind to show for it.
 *
 * Pure. Kinds never mix: the strongest one (account, session, address) that covers at least 80 % of the day's requests is the one that
 * the law's rules read; without such a one, the kind that covers most is shown and said to be insufficient. */
#ifndef TOCSIN_COLLECTOR_LATEST_H
#define TOCSIN_COLLECTOR_LATEST_H

#include <stdbool.h>

#include "collector/store/store.h"

struct latest {
	char day[16];
	struct store_users_row rows[IDENTITY_KINDS]; /* `day` points nowhere in them */
	bool has[IDENTITY_KINDS];
};

/* Rows in the order of store_each_users(): a later day replaces what was there. */
void latest_add(struct latest *l, const struct store_users_row *row);
/* NULL without any row. */
const struct store_users_row *latest_choose(const struct latest *l, bool *ret_sufficient);

#endif
