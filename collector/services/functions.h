/* Function classes F01 … F11 of Article 2, recognised on route templates.
 *
 * Pure: a table of route words (English, pinyin, Chinese) per class. Never looks at query strings or bodies: it does not get them. */
#ifndef TOCSIN_COLLECTOR_FUNCTIONS_H
#define TOCSIN_COLLECTOR_FUNCTIONS_H

#include "collector/services/services.h"

/* Raised whenever functions_of may answer differently than before: a store then classifies its endpoints anew. */
enum { FUNCTIONS_VERSION = 1 };

struct function_class {
	const char *code;    /* "F01" */
	const char *name;    /* "forum" */
	const char *name_zh; /* "论坛" */
};

const struct function_class *function_class_at(unsigned n); /* 1 … 11 */
/* Classes of one endpoint. Buckets ("{scanner}") have none. */
function_set functions_of(struct span method, struct span template, bool takes_input, struct span content);
/* "F01,F09" into out, terminated; returns out. */
const char *functions_text(function_set set, char *out, size_t cap);
/* Reads "F01" … "F11"; 0 when it is none. */
function_set function_from_code(struct span code);

#endif
