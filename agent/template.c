/* What may be said of a path. The shapes of single segments are in template/shape.c, the store in template/trie.c.
 *
 * The one hard question is whether unknown text is a route or somebody's name. Both are met by many clients when they are popular; what
 * tells them apart is their siblings. Routes are few: soon no new one turns up. Names keep coming, most of them met by one or two
 * clients, and below each stands the same. So text is believed to be a route (vetted) only when
 *   - clients_min distinct clients met it with good answers,
 *   - so they did with more than half of its unknown siblings, and
 *   - PATIENCE good answers for each unknown sibling have passed since the last new one;
 * and when a parent has more than children_max unknown children that are alike, it becomes variable: all but the vetted are "{x}".
 * Text that nobody met again for FORGET answers a sibling no longer stands in the way of the others. */
#include "agent/template.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/template/path.h"
#include "agent/template/templates.h"
#include "lib/fnv.h"

enum {
	PATIENCE = 16,
	FORGET = 64,
	UNALIKE_FACTOR = 8, /* even children with different subtrees become "{x}" past so many times children_max */
	NODES_MIN = 64,
	WORKLOADS_MAX = 1 << 16,
	KINDS = 32, /* bits of node.subtree */
};

#define VARIABLE "{x}"
#define REST     "{rest}" /* what lies deeper than SEGMENTS_MAX */

struct templates *templates_new(const struct template_limits *limits)
{
	struct templates *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->limits = *limits;
	if (t->limits.clients_min < 1)
		t->limits.clients_min = 1;
	if (t->limits.clients_min > CLIENTS_MAX)
		t->limits.clients_min = CLIENTS_MAX;
	t->hosts = NODE_NONE;
	trie_init(&t->trie, limits->nodes_max < NODES_MIN ? NODES_MIN : limits->nodes_max);
	return t;
}

void templates_name_workloads(struct templates *t, const struct workloads *workloads)
{
	t->workloads = workloads;
}

void templates_free(struct templates *t)
{
	if (!t)
		return;
	trie_done(&t->trie);
	free(t->roots);
	free(t);
}

void templates_stats(const struct templates *t, struct template_stats *ret)
{
	*ret = t->stats;
	ret->nodes = t->trie.live;
}

static struct node *at(struct templates *t, uint32_t node)
{
	return &t->trie.nodes[node];
}

static bool is_stranger(const struct node *n)
{
	return n->kind == SHAPE_UNKNOWN && !n->vetted;
}

/* ---- forgetting ---- */

static uint32_t strangers_in(const struct trie *t, uint32_t node)
{
	uint32_t count = is_stranger(&t->nodes[node]);

	for (uint32_t c = t->nodes[node].first_child; c != NODE_NONE; c = t->nodes[c].next_sibling)
		count += strangers_in(t, c);
	return count;
}

/* Drops a stranger and what was learnt below it. */
static void forget(struct templates *t, uint32_t node)
{
	struct node *parent = at(t, at(t, node)->parent);

	parent->unknown--;
	parent->popular -= at(t, node)->client_count >= t->limits.clients_min;
	t->strangers -= strangers_in(&t->trie, node);
	t->stats.forgotten++;
	trie_remove(&t->trie, node);
}

/* Drops those children of unknown text that too few clients met, but for `keep`. */
static void forget_unpopular(struct templates *t, uint32_t parent, uint32_t keep)
{
	for (uint32_t next, c = at(t, parent)->first_child; c != NODE_NONE; c = next) {
		next = at(t, c)->next_sibling;
		if (c != keep && is_stranger(at(t, c)) && at(t, c)->client_count < t->limits.clients_min)
			forget(t, c);
	}
}

/* When the trie is nearly full, all strangers go: those who are routes will come again. Worth a walk over everything only when it frees much. */
static void make_room(struct templates *t)
{
	if (t->trie.live + SEGMENTS_MAX + 2 < t->trie.max || t->strangers < t->trie.max / 8)
		return;
	for (uint32_t i = 0; i < t->trie.used; i++)
		if (at(t, i)->live && is_stranger(at(t, i)))
			forget(t, i);
}

/* ---- siblings ---- */

/* The kinds of subtree that at least a quarter of the unknown children share; `ret_alike` when they make up most of what is below them. */
static uint32_t common_subtree(struct templates *t, uint32_t parent, bool *ret_alike)
{
	unsigned holders[KINDS] = {0};
	unsigned all = 0, shared = 0;
	uint32_t common = 0;

	for (uint32_t c = at(t, parent)->first_child; c != NODE_NONE; c = at(t, c)->next_sibling) {
		for (unsigned k = 0; at(t, c)->kind == SHAPE_UNKNOWN && k < KINDS; k++)
			holders[k] += at(t, c)->subtree >> k & 1;
	}
	for (unsigned k = 0; k < KINDS; k++) {
		bool is_common = holders[k] * 4 >= at(t, parent)->unknown;
		all += holders[k];
		shared += is_common ? holders[k] : 0;
		common |= (uint32_t)is_common << k;
	}
	*ret_alike = shared * 2 >= all;
	return common;
}

static void vet(struct templates *t, uint32_t node)
{
	at(t, node)->vetted = true;
	memset(at(t, node)->clients, 0, sizeof at(t, node)->clients);
	t->strangers--;
	t->stats.vetted++;
}

/* From now on unknown children of `parent` are "{x}", but for those vetted and those that many met and that differ from the rest. */
static void become_variable(struct templates *t, uint32_t parent, uint32_t common)
{
	for (uint32_t next, c = at(t, parent)->first_child; c != NODE_NONE; c = next) {
		next = at(t, c)->next_sibling;
		if (!is_stranger(at(t, c)))
			continue;
		if (at(t, c)->client_count >= t->limits.clients_min && (at(t, c)->subtree & ~common))
			vet(t, c);
		else
			forget(t, c);
	}
	at(t, parent)->variable = true;
	t->stats.variable++;
}

static bool judge_siblings(struct templates *t, uint32_t parent)
{
	unsigned unknown = at(t, parent)->unknown;
	bool alike;

	if (unknown <= t->limits.children_max)
		return false;
	uint32_t common = common_subtree(t, parent, &alike);
	if (!alike && unknown <= t->limits.children_max * UNALIKE_FACTOR)
		return false;
	become_variable(t, parent, common);
	return true;
}

/* ---- one client meets one segment ---- */

struct visit {
	bool good; /* the answer vouches for the path: it may teach */
	bool has_client;
	uint16_t client; /* its tag */
	bool withheld;   /* an unvetted segment was met on the way */
	bool is_host;
};

/* The strongest kind of identity names the client, by sixteen bits of its keyed hash: enough to tell three clients apart, and shared by so
 * many that it points to nobody when it is kept. Two who share a tag count as one, which only delays. */
static struct visit visit_of(const struct exchange *x, bool is_host)
{
	struct visit v = {.good = x->status > 0 && x->status < 400, .is_host = is_host};

	for (int kind = IDENTITY_KINDS - 1; kind >= 0 && !v.has_client; kind--) {
		v.has_client = x->who.mask >> kind & 1;
		v.client = (uint16_t)(x->who.hash[kind] ^ (unsigned)kind);
	}
	return v;
}

static void note_client(struct templates *t, uint32_t node, uint16_t client)
{
	struct node *n = at(t, node);

	for (unsigned i = 0; i < n->client_count; i++)
		if (n->clients[i] == client)
			return;
	n->clients[n->client_count++] = client;
	at(t, n->parent)->popular += n->client_count == t->limits.clients_min;
}

/* A good answer for unknown text that is known to the trie. */
static void meet(struct templates *t, uint32_t node, const struct visit *v)
{
	struct node *n = at(t, node), *parent = at(t, n->parent);

	if (parent->quiet < UINT32_MAX)
		parent->quiet++;
	if (n->vetted)
		return;
	if (v->has_client && n->client_count < t->limits.clients_min)
		note_client(t, node, v->client);
	if (parent->popular < parent->unknown && parent->quiet >= FORGET * (uint32_t)parent->unknown)
		forget_unpopular(t, n->parent, node);
	if (n->client_count >= t->limits.clients_min && parent->popular * 2 > parent->unknown &&
	    parent->quiet >= PATIENCE * (uint32_t)parent->unknown)
		vet(t, node);
}

static uint32_t add_child(struct templates *t, uint32_t parent, const struct shape *s, const struct visit *v)
{
	uint32_t node = v->good ? trie_add(&t->trie, parent, s->kind, s->text) : NODE_NONE;

	if (node == NODE_NONE) {
		t->stats.refused += v->good;
		return NODE_NONE;
	}
	at(t, node)->below = (uint8_t)s->below;
	if (s->kind == SHAPE_UNKNOWN) {
		t->strangers++;
		at(t, parent)->unknown++;
		at(t, parent)->quiet = 0;
		meet(t, node, v);
	}
	return node;
}

static uint32_t child_of_shape(struct templates *t, uint32_t parent, const struct shape *s, const struct visit *v)
{
	uint32_t node = trie_find(&t->trie, parent, s->text);

	return node != NODE_NONE ? node : add_child(t, parent, s, v);
}

static uint32_t labelled_child(struct templates *t, uint32_t parent, const char *label, const struct visit *v)
{
	struct shape s = {.kind = SHAPE_LABEL, .text = span_str(label), .below = BELOW_ROUTES};

	return child_of_shape(t, parent, &s, v);
}

/* Which kind of child this is, the same below every parent. */
static uint32_t subtree_kind(const struct node *n)
{
	return n->kind == SHAPE_UNKNOWN ? 1 : (uint32_t)2 << fnv1a64(n->text, n->len) % (KINDS - 1);
}

/* For text that is not in the trie as such; NULL: no text of any route. */
static uint32_t step_by_shape(struct templates *t, uint32_t parent, const struct span *text, const struct visit *v)
{
	struct shape s;

	if (text)
		shape_of(*text, (enum word_below)at(t, parent)->below, &s);
	else
		shape_of_undecodable(&s);
	if (v->is_host && s.kind == SHAPE_LABEL)
		s.text = span_str(VARIABLE); /* labels of host names are one kind of thing */
	if (s.kind == SHAPE_UNKNOWN && at(t, parent)->variable)
		return labelled_child(t, parent, VARIABLE, v);
	uint32_t node = child_of_shape(t, parent, &s, v);
	if (node != NODE_NONE && s.kind == SHAPE_UNKNOWN && judge_siblings(t, parent))
		return labelled_child(t, parent, VARIABLE, v);
	return node;
}

/* The node below `parent` that stands for this segment, or NODE_NONE when there is none and there will be none. */
static uint32_t step(struct templates *t, uint32_t parent, const struct segment *segment, const struct visit *v)
{
	char room[SEGMENT_BYTES_MAX];
	struct span text = segment->raw;
	bool clean = segment->plain ? text.len <= SEGMENT_BYTES_MAX : shape_decode(text, room, &text);
	bool number = clean && shape_is_number(text); /* the most frequent variable: no use looking for it by itself */
	uint32_t node = clean && !number ? trie_find(&t->trie, parent, text) : NODE_NONE;

	if (node == NODE_NONE)
		node = step_by_shape(t, parent, clean ? &text : NULL, v);
	else if (at(t, node)->kind == SHAPE_UNKNOWN && v->good)
		meet(t, node, v);
	if (node != NODE_NONE && at(t, parent)->kind == SHAPE_UNKNOWN)
		at(t, parent)->subtree |= subtree_kind(at(t, node));
	return node;
}

/* ---- routes ---- */

static uint32_t make_root(struct templates *t, const char *name)
{
	uint32_t root = trie_find(&t->trie, NODE_NONE, span_str(name));

	return root != NODE_NONE ? root : trie_add(&t->trie, NODE_NONE, SHAPE_WORD, span_str(name));
}

/* A workload's id may be another after a restart; its name is not. */
static uint32_t make_workload_root(struct templates *t, uint32_t id)
{
	char name[LITERAL_BYTES_MAX];

	if (t->workloads) {
		const struct workload *w = workloads_get(t->workloads, id);
		snprintf(name, sizeof name, "%u:%016llx", (unsigned)w->kind, (unsigned long long)fnv1a64(w->name.data, w->name.len));
	} else {
		snprintf(name, sizeof name, "#%u", (unsigned)id);
	}
	return make_root(t, name);
}

static uint32_t root_of(struct templates *t, uint32_t workload)
{
	if (workload >= WORKLOADS_MAX)
		workload = 0;
	if (workload >= t->root_count) {
		uint32_t *roots = realloc(t->roots, (workload + 1) * sizeof *roots);
		if (!roots)
			return NODE_NONE;
		for (uint32_t i = t->root_count; i <= workload; i++)
			roots[i] = NODE_NONE;
		t->roots = roots;
		t->root_count = workload + 1;
	}
	if (t->roots[workload] == NODE_NONE)
		t->roots[workload] = make_workload_root(t, workload);
	return t->roots[workload];
}

/* Every text on the way from the root, deepest last, with '/' before each; or deepest first with '.' between, as host names are written.
 * Empty when that is longer than a name may be. */
static struct span compose(const struct trie *t, uint32_t node, bool is_host)
{
	char text[(TRIE_DEPTH_MAX + 1) * (LITERAL_BYTES_MAX + 1)];
	size_t start = sizeof text, end = 0;

	for (; t->nodes[node].depth > 0; node = t->nodes[node].parent) {
		const struct node *n = &t->nodes[node];
		if (is_host) {
			if (end > 0)
				text[end++] = '.';
			memcpy(text + end, n->text, n->len);
			end += n->len;
		} else {
			start -= n->len;
			memcpy(text + start, n->text, n->len);
			text[--start] = '/';
		}
	}
	struct span made = is_host ? span_make(text, end) : span_make(text + start, sizeof text - start);
	if (made.len == 0)
		made = span_str("/");
	if (made.len > NAME_BYTES_MAX)
		return span_make(NULL, 0);
	char *copy = malloc(made.len);
	if (!copy)
		return span_make(NULL, 0);
	memcpy(copy, made.data, made.len);
	return span_make(copy, made.len);
}

/* The name of a node that may be said; empty when memory is out. */
static struct span name_of(struct templates *t, uint32_t node, bool is_host)
{
	struct node *n = at(t, node);

	if (n->name.len == 0)
		n->name = compose(&t->trie, node, is_host);
	return n->name;
}

static struct span route_of(struct templates *t, const struct exchange *x, bool *ret_new)
{
	struct visit v = visit_of(x, false);
	struct segments segments;
	struct span unsaid = span_str(v.good ? TEMPLATE_QUARANTINE : TEMPLATE_SCANNER);

	if (x->path.len == 0 || x->path.data[0] != '/')
		return span_equal(x->path, span_str("*")) ? span_str("*") : unsaid;
	make_room(t);
	uint32_t node = root_of(t, x->workload);
	path_split(x->path, &segments);
	for (size_t i = 0; i < segments.count && node != NODE_NONE; i++) {
		node = step(t, node, &segments.items[i], &v);
		v.withheld |= node != NODE_NONE && is_stranger(at(t, node));
	}
	if (node != NODE_NONE && segments.more)
		node = labelled_child(t, node, REST, &v);
	if (node == NODE_NONE)
		return unsaid;
	at(t, node)->answered |= v.good;
	if (!at(t, node)->answered)
		return span_str(TEMPLATE_SCANNER);
	struct span name = v.withheld ? span_make(NULL, 0) : name_of(t, node, false);
	if (name.len == 0)
		return span_str(TEMPLATE_QUARANTINE);
	*ret_new = !at(t, node)->exported;
	at(t, node)->exported = true;
	return name;
}

struct span templates_route(struct templates *t, const struct exchange *exchange, bool *ret_new)
{
	bool is_new = false;
	struct span name = route_of(t, exchange, &is_new);

	*ret_new = is_new;
	return name;
}

/* ---- hosts ---- */

static bool is_host_name(struct span host)
{
	for (size_t i = 0; i < host.len; i++) {
		char c = host.data[i];
		bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
		if (!word && (c != '.' || i == 0 || host.data[i - 1] == '.'))
			return false;
	}
	return host.len > 0;
}

/* IPv4 in dotted decimals, or anything with a colon: an IPv6 literal, bracketed or not. */
static bool is_address(struct span host)
{
	size_t dots = 0, digits = 0;

	for (size_t i = 0; i < host.len; i++) {
		if (host.data[i] == ':')
			return true;
		dots += host.data[i] == '.';
		digits += host.data[i] >= '0' && host.data[i] <= '9';
	}
	return dots == 3 && digits > 3 && digits + dots == host.len;
}

int templates_open_hosts(struct templates *t, char *const *names, size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		struct span name = span_str(names[i]);
		if (name.len <= HOST_BYTES_MAX && is_host_name(name) && !is_address(name))
			continue;
		err_set(err, "hosts: '%.100s' is no host name; write it in lower case, without port: forum.example.com", names[i]);
		return -EINVAL;
	}
	t->open_hosts = names;
	t->open_host_count = count;
	return 0;
}

/* The operator's own name, or empty. */
static struct span find_open_host(const struct templates *t, struct span host)
{
	for (size_t i = 0; i < t->open_host_count; i++)
		if (span_equal(span_str(t->open_hosts[i]), host))
			return span_str(t->open_hosts[i]);
	return span_make("", 0);
}

/* Walks the labels from the right: names branch off below their domain. */
static struct span name_of_host(struct templates *t, struct span host, const struct exchange *x)
{
	struct visit v = visit_of(x, true);
	struct span none = span_make("", 0);

	if (t->hosts == NODE_NONE)
		t->hosts = make_root(t, "hosts");
	uint32_t node = t->hosts;
	while (host.len > 0 && node != NODE_NONE && at(t, node)->depth < TRIE_DEPTH_MAX) {
		const char *dot = memrchr(host.data, '.', host.len);
		struct span label = dot ? span_from(host, (size_t)(dot - host.data) + 1) : host;
		host.len = dot ? (size_t)(dot - host.data) : 0;
		node = step(t, node, &(struct segment){.raw = label, .plain = true}, &v);
		v.withheld |= node != NODE_NONE && is_stranger(at(t, node));
	}
	if (node == NODE_NONE || host.len > 0)
		return none;
	at(t, node)->answered |= v.good;
	if (v.withheld || !at(t, node)->answered)
		return none;
	return name_of(t, node, true);
}

struct span templates_host(struct templates *t, const struct exchange *x)
{
	char lower[HOST_BYTES_MAX];
	struct span host = x->host;

	if (host.len == t->last_host_len && host.len > 0 && memcmp(host.data, t->last_host, host.len) == 0)
		return t->last_host_name;
	if (is_address(host))
		return span_str("{ip}");
	if (host.len > sizeof lower)
		return span_make("", 0);
	for (size_t i = 0; i < host.len; i++)
		lower[i] = (char)(host.data[i] >= 'A' && host.data[i] <= 'Z' ? host.data[i] | 0x20 : host.data[i]);
	size_t len = host.len > 0 && lower[host.len - 1] == '.' ? host.len - 1 : host.len;
	if (!is_host_name(span_make(lower, len)))
		return span_make("", 0);
	struct span name = find_open_host(t, span_make(lower, len));
	if (name.len == 0) {
		make_room(t);
		name = name_of_host(t, span_make(lower, len), x);
	}
	/* What may be said of a host is said for good, so that a server's next request need not be looked up. */
	if (name.len > 0) {
		memcpy(t->last_host, host.data, host.len);
		t->last_host_len = host.len;
		t->last_host_name = name;
	}
	return name;
}
