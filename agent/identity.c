/* Which identifier speaks. A cookie counts only when its value stays the same from one request to the next: a session that the server seals
 * anew with every answer (Laravel's and Rails' encrypted cookies, a random nonce each time) would make one visitor look like thousands, and
 * that is worse than falling back to the address. Such values are recognised by their shape and say nothing. */
#include "agent/identity.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

#include "agent/ip.h"
#include "agent/token.h"

/* Two rules of one kind: the stronger wins; of one list, the earlier. */
enum { STRENGTH_CONFIGURED = 3000, STRENGTH_BEARER = 2001, STRENGTH_BASIC = 2000, STRENGTH_BUILT_IN = 1000 };

struct cookie_name {
	const char *name;
	char until; /* of the value, what stands before this byte (or its %XX form) is the identifier; 0: all of it */
};

static const struct cookie_name built_in_accounts[] = {
	{"wordpress_logged_in_*", '|'}, /* user|expiry|token|mac */
	{"xf_user", ','},               /* XenForo: number,token */
	{"ips4_member_id", 0},          /* Invision Community */
	{"bbuserid", 0},                /* vBulletin */
	{"mybbuser", '_'},              /* MyBB: number_key */
	{"__typecho_uid", 0},
	{"*UserID", 0}, /* MediaWiki, prefixed by the wiki's name */
};

static const struct cookie_name built_in_sessions[] = {
	{"PHPSESSID", 0},
	{"JSESSIONID", 0},
	{"connect.sid", 0},
	{"sessionid", 0}, /* Django */
	{"ASP.NET_SessionId", 0},
	{".AspNetCore.Session", 0},
	{".ASPXAUTH", 0},
	{"SESSION", 0}, /* Spring Session */
	{"laravel_session", 0},
	{"_t", 0}, /* Discourse, signed in */
	{"_forum_session", 0},
	{"flarum_remember", 0},
	{"flarum_session", 0},
	{"xf_session", 0},
	{"bbs_sid", 0}, /* Xiuno */
	{"bb_sessionhash", 0},
	{"bbsessionhash", 0},
	{"express.sid", 0}, /* NodeBB */
	{"ips4_IPSSessionFront", 0},
	{"SMFCookie*", 0},
	{"MoodleSession*", 0},
	{"SSESS*", 0}, /* Drupal over TLS */
	{"SESS*", 0},
	{"ASPSESSIONID*", 0},
	{"i_like_gitea", 0},
	{"i_like_gogs", 0},
	{"_mastodon_session", 0},
	{"_gitlab_session", 0},
	{"grafana_session", 0},
	{"ory_kratos_session", 0},
	{"KEYCLOAK_SESSION", 0},
	{"next-auth.session-token", 0},
	{"__Secure-next-auth.session-token", 0},
	{"authjs.session-token", 0},
	{"__Secure-authjs.session-token", 0},
	{"PLAY_SESSION", 0},
	{"EGG_SESS", 0},
	{"koa.sid", 0},
	{"sails.sid", 0},
	{"CFID", 0}, /* ColdFusion */
	{"*_session_id", 0},
	{"*_session", 0},
	{"*_sid", 0}, /* phpBB, Discuz! */
};

enum match { MATCH_EXACT, MATCH_PREFIX, MATCH_SUFFIX };

struct rule {
	struct span name; /* without its '*'; owned */
	enum match match;
	enum identity_kind kind;
	uint16_t strength;
	char until;
};

enum { RULE_SLOTS = 2048 };

struct identity {
	uint8_t keys[IDENTITY_KINDS][crypto_shorthash_KEYBYTES];
	uint32_t key_id;
	uint16_t rule_count, pattern_count, header_count, proxy_count;
	uint16_t slots[RULE_SLOTS]; /* exact cookie names by hash: rule index + 1 */
	uint16_t patterns[3 * IDENTITY_RULES_MAX];
	struct rule rules[3 * IDENTITY_RULES_MAX];
	struct span headers[IDENTITY_RULES_MAX]; /* owned */
	struct ip_network proxies[IDENTITY_RULES_MAX];
};

_Static_assert(crypto_shorthash_KEYBYTES == IDENTITY_KEY_BYTES, "the fleet key is a SipHash key");

/* ---- rules ---- */

static uint32_t name_hash(struct span name)
{
	uint32_t h = 2166136261u; /* FNV-1a */
	for (size_t i = 0; i < name.len; i++)
		h = (h ^ (unsigned char)name.data[i]) * 16777619u;
	return h ^ h >> 15;
}

static uint16_t *slot_of(struct identity *id, struct span name)
{
	uint32_t i = name_hash(name) % RULE_SLOTS;
	while (id->slots[i] && !span_equal(id->rules[id->slots[i] - 1].name, name))
		i = (i + 1) % RULE_SLOTS;
	return &id->slots[i];
}

static const struct rule *find_exact(const struct identity *id, struct span name)
{
	for (uint32_t i = name_hash(name) % RULE_SLOTS; id->slots[i]; i = (i + 1) % RULE_SLOTS) {
		const struct rule *rule = &id->rules[id->slots[i] - 1];
		if (span_equal(rule->name, name))
			return rule;
	}
	return NULL;
}

static int copy_name(struct span name, struct span *ret)
{
	char *copy = malloc(name.len);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, name.data, name.len);
	*ret = span_make(copy, name.len);
	return 0;
}

static int add_cookie(struct identity *id, const char *text, char until, enum identity_kind kind, int strength, struct err *err)
{
	struct span name = span_str(text);
	enum match match = MATCH_EXACT;
	if (name.len > 1 && name.data[name.len - 1] == '*') {
		match = MATCH_PREFIX;
		name.len--;
	} else if (name.len > 1 && name.data[0] == '*') {
		match = MATCH_SUFFIX;
		name = span_from(name, 1);
	}
	if (name.len == 0 || memchr(name.data, '*', name.len)) {
		err_set(err, "cookie name \"%s\": write a whole name, or one with a single * at its beginning or end", text);
		return -EINVAL;
	}
	if (match == MATCH_EXACT && find_exact(id, name)) /* the stronger list came first */
		return 0;
	struct rule *rule = &id->rules[id->rule_count];
	int r = copy_name(name, &rule->name);
	if (r < 0)
		return r;
	rule->strength = (uint16_t)strength;
	rule->match = match;
	rule->kind = kind;
	rule->until = until;
	if (match == MATCH_EXACT)
		*slot_of(id, name) = (uint16_t)(id->rule_count + 1);
	else
		id->patterns[id->pattern_count++] = id->rule_count;
	id->rule_count++;
	return 0;
}

static int add_cookies(struct identity *id, const char *const *names, enum identity_kind kind, const struct cookie_name *built_in,
		       size_t count, struct err *err)
{
	int r = 0;
	for (int i = 0; names && names[i] && r == 0; i++) {
		if (i == IDENTITY_RULES_MAX) {
			err_set(err, "more than %d cookie names in one list", IDENTITY_RULES_MAX);
			return -E2BIG;
		}
		r = add_cookie(id, names[i], 0, kind, STRENGTH_CONFIGURED - i, err);
	}
	for (size_t i = 0; !names && i < count && r == 0; i++)
		r = add_cookie(id, built_in[i].name, built_in[i].until, kind, STRENGTH_BUILT_IN - (int)i, err);
	return r;
}

static int add_headers(struct identity *id, const char *const *names, struct err *err)
{
	for (; names && *names; names++) {
		if (id->header_count == IDENTITY_RULES_MAX || **names == '\0') {
			err_set(err, "account headers: at most %d names, none empty", IDENTITY_RULES_MAX);
			return -EINVAL;
		}
		int r = copy_name(span_str(*names), &id->headers[id->header_count]);
		if (r < 0)
			return r;
		id->header_count++;
	}
	return 0;
}

static int add_proxies(struct identity *id, const char *const *texts, struct err *err)
{
	for (; texts && *texts; texts++) {
		if (id->proxy_count == IDENTITY_RULES_MAX) {
			err_set(err, "more than %d trusted proxies: write networks instead", IDENTITY_RULES_MAX);
			return -E2BIG;
		}
		if (!ip_network_parse(span_str(*texts), &id->proxies[id->proxy_count])) {
			err_set(err, "trusted proxy \"%s\" is no address or network; write 192.0.2.7, 10.0.0.0/8 or fd00::/8", *texts);
			return -EINVAL;
		}
		id->proxy_count++;
	}
	return 0;
}

static void derive_keys(struct identity *id, const uint8_t key[IDENTITY_KEY_BYTES])
{
	for (int kind = 0; kind < IDENTITY_KINDS; kind++) {
		uint8_t label[] = "tocsin identity kind ?";
		label[sizeof label - 2] = (uint8_t)kind;
		crypto_generichash(id->keys[kind], sizeof id->keys[kind], label, sizeof label - 1, key, IDENTITY_KEY_BYTES);
	}
	uint8_t name[crypto_generichash_BYTES];
	crypto_generichash(name, sizeof name, key, IDENTITY_KEY_BYTES, NULL, 0);
	id->key_id = (uint32_t)name[0] << 24 | (uint32_t)name[1] << 16 | (uint32_t)name[2] << 8 | name[3];
}

int identity_new(const struct identity_rules *rules, struct identity **ret, struct err *err)
{
	int r = -ENOMEM;
	struct identity *id = calloc(1, sizeof *id);
	if (!id || sodium_init() < 0)
		goto fail;
	derive_keys(id, rules->key);
	r = add_cookies(id, rules->account_cookies, IDENTITY_ACCOUNT, built_in_accounts,
			sizeof built_in_accounts / sizeof built_in_accounts[0], err);
	if (r == 0)
		r = add_cookies(id, rules->session_cookies, IDENTITY_SESSION, built_in_sessions,
				sizeof built_in_sessions / sizeof built_in_sessions[0], err);
	if (r == 0)
		r = add_headers(id, rules->account_headers, err);
	if (r == 0)
		r = add_proxies(id, rules->trusted_proxies, err);
	if (r < 0)
		goto fail;
	*ret = id;
	return 0;
fail:
	identity_free(id);
	return r;
}

void identity_free(struct identity *id)
{
	if (!id)
		return;
	for (size_t i = 0; i < id->rule_count; i++)
		free((char *)(uintptr_t)id->rules[i].name.data);
	for (size_t i = 0; i < id->header_count; i++)
		free((char *)(uintptr_t)id->headers[i].data);
	sodium_memzero(id->keys, sizeof id->keys);
	free(id);
}

uint32_t identity_key_id(const struct identity *id)
{
	return id->key_id;
}

/* ---- hashing ---- */

static void set_hash(const struct identity *id, struct identities *who, enum identity_kind kind, const void *data, size_t len)
{
	uint8_t hash[crypto_shorthash_BYTES];
	crypto_shorthash(hash, data, len, id->keys[kind]);
	memcpy(&who->hash[kind], hash, sizeof who->hash[kind]);
	who->mask |= (uint8_t)(1u << kind);
}

static void offer(const struct identity *id, struct identity_reader *reader, enum identity_kind kind, int strength, struct span value)
{
	if (value.len == 0 || strength <= reader->strength[kind])
		return;
	reader->strength[kind] = (uint16_t)strength;
	set_hash(id, &reader->who, kind, value.data, value.len);
}

/* ---- cookies ---- */

static bool is_hex(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.data[i];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
	}
	return true;
}

static bool ends_with(struct span s, struct span end)
{
	return s.len >= end.len && span_equal(span_from(s, s.len - end.len), end);
}

/* Laravel: base64 of {"iv":…}. Rails: data--iv--tag, or data--digest, where the tag has 16 bytes and the digest is SHA-1 or SHA-256. */
static bool is_resealed(struct span value)
{
	if (span_starts_with(value, span_str("eyJpdiI6")))
		return true;
	size_t at = value.len;
	const char *dash;
	while ((dash = memrchr(value.data, '-', at)) && dash > value.data && dash[-1] != '-')
		at = (size_t)(dash - value.data);
	if (!dash || dash == value.data)
		return false;
	struct span tail = span_from(value, (size_t)(dash - value.data) + 1);
	if ((tail.len == 40 || tail.len == 64) && is_hex(tail))
		return true;
	return (tail.len == 24 && ends_with(tail, span_str("=="))) || (tail.len == 28 && ends_with(tail, span_str("%3D%3D")));
}

/* What stands before `until`, written as itself or percent-encoded. */
static struct span value_until(struct span value, char until)
{
	static const char digits[] = "0123456789ABCDEF";
	char encoded[] = {'%', digits[(unsigned char)until >> 4], digits[until & 15]};
	for (size_t i = 0; i < value.len; i++)
		if (value.data[i] == until || (value.len - i >= sizeof encoded &&
					       span_equal_nocase(span_make(value.data + i, sizeof encoded), span_make(encoded, 3))))
			return span_make(value.data, i);
	return value;
}

static void offer_cookie(const struct identity *id, struct identity_reader *reader, const struct rule *rule, struct span value)
{
	if (rule->strength <= reader->strength[rule->kind] || is_resealed(value))
		return;
	struct token_buffer buffer;
	struct span subject;
	if (rule->kind == IDENTITY_ACCOUNT && token_is_jwt(value)) { /* the token is renewed, its subject stays */
		if (token_subject(value, &buffer, &subject))
			offer(id, reader, IDENTITY_ACCOUNT, rule->strength, subject);
		sodium_memzero(&buffer, sizeof buffer);
		return;
	}
	offer(id, reader, rule->kind, rule->strength, rule->until ? value_until(value, rule->until) : value);
}

static bool rule_fits(const struct rule *rule, struct span name)
{
	return rule->match == MATCH_PREFIX ? span_starts_with(name, rule->name) : ends_with(name, rule->name);
}

static void read_cookie(const struct identity *id, struct identity_reader *reader, struct span name, struct span value)
{
	if (value.len >= 2 && value.data[0] == '"' && value.data[value.len - 1] == '"')
		value = span_make(value.data + 1, value.len - 2);
	if (name.len == 0 || value.len == 0 || span_equal(value, span_str("deleted"))) /* PHP's word for a cookie that is gone */
		return;
	const struct rule *exact = find_exact(id, name);
	if (exact) {
		offer_cookie(id, reader, exact, value);
		return;
	}
	for (size_t i = 0; i < id->pattern_count; i++) {
		const struct rule *rule = &id->rules[id->patterns[i]];
		if (rule_fits(rule, name)) {
			offer_cookie(id, reader, rule, value);
			return;
		}
	}
}

static void read_cookies(const struct identity *id, struct identity_reader *reader, struct span value)
{
	while (value.len > 0) {
		struct span pair = span_trim(span_cut(&value, ';'));
		struct span name = span_cut(&pair, '=');
		read_cookie(id, reader, name, pair);
	}
}

/* ---- Authorization ---- */

static void read_authorization(const struct identity *id, struct identity_reader *reader, struct span value)
{
	struct span rest = value;
	struct span scheme = span_cut(&rest, ' ');
	struct span credentials = span_trim(rest);
	struct token_buffer buffer;
	struct span who;
	if (span_equal_nocase(scheme, span_str("bearer"))) {
		/* A signed token without a subject belongs to a program and changes hourly: it names nobody. */
		if (!token_is_jwt(credentials))
			offer(id, reader, IDENTITY_ACCOUNT, STRENGTH_BEARER, credentials);
		else if (token_subject(credentials, &buffer, &who))
			offer(id, reader, IDENTITY_ACCOUNT, STRENGTH_BEARER, who);
	} else if (span_equal_nocase(scheme, span_str("basic")) && token_basic_user(credentials, &buffer, &who)) {
		offer(id, reader, IDENTITY_ACCOUNT, STRENGTH_BASIC, who);
	}
	sodium_memzero(&buffer, sizeof buffer);
}

/* ---- addresses ---- */

/* Several fields of one name are one list (RFC 9110 section 5.3); the nearest proxy's is the last. */
static void keep_forwarded(struct identity_reader *reader, struct span value, bool is_rfc7239)
{
	if (is_rfc7239 && reader->forwarded_count > 0 && !reader->is_rfc7239)
		return;
	if (!is_rfc7239 && reader->is_rfc7239) /* what most proxies write wins over what few do */
		reader->forwarded_count = 0;
	reader->is_rfc7239 = is_rfc7239;
	if (reader->forwarded_count == IDENTITY_FORWARDED_MAX) {
		memmove(reader->forwarded, reader->forwarded + 1, sizeof reader->forwarded - sizeof reader->forwarded[0]);
		reader->forwarded_count--;
	}
	reader->forwarded[reader->forwarded_count++] = value;
}

static bool is_trusted(const struct identity *id, const struct ip_address *a)
{
	for (size_t i = 0; i < id->proxy_count; i++)
		if (ip_network_has(&id->proxies[i], a))
			return true;
	return false;
}

/* The element after the last comma, which is cut off `*list`. False when nothing is left. */
static bool take_last(struct span *list, struct span *ret)
{
	if (list->len == 0)
		return false;
	size_t at = list->len;
	while (at > 0 && list->data[at - 1] != ',')
		at--;
	*ret = span_trim(span_from(*list, at));
	list->len = at > 0 ? at - 1 : 0;
	return true;
}

/* for="[2001:db8::1]:47";proto=https → [2001:db8::1]:47 */
static struct span forwarded_for(struct span element)
{
	while (element.len > 0) {
		struct span value = span_trim(span_cut(&element, ';'));
		struct span name = span_cut(&value, '=');
		if (!span_equal_nocase(name, span_str("for")))
			continue;
		if (value.len >= 2 && value.data[0] == '"' && value.data[value.len - 1] == '"')
			return span_make(value.data + 1, value.len - 2);
		return value;
	}
	return span_make(NULL, 0);
}

/* From the right, for as long as the one who said it is a trusted proxy. An element that is no address ("unknown", an obfuscated name) ends
 * the walk without a client: counting the proxy instead would make many people one. */
static bool find_client(const struct identity *id, const struct identity_reader *reader, struct ip_address *client)
{
	for (size_t i = reader->forwarded_count; i-- > 0;) {
		struct span list = reader->forwarded[i];
		struct span element;
		while (is_trusted(id, client) && take_last(&list, &element)) {
			if (element.len == 0)
				continue;
			if (!ip_parse(reader->is_rfc7239 ? forwarded_for(element) : element, client))
				return false;
		}
	}
	return true;
}

/* ---- what others call ---- */

void identity_on_header(const struct identity *id, struct identity_reader *reader, struct span name, struct span value)
{
	if (name.len == 6 && span_equal_nocase(name, span_str("cookie")))
		read_cookies(id, reader, value);
	else if (name.len == 13 && span_equal_nocase(name, span_str("authorization")))
		read_authorization(id, reader, value);
	else if (name.len == 15 && id->proxy_count > 0 && span_equal_nocase(name, span_str("x-forwarded-for")))
		keep_forwarded(reader, value, false);
	else if (name.len == 9 && id->proxy_count > 0 && span_equal_nocase(name, span_str("forwarded")))
		keep_forwarded(reader, value, true);
	for (int i = 0; i < id->header_count; i++)
		if (span_equal_nocase(name, id->headers[i]))
			offer(id, reader, IDENTITY_ACCOUNT, STRENGTH_CONFIGURED - i, value);
}

void identity_finish(const struct identity *id, struct identity_reader *reader, const uint8_t address[16])
{
	static const struct ip_address none;
	struct ip_address client;
	memcpy(client.bytes, address, sizeof client.bytes);
	if (memcmp(&client, &none, sizeof client) != 0 && find_client(id, reader, &client))
		set_hash(id, &reader->who, IDENTITY_ADDRESS, client.bytes, sizeof client.bytes);
}

void identity_from_log(const struct identity *id, struct span address, struct span user, struct identities *ret_who)
{
	struct ip_address client;
	*ret_who = (struct identities){0};
	if (ip_parse(address, &client))
		set_hash(id, ret_who, IDENTITY_ADDRESS, client.bytes, sizeof client.bytes);
	if (user.len > 0 && !span_equal(user, span_str("-")))
		set_hash(id, ret_who, IDENTITY_ACCOUNT, user.data, user.len);
}
