/* A folder of certificates for tests: an authority, a collector, an agent, and the ones that must be refused. Removed by certificates_done. */
#ifndef TOCSIN_TESTS_UNIT_CERTIFICATES_H
#define TOCSIN_TESTS_UNIT_CERTIFICATES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/pki.h"
#include "lib/tls.h"

#define CERTIFICATES_DAY_MS INT64_C(86400000)

struct certificates {
	char *dir;
	char *path[8]; /* what the last calls of certificates_path returned */
	unsigned next;
};

static inline const char *certificates_file(struct certificates *c, const char *name, const char *suffix)
{
	char **path = &c->path[c->next++ % 8];
	free(*path);
	if (asprintf(path, "%s/%s%s", c->dir, name, suffix) < 0)
		abort();
	return *path;
}

static inline const char *certificates_path(struct certificates *c, const char *name)
{
	return certificates_file(c, name, "");
}

static inline void certificates_must(int r, const struct err *err)
{
	char text[1024];
	if (r == 0)
		return;
	fprintf(stderr, "%s\n", err_text(err, text, sizeof text));
	abort();
}

static inline void certificates_init(struct certificates *c)
{
	struct err err = {0};
	*c = (struct certificates){.dir = strdup("/tmp/tocsin-certificates-XXXXXX")};
	if (!c->dir || !mkdtemp(c->dir))
		abort();
	certificates_must(pki_make_authority(certificates_path(c, "pki"), clock_wall_ms(), &err), &err);
	certificates_must(pki_make_authority(certificates_path(c, "stranger"), clock_wall_ms(), &err), &err);
}

/* <name>.crt and <name>.key, of the authority in folder `authority` ("pki" or "stranger"), valid `from`…`until` days from now. */
static inline void certificates_issue(struct certificates *c, const char *authority, enum pki_kind kind, const char *name,
				      const char *names, int from, int until)
{
	struct err err = {0};
	int64_t now = clock_wall_ms();
	const struct pki_request request = {kind, name, names, now + from * CERTIFICATES_DAY_MS, now + until * CERTIFICATES_DAY_MS};
	certificates_must(pki_issue(certificates_path(c, authority), &request, certificates_file(c, name, ".crt"),
				    certificates_file(c, name, ".key"), &err),
			  &err);
}

/* A context that trusts the authority in folder `authority` and shows the certificate <name>. */
static inline struct tls_context *certificates_context(struct certificates *c, enum tls_side side, const char *authority, const char *name)
{
	struct err err = {0};
	struct tls_context *context = NULL;
	const struct tls_files files = {certificates_file(c, authority, "/ca.crt"), certificates_file(c, name, ".crt"),
					certificates_file(c, name, ".key")};
	certificates_must(tls_context_new(side, &files, &context, &err), &err);
	return context;
}

static inline void certificates_done(struct certificates *c)
{
	char command[128];
	snprintf(command, sizeof command, "rm -rf '%s'", c->dir);
	if (system(command) != 0)
		abort();
	for (size_t i = 0; i < sizeof c->path / sizeof c->path[0]; i++)
		free(c->path[i]);
	free(c->dir);
}

#endif
