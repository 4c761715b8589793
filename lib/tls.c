/* The only file that speaks TLS. Memory BIOs on both sides, so that who owns the socket stays in charge of reading and writing. */
#include "lib/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "lib/pki.h"
#include "lib/utf8.h"

enum { CERTIFICATE_DEPTH_MAX = 4, CERTIFICATES_BYTES_MAX = 16384, NAME_CAP = PKI_NAME_MAX * 4 + 1 };
/* What hosts of every kind do in hardware or fast in software; nothing else has to be audited. */
#define CIPHERSUITES "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

struct tls_context {
	SSL_CTX *ssl;
	enum tls_side side;
};

struct tls {
	SSL *ssl;
	BIO *in, *out; /* owned by ssl */
	enum tls_side side;
	char peer[NAME_CAP];
};

static const unsigned char alpn_h2[] = {2, 'h', '2'};

/* ---- sentences ---- */

/* What the peer's alert means for whom it concerns: us. */
static const char *alert_sentence(int reason)
{
	switch (reason) {
	case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED: return "the peer asks for a certificate and none was sent";
	case SSL_R_TLSV1_ALERT_UNKNOWN_CA: return "the peer does not know the authority that signed our certificate";
	case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED: return "the peer says that our certificate has expired or is not valid yet";
	case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED: return "the peer says that our certificate was revoked";
	case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
	case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN: return "the peer does not accept our certificate";
	case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
	case SSL_R_UNSUPPORTED_PROTOCOL: return "the two sides share no TLS version: 1.3 is the only one spoken here";
	case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL:
	case SSL_R_NO_APPLICATION_PROTOCOL: return "the peer does not offer HTTP/2 (ALPN \"h2\")";
	case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return "the peer sent no certificate";
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_HTTP_REQUEST: return "the peer does not speak TLS";
	default: return NULL;
	}
}

static void say_why(const struct tls *t, struct err *err)
{
	unsigned long code = ERR_peek_error();
	long verified = SSL_get_verify_result(t->ssl);
	const char *sentence = code ? alert_sentence(ERR_GET_REASON(code)) : NULL;
	if (verified != X509_V_OK) {
		err_set(err, "the peer's certificate \"%s\" is refused: %s", t->peer, X509_verify_cert_error_string(verified));
	} else if (sentence) {
		err_set(err, "%s", sentence);
	} else {
		const char *reason = code ? ERR_reason_error_string(code) : NULL;
		err_set(err, "TLS failed: %s", reason ? reason : "no reason given");
	}
	ERR_clear_error();
}

/* ---- contexts ---- */

/* The common name, when there is one that can be shown and compared: clean text without a NUL inside. */
static bool copy_common_name(const X509 *certificate, char out[NAME_CAP])
{
	int len = certificate ? X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, out, NAME_CAP) : -1;
	if (len > 0 && utf8_clean_len(span_make(out, (size_t)len)) == (size_t)len)
		return true;
	out[0] = '\0';
	return false;
}

/* OpenSSL decides; this only remembers who was refused, which it forgets before it tells that it refused. */
static int on_verify(int ok, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls *t = ssl ? SSL_get_app_data(ssl) : NULL;
	if (!ok && t)
		copy_common_name(X509_STORE_CTX_get0_cert(store), t->peer);
	return ok;
}

static int choose_h2(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in, unsigned in_len, void *ctx)
{
	(void)ssl;
	(void)ctx;
	for (unsigned at = 0; at < in_len; at += in[at] + 1U) {
		if (in[at] != 2 || at + 2 >= in_len || memcmp(in + at + 1, "h2", 2) != 0)
			continue;
		*out = in + at + 1;
		*out_len = 2;
		return SSL_TLSEXT_ERR_OK;
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int file_failed(const char *file, const char *what, struct err *err)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());
	err_at(err, file, 0, "%s: %s", what, reason ? reason : "no reason given");
	ERR_clear_error();
	return -EINVAL;
}

static int load_files(SSL_CTX *ssl, const struct tls_files *files, struct err *err)
{
	int r = pki_check_pair(files->certificate, files->key, err);
	if (r < 0)
		return r;
	if (SSL_CTX_use_certificate_chain_file(ssl, files->certificate) != 1)
		return file_failed(files->certificate, "cannot be used", err);
	if (SSL_CTX_use_PrivateKey_file(ssl, files->key, SSL_FILETYPE_PEM) != 1)
		return file_failed(files->key, "cannot be used", err);
	struct pki_description authority;
	r = pki_describe(files->authority, &authority, err);
	if (r < 0)
		return r;
	if (SSL_CTX_load_verify_file(ssl, files->authority) != 1)
		return file_failed(files->authority, "cannot be used as an authority", err);
	return 0;
}

static bool set_rules(SSL_CTX *ssl, enum tls_side side)
{
	SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | (side == TLS_SERVER ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), on_verify);
	SSL_CTX_set_verify_depth(ssl, CERTIFICATE_DEPTH_MAX);
	SSL_CTX_set_max_cert_list(ssl, CERTIFICATES_BYTES_MAX);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ssl, 0);
	SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
	/* Thousands of idle agents: an idle connection gives its 34 KiB of record buffers back. */
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (side == TLS_SERVER)
		SSL_CTX_set_alpn_select_cb(ssl, choose_h2, NULL);
	return SSL_CTX_set_min_proto_version(ssl, TLS1_3_VERSION) == 1 && SSL_CTX_set_max_proto_version(ssl, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set_ciphersuites(ssl, CIPHERSUITES) == 1 &&
	       (side == TLS_SERVER || SSL_CTX_set_alpn_protos(ssl, alpn_h2, sizeof alpn_h2) == 0);
}

int tls_context_new(enum tls_side side, const struct tls_files *files, struct tls_context **ret, struct err *err)
{
	struct tls_context *context = calloc(1, sizeof *context);
	int r = -ENOMEM;
	if (context) {
		context->side = side;
		context->ssl = SSL_CTX_new(side == TLS_SERVER ? TLS_server_method() : TLS_client_method());
	}
	if (context && context->ssl && set_rules(context->ssl, side))
		r = load_files(context->ssl, files, err);
	else
		err_set(err, "out of memory");
	if (r < 0) {
		tls_context_free(context);
		return r;
	}
	*ret = context;
	return 0;
}

void tls_context_free(struct tls_context *context)
{
	if (!context)
		return;
	SSL_CTX_free(context->ssl);
	free(context);
}

/* ---- connections ---- */

static bool expect_name(SSL *ssl, const char *name)
{
	unsigned char address[16];
	if (inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
	/* The name also goes out as SNI (RFC 6066: never for addresses). No partial wildcards; the common name is not a host name. */
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

int tls_new(struct tls_context *context, const char *peer_name, struct tls **ret)
{
	struct tls *t = calloc(1, sizeof *t);
	if (!t)
		return -ENOMEM;
	t->side = context->side;
	t->ssl = SSL_new(context->ssl);
	t->in = BIO_new(BIO_s_mem());
	t->out = BIO_new(BIO_s_mem());
	if (!t->ssl || !t->in || !t->out) {
		BIO_free(t->in);
		BIO_free(t->out);
		SSL_free(t->ssl);
		free(t);
		return -ENOMEM;
	}
	BIO_set_mem_eof_return(t->in, -1); /* empty means "wait", not "end" */
	BIO_set_mem_eof_return(t->out, -1);
	SSL_set_bio(t->ssl, t->in, t->out);
	SSL_set_app_data(t->ssl, t);
	if (t->side == TLS_SERVER)
		SSL_set_accept_state(t->ssl);
	else
		SSL_set_connect_state(t->ssl);
	if (t->side == TLS_CLIENT && !expect_name(t->ssl, peer_name)) {
		tls_free(t);
		ERR_clear_error();
		return -EINVAL;
	}
	*ret = t;
	return 0;
}

void tls_free(struct tls *t)
{
	if (!t)
		return;
	SSL_free(t->ssl);
	free(t);
}

int tls_feed(struct tls *t, struct span ciphertext)
{
	if (ciphertext.len == 0)
		return 0;
	if (ciphertext.len > INT_MAX || BIO_write(t->in, ciphertext.data, (int)ciphertext.len) != (int)ciphertext.len)
		return -ENOMEM;
	return 0;
}

static int finish_handshake(struct tls *t, struct err *err)
{
	const unsigned char *chosen;
	unsigned len;
	SSL_get0_alpn_selected(t->ssl, &chosen, &len);
	if (len != 2 || memcmp(chosen, "h2", 2) != 0) {
		err_set(err, "the peer does not offer HTTP/2 (ALPN \"h2\")");
		return -EPROTO;
	}
	if (!copy_common_name(SSL_get0_peer_certificate(t->ssl), t->peer)) {
		err_set(err, "the peer's certificate has no usable common name");
		return -EPROTO;
	}
	return 0;
}

int tls_handshake(struct tls *t, struct err *err)
{
	ERR_clear_error();
	int r = SSL_do_handshake(t->ssl);
	if (r == 1)
		return finish_handshake(t, err);
	if (SSL_get_error(t->ssl, r) == SSL_ERROR_WANT_READ)
		return -EAGAIN;
	say_why(t, err);
	return -EPROTO;
}

long tls_read(struct tls *t, void *out, size_t cap, struct err *err)
{
	ERR_clear_error();
	size_t len;
	int r = SSL_read_ex(t->ssl, out, cap, &len);
	if (r == 1)
		return (long)len;
	switch (SSL_get_error(t->ssl, r)) {
	case SSL_ERROR_WANT_READ: return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN: return -EPIPE;
	default: say_why(t, err); return -EPROTO;
	}
}

int tls_write(struct tls *t, struct span plain)
{
	while (plain.len > 0) {
		ERR_clear_error();
		size_t len;
		if (SSL_write_ex(t->ssl, plain.data, plain.len, &len) != 1) {
			ERR_clear_error();
			return -EPROTO;
		}
		plain = span_from(plain, len);
	}
	return 0;
}

void tls_close(struct tls *t)
{
	if (SSL_is_init_finished(t->ssl))
		SSL_shutdown(t->ssl);
	ERR_clear_error();
}

size_t tls_waiting(const struct tls *t)
{
	return BIO_ctrl_pending(t->out);
}

int tls_take(struct tls *t, struct buf *out)
{
	size_t len = tls_waiting(t);
	int r = buf_reserve(out, len);
	if (r < 0 || len == 0)
		return r;
	int taken = BIO_read(t->out, out->data + out->len, (int)len);
	if (taken != (int)len)
		return -EPROTO;
	out->len += len;
	return 0;
}

const char *tls_peer_name(const struct tls *t)
{
	return t->peer;
}
