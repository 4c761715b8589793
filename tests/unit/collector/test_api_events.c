/* Server-sent events over real HTTPS: many subscribers, one that comes back, and the end of them all. */
#include "tests/unit/collector/api_world.h"

enum { STREAMS = 64 };

struct watcher {
	CURL *curl;
	struct curl_slist *headers;
	struct buf got;
};

static bool has_text(const struct watcher *w, const char *text)
{
	return w->got.len > 0 && memmem(w->got.data, w->got.len, text, strlen(text)) != NULL;
}

/* Runs all transfers until every one has received `text`. */
static void wait_for_all(CURLM *multi, struct watcher *watchers, size_t count, const char *text)
{
	uint64_t end = clock_monotonic_ns() + WAIT_MS * UINT64_C(1000000);
	size_t have = 0;
	while (have < count) {
		int running;
		curl_multi_perform(multi, &running);
		for (have = 0; have < count && has_text(&watchers[have], text);)
			have++;
		if (have < count && (running < (int)count || clock_monotonic_ns() > end))
			fail_msg("%zu of %zu got \"%s\", %d are connected; the first has: %.*s", have, count, text, running,
				 (int)watchers[0].got.len, (const char *)watchers[0].got.data);
		if (have < count)
			curl_multi_poll(multi, NULL, 0, 100, NULL);
	}
}

static void watch_as(CURLM *multi, struct watcher *w, const struct ask *a)
{
	w->curl = client(a, &w->headers);
	buf_init(&w->got, ANSWER_MAX);
	curl_easy_setopt(w->curl, CURLOPT_WRITEFUNCTION, on_bytes);
	curl_easy_setopt(w->curl, CURLOPT_WRITEDATA, &w->got);
	curl_multi_add_handle(multi, w->curl);
}

static void watch(CURLM *multi, struct watcher *w, const char *last_event_id)
{
	watch_as(multi, w, &(struct ask){.method = "GET", .path = "/api/v1/events", .headers = {last_event_id}});
}

static void unwatch(CURLM *multi, struct watcher *w)
{
	curl_multi_remove_handle(multi, w->curl);
	curl_easy_cleanup(w->curl);
	curl_slist_free_all(w->headers);
	buf_done(&w->got);
}

static void sixty_four_subscribers_each_see_every_event_once(void **state)
{
	CURLM *multi = curl_multi_init();
	struct watcher watchers[STREAMS];
	(void)state;
	for (size_t i = 0; i < STREAMS; i++)
		watch(multi, &watchers[i], NULL);
	wait_for_all(multi, watchers, STREAMS, "data: {\"missed\":false}\n\n");
	api_publish_trigger(world.api, &fake_triggers[0]);
	api_publish_trigger(world.api, &fake_triggers[1]);
	api_publish(world.api, "agents", "{\"agents\":2,\n\"connected\":1}");
	wait_for_all(multi, watchers, STREAMS, "data: {\"agents\":2, \"connected\":1}\n\n");
	for (size_t i = 0; i < STREAMS; i++) {
		const char *raised = memmem(watchers[i].got.data, watchers[i].got.len, "event: trigger\n", 15);
		assert_non_null(raised);
		assert_null(memmem(raised + 1, watchers[i].got.len - (size_t)(raised + 1 - (char *)watchers[i].got.data),
				   "event: trigger\n", 15));
		assert_true(has_text(&watchers[i], "event: trigger-closed\n"));
		assert_true(has_text(&watchers[i], "\"clause\":\"3(1)\""));
	}
	assert_int_equal(status_of((struct ask){.method = "GET", .path = "/api/v1/agents"}),
			 200); /* there is room for others beside them */
	for (size_t i = 0; i < STREAMS; i++)
		unwatch(multi, &watchers[i]);
	curl_multi_cleanup(multi);
}

static void a_subscriber_that_comes_back_is_told_that_it_missed_something(void **state)
{
	CURLM *multi = curl_multi_init();
	struct watcher w;
	(void)state;
	watch(multi, &w, "Last-Event-ID: of another life");
	wait_for_all(multi, &w, 1, "event: ready\n");
	wait_for_all(multi, &w, 1, "data: {\"missed\":true}\n\n");
	unwatch(multi, &w);
	curl_multi_cleanup(multi);
}

static void wait_for_the_end(CURLM *multi)
{
	int running = 1;
	uint64_t end = clock_monotonic_ns() + WAIT_MS * UINT64_C(1000000);
	while (running && clock_monotonic_ns() < end) {
		curl_multi_perform(multi, &running);
		curl_multi_poll(multi, NULL, 0, 100, NULL);
	}
	assert_int_equal(running, 0);
}

static void a_logout_ends_the_streams_of_its_session(void **state)
{
	CURLM *multi = curl_multi_init();
	struct watcher w;
	char cookie[128], origin[128];
	(void)state;
	sign_in(cookie);
	struct ask events = {.method = "GET", .path = "/api/v1/events", .anonymous = true, .cookie = cookie};
	watch_as(multi, &w, &events);
	wait_for_all(multi, &w, 1, "event: ready\n");
	api_publish(world.api, "agents", "{\"before\":1}");
	wait_for_all(multi, &w, 1, "data: {\"before\":1}\n\n");
	snprintf(origin, sizeof origin, "Origin: %s", world.base);
	assert_int_equal(
		status_of((struct ask){
			.method = "POST", .path = "/api/v1/logout", .body = "", .anonymous = true, .cookie = cookie, .headers = {origin}}),
		204);
	api_publish(world.api, "agents", "{\"after\":1}");
	wait_for_the_end(multi);
	assert_false(has_text(&w, "after"));
	unwatch(multi, &w);
	curl_multi_cleanup(multi);
}

static void a_stop_ends_open_streams(void **state)
{
	struct api *second = NULL;
	struct err err = {0};
	struct api_options o = options();
	char base[64];
	CURLM *multi = curl_multi_init();
	struct watcher w;
	(void)state;
	assert_int_equal(api_start(&o, &second, &err), 0); /* with the same token */
	memcpy(base, world.base, sizeof base);
	snprintf(world.base, sizeof world.base, "https://127.0.0.1:%u", api_port(second));
	watch(multi, &w, NULL);
	wait_for_all(multi, &w, 1, "event: ready\n");
	api_stop(second);
	memcpy(world.base, base, sizeof base);
	wait_for_the_end(multi);
	unwatch(multi, &w);
	curl_multi_cleanup(multi);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sixty_four_subscribers_each_see_every_event_once),
		cmocka_unit_test(a_subscriber_that_comes_back_is_told_that_it_missed_something),
		cmocka_unit_test(a_logout_ends_the_streams_of_its_session),
		cmocka_unit_test(a_stop_ends_open_streams),
	};
	curl_global_init(CURL_GLOBAL_DEFAULT);
	int failed = cmocka_run_group_tests(tests, world_up, world_down);
	curl_global_cleanup();
	return failed;
}
