/* The only calls that make keys and certificates. Profiles follow RFC 5280 and, for the collector's, what browsers ask of a server. */
#include "lib/pki.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "lib/file.h"
#include "lib/span.h"

enum { PEM_BYTES_MAX = 1 << 16, SERIAL_BITS = 127 };
#define DAY_MS         INT64_C(86400000)
#define AUTHORITY_NAME "Tocsin authority"

/* OpenSSL's own reason for the last failure; its queue is emptied, so that an old error never explains a new one. */
static int openssl_failed(const char *file, const char *what, struct err *err)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;
	err_at(err, file, 0, "%s: %s", what, reason ? reason : "no reason given");
	ERR_clear_error();
	return -EINVAL;
}

static bool exists(const char *file)
{
	return access(file, F_OK) == 0;
}

/* ---- reading ---- */

static int read_pem(const char *file, struct buf *pem, BIO **ret, struct err *err)
{
	buf_init(pem, PEM_BYTES_MAX);
	int r = file_read(file, pem, err);
	if (r == 0) {
		*ret = BIO_new_mem_buf(pem->data, (int)pem->len);
		r = *ret ? 0 : -ENOMEM;
	}
	if (r < 0)
		buf_done(pem);
	return r;
}

static int read_certificate(const char *file, X509 **ret, struct err *err)
{
	struct buf pem;
	BIO *bio = NULL;
	int r = read_pem(file, &pem, &bio, err);
	if (r < 0)
		return r;
	X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	if (certificate)
		*ret = certificate;
	else
		r = openssl_failed(file, "is no PEM certificate", err);
	BIO_free(bio);
	buf_done(&pem);
	return r;
}

/* A key behind a pass phrase cannot be used by a daemon: refused, not asked for on a terminal. */
static int no_pass_phrase(char *out, int cap, int writing, void *ctx)
{
	(void)out;
	(void)cap;
	(void)writing;
	(void)ctx;
	return -1;
}

static int read_key(const char *file, EVP_PKEY **ret, struct err *err)
{
	struct buf pem;
	BIO *bio = NULL;
	int r = read_pem(file, &pem, &bio, err);
	if (r < 0)
		return r;
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, NULL);
	if (key)
		*ret = key;
	else
		r = openssl_failed(file, "is no PEM private key (or has a pass phrase)", err);
	BIO_free(bio);
	OPENSSL_cleanse(pem.data, pem.len);
	buf_done(&pem);
	return r;
}

static int read_pair(const char *certificate_file, const char *key_file, X509 **ret_certificate, EVP_PKEY **ret_key, struct err *err)
{
	X509 *certificate = NULL;
	EVP_PKEY *key = NULL;
	int r = read_certificate(certificate_file, &certificate, err);
	if (r < 0)
		return r;
	r = read_key(key_file, &key, err);
	if (r < 0) {
		X509_free(certificate);
		return r;
	}
	if (X509_check_private_key(certificate, key) != 1) {
		ERR_clear_error();
		err_at(err, certificate_file, 0, "does not belong to the key in %s", key_file);
		X509_free(certificate);
		EVP_PKEY_free(key);
		return -EINVAL;
	}
	*ret_certificate = certificate;
	*ret_key = key;
	return 0;
}

int pki_check_pair(const char *certificate_file, const char *key_file, struct err *err)
{
	X509 *certificate = NULL;
	EVP_PKEY *key = NULL;
	int r = read_pair(certificate_file, key_file, &certificate, &key, err);
	if (r < 0)
		return r;
	X509_free(certificate);
	EVP_PKEY_free(key);
	return 0;
}

/* ---- describing ---- */

static void copy_common_name(const X509_NAME *name, char *out, size_t cap)
{
	out[0] = '\0';
	X509_NAME_get_text_by_NID((X509_NAME *)(uintptr_t)name, NID_commonName, out, (int)cap);
}

static int64_t unix_ms(const ASN1_TIME *time)
{
	int days, seconds;
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int64_t ms = 0;
	if (epoch && ASN1_TIME_diff(&days, &seconds, epoch, time))
		ms = days * DAY_MS + seconds * INT64_C(1000);
	ASN1_TIME_free(epoch);
	return ms;
}

static void append_name(struct buf *out, struct span name)
{
	if (out->len > 0 && buf_append_byte(out, ',') < 0)
		return;
	if (buf_append_span(out, name) < 0)
		out->len = out->max;
}

static void copy_names(const X509 *certificate, char *text, size_t cap)
{
	struct buf out;
	buf_init(&out, cap - 1);
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; i < sk_GENERAL_NAME_num(names) && out.len < out.max; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		char address[INET6_ADDRSTRLEN];
		if (name->type == GEN_DNS)
			append_name(&out, span_make(ASN1_STRING_get0_data(name->d.dNSName), (size_t)ASN1_STRING_length(name->d.dNSName)));
		else if (name->type == GEN_IPADD && inet_ntop(ASN1_STRING_length(name->d.iPAddress) == 4 ? AF_INET : AF_INET6,
							      ASN1_STRING_get0_data(name->d.iPAddress), address, sizeof address))
			append_name(&out, span_str(address));
	}
	GENERAL_NAMES_free(names);
	size_t len = out.data ? (out.len < cap ? out.len : cap - 1) : 0;
	if (len > 0)
		memcpy(text, out.data, len);
	text[len] = '\0';
	buf_done(&out);
}

int pki_describe(const char *certificate_file, struct pki_description *ret, struct err *err)
{
	X509 *certificate = NULL;
	int r = read_certificate(certificate_file, &certificate, err);
	if (r < 0)
		return r;
	copy_common_name(X509_get_subject_name(certificate), ret->name, sizeof ret->name);
	copy_common_name(X509_get_issuer_name(certificate), ret->issuer, sizeof ret->issuer);
	copy_names(certificate, ret->names, sizeof ret->names);
	ret->from_ms = unix_ms(X509_get0_notBefore(certificate));
	ret->until_ms = unix_ms(X509_get0_notAfter(certificate));
	X509_free(certificate);
	return 0;
}

/* ---- writing ---- */

static int write_bio(BIO *bio, const char *file, mode_t mode, struct err *err)
{
	char *data;
	long len = BIO_get_mem_data(bio, &data);
	return file_write(file, span_make(data, (size_t)len), mode, err);
}

static int write_pair(const X509 *certificate, const EVP_PKEY *key, const char *certificate_file, const char *key_file, struct err *err)
{
	int r = -ENOMEM;
	BIO *certificate_pem = BIO_new(BIO_s_mem());
	BIO *key_pem = BIO_new(BIO_s_secmem());
	if (!certificate_pem || !key_pem)
		goto done;
	if (PEM_write_bio_X509(certificate_pem, certificate) != 1 ||
	    PEM_write_bio_PKCS8PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL) != 1) {
		r = openssl_failed(certificate_file, "cannot be written as PEM", err);
		goto done;
	}
	/* The certificate last: where it stands, its key stands too. */
	r = write_bio(key_pem, key_file, 0600, err);
	if (r == 0)
		r = write_bio(certificate_pem, certificate_file, 0644, err);
done:
	BIO_free(certificate_pem);
	BIO_free(key_pem);
	return r;
}

/* ---- making ---- */

static bool set_serial(X509 *certificate)
{
	BIGNUM *serial = BN_new();
	bool ok = serial && BN_rand(serial, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) &&
		  BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate));
	BN_free(serial);
	return ok;
}

static bool set_times(X509 *certificate, int64_t from_ms, int64_t until_ms)
{
	return ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)(from_ms / 1000)) &&
	       ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)(until_ms / 1000));
}

static bool set_common_name(X509 *certificate, const char *name)
{
	return X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1,
					  0) == 1;
}

static bool add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, certificate, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	bool ok = extension && X509_add_ext(certificate, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return ok;
}

static bool is_host_name(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._*", s.data[i]) || s.data[i] == '\0')
			return false;
	return s.len > 0 && s.len < 254;
}

static GENERAL_NAME *general_name(struct span text)
{
	char copy[256];
	if (text.len >= sizeof copy)
		return NULL;
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	unsigned char address[16];
	bool is_address = inet_pton(AF_INET, copy, address) == 1 || inet_pton(AF_INET6, copy, address) == 1;
	if (!is_address && !is_host_name(text))
		return NULL;
	return a2i_GENERAL_NAME(NULL, NULL, NULL, is_address ? GEN_IPADD : GEN_DNS, copy, 0);
}

static int add_names(X509 *certificate, const char *names, struct err *err)
{
	GENERAL_NAMES *list = sk_GENERAL_NAME_new_null();
	int r = list ? 0 : -ENOMEM;
	for (struct span rest = span_str(names); r == 0 && rest.len > 0;) {
		struct span one = span_trim(span_cut(&rest, ','));
		GENERAL_NAME *name = sk_GENERAL_NAME_num(list) < PKI_NAMES_MAX ? general_name(one) : NULL;
		if (!name) {
			err_set(err, "\"%.*s\" is neither a host name nor an address (or there are more than %d)",
				(int)(one.len > 80 ? 80 : one.len), one.data, PKI_NAMES_MAX);
			r = -EINVAL;
		} else if (!sk_GENERAL_NAME_push(list, name)) {
			GENERAL_NAME_free(name);
			r = -ENOMEM;
		}
	}
	if (r == 0 && X509_add1_ext_i2d(certificate, NID_subject_alt_name, list, 0, X509V3_ADD_DEFAULT) != 1)
		r = -ENOMEM;
	GENERAL_NAMES_free(list);
	return r;
}

struct profile {
	const char *constraints, *usage, *purpose;
};
static const struct profile authority_profile = {"critical,CA:TRUE,pathlen:0", "critical,keyCertSign,cRLSign", NULL};
static const struct profile leaf_profiles[] = {
	[PKI_SERVER] = {"critical,CA:FALSE", "critical,digitalSignature", "serverAuth"},
	[PKI_AGENT] = {"critical,CA:FALSE", "critical,digitalSignature", "clientAuth"},
};

static X509 *certificate_new(const char *name, int64_t from_ms, int64_t until_ms, EVP_PKEY *key)
{
	X509 *certificate = X509_new();
	if (certificate && X509_set_version(certificate, X509_VERSION_3) && set_serial(certificate) &&
	    set_times(certificate, from_ms, until_ms) && set_common_name(certificate, name) && X509_set_pubkey(certificate, key))
		return certificate;
	X509_free(certificate);
	return NULL;
}

/* `issuer` may be the certificate itself. */
static bool sign(X509 *certificate, X509 *issuer, EVP_PKEY *issuer_key, const struct profile *p)
{
	return X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) &&
	       add_extension(certificate, issuer, NID_basic_constraints, p->constraints) &&
	       add_extension(certificate, issuer, NID_key_usage, p->usage) &&
	       (!p->purpose || add_extension(certificate, issuer, NID_ext_key_usage, p->purpose)) &&
	       add_extension(certificate, issuer, NID_subject_key_identifier, "hash") &&
	       add_extension(certificate, issuer, NID_authority_key_identifier, "keyid:always") &&
	       X509_sign(certificate, issuer_key, EVP_sha256()) > 0;
}

static void authority_files(const char *dir, char certificate[PATH_MAX], char key[PATH_MAX])
{
	snprintf(certificate, PATH_MAX, "%.*s/ca.crt", PATH_MAX - 16, dir);
	snprintf(key, PATH_MAX, "%.*s/ca.key", PATH_MAX - 16, dir);
}

int pki_make_authority(const char *dir, int64_t now_ms, struct err *err)
{
	char certificate_file[PATH_MAX], key_file[PATH_MAX];
	authority_files(dir, certificate_file, key_file);
	if (exists(certificate_file))
		return pki_check_pair(certificate_file, key_file, err);
	int r = file_make_folder(dir, err);
	if (r < 0)
		return r;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = key ? certificate_new(AUTHORITY_NAME, now_ms - PKI_BACKDATED_HOURS * INT64_C(3600000),
						  now_ms + PKI_AUTHORITY_DAYS * DAY_MS, key)
				: NULL;
	if (certificate && sign(certificate, certificate, key, &authority_profile))
		r = write_pair(certificate, key, certificate_file, key_file, err);
	else
		r = openssl_failed(certificate_file, "cannot be made", err);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return r;
}

int pki_issue(const char *dir, const struct pki_request *request, const char *certificate_file, const char *key_file, struct err *err)
{
	size_t name_len = strlen(request->name);
	if (name_len == 0 || name_len > PKI_NAME_MAX) {
		err_set(err, "the name \"%.80s\" has %zu bytes; a certificate's name has 1 to %d", request->name, name_len, PKI_NAME_MAX);
		return -EINVAL;
	}
	if (request->from_ms >= request->until_ms) {
		err_set(err, "the certificate of \"%s\" would end before it begins", request->name);
		return -EINVAL;
	}
	char authority_file[PATH_MAX], authority_key_file[PATH_MAX];
	authority_files(dir, authority_file, authority_key_file);
	X509 *authority, *certificate = NULL;
	EVP_PKEY *authority_key, *key = NULL;
	int r = read_pair(authority_file, authority_key_file, &authority, &authority_key, err);
	if (r < 0)
		return r;
	key = EVP_EC_gen("P-256");
	certificate = key ? certificate_new(request->name, request->from_ms, request->until_ms, key) : NULL;
	if (!certificate) {
		r = openssl_failed(certificate_file, "cannot be made", err);
		goto done;
	}
	r = request->names && request->names[0] ? add_names(certificate, request->names, err) : 0;
	if (r < 0)
		goto done;
	if (sign(certificate, authority, authority_key, &leaf_profiles[request->kind]))
		r = write_pair(certificate, key, certificate_file, key_file, err);
	else
		r = openssl_failed(certificate_file, "cannot be signed", err);
done:
	X509_free(certificate);
	EVP_PKEY_free(key);
	X509_free(authority);
	EVP_PKEY_free(authority_key);
	return r;
}

/* -ESTALE when it is time for a new one. */
static int check_age(const char *certificate_file, const char *key_file, int64_t now_ms, struct err *err)
{
	struct pki_description d;
	int r = pki_check_pair(certificate_file, key_file, err);
	if (r == 0)
		r = pki_describe(certificate_file, &d, err);
	if (r < 0)
		return r;
	return strcmp(d.issuer, AUTHORITY_NAME) == 0 && d.until_ms - now_ms < PKI_RENEW_DAYS * DAY_MS ? -ESTALE : 0;
}

int pki_ensure(const char *dir, enum pki_kind kind, const char *name, const char *names, const char *certificate_file, const char *key_file,
	       int64_t now_ms, struct err *err)
{
	if (exists(certificate_file) && exists(key_file)) {
		int r = check_age(certificate_file, key_file, now_ms, err);
		if (r != -ESTALE)
			return r;
	}
	const struct pki_request request = {
		.kind = kind,
		.name = name,
		.names = names,
		.from_ms = now_ms - PKI_BACKDATED_HOURS * INT64_C(3600000),
		.until_ms = now_ms + PKI_LEAF_DAYS * DAY_MS,
	};
	return pki_issue(dir, &request, certificate_file, key_file, err);
}
