/* The collector's settings: one row a key in settings.c. Owned by the caller of collector_settings_load. */
#ifndef TOCSIN_COLLECTOR_SETTINGS_H
#define TOCSIN_COLLECTOR_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#include "collector/services/services.h"
#include "lib/err.h"
#include "lib/settings.h"

struct collector_service_setting {
	char *name;
	char *title;
	char **workloads;
	uint32_t workloads_count;
	char **hosts;
	uint32_t hosts_count;
	char **assessed;
	uint32_t assessed_count;
	char *assessed_on;
	int news;
};

struct collector_settings {
	char *listen;
	char *api_listen;
	char *names;
	char *ca;
	char *certificate;
	char *key;
	char *database;
	int day_offset_minutes;
	struct collector_service_setting *services;
	uint32_t services_count;
	int verbose;
};

extern const struct settings_table collector_settings_table;

int collector_settings_load(const char *file, const char *const *set, size_t count, const char *state_dir, struct collector_settings **ret,
			    struct err *err);
void collector_settings_free(struct collector_settings *s);

/* The declared services as the rules know them. -EINVAL for an unknown function class or date. */
int collector_settings_services(const struct collector_settings *s, struct services **ret, struct err *err);

#endif
