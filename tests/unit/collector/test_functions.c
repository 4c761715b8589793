#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "collector/services/functions.h"

static const struct {
	const char *method, *template, *content, *classes, *reason;
} rows[] = {
	/* F01 */
	{"GET", "/forum/threads", "html", "F01", "two words of one class are one class"},
	{"GET", "/forum/threads/{id}", "html", "F01", "a thread"},
	{"GET", "/api/v1/threads/{id}/comments", "json", "F01,F09", "a route can offer two functions"},
	{"GET", "/t/{slug}/{id}", "html", "F01", "Discourse has no word in its routes"},
	{"GET", "/t/{x}", "html", "", "but one variable after a letter is anything"},
	{"GET", "/r/{x}/comments/{id}/{slug}", "html", "F01,F09", "Reddit's shape"},
	{"GET", "/viewtopic.php", "html", "F01", "phpBB"},
	{"GET", "/thread-{id}-{id}-{id}.html", "html", "F01", "Discuz writes its variables into the segment"},
	{"POST", "/boards", "json", "F01", "a board is created"},
	{"GET", "/boards/{id}", "html", "F01", "a board is read"},
	{"GET", "/dashboard", "html", "", "a word inside a word is no word"},
	{"GET", "/about/board", "html", "", "the board of directors: nothing follows"},
	{"GET", "/community/{slug}", "html", "F01", "社区 in English"},
	{"GET", "/threads/{id}/posts", "json", "F01", "a post in a thread is no blog"},
	{"GET", "/api/getThreadList", "json", "F01", "camelCase is cut at its humps"},
	{"GET", "/API/BBSTopics", "json", "F01", "capitals end before a new word"},
	{"GET", "/luntan/{id}", "html", "F01", "pinyin"},
	{"GET", "/论坛/{id}", "html", "F01", "Chinese"},
	{"GET", "/%E8%AE%BA%E5%9D%9B/{id}", "html", "F01", "Chinese, percent-encoded"},
	{"GET", "/actuator/threaddump", "json", "", "a runtime's threads"},
	{"GET", "/api/thread-pool", "json", "", "a runtime's threads, outside its usual place"},
	{"GET", "/kafka/topics/{x}", "json", "", "a queue's topics"},
	/* F02 */
	{"GET", "/blog/{slug}", "html", "F02", "publishing, though nobody writes here"},
	{"GET", "/articles/{id}", "html", "F02", "plural"},
	{"POST", "/posts", "json", "F02", "a post by itself"},
	{"POST", "/post-login", "html", "", "a segment that only begins with the word"},
	{"GET", "/help/articles/{id}", "html", "", "the provider's own manual"},
	{"GET", "/zhuanlan/{id}", "html", "F02", "专栏 in pinyin"},
	{"GET", "/blog/rss.xml", "xml", "", "a feed for machines repeats what pages showed"},
	/* F03 */
	{"GET", "/api/v1/statuses/{id}", "json", "F03", "Mastodon"},
	{"POST", "/statuses/update.json", "json", "F03", "the page's extension is no word"},
	{"GET", "/{x}/status/{id}", "html", "F03", "after a user"},
	{"GET", "/status/{id}", "html", "F03", "at the root"},
	{"GET", "/jobs/status/{id}", "json", "", "a job's state"},
	{"GET", "/api/status/{id}", "json", "", "as likely a job's state: the plural or the root is asked"},
	{"GET", "/orders/{id}/status", "json", "", "an order's state"},
	{"GET", "/status", "html", "", "a status page"},
	{"GET", "/api/v1/timelines/home", "json", "F03", "a timeline"},
	{"GET", "/feed", "json", "F03", "a feed for people"},
	{"GET", "/feed", "xml", "", "an RSS feed"},
	{"GET", "/微博/热搜", "html", "F03,F11", "two classes in Chinese"},
	/* F04 */
	{"GET", "/chatroom/{id}", "html", "F04", "two words written as one"},
	{"GET", "/chat-rooms/{id}", "html", "F04", "two words"},
	{"POST", "/chat/rooms/{id}/messages", "json", "F04", "two words over two segments"},
	{"GET", "/rooms/{id}", "html", "F04", "the law's word, followed by which one"},
	{"GET", "/hotels/{id}/rooms/{id}", "html", "", "a hotel's room"},
	{"GET", "/rooms", "html", "", "a list of rooms of any kind"},
	{"POST", "/v1/chat/completions", "json", "", "a language model's API"},
	{"GET", "/chat/{id}", "html", "F04", "a chat"},
	{"GET", "/语音房/{id}", "html", "F04", "Chinese"},
	/* F05 */
	{"GET", "/groups/{id}", "html", "F05", "a group"},
	{"GET", "/groups", "html", "", "a list alone may be access groups"},
	{"POST", "/groups", "json", "F05", "a group is founded"},
	{"GET", "/api/group/list", "json", "F05", "verbs as segments are common in Chinese APIs"},
	{"GET", "/api/admin/groups/{id}", "json", "", "staff"},
	{"GET", "/scim/v2/Groups/{id}", "json", "", "RFC 7644: access groups"},
	{"GET", "/consumer-groups/{id}", "json", "", "another kind of group"},
	{"GET", "/channels/{id}/messages", "json", "F05", "a channel"},
	{"GET", "/notification-channels/{id}", "json", "", "another kind of channel"},
	{"POST", "/im/send", "json", "F05", "instant messages"},
	{"POST", "/api/images", "json", "", "not the word im"},
	{"GET", "/conversations/{id}", "json", "F05", "a conversation"},
	/* F06 */
	{"POST", "/users/{id}/follow", "json", "F06", "following somebody"},
	{"GET", "/follow-up/{id}", "html", "", "a compound of another meaning"},
	{"POST", "/subscribe", "html", "", "a newsletter's form"},
	{"POST", "/channels/{id}/subscribe", "json", "F05,F06", "subscribing to somebody"},
	{"GET", "/official-accounts/{id}", "html", "F06", "a public account"},
	{"GET", "/account/settings", "html", "", "one's own account is no public account"},
	{"GET", "/accounts/{id}", "json", "", "nor is any account"},
	{"GET", "/oa/{id}", "html", "F06", "official account, which one"},
	{"GET", "/oa/login", "html", "", "office automation"},
	{"GET", "/公众号/{id}", "html", "F06", "Chinese"},
	/* F07 */
	{"POST", "/upload/video", "json", "F07", "the law's example"},
	{"POST", "/videos", "json", "F07", "somebody publishes a video"},
	{"GET", "/videos/{id}", "html", "", "watching alone may be the provider's film"},
	{"GET", "/shorts/{id}", "html", "F07", "a short"},
	{"GET", "/shorts", "html", "", "trousers"},
	{"GET", "/mens-shorts/{id}", "html", "", "trousers, which ones"},
	/* F08 */
	{"GET", "/live/streams/{id}", "json", "F08", "a live stream"},
	{"GET", "/live/{id}", "html", "F08", "which broadcast"},
	{"POST", "/api/live/start", "json", "F08", "a broadcast begins"},
	{"GET", "/live", "json", "", "a liveness check"},
	{"GET", "/health/live", "json", "", "a liveness check"},
	{"POST", "/whip", "json", "F08", "RFC 9725"},
	{"GET", "/api/stream", "", "", "server-sent events"},
	{"POST", "/live/{id}/comments", "json", "F08,F09", "comments on a broadcast"},
	{"GET", "/zhibojian/{id}", "html", "F08", "pinyin"},
	/* F09 */
	{"POST", "/comment/add", "json", "F09", "a comment"},
	{"POST", "/posts/{id}/replies", "json", "F02,F09", "a plural in -ies"},
	{"POST", "/posts/{id}/share", "json", "F02,F09", "sharing something"},
	{"GET", "/share/{id}", "html", "F09", "something shared"},
	{"GET", "/shareholders", "html", "", "not the word share"},
	{"POST", "/port/forward", "json", "", "a network's forwarding"},
	{"POST", "/messages/{id}/forward", "json", "F09", "forwarding something"},
	{"POST", "/orders/{id}/comments", "json", "", "between customer and provider"},
	{"POST", "/danmu", "json", "F09", "弹幕 in pinyin"},
	/* F10 */
	{"GET", "/miniapp/{id}", "html", "F10", "one word"},
	{"GET", "/mini-program/{id}", "html", "F10", "two words"},
	{"GET", "/小程序/{id}", "html", "F10", "Chinese"},
	/* F11 */
	{"POST", "/polls", "json", "F11", "a poll is opened"},
	{"GET", "/polls/{id}", "html", "F11", "a poll"},
	{"GET", "/poll", "json", "", "long polling"},
	{"POST", "/posts/{id}/vote", "json", "F02,F11", "a vote"},
	{"GET", "/petitions/{slug}", "html", "F11", "a petition"},
	{"GET", "/events/{id}", "html", "F11", "a gathering"},
	{"POST", "/events", "json", "", "an analytics collector"},
	{"POST", "/events/{id}/join", "json", "F11", "joining one"},
	{"GET", "/hashtag/{x}", "html", "F11", "话题"},
	{"GET", "/reports/trends", "json", "", "a business report"},
	{"GET", "/trending", "html", "F11", "what is talked about"},
	{"POST", "/baoming/{id}", "html", "F11", "报名 in pinyin"},
	/* none at all */
	{"GET", "/", "html", "", "the home page"},
	{"POST", "/login", "html", "", "an account's door"},
	{"GET", "/search", "html", "", "searching"},
	{"GET", "/users/{id}", "html", "", "a person's page"},
	{"GET", "/healthz", "", "", "a health check"},
	{"GET", "/static/forum/app.js", "", "", "a file"},
	{"GET", "/forum/logo.png", "", "", "a file in a forum"},
	{"GET", "/forum/{x}", "image", "", "an image, whatever its name"},
	{"GET", "{scanner}", "", "", "a bucket"},
	{"POST", "{quarantine}", "", "", "a bucket"},
	{"OPTIONS", "/forum/threads", "", "", "a browser's question before the request"},
	{"PROPFIND", "/forum/threads", "", "", "no method that offers a page"},
	{"OPTIONS", "*", "", "", "no route"},
	{"GET", "", "", "", "nothing"},
	{"GET", "/{x}/{id}", "html", "", "variables only"},
	{"GET", "/forum{", "html", "F01", "a brace that never closes"},
	{"GET", "/%E8%AE/%zz/%", "html", "", "broken percent signs"},
};

static void routes_have_the_classes_that_the_table_says(void **state)
{
	(void)state;
	int wrong = 0;
	char text[64];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		bool input = strcmp(rows[i].method, "POST") == 0;
		function_set got = functions_of(span_str(rows[i].method), span_str(rows[i].template), input, span_str(rows[i].content));
		if (strcmp(functions_text(got, text, sizeof text), rows[i].classes) == 0)
			continue;
		print_error("%s %s: '%s' instead of '%s' (%s)\n", rows[i].method, rows[i].template, text, rows[i].classes, rows[i].reason);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void a_route_longer_than_any_name_has_no_class(void **state)
{
	(void)state;
	char route[NAME_BYTES_MAX + 2];
	memset(route, 'a', sizeof route);
	memcpy(route, "/forum/", 7);
	assert_int_equal(functions_of(span_str("GET"), span_make(route, NAME_BYTES_MAX), false, span_str("html")), FUNCTION(1));
	assert_int_equal(functions_of(span_str("GET"), span_make(route, NAME_BYTES_MAX + 1), false, span_str("html")), 0);
}

static void more_segments_and_words_than_the_limits_are_read_as_far_as_they_go(void **state)
{
	(void)state;
	char route[NAME_BYTES_MAX];
	for (size_t i = 0; i + 1 < sizeof route; i += 2)
		memcpy(route + i, "/a", 2);
	memcpy(route, "/forum", 6);
	assert_int_equal(functions_of(span_str("GET"), span_make(route, sizeof route), false, span_str("html")), FUNCTION(1));
	for (size_t i = 0; i + 1 < sizeof route; i += 2)
		memcpy(route + i, "a-", 2);
	memcpy(route, "/forum-", 7);
	assert_int_equal(functions_of(span_str("GET"), span_make(route, sizeof route), false, span_str("html")), FUNCTION(1));
}

static void codes_and_sets_are_inverse(void **state)
{
	(void)state;
	function_set all = 0;
	for (unsigned n = 1; n <= FUNCTION_CLASSES; n++) {
		const struct function_class *c = function_class_at(n);
		assert_non_null(c);
		assert_int_equal(function_from_code(span_str(c->code)), FUNCTION(n));
		all |= FUNCTION(n);
	}
	assert_null(function_class_at(0));
	assert_null(function_class_at(FUNCTION_CLASSES + 1));
	assert_int_equal(function_from_code(span_str("F12")), 0);
	assert_int_equal(function_from_code(span_str("f01")), 0);
	char text[64];
	assert_string_equal(functions_text(all, text, sizeof text), "F01,F02,F03,F04,F05,F06,F07,F08,F09,F10,F11");
	assert_string_equal(functions_text(0, text, sizeof text), "");
}

static void text_that_does_not_fit_ends_at_a_whole_code(void **state)
{
	(void)state;
	char text[8];
	assert_string_equal(functions_text(FUNCTION(1) | FUNCTION(9), text, 8), "F01,F09");
	assert_string_equal(functions_text(FUNCTION(1) | FUNCTION(9), text, 7), "F01");
	assert_string_equal(functions_text(FUNCTION(1), text, 3), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(routes_have_the_classes_that_the_table_says),
		cmocka_unit_test(a_route_longer_than_any_name_has_no_class),
		cmocka_unit_test(more_segments_and_words_than_the_limits_are_read_as_far_as_they_go),
		cmocka_unit_test(codes_and_sets_are_inverse),
		cmocka_unit_test(text_that_does_not_fit_ends_at_a_whole_code),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
