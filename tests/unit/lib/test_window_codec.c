/* Batches, deliveries and receipts on the wire: round trips, every rule exactly at and just past its limit, and what strangers send. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/window.h"

#define HOUR  INT64_C(3600000)
#define START (INT64_C(490000) * HOUR)

/* One batch with one of everything; tests bend a field and look what happens. */
struct sample {
	struct endpoint endpoint;
	struct sketch_part sketch;
	struct ledger ledger;
	struct scope scope;
	struct window window;
	struct batch batch;
};

static struct sample *sample(void)
{
	static struct sample s;
	s.endpoint = (struct endpoint){
		.method = span_str("POST"),
		.template = span_str("/t/{slug}/回复"),
		.content = span_str("html"),
		.takes_input = true,
		.count = {1, 2, 3, 4, 5, 6},
		.request_bytes = 7,
		.answer_bytes = COUNT_MAX,
		.first_ms = START,
		.last_ms = START + 9999,
	};
	s.sketch = (struct sketch_part){.kind = IDENTITY_ACCOUNT, .key_id = 0xFEDCBA98, .requests = 21, .data = span_make("\0\1\377", 3)};
	s.ledger = (struct ledger){SOURCE_FILE, span_str("/var/log/nginx/access.log"), 10, 4, 3, 2, 1, 40, 30, 20, 10};
	s.scope = (struct scope){WORKLOAD_POD, span_str("shop/web"), span_str("{x}.example.com"), &s.endpoint, 1, &s.sketch, 1};
	s.window = (struct window){START, 10000, &s.scope, 1, &s.ledger, 1};
	s.batch = (struct batch){&s.window, 1};
	return &s;
}

static int encode(const struct batch *batch, struct buf *out)
{
	buf_init(out, BATCH_BYTES_MAX);
	return batch_encode(batch, out);
}

static void assert_span(struct span s, const char *text)
{
	assert_int_equal(s.len, strlen(text));
	assert_memory_equal(s.data, text, s.len);
}

static void assert_err_has(const struct err *err, const char *part)
{
	if (!strstr(err->text, part))
		fail_msg("\"%s\" does not say \"%s\"", err->text, part);
}

static void what_was_encoded_is_decoded(void **state)
{
	(void)state;
	struct sample *s = sample();
	struct buf out;
	struct batch *b;
	struct err err;
	assert_int_equal(encode(&s->batch, &out), 0);
	assert_int_equal(batch_decode(buf_span(&out), &b, &err), 0);
	buf_done(&out); /* the batch owns all it points to */

	assert_int_equal(b->window_count, 1);
	const struct window *w = b->windows;
	assert_true(w->start_ms == START && w->span_ms == 10000 && w->scope_count == 1 && w->ledger_count == 1);
	const struct scope *c = w->scopes;
	assert_int_equal(c->kind, WORKLOAD_POD);
	assert_span(c->workload, "shop/web");
	assert_span(c->host, "{x}.example.com");
	const struct endpoint *e = c->endpoints;
	assert_span(e->method, "POST");
	assert_span(e->template, "/t/{slug}/回复");
	assert_span(e->content, "html");
	assert_true(e->takes_input);
	assert_memory_equal(e->count, s->endpoint.count, sizeof e->count);
	assert_true(e->request_bytes == 7 && e->answer_bytes == COUNT_MAX && e->first_ms == START && e->last_ms == START + 9999);
	const struct sketch_part *k = c->sketches;
	assert_true(k->kind == IDENTITY_ACCOUNT && k->key_id == 0xFEDCBA98 && k->requests == 21);
	assert_int_equal(k->data.len, 3);
	assert_memory_equal(k->data.data, "\0\1\377", 3);
	const struct ledger *l = w->ledger;
	assert_span(l->source, "/var/log/nginx/access.log");
	assert_true(l->kind == SOURCE_FILE && l->seen == 10 && l->counted == 4 && l->malformed == 3 && l->skipped == 2 &&
		    l->known_gap == 1);
	assert_true(l->events == 40 && l->events_malformed == 30 && l->events_lost == 20 && l->gap_ms == 10);
	batch_free(b);
}

static void an_empty_batch_is_a_batch(void **state)
{
	(void)state;
	struct buf out;
	struct batch *b;
	assert_int_equal(encode(&(struct batch){0}, &out), 0);
	assert_int_equal(out.len, 0);
	assert_int_equal(batch_decode(span_make("", 0), &b, NULL), 0);
	assert_int_equal(b->window_count, 0);
	batch_free(b);
	buf_done(&out);
}

static void encoding_appends_after_what_the_buffer_holds(void **state)
{
	(void)state;
	struct buf out;
	struct batch *b;
	buf_init(&out, BATCH_BYTES_MAX);
	assert_int_equal(buf_append(&out, "head", 4), 0);
	assert_int_equal(batch_encode(&sample()->batch, &out), 0);
	assert_memory_equal(out.data, "head", 4);
	assert_int_equal(batch_decode(span_from(buf_span(&out), 4), &b, NULL), 0);
	batch_free(b);
	buf_done(&out);
}

static void names_of_strangers_are_mended_on_their_way_out(void **state)
{
	(void)state;
	struct sample *s = sample();
	s->endpoint.template = span_make("/a\0b/\x1B[31m/\xFF\xC3(/\xC2\x85/论坛", 24);
	struct buf out;
	struct batch *b;
	assert_int_equal(encode(&s->batch, &out), 0);
	assert_int_equal(batch_decode(buf_span(&out), &b, NULL), 0);
	assert_span(b->windows->scopes->endpoints->template, "/a_b/_[31m/__(/__/论坛");
	batch_free(b);
	buf_done(&out);
}

/* ---- rules, in pairs: the value at the limit passes both ways, the one past it is refused when sending ---- */

static void check_pair(struct sample *s, bool passes)
{
	struct buf out;
	int r = encode(&s->batch, &out);
	if (passes) {
		struct batch *b;
		struct err err = {0};
		assert_int_equal(r, 0);
		if (batch_decode(buf_span(&out), &b, &err) != 0)
			fail_msg("%s", err.text);
		batch_free(b);
	} else {
		assert_true(r == -EINVAL || r == -EMSGSIZE);
		assert_int_equal(out.len, 0);
	}
	buf_done(&out);
}

static void a_window_lies_within_one_hour(void **state)
{
	(void)state;
	static const struct {
		int64_t start_ms;
		uint32_t span_ms;
		bool passes;
		const char *reason;
	} rows[] = {
		{START, 1, true, "the shortest"},
		{START, 0, false, "no time at all"},
		{START, 3600000, true, "the whole hour"},
		{START, 3600001, false, "one more than the whole hour"},
		{START + HOUR - 10000, 10000, true, "ends with the hour"},
		{START + HOUR - 9999, 10000, false, "its last millisecond is of the next hour"},
		{0, 10000, true, "the first of all"},
		{-10000, 10000, false, "before 1970"},
		{TIME_MAX_MS - 10000, 10000, true, "the last of the year 9999"},
		{TIME_MAX_MS, 10000, false, "the year 10000"},
		{INT64_MAX, 10000, false, "must not overflow"},
		{INT64_MIN, 10000, false, "must not overflow"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct sample *s = sample();
		s->window.start_ms = s->endpoint.first_ms = s->endpoint.last_ms = rows[i].start_ms;
		s->window.span_ms = rows[i].span_ms;
		print_message("%s\n", rows[i].reason);
		check_pair(s, rows[i].passes);
	}
}

static void exchanges_lie_within_their_window(void **state)
{
	(void)state;
	static const struct {
		int64_t first, last;
		bool passes;
	} rows[] = {{0, 9999, true}, {0, 10000, false}, {-1, 5, false}, {5, 5, true}, {6, 5, false}};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct sample *s = sample();
		s->endpoint.first_ms = START + rows[i].first;
		s->endpoint.last_ms = START + rows[i].last;
		check_pair(s, rows[i].passes);
	}
}

static void names_have_a_ceiling_and_some_must_be_there(void **state)
{
	(void)state;
	static char text[NAME_BYTES_MAX + 1];
	memset(text, 'n', sizeof text);
	struct sample *s = sample();
	const struct {
		struct span *name;
		bool may_be_empty;
	} names[] = {
		{&s->endpoint.method, false}, {&s->endpoint.template, false}, {&s->endpoint.content, true},
		{&s->scope.workload, false},  {&s->scope.host, true},         {&s->ledger.source, false},
	};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		sample();
		*names[i].name = span_make(text, NAME_BYTES_MAX);
		check_pair(s, true);
		*names[i].name = span_make(text, NAME_BYTES_MAX + 1);
		check_pair(s, false);
		*names[i].name = span_make(text, 0);
		check_pair(s, names[i].may_be_empty);
	}
}

static void counters_have_a_ceiling(void **state)
{
	(void)state;
	struct sample *s = sample();
	uint64_t *const counters[] = {
		&s->endpoint.count[STATUS_UNANSWERED],
		&s->endpoint.count[STATUS_5XX],
		&s->endpoint.request_bytes,
		&s->endpoint.answer_bytes,
		&s->sketch.requests,
		&s->ledger.seen,
		&s->ledger.counted,
		&s->ledger.malformed,
		&s->ledger.skipped,
		&s->ledger.known_gap,
		&s->ledger.events,
		&s->ledger.events_malformed,
		&s->ledger.events_lost,
		&s->ledger.gap_ms,
	};
	for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
		sample();
		*counters[i] = COUNT_MAX;
		check_pair(s, true);
		*counters[i] = COUNT_MAX + 1;
		check_pair(s, false);
	}
}

static void kinds_are_those_of_this_version(void **state)
{
	(void)state;
	struct sample *s = sample();
	s->scope.kind = WORKLOAD_KINDS;
	check_pair(s, false);
	s = sample();
	s->sketch.kind = IDENTITY_KINDS;
	check_pair(s, false);
	s = sample();
	s->ledger.kind = SOURCE_KINDS;
	check_pair(s, false);
}

/* `count` copies of one item, so that the count is what meets the limit. */
static void *copies(const void *item, size_t size, size_t count)
{
	char *all = calloc(count, size);
	assert_non_null(all);
	for (size_t i = 0; i < count; i++)
		memcpy(all + i * size, item, size);
	return all;
}

static void lists_have_ceilings(void **state)
{
	(void)state;
	for (size_t past = 0; past < 2; past++) {
		struct sample *s = sample();
		s->scope.endpoint_count = SCOPE_ENDPOINTS_MAX + past;
		s->scope.endpoints = copies(&s->endpoint, sizeof s->endpoint, s->scope.endpoint_count);
		check_pair(s, past == 0);
		free(s->scope.endpoints);

		s = sample();
		s->scope.sketch_count = SCOPE_SKETCHES_MAX + past;
		s->scope.sketches = copies(&s->sketch, sizeof s->sketch, s->scope.sketch_count);
		check_pair(s, past == 0);
		free(s->scope.sketches);

		s = sample();
		s->window.scope_count = WINDOW_SCOPES_MAX + past;
		s->window.scopes = copies(&s->scope, sizeof s->scope, s->window.scope_count);
		check_pair(s, past == 0);
		free(s->window.scopes);

		s = sample();
		s->window.ledger_count = WINDOW_LEDGERS_MAX + past;
		s->window.ledger = copies(&s->ledger, sizeof s->ledger, s->window.ledger_count);
		check_pair(s, past == 0);
		free(s->window.ledger);

		s = sample();
		s->batch.window_count = BATCH_WINDOWS_MAX + past;
		s->batch.windows = copies(&s->window, sizeof s->window, s->batch.window_count);
		check_pair(s, past == 0);
		free(s->batch.windows);
	}
}

static void a_sketch_has_a_ceiling(void **state)
{
	(void)state;
	static const char data[SKETCH_BYTES_MAX + 1];
	struct sample *s = sample();
	s->sketch.data = span_make(data, SKETCH_BYTES_MAX);
	check_pair(s, true);
	s->sketch.data = span_make(data, SKETCH_BYTES_MAX + 1);
	check_pair(s, false);
}

static void a_batch_past_a_mebibyte_is_neither_sent_nor_read(void **state)
{
	(void)state;
	static const char data[SKETCH_BYTES_MAX];
	struct sample *s = sample();
	s->sketch.data = span_make(data, SKETCH_BYTES_MAX);
	s->scope.sketch_count = SCOPE_SKETCHES_MAX;
	s->scope.sketches = copies(&s->sketch, sizeof s->sketch, SCOPE_SKETCHES_MAX);
	check_pair(s, false); /* 16 x 64 KiB and their frames */
	s->scope.sketch_count--;
	check_pair(s, true);
	free(s->scope.sketches);

	char *large = calloc(1, BATCH_BYTES_MAX + 1);
	struct batch *b;
	struct err err;
	assert_non_null(large);
	assert_int_equal(batch_decode(span_make(large, BATCH_BYTES_MAX + 1), &b, &err), -EBADMSG);
	assert_err_has(&err, "1048577 bytes");
	free(large);
}

/* ---- what only a stranger sends ---- */

static void a_refusal_says_where_and_why(void **state)
{
	(void)state;
	/* windows[0] = { span_ms: 10, scopes[0] = { workload: "a\nb" } } */
	static const char bytes[] = "\x0A\x09\x10\x0A\x1A\x05\x12\x03"
				    "a\nb";
	struct batch *b = NULL;
	struct err err;
	assert_int_equal(batch_decode(span_make(bytes, sizeof bytes - 1), &b, &err), -EBADMSG);
	assert_string_equal(err.text, "window 0: scope 0: the workload has a control character or broken UTF-8 at byte 1");
	assert_null(b);
}

static void fields_of_a_later_version_are_ignored(void **state)
{
	(void)state;
	struct buf out;
	struct batch *b;
	assert_int_equal(encode(&sample()->batch, &out), 0);
	/* field 15: varint 1; field 16: text; field 17: fixed32; field 18: fixed64 */
	static const char later[] = "\x78\x01\x82\x01\x02hi\x8D\x01....\x91\x01........";
	buf_done(&out);
	buf_init(&out, BATCH_BYTES_MAX);
	assert_int_equal(batch_encode(&sample()->batch, &out), 0);
	assert_int_equal(buf_append(&out, later, sizeof later - 1), 0);
	assert_int_equal(batch_decode(buf_span(&out), &b, NULL), 0);
	assert_int_equal(b->window_count, 1);
	batch_free(b);
	buf_done(&out);

	struct delivery d;
	assert_int_equal(delivery_encode_sealed(9, 4, true, span_make(NULL, 0), &out), 0);
	assert_int_equal(buf_append(&out, later, sizeof later - 1), 0);
	assert_int_equal(delivery_decode(buf_span(&out), &d, NULL), 0);
	assert_true(d.epoch == 9 && d.sequence == 4 && d.lost);
	struct receipt r;
	buf_clear(&out);
	assert_int_equal(receipt_encode(&(struct receipt){9, 4}, &out), 0);
	assert_int_equal(buf_append(&out, later, sizeof later - 1), 0);
	assert_int_equal(receipt_decode(buf_span(&out), &r, NULL), 0);
	assert_true(r.epoch == 9 && r.sequence == 4);
	buf_done(&out);
}

static void every_cut_and_every_flipped_bit_is_survived(void **state)
{
	(void)state;
	struct buf out;
	struct batch *b;
	assert_int_equal(encode(&sample()->batch, &out), 0);
	for (size_t len = 1; len < out.len; len++)
		assert_int_equal(batch_decode(span_make(out.data, len), &b, NULL), -EBADMSG);
	for (size_t bit = 0; bit < out.len * 8; bit++) {
		out.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (batch_decode(buf_span(&out), &b, NULL) == 0)
			batch_free(b);
		out.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	buf_done(&out);
}

static void a_mebibyte_of_empty_endpoints_does_not_take_a_gigabyte(void **state)
{
	(void)state;
	/* One window with one scope full of two-byte endpoints: each would become some three hundred bytes of structs. */
	enum { EMPTY = 500000 };
	static const char head[] = "\x0A\xCC\x84\x3D\x10\x0A\x1A\xC7\x84\x3D\x12\x01w";
	struct buf out;
	struct batch *b;
	struct err err;
	buf_init(&out, BATCH_BYTES_MAX);
	assert_int_equal(buf_append(&out, head, sizeof head - 1), 0);
	for (int i = 0; i < EMPTY; i++)
		assert_int_equal(buf_append(&out, "\x22\x00", 2), 0);
	assert_int_equal(batch_decode(buf_span(&out), &b, &err), -EBADMSG);
	assert_err_has(&err, "takes more than 32 MiB to read");
	buf_done(&out);
}

/* ---- deliveries ---- */

static void a_hello_is_read_as_it_was_written(void **state)
{
	(void)state;
	const struct hello h = {span_str("host-7.example"), UINT64_MAX, 300, span_str("0.1.0"), span_str("6.1.0-13-amd64"), START};
	struct buf out;
	struct delivery d;
	buf_init(&out, 4096);
	assert_int_equal(delivery_encode_hello(&h, &out), 0);
	assert_int_equal(delivery_decode(buf_span(&out), &d, NULL), 0);
	assert_int_equal(d.part, DELIVERY_HELLO);
	assert_span(d.hello.agent, "host-7.example");
	assert_span(d.hello.version, "0.1.0");
	assert_span(d.hello.kernel, "6.1.0-13-amd64");
	assert_true(d.hello.epoch == UINT64_MAX && d.hello.first_sequence == 300 && d.hello.started_ms == START);
	assert_ptr_equal(d.hello.agent.data, (char *)out.data + 4); /* borrowed, not copied */
	buf_done(&out);
}

static void a_sealed_record_carries_its_batch_byte_for_byte(void **state)
{
	(void)state;
	struct buf out;
	struct delivery d;
	buf_init(&out, 4096);
	assert_int_equal(delivery_encode_sealed(5, 128, false, span_make("not even\0protobuf", 17), &out), 0);
	assert_int_equal(delivery_decode(buf_span(&out), &d, NULL), 0);
	assert_true(d.part == DELIVERY_SEALED && d.epoch == 5 && d.sequence == 128 && !d.lost);
	assert_int_equal(d.batch.len, 17);
	assert_memory_equal(d.batch.data, "not even\0protobuf", 17);

	buf_clear(&out);
	assert_int_equal(delivery_encode_sealed(5, 129, false, span_make("", 0), &out), 0);
	assert_int_equal(delivery_decode(buf_span(&out), &d, NULL), 0);
	assert_true(!d.lost && d.batch.len == 0);
	buf_done(&out);
}

static void deliveries_that_break_a_rule_are_refused_with_a_sentence(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t len;
		const char *says;
	} rows[] = {
		{"", 0, "neither a hello nor a sealed"},
		{"\x18\x01", 2, "neither a hello nor a sealed"},
		{"\x0A\x7F", 2, "no protobuf message"},
		{"\x0B\x00", 2, "no protobuf message"},
		{"\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 12, "no protobuf message"},
		{"\x0A\x03\x0A\x01"
		 "a\x0A\x03\x0A\x01"
		 "a",
		 10, "two parts"},
		{"\x0A\x03\x0A\x01"
		 "a\x12\x04\x10\x01\x18\x01",
		 11, "two parts"},
		{"\x0A\x00", 2, "agent id is empty"},
		{"\x0A\x03\x0A\x01\n", 5, "not plain text"},
		{"\x0A\x05\x0A\x01"
		 "a\x22\x7F",
		 7, "no protobuf message"},
		{"\x0A\x06\x0A\x01"
		 "a\x22\x01\x7F",
		 8, "version or kernel"},
		{"\x12\x02\x18\x01", 4, "without a sequence"},
		{"\x12\x02\x10\x01", 4, "without a batch"},
		{"\x12\x06\x10\x01\x18\x01\x22\x00", 8, "declared lost that carries a batch"},
		{"\x12\x06\x10\x01\x22\x00\x22\x00", 8, "two batches"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct delivery d;
		struct err err = {0};
		assert_int_equal(delivery_decode(span_make(rows[i].bytes, rows[i].len), &d, &err), -EBADMSG);
		assert_err_has(&err, rows[i].says);
	}
}

static void delivery_limits_hold_exactly(void **state)
{
	(void)state;
	static char id[AGENT_BYTES_MAX + 1];
	memset(id, 'a', sizeof id);
	char *batch = calloc(1, BATCH_BYTES_MAX + 1);
	assert_non_null(batch);
	for (size_t past = 0; past < 2; past++) {
		int expected = past ? -EBADMSG : 0;
		struct buf out;
		struct delivery d;
		buf_init(&out, 2 * BATCH_BYTES_MAX);
		assert_int_equal(delivery_encode_hello(&(struct hello){.agent = span_make(id, AGENT_BYTES_MAX + past)}, &out), 0);
		assert_int_equal(delivery_decode(buf_span(&out), &d, NULL), expected);
		buf_clear(&out);
		assert_int_equal(
			delivery_encode_hello(&(struct hello){.agent = span_make(id, 1), .first_sequence = COUNT_MAX + past}, &out), 0);
		assert_int_equal(delivery_decode(buf_span(&out), &d, NULL), expected);
		buf_clear(&out);
		assert_int_equal(delivery_encode_hello(
					 &(struct hello){.agent = span_make(id, 1), .started_ms = TIME_MAX_MS - 1 + (int64_t)past}, &out),
				 0);
		assert_int_equal(delivery_decode(buf_span(&out), &d, NULL), expected);
		buf_clear(&out);
		assert_int_equal(delivery_encode_sealed(1, COUNT_MAX + past, true, span_make(NULL, 0), &out), 0);
		assert_int_equal(delivery_decode(buf_span(&out), &d, NULL), expected);
		buf_clear(&out);
		assert_int_equal(delivery_encode_sealed(1, 1, false, span_make(batch, BATCH_BYTES_MAX + past), &out), 0);
		assert_int_equal(delivery_decode(buf_span(&out), &d, NULL), expected);
		buf_done(&out);
	}
	free(batch);
}

static void a_full_buffer_takes_no_part_of_a_delivery(void **state)
{
	(void)state;
	struct buf out;
	buf_init(&out, 16);
	assert_int_equal(delivery_encode_sealed(1, 1, false, span_make("0123456789", 10), &out), -EMSGSIZE);
	assert_int_equal(delivery_encode_hello(&(struct hello){.agent = span_str("0123456789abcdef")}, &out), -EMSGSIZE);
	assert_int_equal(out.len, 0);
	buf_done(&out);
}

static void a_receipt_is_read_as_it_was_written(void **state)
{
	(void)state;
	struct buf out;
	struct receipt r;
	buf_init(&out, 64);
	assert_int_equal(receipt_encode(&(struct receipt){UINT64_MAX, 1}, &out), 0);
	assert_int_equal(receipt_decode(buf_span(&out), &r, NULL), 0);
	assert_true(r.epoch == UINT64_MAX && r.sequence == 1);
	assert_int_equal(receipt_decode(span_make("\x08", 1), &r, NULL), -EBADMSG);
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_encoded_is_decoded),
		cmocka_unit_test(an_empty_batch_is_a_batch),
		cmocka_unit_test(encoding_appends_after_what_the_buffer_holds),
		cmocka_unit_test(names_of_strangers_are_mended_on_their_way_out),
		cmocka_unit_test(a_window_lies_within_one_hour),
		cmocka_unit_test(exchanges_lie_within_their_window),
		cmocka_unit_test(names_have_a_ceiling_and_some_must_be_there),
		cmocka_unit_test(counters_have_a_ceiling),
		cmocka_unit_test(kinds_are_those_of_this_version),
		cmocka_unit_test(lists_have_ceilings),
		cmocka_unit_test(a_sketch_has_a_ceiling),
		cmocka_unit_test(a_batch_past_a_mebibyte_is_neither_sent_nor_read),
		cmocka_unit_test(a_refusal_says_where_and_why),
		cmocka_unit_test(fields_of_a_later_version_are_ignored),
		cmocka_unit_test(every_cut_and_every_flipped_bit_is_survived),
		cmocka_unit_test(a_mebibyte_of_empty_endpoints_does_not_take_a_gigabyte),
		cmocka_unit_test(a_hello_is_read_as_it_was_written),
		cmocka_unit_test(a_sealed_record_carries_its_batch_byte_for_byte),
		cmocka_unit_test(deliveries_that_break_a_rule_are_refused_with_a_sentence),
		cmocka_unit_test(delivery_limits_hold_exactly),
		cmocka_unit_test(a_full_buffer_takes_no_part_of_a_delivery),
		cmocka_unit_test(a_receipt_is_read_as_it_was_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
