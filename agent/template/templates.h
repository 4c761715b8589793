/* The inside of struct templates, shared by agent/template.c (what may be said) and agent/template/memory.c (what is kept on disk). */
#ifndef TOCSIN_AGENT_TEMPLATE_TEMPLATES_H
#define TOCSIN_AGENT_TEMPLATE_TEMPLATES_H

#include "agent/template.h"
#include "agent/template/trie.h"

enum { HOST_BYTES_MAX = 255 };

struct templates {
	struct template_limits limits;
	const struct workloads *workloads;
	struct trie trie;
	uint32_t *roots; /* by workload id: node of its root, or NODE_NONE */
	uint32_t root_count;
	uint32_t hosts;          /* root of the host names */
	char *const *open_hosts; /* those that are said at once; borrowed */
	size_t open_host_count;
	uint32_t strangers; /* nodes of unknown text not vetted */
	struct template_stats stats;
	char last_host[HOST_BYTES_MAX]; /* as received, and what may be said of it for good */
	size_t last_host_len;
	struct span last_host_name;
};

#endif
