#include "agent/pipeline.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/fleet_key.h"
#include "lib/file.h"

enum { TEMPLATES_FILE_MAX = 64 << 20, TEMPLATE_CHILDREN_MAX = 24 };

/* The lists of the settings, ended by NULL as struct identity_rules wants them; NULL when empty, which asks for the default list. */
static const char *const *terminated(char **list, uint32_t count)
{
	if (count == 0)
		return NULL;
	const char **out = calloc(count + 1, sizeof *out);
	for (uint32_t i = 0; out && i < count; i++)
		out[i] = list[i];
	return out;
}

static int make_identity(struct pipeline *p, const struct agent_settings *s, struct err *err)
{
	struct identity_rules rules = {
		.account_cookies = terminated(s->account_cookies, s->account_cookies_count),
		.account_headers = terminated(s->account_headers, s->account_headers_count),
		.session_cookies = terminated(s->session_cookies, s->session_cookies_count),
		.trusted_proxies = terminated(s->trusted_proxies, s->trusted_proxies_count),
	};
	int r = fleet_key_load(s->fleet_key, rules.key, err);
	if (r == 0)
		r = identity_new(&rules, &p->identity, err);
	sodium_memzero(rules.key, sizeof rules.key);
	free((void *)(uintptr_t)rules.account_cookies);
	free((void *)(uintptr_t)rules.account_headers);
	free((void *)(uintptr_t)rules.session_cookies);
	free((void *)(uintptr_t)rules.trusted_proxies);
	return r;
}

/* What was learnt is worth keeping but never worth a failed start. */
static void load_templates(struct pipeline *p, struct err *ret_warning)
{
	struct buf bytes;
	struct err why = {0};
	buf_init(&bytes, TEMPLATES_FILE_MAX);
	int r = file_read(p->templates_path, &bytes, &why);
	if (r == 0)
		r = templates_load(p->templates, buf_span(&bytes), &why);
	buf_done(&bytes);
	if (r == 0 || r == -ENOENT)
		return;
	char aside[4096];
	snprintf(aside, sizeof aside, "%s.bad", p->templates_path);
	rename(p->templates_path, aside);
	err_at(ret_warning, p->templates_path, 0, "%s; set aside as .bad, templates are learnt anew", why.text);
}

int pipeline_init(struct pipeline *p, const struct agent_settings *settings, const char *state_dir, uint32_t span_ms,
		  struct err *ret_warning, struct err *err)
{
	struct template_limits templates = {
		.nodes_max = settings->template_nodes, .clients_min = settings->template_clients, .children_max = TEMPLATE_CHILDREN_MAX};
	struct windows_limits windows = {.span_ms = span_ms, .memory_bytes = settings->memory_bytes};

	*p = (struct pipeline){0};
	*ret_warning = (struct err){0};
	int r = make_identity(p, settings, err);
	if (r < 0)
		goto fail;
	p->workloads = workloads_new(PIPELINE_WORKLOADS_MAX);
	p->templates = templates_new(&templates);
	if (!p->workloads || !p->templates || asprintf(&p->templates_path, "%s/templates", state_dir) < 0)
		goto no_memory;
	templates_name_workloads(p->templates, p->workloads);
	r = templates_open_hosts(p->templates, settings->hosts, settings->hosts_count, err);
	if (r < 0)
		goto fail;
	load_templates(p, ret_warning);
	p->windows = windows_new(&windows, p->templates, p->workloads, identity_key_id(p->identity));
	if (!p->windows)
		goto no_memory;
	return 0;
no_memory:
	err_set(err, "out of memory");
	r = -ENOMEM;
fail:
	pipeline_done(p);
	return r;
}

void pipeline_done(struct pipeline *p)
{
	windows_free(p->windows);
	templates_free(p->templates);
	workloads_free(p->workloads);
	identity_free(p->identity);
	free(p->templates_path);
	*p = (struct pipeline){0};
}

int pipeline_save_templates(struct pipeline *p, struct err *err)
{
	struct buf bytes;
	buf_init(&bytes, TEMPLATES_FILE_MAX);
	int r = templates_save(p->templates, &bytes);
	if (r < 0)
		err_at(err, p->templates_path, 0, "cannot be written: %s", strerror(-r));
	else
		r = file_write(p->templates_path, buf_span(&bytes), 0600, err);
	buf_done(&bytes);
	return r;
}
