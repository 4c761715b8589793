#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <errno.h>

#include "agent/template.h"
#include "agent/vocabulary.h"

static const struct template_limits limits = {.nodes_max = 20000, .clients_min = 3, .children_max = 24};

static struct exchange request(const char *host, const char *path, uint16_t status, uint64_t client)
{
	struct exchange x = {.workload = 1, .method = span_str("GET"), .host = span_str(host), .path = span_str(path), .status = status};

	if (client > 0) {
		x.who.mask = 1 << IDENTITY_ADDRESS;
		x.who.hash[IDENTITY_ADDRESS] = client * UINT64_C(0x9E3779B97F4A7C15) >> 7;
	}
	return x;
}

static const char *text_of(struct span s)
{
	static char text[NAME_BYTES_MAX + 1];

	assert_true(s.len <= NAME_BYTES_MAX);
	memcpy(text, s.data, s.len);
	text[s.len] = '\0';
	return text;
}

static const char *route(struct templates *t, const char *path, uint16_t status, uint64_t client)
{
	struct exchange x = request("", path, status, client);
	bool is_new;

	return text_of(templates_route(t, &x, &is_new));
}

/* `clients` of them meet `path` in turn, `times` times in all. */
static void meet(struct templates *t, const char *path, unsigned clients, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		route(t, path, 200, 1 + i % clients);
}

static int setup(void **state)
{
	*state = templates_new(&limits);
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	templates_free(*state);
	return 0;
}

/* ---- at once ---- */

static void well_known_and_typed_segments_pass_at_the_first_request(void **state)
{
	static const struct {
		const char *path, *template, *reason;
	} rows[] = {
		{"/", "/", "the root"},
		{"*", "*", "OPTIONS *"},
		{"/live/rooms/42", "/live/rooms/{id}", "words of Article 2, then a number"},
		{"/forum/threads/123456/comments", "/forum/threads/{id}/comments", "a number within"},
		{"/Forum/Threads/9", "/forum/threads/{id}", "words are written as the vocabulary has them"},
		{"//forum/./threads///7/", "/forum/threads/{id}", "empty segments and dots say nothing"},
		{"/admin/../forum/threads/7", "/forum/threads/{id}", "dot-dot goes back"},
		{"/../../login", "/login", "not before the root"},
		{"/forum;jsessionid=81f2/threads;x=y/7", "/forum/threads/{id}", "matrix parameters are parameters"},
		{"/%66orum/threads", "/forum/threads", "percent-encoding once"},
		{"/%E8%AE%BA%E5%9D%9B/%E5%B8%96%E5%AD%90/3", "/论坛/帖子/{id}", "Chinese words"},
		{"/luntan/tieba/3", "/luntan/tieba/{id}", "pinyin"},
		{"/api/v1/orders/9f1b2c3d-0a1b-4c2d-8e3f-a0b1c2d3e4f5", "/api/v1/orders/{uuid}", "UUID"},
		{"/api/v12/items/deadbeef01", "/api/v12/items/{hex}", "hexadecimal, and a version"},
		{"/archive/2024-02-29", "/archive/{date}", "date"},
		{"/api/alice@example.com", "/api/{email}", "e-mail"},
		{"/api/192.168.1.7/info", "/api/{ip}/info", "IPv4"},
		{"/api/2001:db8::1", "/api/{ip}", "IPv6"},
		{"/api/+8613800138000", "/api/{id}", "telephone number"},
		{"/api/eyJhbGciOiJIUzI1NiJ9abcd", "/api/{token}", "long random"},
		{"/static/app.3f2a9c.min.js", "/static/{file}.js", "files keep their kind"},
		{"/favicon.ICO", "/favicon.ico", "a file that everybody has"},
		{"/style2.css", "/{file}.css", "file at the root"},
		{"/wp-login.php", "/wp-login.php", "a script that everybody has"},
		{"/user-list", "/user-list", "words joined"},
		{"/api/getUserPosts", "/api/getUserPosts", "words in camel case"},
		{"/@alice/109", "/@{x}/{id}", "a handle"},
		{"/~psionic/", "/~{x}", "a home directory"},
		{"/api/how-i-met-your-mother", "/api/{slug}", "a title"},
		{"/api/%00x", "/api/{x}", "a control character"},
		{"/api/a%2fb", "/api/{x}", "a slash in disguise"},
		{"/api/%ff%fe", "/api/{x}", "not UTF-8"},
		{"/api/%zz", "/api/{x}", "not percent-encoding"},
		{"/api/{id}x", "/api/{x}", "a label in disguise"},
		{"/1/2/3/4/5/6/7/8/9/10/11/12", "/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{id}",
		 "exactly as deep as may be"},
		{"/1/2/3/4/5/6/7/8/9/10/11/12/13/14", "/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{rest}", "deeper"},
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *got = route(*state, rows[i].path, 200, 1);
		if (strcmp(got, rows[i].template) != 0)
			fail_msg("%s (%s): %s, not %s", rows[i].path, rows[i].reason, got, rows[i].template);
	}
}

static void names_below_collections_are_variables_at_once(void **state)
{
	static const struct {
		const char *path, *template;
	} rows[] = {
		{"/u/alice", "/u/{x}"},
		{"/users/bob.smith", "/users/{x}"},
		{"/users/live", "/users/{x}"},
		{"/users/search", "/users/search"},
		{"/tags/forum", "/tags/{x}"},
		{"/search/my%20illness", "/search/{x}"},
		{"/t/hello-world/42", "/t/{slug}/{id}"},
		{"/blog/grandma", "/blog/{slug}"},
		{"/blog/how-to-cook-rice-at-home", "/blog/{slug}"},
		{"/live/alice/chat", "/live/{slug}/chat"},
		{"/upload/video", "/upload/video"},
		{"/groups/knitting/members/zoe", "/groups/{slug}/members/{x}"},
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_string_equal(route(*state, rows[i].path, 200, 1), rows[i].template);
	for (unsigned i = 0; i < 500; i++)
		assert_string_equal(route(*state, "/u/alice", 200, 1 + i), "/u/{x}");
}

static void a_template_is_new_once_and_only_with_a_good_answer(void **state)
{
	struct exchange x = request("", "/live/rooms/42", 404, 1);
	bool is_new = true;

	assert_string_equal(text_of(templates_route(*state, &x, &is_new)), TEMPLATE_SCANNER);
	assert_false(is_new);
	x.status = 200;
	assert_string_equal(text_of(templates_route(*state, &x, &is_new)), "/live/rooms/{id}");
	assert_true(is_new);
	x.path = span_str("/live/rooms/43");
	templates_route(*state, &x, &is_new);
	assert_false(is_new);
}

static void a_bad_answer_counts_for_a_known_route_and_else_for_the_scanner(void **state)
{
	assert_string_equal(route(*state, "/forum/threads/1", 404, 1), TEMPLATE_SCANNER);
	assert_string_equal(route(*state, "/forum/threads/1", 0, 1), TEMPLATE_SCANNER);
	assert_string_equal(route(*state, "/forum/threads/1", 399, 1), "/forum/threads/{id}");
	assert_string_equal(route(*state, "/forum/threads/2", 400, 1), "/forum/threads/{id}");
	assert_string_equal(route(*state, "/forum/threads/3", 500, 1), "/forum/threads/{id}");
	assert_string_equal(route(*state, "/forum/threads/3", 0, 1), "/forum/threads/{id}");
	assert_string_equal(route(*state, "/forum", 500, 1), TEMPLATE_SCANNER);
	assert_string_equal(route(*state, "/zzz/etc/passwd", 404, 1), TEMPLATE_SCANNER);
	assert_string_equal(route(*state, "not-a-path", 400, 1), TEMPLATE_SCANNER);
	assert_string_equal(route(*state, "not-a-path", 200, 1), TEMPLATE_QUARANTINE);
}

/* ---- unknown text ---- */

static void unknown_text_is_quarantined_until_enough_clients_met_it(void **state)
{
	meet(*state, "/frobnicate", 2, 1000);
	assert_string_equal(route(*state, "/frobnicate", 200, 1), TEMPLATE_QUARANTINE);
	assert_string_equal(route(*state, "/frobnicate", 500, 1), TEMPLATE_QUARANTINE);
	assert_string_equal(route(*state, "/frobnicate", 404, 3), TEMPLATE_QUARANTINE);
	assert_string_equal(route(*state, "/frobnicate", 200, 3), "/frobnicate");
	assert_string_equal(route(*state, "/frobnicate", 500, 9), "/frobnicate");
}

static void requests_without_a_client_vouch_for_nothing(void **state)
{
	for (int i = 0; i < 1000; i++)
		assert_string_equal(route(*state, "/frobnicate", 200, 0), TEMPLATE_QUARANTINE);
}

static void a_route_stays_what_it_was_said_to_be(void **state)
{
	char path[64];

	meet(*state, "/frobnicate", 5, 100);
	for (int i = 0; i < 3000; i++) {
		snprintf(path, sizeof path, "/person%c%c%c", 'a' + i % 26, 'a' + i / 26 % 26, 'a' + i / 676);
		route(*state, path, 200, 1 + (uint64_t)i % 7);
	}
	assert_string_equal(route(*state, "/personaaa", 200, 1), "/{x}");
	assert_string_equal(route(*state, "/frobnicate", 200, 1), "/frobnicate");
}

static const char *const resources[] = {"gizmos",   "sprockets", "flanges", "gaskets", "pistons",  "camshafts",
					"bushings", "dowels",    "rivets",  "washers", "spindles", "grommets"};
enum { RESOURCES = sizeof resources / sizeof resources[0] };

static void twelve_different_resources_stay_twelve_endpoints(void **state)
{
	char path[64], expected[64];

	for (unsigned i = 0; i < 6000; i++) {
		snprintf(path, sizeof path, i % 2 ? "/api/%s" : "/api/%s/%u", resources[i / 2 % RESOURCES], i);
		route(*state, path, 200, 1 + i % 50);
	}
	for (unsigned i = 0; i < RESOURCES; i++) {
		snprintf(path, sizeof path, "/api/%s/77", resources[i]);
		snprintf(expected, sizeof expected, "/api/%s/{id}", resources[i]);
		assert_string_equal(route(*state, path, 200, 1), expected);
	}
}

static void names_below_an_unknown_word_never_become_endpoints(void **state)
{
	char path[64];

	/* Half of the requests go to three popular people, met by everybody; the others to a long tail. */
	for (unsigned i = 0; i < 20000; i++) {
		static const char *const popular[] = {"alice", "bob", "carol"};
		if (i % 2)
			snprintf(path, sizeof path, "/mitglied/%s", popular[i / 2 % 3]);
		else
			snprintf(path, sizeof path, "/mitglied/%c%cnn%c", 'a' + i / 2 % 26, 'a' + i / 52 % 26, 'a' + i / 1352 % 26);
		const char *got = route(*state, path, 200, 1 + i % 211);
		if (strcmp(got, TEMPLATE_QUARANTINE) != 0 && strcmp(got, "/mitglied/{x}") != 0)
			fail_msg("%s became %s after %u requests", path, got, i);
	}
	assert_string_equal(route(*state, "/mitglied/alice", 200, 1), "/mitglied/{x}");
	assert_string_equal(route(*state, "/mitglied/nobody", 404, 1), "/mitglied/{x}");
}

static void more_children_than_the_limit_become_variable_and_exactly_so_many_do_not(void **state)
{
	struct template_stats stats;
	char path[64];

	for (unsigned i = 0; i < 24; i++) {
		snprintf(path, sizeof path, "/mitglied/name%c", 'a' + i);
		route(*state, path, 200, i + 1);
	}
	templates_stats(*state, &stats);
	assert_int_equal(stats.variable, 0);
	route(*state, "/mitglied/namez", 200, 1);
	templates_stats(*state, &stats);
	assert_int_equal(stats.variable, 1);
}

static void what_nobody_meets_again_does_not_hold_up_its_siblings(void **state)
{
	char path[64];

	for (unsigned i = 0; i < 9; i++) {
		snprintf(path, sizeof path, "/typo%c", 'a' + i);
		route(*state, path, 200, 1);
	}
	meet(*state, "/frobnicate", 5, 500);
	assert_string_equal(route(*state, "/frobnicate", 200, 1), TEMPLATE_QUARANTINE);
	meet(*state, "/frobnicate", 5, 500);
	assert_string_equal(route(*state, "/frobnicate", 200, 1), "/frobnicate");
}

static void workloads_learn_apart(void **state)
{
	struct exchange x = request("", "/frobnicate", 200, 1);
	bool is_new;

	meet(*state, "/frobnicate", 5, 100);
	x.workload = 2;
	assert_string_equal(text_of(templates_route(*state, &x, &is_new)), TEMPLATE_QUARANTINE);
}

static void a_full_trie_forgets_strangers_and_keeps_routes(void **state)
{
	const struct template_limits small = {.nodes_max = 200, .clients_min = 3, .children_max = 24};
	struct templates *t = templates_new(&small);
	struct template_stats stats;
	char path[64];

	(void)state;
	meet(t, "/frobnicate", 5, 100);
	route(t, "/forum/threads/1", 200, 1);
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(path, sizeof path, "/forum/threads/%u/%c%c%cq/%c%c%cr", i, 'a' + i % 20, 'a' + i % 13, 'a' + i % 7, 'a' + i % 11,
			 'a' + i % 17, 'a' + i % 3);
		route(t, path, 200, 1 + i % 2);
		templates_stats(t, &stats);
		assert_true(stats.nodes <= 200);
	}
	assert_true(stats.forgotten > 0);
	assert_string_equal(route(t, "/frobnicate", 200, 1), "/frobnicate");
	assert_string_equal(route(t, "/forum/threads/8", 200, 1), "/forum/threads/{id}");
	templates_free(t);
}

/* ---- hosts ---- */

static const char *host(struct templates *t, const char *name, uint16_t status, uint64_t client)
{
	struct exchange x = request(name, "/", status, client);

	return text_of(templates_host(t, &x));
}

static void hosts_are_withheld_until_enough_clients_met_them(void **state)
{
	assert_string_equal(host(*state, "", 200, 1), "");
	assert_string_equal(host(*state, "localhost", 200, 1), "localhost");
	assert_string_equal(host(*state, "127.0.0.1", 200, 1), "{ip}");
	assert_string_equal(host(*state, "[::1]", 200, 1), "{ip}");
	assert_string_equal(host(*state, "<script>", 200, 1), "");
	assert_string_equal(host(*state, "a..b", 200, 1), "");
	for (unsigned i = 0; i < 100; i++) {
		assert_string_equal(host(*state, "www.kindergarten.org", 200, 1 + i % 2), "");
		assert_string_equal(host(*state, "www.kindergarten.org", 404, 1 + i), "");
	}
	host(*state, "www.kindergarten.org", 200, 3);
	assert_string_equal(host(*state, "WWW.Kindergarten.ORG.", 200, 9), "www.kindergarten.org");
	assert_string_equal(host(*state, "www.kindergarten.org", 404, 9), "www.kindergarten.org");
}

static void hosts_of_the_operator_are_said_at_once_and_no_others(void **state)
{
	char *names[] = {"forum.kindergarten.org", "www.163.com"};
	char *const wrong[] = {"Forum.example", "forum.example:80", "192.0.2.1", "", "*.example"};
	struct err err = {0};

	assert_int_equal(templates_open_hosts(*state, names, 2, &err), 0);
	assert_string_equal(host(*state, "Forum.Kindergarten.ORG.", 404, 1), "forum.kindergarten.org");
	assert_string_equal(host(*state, "www.163.com", 200, 1), "www.163.com"); /* a number is no name otherwise */
	assert_string_equal(host(*state, "mail.163.com", 200, 1), "mail.{x}.com");
	assert_string_equal(host(*state, "www.kindergarten.org", 200, 1), "");
	assert_string_equal(host(*state, "a.forum.kindergarten.org", 200, 1), "");
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		assert_int_equal(templates_open_hosts(*state, &wrong[i], 1, &err), -EINVAL);
}

static void names_of_people_in_host_names_are_withheld(void **state)
{
	char name[64];

	for (unsigned i = 0; i < 200; i++)
		host(*state, "www.hoster.org", 200, 1 + i % 9);
	assert_string_equal(host(*state, "alice.blog.hoster.org", 200, 1), "{x}.blog.hoster.org");
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(name, sizeof name, "%c%cnn.hoster.org", 'a' + i % 26, 'a' + i / 26 % 26);
		const char *got = host(*state, name, 200, 1 + i % 7);
		assert_true(strcmp(got, "") == 0 || strcmp(got, "{x}.hoster.org") == 0);
	}
	assert_string_equal(host(*state, "alice.hoster.org", 200, 1), "{x}.hoster.org");
	assert_string_equal(host(*state, "www.hoster.org", 200, 1), "www.hoster.org");
}

/* ---- memory ---- */

static void teach(struct templates *t)
{
	meet(t, "/frobnicate", 5, 100);
	meet(t, "/half", 2, 2);
	route(t, "/live/rooms/42", 200, 1);
	for (unsigned i = 0; i < 100; i++)
		host(t, "www.kindergarten.org", 200, 1 + i % 9);
	for (unsigned i = 0; i < 40; i++) {
		char path[64];
		snprintf(path, sizeof path, "/mitglied/name%c%c", 'a' + i % 26, 'a' + i / 26);
		route(t, path, 200, i + 1);
	}
}

static void what_was_learnt_survives_a_restart(void **state)
{
	struct templates *again = templates_new(&limits);
	struct exchange x = request("", "/live/rooms/42", 200, 1);
	struct buf bytes, twice;
	struct err err;
	bool is_new = true;

	teach(*state);
	buf_init(&bytes, 1 << 20);
	buf_init(&twice, 1 << 20);
	assert_int_equal(templates_save(*state, &bytes), 0);
	assert_int_equal(templates_load(again, buf_span(&bytes), &err), 0);
	assert_int_equal(templates_save(again, &twice), 0);
	assert_int_equal(bytes.len, twice.len);
	assert_string_equal(text_of(templates_route(again, &x, &is_new)), "/live/rooms/{id}");
	assert_false(is_new);
	assert_string_equal(route(again, "/frobnicate", 500, 7), "/frobnicate");
	assert_string_equal(route(again, "/mitglied/zoe", 200, 7), route(*state, "/mitglied/zoe", 200, 7));
	assert_string_equal(host(again, "www.kindergarten.org", 500, 7), "www.kindergarten.org");
	/* "/half" was met by two; the third client's visit counts on from there. */
	meet(again, "/half", 1, 200);
	assert_string_equal(route(again, "/half", 200, 1), TEMPLATE_QUARANTINE);
	assert_string_equal(route(again, "/half", 200, 3), "/half");
	buf_done(&bytes);
	buf_done(&twice);
	templates_free(again);
}

static void routes_are_known_by_their_workloads_name(void **state)
{
	struct workloads *before = workloads_new(8), *after = workloads_new(8);
	struct templates *again = templates_new(&limits);
	struct buf bytes;
	struct err err;

	workloads_intern(before, WORKLOAD_SYSTEMD, span_str("forum.service"));
	workloads_intern(after, WORKLOAD_SYSTEMD, span_str("other.service"));
	uint32_t moved = workloads_intern(after, WORKLOAD_SYSTEMD, span_str("forum.service"));
	templates_name_workloads(*state, before);
	templates_name_workloads(again, after);
	meet(*state, "/frobnicate", 5, 100);
	buf_init(&bytes, 1 << 20);
	assert_int_equal(templates_save(*state, &bytes), 0);
	assert_int_equal(templates_load(again, buf_span(&bytes), &err), 0);
	struct exchange x = request("", "/frobnicate", 200, 1);
	bool is_new;
	x.workload = moved;
	assert_string_equal(text_of(templates_route(again, &x, &is_new)), "/frobnicate");
	x.workload = 1;
	assert_string_equal(text_of(templates_route(again, &x, &is_new)), TEMPLATE_QUARANTINE);
	buf_done(&bytes);
	templates_free(again);
	workloads_free(before);
	workloads_free(after);
}

static void a_damaged_file_is_refused_and_changes_nothing(void **state)
{
	struct buf bytes;
	struct err err;

	teach(*state);
	buf_init(&bytes, 1 << 20);
	assert_int_equal(templates_save(*state, &bytes), 0);
	for (size_t i = 0; i < bytes.len; i += 7) {
		bytes.data[i] ^= 0x10;
		assert_int_equal(templates_load(*state, buf_span(&bytes), &err), -EBADMSG);
		bytes.data[i] ^= 0x10;
	}
	for (size_t len = 0; len < bytes.len; len += 5)
		assert_int_equal(templates_load(*state, span_make(bytes.data, len), &err), -EBADMSG);
	assert_string_equal(route(*state, "/frobnicate", 200, 1), "/frobnicate");
	buf_done(&bytes);
}

static void a_smaller_limit_keeps_what_fits(void **state)
{
	const struct template_limits small = {.nodes_max = 64, .clients_min = 3, .children_max = 24};
	struct templates *again = templates_new(&small);
	struct template_stats stats;
	struct buf bytes;
	struct err err;
	char path[64];

	for (unsigned i = 0; i < 90; i++) {
		snprintf(path, sizeof path, "/api/v%u", i);
		route(*state, path, 200, 1);
	}
	buf_init(&bytes, 1 << 20);
	assert_int_equal(templates_save(*state, &bytes), 0);
	assert_int_equal(templates_load(again, buf_span(&bytes), &err), 0);
	templates_stats(again, &stats);
	assert_int_equal(stats.nodes, 64);
	buf_done(&bytes);
	templates_free(again);
}

/* ---- vocabulary ---- */

static void the_vocabulary_is_sorted_lower_case_and_holds_the_words_of_article_2(void **state)
{
	static const char *const article_2[] = {
		"forum",      "bbs",          "thread",        "threads",    "topic",   "topics",       "board",         "boards",
		"discussion", "discussions",  "社区",          "贴吧",       "帖子",    "luntan",       "tieba",         "blog",
		"blogs",      "article",      "articles",      "post",       "posts",   "essay",        "essays",        "日志",
		"专栏",       "boke",         "status",        "statuses",   "feed",    "feeds",        "timeline",      "timelines",
		"toot",       "toots",        "tweet",         "tweets",     "微博",    "动态",         "广场",          "weibo",
		"chatroom",   "chatrooms",    "room",          "rooms",      "lobby",   "语音房",       "liaotian",      "group",
		"groups",     "channel",      "channels",      "muc",        "im",      "conversation", "conversations", "群聊",
		"社群",       "qun",          "official",      "oa",         "follow",  "subscribe",    "account",       "accounts",
		"公众号",     "订阅号",       "short",         "shorts",     "clip",    "clips",        "upload",        "video",
		"videos",     "reel",         "reels",         "小视频",     "live",    "lives",        "stream",        "streams",
		"whip",       "rtmp",         "broadcast",     "broadcasts", "直播间",  "连麦",         "打赏",          "share",
		"shares",     "repost",       "reposts",       "forward",    "comment", "comments",     "reply",         "replies",
		"reaction",   "reactions",    "转发",          "评论",       "弹幕",    "miniapp",      "miniapps",      "applet",
		"applets",    "mini-program", "mini-programs", "快应用",     "poll",    "polls",        "vote",          "votes",
		"petition",   "petitions",    "event",         "events",     "trend",   "trends",       "hashtag",       "hashtags",
		"投票",       "联署",         "话题",          "热搜",       "报名",    "众筹"};
	size_t count;
	const struct word *words = vocabulary_words(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		assert_true(words[i].len < WORD_BYTES_MAX);
		assert_int_equal(strlen(words[i].text), words[i].len);
		assert_ptr_equal(vocabulary_find(span_str(words[i].text)), &words[i]);
		for (const char *c = words[i].text; *c; c++)
			assert_false(*c >= 'A' && *c <= 'Z');
		if (i > 0)
			assert_true(strcmp(words[i - 1].text, words[i].text) < 0);
	}
	for (size_t i = 0; i < sizeof article_2 / sizeof article_2[0]; i++)
		if (!vocabulary_find(span_str(article_2[i])))
			fail_msg("the vocabulary lacks %s", article_2[i]);
}

int main(void)
{
#define WITH_TEMPLATES(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH_TEMPLATES(well_known_and_typed_segments_pass_at_the_first_request),
		WITH_TEMPLATES(names_below_collections_are_variables_at_once),
		WITH_TEMPLATES(a_template_is_new_once_and_only_with_a_good_answer),
		WITH_TEMPLATES(a_bad_answer_counts_for_a_known_route_and_else_for_the_scanner),
		WITH_TEMPLATES(unknown_text_is_quarantined_until_enough_clients_met_it),
		WITH_TEMPLATES(requests_without_a_client_vouch_for_nothing),
		WITH_TEMPLATES(a_route_stays_what_it_was_said_to_be),
		WITH_TEMPLATES(twelve_different_resources_stay_twelve_endpoints),
		WITH_TEMPLATES(names_below_an_unknown_word_never_become_endpoints),
		WITH_TEMPLATES(more_children_than_the_limit_become_variable_and_exactly_so_many_do_not),
		WITH_TEMPLATES(what_nobody_meets_again_does_not_hold_up_its_siblings),
		WITH_TEMPLATES(workloads_learn_apart),
		cmocka_unit_test(a_full_trie_forgets_strangers_and_keeps_routes),
		WITH_TEMPLATES(hosts_are_withheld_until_enough_clients_met_them),
		WITH_TEMPLATES(hosts_of_the_operator_are_said_at_once_and_no_others),
		WITH_TEMPLATES(names_of_people_in_host_names_are_withheld),
		WITH_TEMPLATES(what_was_learnt_survives_a_restart),
		WITH_TEMPLATES(routes_are_known_by_their_workloads_name),
		WITH_TEMPLATES(a_damaged_file_is_refused_and_changes_nothing),
		WITH_TEMPLATES(a_smaller_limit_keeps_what_fits),
		cmocka_unit_test(the_vocabulary_is_sorted_lower_case_and_holds_the_words_of_article_2),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
