/* Settings: one YAML mapping, read through libcyaml against one table, and the same keys from the command line.
 *
 * A program declares a table with one row a key: name, default, help, and beside it libcyaml's field that says type and place. Files,
 * `--set key=value` and the example file all come from that table. An unknown key or a bad value is refused with file, line and the
 * nearest valid key; nothing is half-applied. Every key stands at the top level of a block mapping, one `key:` a line start; lists and
 * mappings inside a key are described by its field. */
#ifndef TOCSIN_LIB_SETTINGS_H
#define TOCSIN_LIB_SETTINGS_H

#include <stddef.h>
#include <stdio.h>

#include "lib/err.h"

enum { SETTINGS_FILE_MAX = 1 << 20 };

struct cyaml_schema_field;

struct settings_row {
	const char *key;
	const char *fallback; /* YAML text of the default: "10000", "[]", "''" */
	const char *help;
};

struct settings_table {
	const struct settings_row *rows;         /* ends with a NULL key */
	const struct cyaml_schema_field *fields; /* the same keys in the same order, all optional; ends with CYAML_FIELD_END */
	size_t size;                             /* of the struct that the fields fill */
};

/* Reads `file` (NULL: none) and the `count` texts "key=value" in `set`, which win over it; what is in neither takes its default.
 * The result is one tree for settings_free. -ENOENT, -EFBIG, -EINVAL or -ENOMEM with a sentence in `err`. */
int settings_load(const struct settings_table *table, const char *file, const char *const *set, size_t count, void **ret, struct err *err);
void settings_free(const struct settings_table *table, void *settings);

/* A text that was left empty becomes `dir` followed by `name`; a text that was given stays. -ENOMEM. */
int settings_default_text(char **field, const char *dir, const char *name);

/* The commented example file that the table amounts to. */
void settings_print_example(const struct settings_table *table, FILE *out);

#endif
