/* The agent's settings: what an operator may say, and what stands where he says nothing.
 *
 * One row a key in settings.c. Owned by the caller of agent_settings_load; every text in it lives as long as it does. */
#ifndef TOCSIN_AGENT_SETTINGS_H
#define TOCSIN_AGENT_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/settings.h"

struct agent_tap_setting {
	char *path;     /* a file or a glob */
	char *format;   /* a name of the table in tap/formats.c */
	char *workload; /* the name under which its exchanges are counted */
};

struct agent_settings {
	char *agent;
	char *collector;
	char *ca;
	char *certificate;
	char *key;
	char *fleet_key;
	int probes; /* enum settings_switch, as every switch */
	char *probe_cgroup;
	uint16_t *probe_ports;
	uint32_t probe_ports_count;
	uint32_t ring_bytes;
	uint32_t window_ms;
	uint32_t memory_bytes;
	uint64_t spool_bytes;
	uint32_t template_nodes;
	uint32_t template_clients;
	char **hosts;
	uint32_t hosts_count;
	char **account_cookies;
	uint32_t account_cookies_count;
	char **account_headers;
	uint32_t account_headers_count;
	char **session_cookies;
	uint32_t session_cookies_count;
	char **trusted_proxies;
	uint32_t trusted_proxies_count;
	struct agent_tap_setting *taps;
	uint32_t taps_count;
	int verbose;
};

extern const struct settings_table agent_settings_table;

/* Loads, then fills the paths that were left empty with their places under `state_dir` and the agent's id with the host name, and checks what
 * a table cannot say. -EINVAL with a sentence. */
int agent_settings_load(const char *file, const char *const *set, size_t count, const char *state_dir, struct agent_settings **ret,
			struct err *err);
void agent_settings_free(struct agent_settings *s);

#endif
