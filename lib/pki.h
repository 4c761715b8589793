/* Certificates of an installation: one authority, one certificate for the collector, one for each agent.
 *
 * Owns nothing but files: PEM, keys with mode 0600, each replaced atomically. ECDSA on P-256, serials of 127 random bits. A certificate
 * says what it is for (server or agent), so an agent's cannot serve; an agent's id is its common name. Reads no clock. */
#ifndef TOCSIN_LIB_PKI_H
#define TOCSIN_LIB_PKI_H

#include <stdint.h>

#include "lib/err.h"

enum {
	PKI_AUTHORITY_DAYS = 3650,
	PKI_LEAF_DAYS = 397,     /* what browsers accept; the dashboard shows it too */
	PKI_RENEW_DAYS = 30,     /* before its end, a certificate of our own authority is made anew */
	PKI_BACKDATED_HOURS = 1, /* hosts whose clocks are behind must not refuse a new certificate */
	PKI_NAME_MAX = 64,       /* common name: X.520 ub-common-name */
	PKI_NAMES_MAX = 64,      /* host names and addresses of one certificate */
};

enum pki_kind { PKI_SERVER, PKI_AGENT };

struct pki_request {
	enum pki_kind kind;
	const char *name;  /* common name */
	const char *names; /* host names and addresses, "localhost,127.0.0.1,::1"; NULL: none */
	int64_t from_ms;   /* valid from and until, Unix milliseconds */
	int64_t until_ms;
};

struct pki_description {
	char name[PKI_NAME_MAX * 4 + 1];
	char issuer[PKI_NAME_MAX * 4 + 1];
	char names[1024]; /* as in pki_request; cut when longer */
	int64_t from_ms, until_ms;
};

/* Makes folder, `dir`/ca.crt and `dir`/ca.key, valid for PKI_AUTHORITY_DAYS; an authority that is there and whole is kept. */
int pki_make_authority(const char *dir, int64_t now_ms, struct err *err);
/* A new key and a certificate of it, signed by the authority in `dir`. -EINVAL for a name or a time that cannot be. */
int pki_issue(const char *dir, const struct pki_request *request, const char *certificate_file, const char *key_file, struct err *err);
/* The usual life: pki_issue, valid from now for PKI_LEAF_DAYS, unless both files are there. What our own authority made is renewed within
 * PKI_RENEW_DAYS of its end; what an operator brought from elsewhere is never touched. */
int pki_ensure(const char *dir, enum pki_kind kind, const char *name, const char *names, const char *certificate_file, const char *key_file,
	       int64_t now_ms, struct err *err);

/* The certificate can be read, and the key, and they belong together; -EINVAL with the file and the reason. */
int pki_check_pair(const char *certificate_file, const char *key_file, struct err *err);
/* What one certificate says, for `check` and for warnings before it ends. */
int pki_describe(const char *certificate_file, struct pki_description *ret, struct err *err);

#endif
