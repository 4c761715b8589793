#include "agent/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/address.h"
#include "lib/settings_table.h"

static const cyaml_schema_field_t tap_fields[] = {
	SETTINGS_TEXT_REQUIRED("path", struct agent_tap_setting, path),
	SETTINGS_TEXT("format", struct agent_tap_setting, format),
	SETTINGS_TEXT("workload", struct agent_tap_setting, workload),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t tap_value = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct agent_tap_setting, tap_fields)};
static const cyaml_schema_value_t port_value = {CYAML_VALUE_UINT(CYAML_FLAG_DEFAULT, uint16_t)};

static const struct settings_row rows[] = {
	{"agent", "''", "id of this agent: the common name of its certificate; empty: this host's name"},
	{"collector", "127.0.0.1:7465", "where the collector listens for agents"},
	{"ca", "''", "certificate of the authority that signed the collector's; empty: <state>/pki/ca.crt"},
	{"certificate", "''", "this agent's certificate; empty: <state>/pki/agent.crt"},
	{"key", "''", "this agent's private key; empty: <state>/pki/agent.key"},
	{"fleet_key", "''",
	 "file with the key under which identities are hashed, the same on every host of a fleet and never on the "
	 "collector; empty: <state>/fleet.key, made on the first start"},
	{"probes", "true", "whether to watch HTTP in clear with eBPF; what hinders it is said, and log taps go on"},
	{"probe_cgroup", "''", "watch this cgroup and what is below it only; empty: the whole host"},
	{"probe_ports", "[]", "watch these local ports only; empty: every listening port"},
	{"ring_bytes", "1048576", "size of the ring buffer between kernel and agent, a power of two"},
	{"window_ms", "10000", "length of a window of event time"},
	{"memory_bytes", "16777216", "ceiling of the open windows' counters and sketches"},
	{"spool_bytes", "268435456", "ceiling of the spool on disk"},
	{"template_nodes", "65536", "ceiling of the trie that route templates are learnt in"},
	{"template_clients", "3", "distinct clients that must have met an unknown path segment before it may leave the host"},
	{"hosts", "[]", "host names of your own that may leave the host from the first request on; others wait for template_clients, too"},
	{"account_cookies", "[]", "cookies whose value stands for an account; empty: the well-known ones"},
	{"account_headers", "[]", "request headers whose value stands for an account"},
	{"session_cookies", "[]", "cookies whose value stands for a session; empty: the well-known ones"},
	{"trusted_proxies", "[]", "addresses or networks whose X-Forwarded-For is believed"},
	{"taps", "[]", "logs to read: a list of {path, format, workload}"},
	{"verbose", "false", "whether to log what is only of interest when looking for a fault"},
	{0},
};

static const cyaml_schema_field_t fields[] = {
	SETTINGS_TEXT("agent", struct agent_settings, agent),
	SETTINGS_TEXT("collector", struct agent_settings, collector),
	SETTINGS_TEXT("ca", struct agent_settings, ca),
	SETTINGS_TEXT("certificate", struct agent_settings, certificate),
	SETTINGS_TEXT("key", struct agent_settings, key),
	SETTINGS_TEXT("fleet_key", struct agent_settings, fleet_key),
	SETTINGS_SWITCH("probes", struct agent_settings, probes),
	SETTINGS_TEXT("probe_cgroup", struct agent_settings, probe_cgroup),
	SETTINGS_LIST("probe_ports", struct agent_settings, probe_ports, &port_value),
	SETTINGS_NUMBER("ring_bytes", struct agent_settings, ring_bytes),
	SETTINGS_NUMBER("window_ms", struct agent_settings, window_ms),
	SETTINGS_NUMBER("memory_bytes", struct agent_settings, memory_bytes),
	SETTINGS_NUMBER("spool_bytes", struct agent_settings, spool_bytes),
	SETTINGS_NUMBER("template_nodes", struct agent_settings, template_nodes),
	SETTINGS_NUMBER("template_clients", struct agent_settings, template_clients),
	SETTINGS_TEXTS("hosts", struct agent_settings, hosts),
	SETTINGS_TEXTS("account_cookies", struct agent_settings, account_cookies),
	SETTINGS_TEXTS("account_headers", struct agent_settings, account_headers),
	SETTINGS_TEXTS("session_cookies", struct agent_settings, session_cookies),
	SETTINGS_TEXTS("trusted_proxies", struct agent_settings, trusted_proxies),
	SETTINGS_LIST("taps", struct agent_settings, taps, &tap_value),
	SETTINGS_SWITCH("verbose", struct agent_settings, verbose),
	CYAML_FIELD_END,
};

const struct settings_table agent_settings_table = {rows, fields, sizeof(struct agent_settings)};

static int check(const struct agent_settings *s, struct err *err)
{
	static const struct {
		const char *key;
		size_t offset;
		uint32_t least, most;
	} ranges[] = {
		{"window_ms", offsetof(struct agent_settings, window_ms), 100, 3600000},
		{"memory_bytes", offsetof(struct agent_settings, memory_bytes), 1 << 20, 64 << 20},
		{"template_nodes", offsetof(struct agent_settings, template_nodes), 256, 1 << 20},
		{"template_clients", offsetof(struct agent_settings, template_clients), 1, 8},
		{"ring_bytes", offsetof(struct agent_settings, ring_bytes), 1 << 16, 64 << 20},
	};
	for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
		uint32_t value;
		memcpy(&value, (const char *)s + ranges[i].offset, sizeof value);
		if (value < ranges[i].least || value > ranges[i].most) {
			err_set(err, "%s: %u is outside %u to %u", ranges[i].key, value, ranges[i].least, ranges[i].most);
			return -EINVAL;
		}
	}
	if (s->ring_bytes & (s->ring_bytes - 1)) {
		err_set(err, "ring_bytes: %u is no power of two", s->ring_bytes);
		return -EINVAL;
	}
	if (s->spool_bytes < (32 << 20)) {
		err_set(err, "spool_bytes: %llu is less than four segments (33554432)", (unsigned long long)s->spool_bytes);
		return -EINVAL;
	}
	if (3600000 % s->window_ms != 0) {
		err_set(err, "window_ms: %u does not divide an hour, and a window must not cross one", s->window_ms);
		return -EINVAL;
	}
	char host[ADDRESS_HOST_MAX];
	uint16_t port;
	return address_split(s->collector, host, &port, err);
}

int agent_settings_load(const char *file, const char *const *set, size_t count, const char *state_dir, struct agent_settings **ret,
			struct err *err)
{
	void *loaded = NULL;
	char host[256] = "host";
	int r = settings_load(&agent_settings_table, file, set, count, &loaded, err);
	if (r < 0)
		return r;
	struct agent_settings *s = loaded;
	gethostname(host, sizeof host - 1);
	if ((r = settings_default_text(&s->agent, host, "")) < 0 || (r = settings_default_text(&s->ca, state_dir, "/pki/ca.crt")) < 0 ||
	    (r = settings_default_text(&s->certificate, state_dir, "/pki/agent.crt")) < 0 ||
	    (r = settings_default_text(&s->key, state_dir, "/pki/agent.key")) < 0 ||
	    (r = settings_default_text(&s->fleet_key, state_dir, "/fleet.key")) < 0) {
		err_set(err, "out of memory");
		goto fail;
	}
	for (uint32_t i = 0; i < s->taps_count; i++) {
		if ((r = settings_default_text(&s->taps[i].format, "combined", "")) < 0 ||
		    (r = settings_default_text(&s->taps[i].workload, s->taps[i].path, "")) < 0) {
			err_set(err, "out of memory");
			goto fail;
		}
	}
	r = check(s, err);
	if (r < 0) {
		if (file && !err->file[0])
			snprintf(err->file, sizeof err->file, "%s", file);
		goto fail;
	}
	*ret = s;
	return 0;
fail:
	agent_settings_free(s);
	return r;
}

void agent_settings_free(struct agent_settings *s)
{
	settings_free(&agent_settings_table, s);
}
