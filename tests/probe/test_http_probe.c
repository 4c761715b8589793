/* The HTTP probe, attached for real: countable loads, and exactly those counts. Run as root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/probe/listeners.h"
#include "tests/probe/rig.h"

struct bench {
	struct rig rig;
	struct nginx nginx;
};

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof *b);
	assert_non_null(b);
	*state = b;
	rig_open(&b->rig);
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;
	if (b->nginx.pid > 0)
		nginx_stop(&b->nginx);
	rig_close(&b->rig);
	free(b);
	return 0;
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: forum.example\r\n\r\n"
#define OK        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define FAKE      "GET /fake HTTP/1.1\r\nHost: forum.example\r\n\r\n"

/* Nothing was lost on the way, so a count below is what the parser made of it. */
static void assert_whole(const struct rig *rig)
{
	struct http_probe_stats s = rig_stats(rig);
	assert_int_equal(s.full, 0);
	assert_int_equal(s.unreadable, 0);
	assert_int_equal(s.unsupported, 0);
	assert_int_equal(s.untracked, 0);
}

static void assert_answered(struct rig *rig, uint64_t exchanges)
{
	rig_drain(rig);
	assert_whole(rig);
	assert_int_equal(rig->tally.exchanges, exchanges);
	assert_int_equal(rig->tally.answered, exchanges);
	assert_int_equal(rig->tally.fake, 0);
}

/* ---- nginx ---- */

static void keep_alive(struct rig *rig, int family, uint16_t port, unsigned connections, unsigned requests)
{
	int fd[16];
	for (unsigned i = 0; i < connections; i++)
		assert_true((fd[i] = dial(family, port)) >= 0);
	for (unsigned i = 0; i < requests; i++) {
		send_all(fd[i % connections], GET("/t/1"), strlen(GET("/t/1")));
		read_marks(fd[i % connections], 1);
		if (i % 64 == 0)
			rig_drain(rig);
	}
	for (unsigned i = 0; i < connections; i++)
		close(fd[i]);
}

static void keep_alive_requests_are_counted_exactly(void **state)
{
	struct bench *b = *state;
	nginx_start(&b->rig, &b->nginx, 0);
	rig_attach(&b->rig, 0, NULL, 0);
	keep_alive(&b->rig, AF_INET, b->nginx.port, 7, 10007);
	assert_answered(&b->rig, 10007);
	assert_int_equal(b->rig.tally.status[200], 10007);
	assert_int_equal(rig_stats(&b->rig).connections, 7);
}

static void requests_over_ipv6_are_counted_exactly(void **state)
{
	struct bench *b = *state;
	nginx_start(&b->rig, &b->nginx, 0);
	rig_attach(&b->rig, 0, NULL, 0);
	keep_alive(&b->rig, AF_INET6, b->nginx.port, 3, 503);
	assert_answered(&b->rig, 503);
}

static void a_poll_hands_out_a_bounded_number_of_records(void **state)
{
	struct bench *b = *state;
	enum { REQUESTS = 2503 };
	nginx_start(&b->rig, &b->nginx, 0);
	rig_attach(&b->rig, 8 << 20, NULL, 0);
	int fd = dial(AF_INET, b->nginx.port);
	for (unsigned i = 0; i < REQUESTS; i++) {
		send_all(fd, GET("/t/1"), strlen(GET("/t/1")));
		read_marks(fd, 1);
	}
	assert_int_equal(rig_poll(&b->rig), HTTP_PROBE_POLL_MAX);
	assert_int_equal(rig_poll(&b->rig), 2 * REQUESTS - HTTP_PROBE_POLL_MAX);
	assert_int_equal(rig_poll(&b->rig), 0);
	assert_answered(&b->rig, REQUESTS);
	close(fd);
}

/* `each` requests a write, `count` in all. */
static void pipeline(int fd, unsigned count, unsigned each)
{
	static char text[1 << 17];
	static const char request[] = GET("/t/1");
	const size_t len = sizeof request - 1;
	assert_true(each * len <= sizeof text);
	for (unsigned i = 0; i < each; i++)
		memcpy(text + i * len, request, len);
	for (unsigned left = count; left;) {
		unsigned n = left < each ? left : each;
		send_all(fd, text, n * len);
		left -= n;
	}
	read_marks(fd, count);
}

static void requests_pipelined_in_one_write_are_counted_exactly(void **state)
{
	struct bench *b = *state;
	nginx_start(&b->rig, &b->nginx, 0);
	rig_attach(&b->rig, 0, NULL, 0);
	int fd = dial(AF_INET, b->nginx.port);
	pipeline(fd, 1009, 1009);
	rig_drain(&b->rig);
	close(fd);
	assert_whole(&b->rig);
	/* Which answer belongs to which request may be out of sight when a server puts hundreds of them into one segment; the requests are not. */
	http_streams_free(b->rig.streams);
	b->rig.streams = NULL;
	assert_int_equal(b->rig.tally.exchanges, 1009);
}

static void requests_pipelined_in_small_writes_are_counted_exactly(void **state)
{
	struct bench *b = *state;
	nginx_start(&b->rig, &b->nginx, 0);
	rig_attach(&b->rig, 0, NULL, 0);
	int fd = dial(AF_INET, b->nginx.port);
	for (int i = 0; i < 101; i++) {
		pipeline(fd, 10, 10);
		rig_drain(&b->rig);
	}
	close(fd);
	assert_whole(&b->rig);
	http_streams_free(b->rig.streams);
	b->rig.streams = NULL;
	assert_int_equal(b->rig.tally.exchanges, 1010);
}

static void a_large_download_by_sendfile_is_one(void **state)
{
	struct bench *b = *state;
	const uint64_t large = 200 << 20;
	nginx_start(&b->rig, &b->nginx, large);
	rig_attach(&b->rig, 0, NULL, 0);
	int fd = dial(AF_INET, b->nginx.port);
	send_all(fd, GET("/large"), strlen(GET("/large")));
	read_bytes(fd, large);
	/* The answer's head lies somewhere in front of those bytes: what is left of them comes before the next answer's mark. */
	send_all(fd, GET("/page"), strlen(GET("/page")));
	read_marks(fd, 1);
	assert_answered(&b->rig, 2);
	assert_true(rig_stats(&b->rig).answer_bytes >= large);
	assert_in_range(b->rig.tally.slices, 4, 24); /* a head each way each, and a few continuations: not the body */
	close(fd);
}

static void answers_without_a_body_do_not_swallow_the_next(void **state)
{
	struct bench *b = *state;
	static const char head[] = "HEAD /page HTTP/1.1\r\nHost: x\r\n\r\n";
	static const char fresh[] = "GET /page HTTP/1.1\r\nHost: x\r\nIf-None-Match: *\r\n\r\n";
	nginx_start(&b->rig, &b->nginx, 0);
	rig_attach(&b->rig, 0, NULL, 0);
	int fd = dial(AF_INET, b->nginx.port);
	const char *requests[] = {head, GET("/none/1"), fresh, GET("/page")};
	for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++)
		send_all(fd, requests[i], strlen(requests[i]));
	read_marks(fd, 1);
	assert_answered(&b->rig, 4);
	assert_int_equal(b->rig.tally.status[200], 2);
	assert_int_equal(b->rig.tally.status[204], 1);
	assert_int_equal(b->rig.tally.status[304], 1);
	close(fd);
}

static void an_interim_answer_is_not_the_answer(void **state)
{
	struct bench *b = *state;
	static const char head[] = "POST /t HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
	nginx_start(&b->rig, &b->nginx, 0);
	rig_attach(&b->rig, 0, NULL, 0);
	int fd = dial(AF_INET, b->nginx.port);
	send_all(fd, head, strlen(head));
	send_all(fd, "hello", 5);
	read_marks(fd, 1);
	send_all(fd, GET("/t/1"), strlen(GET("/t/1")));
	read_marks(fd, 1);
	assert_answered(&b->rig, 2);
	assert_int_equal(b->rig.tally.status[200], 2);
	assert_int_equal(b->rig.tally.with_input, 1);
	close(fd);
}

/* ---- a conversation, packet by packet ---- */

struct line {
	char from; /* 'C': the client says it, 'S': the server */
	const char *text;
};

static void hold_talk(struct rig *rig, int family, const struct line *lines, size_t count)
{
	uint16_t port;
	int listener = rig_listen(rig, family, false, &port);
	rig_attach(rig, 0, NULL, 0);
	struct talk t = talk_open(listener, family, port);
	for (size_t i = 0; i < count; i++)
		say(lines[i].from == 'C' ? t.client : t.server, lines[i].from == 'C' ? t.server : t.client, lines[i].text);
	talk_close(&t);
	close(listener);
}

#define HOLD_TALK(rig, lines) hold_talk(rig, AF_INET, lines, sizeof(lines) / sizeof((lines)[0]))

static void a_body_that_begins_like_a_request_is_a_body(void **state)
{
	struct bench *b = *state;
	static const struct line lines[] = {
		{'C', "POST /t HTTP/1.1\r\nHost: x\r\nContent-Length: 43\r\n\r\n"}, {'C', FAKE}, {'S', OK}, {'C', GET("/t/1")}, {'S', OK},
	};
	assert_int_equal(strlen(FAKE), 43);
	HOLD_TALK(&b->rig, lines);
	assert_answered(&b->rig, 2);
	assert_int_equal(b->rig.tally.with_input, 1);
}

static void chunks_that_look_like_heads_are_chunks(void **state)
{
	struct bench *b = *state;
	static const struct line lines[] = {
		{'C', "POST /t HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"},
		{'C', "2b\r\n"},
		{'C', FAKE},
		{'C', "\r\n"},
		{'C', "5\r\nhello\r\n"},
		{'C', "0\r\n\r\n"},
		{'S', "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
		{'S', "2d\r\n"},
		{'S', "HTTP/1.1 500 Error\r\nContent-Length: 0\r\n\r\n~~~~"},
		{'S', "\r\n0\r\n\r\n"},
		{'C', GET("/t/1")},
		{'S', OK},
	};
	HOLD_TALK(&b->rig, lines);
	assert_answered(&b->rig, 2);
	assert_int_equal(b->rig.tally.status[200], 2);
}

static void heads_split_over_three_packets_are_one_head(void **state)
{
	struct bench *b = *state;
	static const struct line lines[] = {
		{'C', "GE"},
		{'C', "T /t/1 HTTP/1.1\r\nHost: x\r\nCookie: a"},
		{'C', "=b\r\n\r\n"},
		{'S', "HTTP/1."},
		{'S', "1 200 OK\r\nContent-Le"},
		{'S', "ngth: 2\r\n\r\nok"},
		{'C', "POST"},
		{'C', " /t HTTP/1.1\r\nContent-Length: 0\r"},
		{'C', "\n\r\n"},
		{'S', OK},
		{'C', GET("/t/2")},
		{'S', OK},
	};
	HOLD_TALK(&b->rig, lines);
	assert_answered(&b->rig, 3);
	assert_int_equal(b->rig.tally.status[200], 3);
}

static void a_request_after_the_last_chunk_needs_no_answer_before_it(void **state)
{
	struct bench *b = *state;
	static const struct line lines[] = {
		{'C', "POST /t HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"},
		{'C', "5\r\nhello\r\n"},
		{'C', "0\r\n\r\n"},
		{'C', GET("/t/1")},
		{'S', OK},
		{'S', OK},
	};
	HOLD_TALK(&b->rig, lines);
	assert_answered(&b->rig, 2);
}

static void a_request_behind_the_end_of_a_body_is_counted(void **state)
{
	struct bench *b = *state;
	static const struct line lines[] = {
		{'C', "POST /t HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"},
		{'C', "hello"},
		{'S', OK}, /* before it has got everything */
		{'C', "hello" GET("/t/1")},
		{'S', OK},
	};
	HOLD_TALK(&b->rig, lines);
	assert_answered(&b->rig, 2);
}

static void an_answer_does_not_end_a_train_of_requests(void **state)
{
	struct bench *b = *state;
	static const struct line lines[] = {
		{'C', GET("/t/1") "GET /t/2 HT"},
		{'S', OK},
		{'C', "TP/1.1\r\nHost: x\r\n\r\n" GET("/t/3") "GET /t/4 HTTP/1.1\r\n"},
		{'S', OK},
		{'C', "Host: x\r\n\r\n"},
		{'S', OK},
		{'S', OK},
	};
	HOLD_TALK(&b->rig, lines);
	assert_answered(&b->rig, 4);
}

static void http_1_0_without_keep_alive_is_counted(void **state)
{
	struct bench *b = *state;
	static const struct line lines[] = {
		{'C', "GET /t/1 HTTP/1.0\r\n\r\n"},
		{'S', "HTTP/1.0 200 OK\r\n\r\nuntil the end"},
	};
	HOLD_TALK(&b->rig, lines);
	assert_answered(&b->rig, 1);
}

static void the_end_of_a_connection_is_told_once(void **state)
{
	struct bench *b = *state;
	static const struct line lines[] = {{'C', GET("/t/1")}, {'S', OK}};
	HOLD_TALK(&b->rig, lines);
	assert_answered(&b->rig, 1);
	assert_int_equal(b->rig.tally.closes, 1);
	assert_int_equal(b->rig.tally.last_number[1], 1);
}

static void a_head_longer_than_a_record_comes_whole(void **state)
{
	struct bench *b = *state;
	static char head[9001] = "GET /t/1 HTTP/1.1\r\nHost: x\r\nCookie: a=";
	memset(head + strlen(head), 'c', sizeof head - 5 - strlen(head));
	memcpy(head + sizeof head - 5, "\r\n\r\n", 5);
	const struct line lines[] = {{'C', head}, {'S', OK}, {'C', GET("/t/2")}, {'S', OK}};
	HOLD_TALK(&b->rig, lines);
	assert_answered(&b->rig, 2);
	assert_int_equal(b->rig.tally.slices, 3 + 3); /* 9,000 bytes are three records of at most 4,032 */
	struct http_stats parsed;
	http_streams_stats(b->rig.streams, &parsed);
	assert_int_equal(parsed.heads_cut, 0);
}

static void an_upload_costs_few_records(void **state)
{
	struct bench *b = *state;
	const size_t body = 1 << 20;
	static const char head[] = "POST /t HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n";
	nginx_start(&b->rig, &b->nginx, 0);
	rig_attach(&b->rig, 0, NULL, 0);
	int fd = dial(AF_INET, b->nginx.port);
	char *text = malloc(sizeof head + body);
	assert_non_null(text);
	memcpy(text, head, sizeof head - 1);
	memset(text + sizeof head - 1, 'b', body);
	send_all(fd, text, sizeof head - 1 + body);
	free(text);
	read_marks(fd, 1);
	send_all(fd, GET("/t/1"), strlen(GET("/t/1")));
	read_marks(fd, 1);
	assert_answered(&b->rig, 2);
	assert_int_equal(b->rig.tally.with_input, 1);
	assert_in_range(b->rig.tally.slices, 4, 4 + 16);
	close(fd);
}

static void requests_behind_ipv6_extension_headers_are_counted(void **state)
{
	struct bench *b = *state;
	/* Destination options, 8 bytes, all of it padding (RFC 8200, 4.2 and 4.6). */
	static const uint8_t options[8] = {0, 0, 1, 4, 0, 0, 0, 0};
	uint16_t port;
	int listener = rig_listen(&b->rig, AF_INET6, false, &port);
	rig_attach(&b->rig, 0, NULL, 0);
	struct talk t = talk_open(listener, AF_INET6, port);
	assert_int_equal(setsockopt(t.client, IPPROTO_IPV6, IPV6_DSTOPTS, options, sizeof options), 0);
	assert_int_equal(setsockopt(t.server, IPPROTO_IPV6, IPV6_DSTOPTS, options, sizeof options), 0);
	for (int i = 0; i < 5; i++) {
		say(t.client, t.server, GET("/t/1"));
		say(t.server, t.client, OK);
	}
	talk_close(&t);
	close(listener);
	assert_answered(&b->rig, 5);
}

static void what_is_not_http_is_left_alone_and_said(void **state)
{
	struct bench *b = *state;
	static const struct {
		const char *reason;
		struct line lines[3];
		uint64_t bytes;
	} rows[] = {
		{"TLS: the client speaks first", {{'C', "\x16\x03\x01 hello"}, {'S', "\x16\x03\x03 hello"}, {'C', FAKE}}, 9 + 9 + 43},
		{"SSH: the server speaks first", {{'S', "SSH-2.0-OpenSSH"}, {'C', FAKE}, {'S', "HTTP/1.1 200"}}, 15 + 43 + 12},
	};
	uint64_t bytes = 0;
	uint16_t port;
	int listener = rig_listen(&b->rig, AF_INET, false, &port);
	rig_attach(&b->rig, 0, NULL, 0);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct talk t = talk_open(listener, AF_INET, port);
		for (size_t k = 0; k < 3; k++) {
			const struct line *l = &rows[i].lines[k];
			say(l->from == 'C' ? t.client : t.server, l->from == 'C' ? t.server : t.client, l->text);
		}
		talk_close(&t);
		bytes += rows[i].bytes;
		assert_answered(&b->rig, 0);
		assert_int_equal(rig_stats(&b->rig).opaque_bytes, bytes);
		assert_int_equal(b->rig.tally.slices, 0);
	}
	close(listener);
}

static void a_request_that_completes_the_handshake_is_counted(void **state)
{
	struct bench *b = *state;
	uint16_t port;
	int listener = rig_listen(&b->rig, AF_INET, true, &port);
	rig_attach(&b->rig, 0, (const uint16_t[]){port}, 1);
	for (int i = 0; i < 3; i++) {
		/* TCP_DEFER_ACCEPT, Apache's default: the kernel makes the connection when the request is there. */
		struct talk t = {.client = dial(AF_INET, port)};
		send_all(t.client, GET("/t/1"), strlen(GET("/t/1")));
		t.server = accept(listener, NULL, NULL);
		assert_true(t.server >= 0);
		read_bytes(t.server, strlen(GET("/t/1")));
		say(t.server, t.client, OK);
		say(t.client, t.server, GET("/t/2"));
		say(t.server, t.client, OK);
		talk_close(&t);
	}
	close(listener);
	assert_answered(&b->rig, 6);
	assert_int_equal(rig_stats(&b->rig).connections, 3);
}

static void a_request_that_nobody_answers_is_reported_when_its_connection_ends(void **state)
{
	struct bench *b = *state;
	uint16_t port;
	int listener = rig_listen(&b->rig, AF_INET, true, &port);
	rig_attach(&b->rig, 0, NULL, 0);
	http_probe_listening(b->rig.probe, port);
	struct talk t = {.client = dial(AF_INET, port)};
	send_all(t.client, GET("/t/1"), strlen(GET("/t/1")));
	t.server = accept(listener, NULL, NULL);
	read_bytes(t.server, strlen(GET("/t/1")));
	talk_close(&t);
	close(listener);
	rig_drain(&b->rig);
	assert_whole(&b->rig);
	assert_int_equal(b->rig.tally.closes, 1);
	assert_int_equal(b->rig.tally.exchanges, 1);
	assert_int_equal(b->rig.tally.answered, 0);
}

static void a_connection_opened_before_the_probe_is_joined(void **state)
{
	struct bench *b = *state;
	uint16_t port;
	int listener = rig_listen(&b->rig, AF_INET, false, &port);
	struct talk t = talk_open(listener, AF_INET, port);
	say(t.client, t.server, GET("/before"));
	say(t.server, t.client, OK);

	rig_attach(&b->rig, 0, NULL, 0);
	struct listeners *found = listeners_new("/proc");
	assert_int_equal(listeners_scan(found), 0);
	assert_non_null(listeners_find(found, port));
	assert_int_equal(listeners_find(found, port)->pid, getpid());
	for (size_t i = 0; i < listeners_count(found); i++)
		http_probe_listening(b->rig.probe, listeners_at(found, i)->port);
	listeners_free(found);

	for (int i = 0; i < 22; i++) {
		say(t.client, t.server, GET("/after"));
		say(t.server, t.client, OK);
	}
	/* FIN, and RST for the answer that is not read: two packets that end it, told once. */
	say(t.client, t.server, GET("/after"));
	send_all(t.server, OK, strlen(OK));
	assert_int_equal(shutdown(t.server, SHUT_WR), 0);
	talk_close(&t);
	close(listener);
	assert_answered(&b->rig, 23);
	assert_int_equal(rig_stats(&b->rig).joined, 1);
	assert_int_equal(rig_stats(&b->rig).connections, 0);
	assert_int_equal(b->rig.tally.closes, 1);
	assert_int_equal(b->rig.tally.joined_slices, 46 + 1);
}

static void our_own_listener_is_left_out(void **state)
{
	struct bench *b = *state;
	uint16_t port;
	int listener = rig_listen(&b->rig, AF_INET, false, &port);
	rig_attach(&b->rig, 0, NULL, 0);
	http_probe_listening(b->rig.probe, port);
	assert_int_equal(http_probe_ignore(b->rig.probe, listener), 0);
	struct talk t = talk_open(listener, AF_INET, port);
	say(t.client, t.server, GET("/metrics"));
	say(t.server, t.client, OK);
	talk_close(&t);
	close(listener);
	assert_answered(&b->rig, 0);
	assert_int_equal(b->rig.tally.slices, 0);
	assert_int_equal(rig_stats(&b->rig).request_bytes, 0);
}

static void ports_that_were_not_asked_for_are_left_out(void **state)
{
	struct bench *b = *state;
	uint16_t wanted, other;
	int listeners[] = {rig_listen(&b->rig, AF_INET, false, &wanted), rig_listen(&b->rig, AF_INET, false, &other)};
	const uint16_t ports[] = {wanted, other};
	rig_attach(&b->rig, 0, ports, 1);
	for (int i = 0; i < 2; i++) {
		struct talk t = talk_open(listeners[i], AF_INET, ports[i]);
		say(t.client, t.server, GET("/t/1"));
		say(t.server, t.client, OK);
		talk_close(&t);
		close(listeners[i]);
	}
	assert_answered(&b->rig, 1);
}

/* ---- losses ---- */

static void what_a_full_ring_loses_is_counted_and_leaves_holes(void **state)
{
	struct bench *b = *state;
	enum { REQUESTS = 97 };
	uint16_t port;
	int listener = rig_listen(&b->rig, AF_INET, false, &port);
	rig_attach(&b->rig, HTTP_PROBE_RING_MIN, NULL, 0);
	struct talk t = talk_open(listener, AF_INET, port);
	for (int i = 0; i < REQUESTS; i++) {
		say(t.client, t.server, GET("/t/1"));
		say(t.server, t.client, OK);
	}
	rig_drain(&b->rig);
	struct http_probe_stats s = rig_stats(&b->rig);
	assert_true(s.full > 0);
	assert_int_equal(b->rig.tally.slices, s.records);
	assert_int_equal(s.records + s.full, 2 * REQUESTS);

	/* Room again: the next numbers say how many are missing. */
	say(t.client, t.server, GET("/t/1"));
	say(t.server, t.client, OK);
	rig_drain(&b->rig);
	assert_int_equal(b->rig.tally.last_number[0], REQUESTS);
	assert_int_equal(b->rig.tally.last_number[1], REQUESTS);
	struct http_stats parsed;
	http_streams_stats(b->rig.streams, &parsed);
	assert_int_equal(parsed.records_missing, s.full);
	talk_close(&t);
	close(listener);
}

static bool is_readable(int fd, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	return poll(&p, 1, timeout_ms) == 1;
}

static void the_reader_is_woken_past_a_quarter_of_the_ring_and_not_before(void **state)
{
	struct bench *b = *state;
	uint16_t port;
	int listener = rig_listen(&b->rig, AF_INET, false, &port);
	rig_attach(&b->rig, HTTP_PROBE_RING_MIN, NULL, 0);
	struct talk t = talk_open(listener, AF_INET, port);
	/* 264 bytes a record: 15 lie below a quarter of 16 KiB, 16 above. */
	for (int i = 0; i < 7; i++) {
		say(t.client, t.server, GET("/t/1"));
		say(t.server, t.client, OK);
	}
	say(t.client, t.server, GET("/t/1"));
	assert_false(is_readable(http_probe_fd(b->rig.probe), 0));
	say(t.server, t.client, OK);
	assert_true(is_readable(http_probe_fd(b->rig.probe), 20000));
	assert_answered(&b->rig, 8);
	talk_close(&t);
	close(listener);
}

static void a_ring_of_a_wrong_size_is_refused_with_a_sentence(void **state)
{
	struct bench *b = *state;
	static const uint32_t sizes[] = {HTTP_PROBE_RING_MIN / 2, HTTP_PROBE_RING_MIN + 4096, HTTP_PROBE_RING_MAX * 2u};
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		struct err err = {0};
		struct http_probe *probe = NULL;
		const struct http_probe_options options = {.cgroup_fd = b->rig.cgroup_fd, .ring_bytes = sizes[i]};
		assert_true(http_probe_new(&options, &probe, &err) < 0);
		assert_null(probe);
		assert_non_null(strstr(err.text, "power of two"));
	}
}

#define attached(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	if (geteuid() != 0) {
		fprintf(stderr, "the probe tests attach the probe for real: run them as root\n");
		return 1;
	}
	const struct CMUnitTest tests[] = {
		attached(keep_alive_requests_are_counted_exactly),
		attached(requests_over_ipv6_are_counted_exactly),
		attached(a_poll_hands_out_a_bounded_number_of_records),
		attached(requests_pipelined_in_one_write_are_counted_exactly),
		attached(requests_pipelined_in_small_writes_are_counted_exactly),
		attached(a_large_download_by_sendfile_is_one),
		attached(answers_without_a_body_do_not_swallow_the_next),
		attached(an_interim_answer_is_not_the_answer),
		attached(a_body_that_begins_like_a_request_is_a_body),
		attached(chunks_that_look_like_heads_are_chunks),
		attached(heads_split_over_three_packets_are_one_head),
		attached(a_request_after_the_last_chunk_needs_no_answer_before_it),
		attached(a_request_behind_the_end_of_a_body_is_counted),
		attached(an_answer_does_not_end_a_train_of_requests),
		attached(http_1_0_without_keep_alive_is_counted),
		attached(the_end_of_a_connection_is_told_once),
		attached(a_head_longer_than_a_record_comes_whole),
		attached(an_upload_costs_few_records),
		attached(requests_behind_ipv6_extension_headers_are_counted),
		attached(what_is_not_http_is_left_alone_and_said),
		attached(a_request_that_completes_the_handshake_is_counted),
		attached(a_request_that_nobody_answers_is_reported_when_its_connection_ends),
		attached(a_connection_opened_before_the_probe_is_joined),
		attached(our_own_listener_is_left_out),
		attached(ports_that_were_not_asked_for_are_left_out),
		attached(what_a_full_ring_loses_is_counted_and_leaves_holes),
		attached(the_reader_is_woken_past_a_quarter_of_the_ring_and_not_before),
		attached(a_ring_of_a_wrong_size_is_refused_with_a_sentence),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
