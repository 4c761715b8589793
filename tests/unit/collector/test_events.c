/* The event hub without any network: queues, ids, sleepers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/api/events.h"

struct sleeper {
	int parked, woken;
	struct subscriber *subscriber;
};

static void park(void *ctx)
{
	((struct sleeper *)ctx)->parked++;
}

static void wake(void *ctx)
{
	((struct sleeper *)ctx)->woken++;
}

static int set_up(void **state)
{
	return events_new(0x1234abcd, (struct events **)state);
}

static int tear_down(void **state)
{
	events_free(*state);
	return 0;
}

static int subscribe(struct events *e, struct sleeper *s, const char *last_id)
{
	struct events_sleep sleep = {park, wake, s};
	*s = (struct sleeper){0};
	return events_subscribe(e, last_id, &sleep, &s->subscriber);
}

/* Everything that can be read without sleeping, `step` bytes at a time. */
static const char *read_all(struct sleeper *s, size_t step)
{
	static char text[EVENT_BYTES_MAX * 2];
	size_t len = 0;
	ssize_t n;
	while ((n = events_read(s->subscriber, text + len, step)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	return text;
}

static void the_first_event_says_whether_something_was_missed(void **state)
{
	static const struct {
		const char *last_id, *data, *why;
	} rows[] = {
		{NULL, "{\"missed\":false}", "it never saw any"},
		{"1234abcd-1", "{\"missed\":false}", "it saw the newest"},
		{"1234abcd-0", "{\"missed\":true}", "it saw the one before"},
		{"1234abce-1", "{\"missed\":true}", "of another life of the collector"},
		{"", "{\"missed\":true}", "an empty id"},
		{"%s%n", "{\"missed\":true}", "no id of ours"},
	};
	struct events *e = *state;
	events_publish(e, "totals", "{}");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct sleeper s;
		char want[128];
		assert_int_equal(subscribe(e, &s, rows[i].last_id), 0);
		snprintf(want, sizeof want, "event: ready\nid: 1234abcd-1\ndata: %s\n\n", rows[i].data);
		assert_string_equal(read_all(&s, 4096), want);
		events_unsubscribe(s.subscriber);
	}
}

static void events_come_in_order_whatever_the_reader_takes_at_once(void **state)
{
	static const size_t steps[] = {1, 7, 4096};
	struct events *e = *state;
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		struct sleeper s;
		assert_int_equal(subscribe(e, &s, NULL), 0);
		read_all(&s, 4096);
		events_publish(e, "trigger", "{\"id\":1}");
		events_publish(e, "totals", "{\"id\":2}");
		const char *text = read_all(&s, steps[i]);
		assert_non_null(strstr(text, "event: trigger\n"));
		assert_non_null(strstr(strstr(text, "data: {\"id\":1}\n\n"), "event: totals\n"));
		assert_string_equal(text + strlen(text) - 16, "data: {\"id\":2}\n\n");
		events_unsubscribe(s.subscriber);
	}
}

static void a_line_end_in_the_data_cannot_forge_an_event(void **state)
{
	struct events *e = *state;
	struct sleeper s;
	assert_int_equal(subscribe(e, &s, NULL), 0);
	read_all(&s, 4096);
	events_publish(e, "totals", "{}\n\nevent: trigger\r\ndata: {}");
	assert_string_equal(strstr(read_all(&s, 4096), "data: "), "data: {}  event: trigger  data: {}\n\n");
	events_unsubscribe(s.subscriber);
}

static void a_sleeper_is_woken_once_for_each_time_it_slept(void **state)
{
	struct events *e = *state;
	struct sleeper s;
	assert_int_equal(subscribe(e, &s, NULL), 0);
	events_publish(e, "totals", "{}"); /* not asleep yet */
	assert_int_equal(s.woken, 0);
	read_all(&s, 4096);
	assert_int_equal(s.parked, 1);
	events_publish(e, "totals", "{}");
	events_publish(e, "totals", "{}");
	assert_int_equal(s.woken, 1);
	read_all(&s, 4096);
	assert_int_equal(s.parked, 2);
	events_unsubscribe(s.subscriber);
}

static void a_heartbeat_reaches_only_those_who_wait(void **state)
{
	struct events *e = *state;
	struct sleeper idle, busy;
	assert_int_equal(subscribe(e, &idle, NULL), 0);
	assert_int_equal(subscribe(e, &busy, NULL), 0);
	read_all(&idle, 4096);
	events_heartbeat(e);
	assert_string_equal(read_all(&idle, 4096), ":\n\n");
	assert_string_equal(read_all(&busy, 4096), "event: ready\nid: 1234abcd-0\ndata: {\"missed\":false}\n\n");
	events_unsubscribe(idle.subscriber);
	events_unsubscribe(busy.subscriber);
}

static void who_does_not_read_is_dropped_just_past_a_full_queue(void **state)
{
	struct events *e = *state;
	struct sleeper slow, quick;
	struct events_stats stats;
	char byte;
	assert_int_equal(subscribe(e, &slow, NULL), 0);
	assert_int_equal(subscribe(e, &quick, NULL), 0);
	read_all(&slow, 4096);
	read_all(&quick, 4096);
	for (int i = 0; i < EVENTS_QUEUE_MAX; i++) {
		events_publish(e, "totals", "{}");
		read_all(&quick, 4096);
	}
	events_stats(e, &stats);
	assert_int_equal(stats.dropped, 0);
	events_publish(e, "totals", "{}");
	events_publish(e, "totals", "{}"); /* dropped once, counted once */
	events_stats(e, &stats);
	assert_int_equal(stats.dropped, 1);
	assert_int_equal(events_read(slow.subscriber, &byte, 1), -EPIPE);
	assert_non_null(strstr(read_all(&quick, 4096), "event: totals\n"));
	events_unsubscribe(slow.subscriber);
	events_unsubscribe(quick.subscriber);
}

static void an_event_past_its_ceiling_becomes_a_call_to_load_anew(void **state)
{
	struct events *e = *state;
	struct sleeper s;
	char *json = malloc(EVENT_BYTES_MAX + 2);
	memset(json, ' ', EVENT_BYTES_MAX + 1);
	assert_int_equal(subscribe(e, &s, NULL), 0);
	read_all(&s, 4096);
	json[EVENT_BYTES_MAX + 1] = '\0';
	events_publish(e, "trigger", json);
	assert_string_equal(read_all(&s, 4096), "event: ready\nid: 1234abcd-1\ndata: {\"missed\":true}\n\n");
	json[EVENT_BYTES_MAX] = '\0';
	events_publish(e, "trigger", json);
	assert_non_null(strstr(read_all(&s, 4096), "event: trigger\n"));
	events_unsubscribe(s.subscriber);
	free(json);
}

static void one_subscriber_too_many_is_refused(void **state)
{
	static struct sleeper s[EVENTS_SUBSCRIBERS_MAX];
	struct sleeper last;
	struct events *e = *state;
	for (int i = 0; i < EVENTS_SUBSCRIBERS_MAX; i++)
		assert_int_equal(subscribe(e, &s[i], NULL), 0);
	assert_int_equal(subscribe(e, &last, NULL), -EUSERS);
	events_unsubscribe(s[7].subscriber);
	assert_int_equal(subscribe(e, &s[7], NULL), 0);
	for (int i = 0; i < EVENTS_SUBSCRIBERS_MAX; i++)
		events_unsubscribe(s[i].subscriber);
}

static void a_stop_wakes_sleepers_and_lets_nobody_in(void **state)
{
	struct events *e = *state;
	struct sleeper s, late;
	char byte;
	assert_int_equal(subscribe(e, &s, NULL), 0);
	read_all(&s, 4096);
	events_stop(e);
	assert_int_equal(s.woken, 1);
	assert_int_equal(events_read(s.subscriber, &byte, 1), -EPIPE);
	assert_int_equal(subscribe(e, &late, NULL), -EPIPE);
	events_unsubscribe(s.subscriber);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_first_event_says_whether_something_was_missed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(events_come_in_order_whatever_the_reader_takes_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_line_end_in_the_data_cannot_forge_an_event, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_sleeper_is_woken_once_for_each_time_it_slept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_heartbeat_reaches_only_those_who_wait, set_up, tear_down),
		cmocka_unit_test_setup_teardown(who_does_not_read_is_dropped_just_past_a_full_queue, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_event_past_its_ceiling_becomes_a_call_to_load_anew, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_subscriber_too_many_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_stop_wakes_sleepers_and_lets_nobody_in, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
