#include "collector/api/latest.h"

#include <stdio.h>
#include <string.h>

static double share(const struct store_users_row *row)
{
	return row->requests_all > 0 ? (double)row->requests / (double)row->requests_all : 0;
}

static bool is_sufficient(const struct store_users_row *row)
{
	return share(row) >= 0.8;
}

void latest_add(struct latest *l, const struct store_users_row *row)
{
	if (strcmp(l->day, row->day) != 0) {
		*l = (struct latest){0};
		snprintf(l->day, sizeof l->day, "%s", row->day);
	}
	l->rows[row->kind] = *row;
	l->rows[row->kind].day = NULL;
	l->has[row->kind] = true;
}

const struct store_users_row *latest_choose(const struct latest *l, bool *ret_sufficient)
{
	const struct store_users_row *most = NULL;
	for (int kind = IDENTITY_KINDS - 1; kind >= 0; kind--) {
		const struct store_users_row *row = &l->rows[kind];
		if (!l->has[kind])
			continue;
		if (is_sufficient(row)) {
			*ret_sufficient = true;
			return row;
		}
		if (!most || share(row) > share(most))
			most = row;
	}
	*ret_sufficient = false;
	return most;
}
