/* The cores between a source and the spool, built from the settings: identity, workloads, templates, windows.
 *
 * Owns them; a daemon and a replay run the same pipeline. Knows no loop, no probe and no network. */
#ifndef TOCSIN_AGENT_PIPELINE_H
#define TOCSIN_AGENT_PIPELINE_H

#include <stdint.h>

#include "agent/exchange.h"
#include "agent/identity.h"
#include "agent/settings.h"
#include "agent/template.h"
#include "agent/windows.h"
#include "agent/workload.h"
#include "lib/err.h"

enum { PIPELINE_WORKLOADS_MAX = 1024 };

struct pipeline {
	struct identity *identity;
	struct workloads *workloads;
	struct templates *templates;
	struct windows *windows;
	char *templates_path;
};

/* `settings` is borrowed for the life of `p`. Reads the fleet key (makes one on the first start) and the templates that an earlier run learnt under `state_dir`. A template file that cannot
 * be read is set aside and named in `ret_warning` (its text is empty otherwise): learning begins anew. */
int pipeline_init(struct pipeline *p, const struct agent_settings *settings, const char *state_dir, uint32_t span_ms,
		  struct err *ret_warning, struct err *err);
void pipeline_done(struct pipeline *p);

/* Writes the learnt templates beside the old file and renames: a crash leaves one of the two. */
int pipeline_save_templates(struct pipeline *p, struct err *err);

#endif
