/* Two ends of TLS, back to back in memory: who is let in, who is not, and what each side says about it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/certificates.h"

static struct certificates certs;

static int set_up(void **state)
{
	(void)state;
	certificates_init(&certs);
	certificates_issue(&certs, "pki", PKI_SERVER, "collector", "localhost,127.0.0.1", -1, 30);
	certificates_issue(&certs, "pki", PKI_SERVER, "collector-expired", "localhost", -30, -1);
	certificates_issue(&certs, "stranger", PKI_SERVER, "collector-stranger", "localhost", -1, 30);
	certificates_issue(&certs, "pki", PKI_AGENT, "host-7", NULL, -1, 30);
	certificates_issue(&certs, "pki", PKI_AGENT, "host-expired", NULL, -30, -1);
	certificates_issue(&certs, "pki", PKI_AGENT, "host-tomorrow", NULL, 1, 30);
	certificates_issue(&certs, "stranger", PKI_AGENT, "host-stranger", NULL, -1, 30);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	certificates_done(&certs);
	return 0;
}

struct pair {
	struct tls_context *client_context, *server_context;
	struct tls *client, *server;
	struct err client_err, server_err;
};

static void pair_init(struct pair *p, const char *client, const char *server, const char *dialled)
{
	*p = (struct pair){
		.client_context = certificates_context(&certs, TLS_CLIENT, "pki", client),
		.server_context = certificates_context(&certs, TLS_SERVER, "pki", server),
	};
	assert_int_equal(tls_new(p->client_context, dialled, &p->client), 0);
	assert_int_equal(tls_new(p->server_context, NULL, &p->server), 0);
}

static void pair_done(struct pair *p)
{
	tls_free(p->client);
	tls_free(p->server);
	tls_context_free(p->client_context);
	tls_context_free(p->server_context);
}

static void carry(struct tls *from, struct tls *to)
{
	struct buf bytes;
	buf_init(&bytes, 1 << 20);
	assert_int_equal(tls_take(from, &bytes), 0);
	assert_int_equal(tls_feed(to, buf_span(&bytes)), 0);
	buf_done(&bytes);
}

/* The handshake, and one read on each side: in TLS 1.3 a client learns of its refusal only when it reads. Returns the sides' last words. */
static void shake(struct pair *p, long *ret_client, long *ret_server)
{
	char byte;
	long client = tls_handshake(p->client, &p->client_err);
	carry(p->client, p->server);
	long server = tls_handshake(p->server, &p->server_err);
	carry(p->server, p->client);
	if (client == -EAGAIN)
		client = tls_handshake(p->client, &p->client_err);
	carry(p->client, p->server);
	if (server == -EAGAIN)
		server = tls_handshake(p->server, &p->server_err);
	carry(p->server, p->client);
	if (client == 0 && (client = tls_read(p->client, &byte, 1, &p->client_err)) == -EAGAIN)
		client = 0;
	if (server == 0 && (server = tls_read(p->server, &byte, 1, &p->server_err)) == -EAGAIN)
		server = 0;
	*ret_client = client;
	*ret_server = server;
}

static void both_ends_know_each_other_and_talk(void **state)
{
	(void)state;
	static const char *const dialled[] = {"localhost", "127.0.0.1"};
	for (int i = 0; i < 2; i++) {
		struct pair p;
		long client, server;
		char text[16];
		pair_init(&p, "host-7", "collector", dialled[i]);
		shake(&p, &client, &server);
		assert_int_equal(client, 0);
		assert_int_equal(server, 0);
		assert_string_equal(tls_peer_name(p.server), "host-7");
		assert_string_equal(tls_peer_name(p.client), "collector");
		assert_int_equal(tls_write(p.client, span_str("hello")), 0);
		carry(p.client, p.server);
		assert_int_equal(tls_read(p.server, text, sizeof text, NULL), 5);
		assert_memory_equal(text, "hello", 5);
		tls_close(p.client);
		carry(p.client, p.server);
		assert_int_equal(tls_read(p.server, text, sizeof text, NULL), -EPIPE);
		pair_done(&p);
	}
}

static void who_is_refused_and_why(void **state)
{
	(void)state;
	static const struct {
		const char *client, *server, *dialled;
		const char *client_says, *server_says;
	} rows[] = {
		{"host-expired", "collector", "localhost", "our certificate has expired",
		 "\"host-expired\" is refused: certificate has expired"},
		{"host-tomorrow", "collector", "localhost", "not accept our certificate", "certificate is not yet valid"},
		{"host-stranger", "collector", "localhost", "our certificate", "is refused: unable to get local issuer certificate"},
		{"collector", "collector", "localhost", "not accept our certificate", "unsuitable certificate purpose"},
		{"host-7", "collector-expired", "localhost", "\"collector-expired\" is refused: certificate has expired",
		 "our certificate has expired"},
		{"host-7", "collector-stranger", "localhost", "unable to get local issuer", "does not know the authority"},
		{"host-7", "collector", "other.example", "hostname mismatch", "not accept our certificate"},
		{"host-7", "collector", "127.0.0.2", "IP address mismatch", "not accept our certificate"},
		{"host-7", "host-7", "localhost", "unsuitable certificate purpose", "not accept our certificate"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct pair p;
		long client, server;
		pair_init(&p, rows[i].client, rows[i].server, rows[i].dialled);
		shake(&p, &client, &server);
		assert_int_equal(client, -EPROTO);
		assert_int_equal(server, -EPROTO);
		if (!strstr(p.client_err.text, rows[i].client_says) || !strstr(p.server_err.text, rows[i].server_says))
			fail_msg("row %zu: client: %s; server: %s", i, p.client_err.text, p.server_err.text);
		pair_done(&p);
	}
}

static void what_is_no_tls_is_refused(void **state)
{
	(void)state;
	struct pair p;
	pair_init(&p, "host-7", "collector", "localhost");
	assert_int_equal(tls_feed(p.server, span_str("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")), 0);
	assert_int_equal(tls_handshake(p.server, &p.server_err), -EPROTO);
	assert_string_equal(p.server_err.text, "the peer does not speak TLS");
	pair_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ends_know_each_other_and_talk),
		cmocka_unit_test(who_is_refused_and_why),
		cmocka_unit_test(what_is_no_tls_is_refused),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
