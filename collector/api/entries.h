/* What a person enters: the bodies of POST /login, /notices and /assessments, read from JSON and checked, whole or not at all.
 *
 * Pure. A fault names its place (a JSON pointer) and the remedy. Texts point into `json`, which the caller frees after the entry's use. */
#ifndef TOCSIN_COLLECTOR_ENTRIES_H
#define TOCSIN_COLLECTOR_ENTRIES_H

#include <jansson.h>
#include <stdint.h>

#include "collector/services/services.h"
#include "lib/span.h"

enum { ENTRY_NAME_BYTES_MAX = 512, ENTRY_NOTE_BYTES_MAX = 4096, ENTRY_DEPTH_MAX = 8 };

struct fault {
	char place[64];
	char text[256];
	char remedy[256];
};

struct login_entry {
	const char *code;
};

struct notice_entry {
	const char *service, *authority, *level, *reference;
	const char *received_on;
	int64_t received_ms; /* first moment of that day, Asia/Shanghai */
	const char *due_on;  /* "" when the notice names no date */
	const char *note;    /* "" when none */
};

struct assessment_entry {
	const char *service;
	function_set functions;
	const char *filed_on;
	const char *receipt, *note; /* "" when none */
};

/* The body as one JSON object: UTF-8, no key twice, at most ENTRY_DEPTH_MAX deep. -EINVAL with the fault. */
int entry_parse(struct span body, json_t **ret_json, struct fault *fault);

int login_read(const json_t *json, struct login_entry *ret, struct fault *fault);
/* `now_ms` is needed because neither a notice nor a report can come from the future. */
int notice_read(const json_t *json, int64_t now_ms, struct notice_entry *ret, struct fault *fault);
int assessment_read(const json_t *json, int64_t now_ms, struct assessment_entry *ret, struct fault *fault);

/* "F01,F09" of a query or a body's list; 0 when one of them is no class. */
function_set functions_read(struct span list);

#endif
