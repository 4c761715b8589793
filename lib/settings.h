/* Settings: one YAML mapping, read through libcyaml against one table, and the same keys from the command line.
 *
 * A program declares a table with one row a key: name, type, where the value goes, default, help. Files, `--set key=value`, the example
 * file and the manual all come from that table. An unknown key or a bad value is refused with file, line and the nearest valid key;
 * nothing is half-applied. All keys stand at the top level; lists and mappings inside them are described by the row's own cyaml schema. */
#ifndef TOCSIN_LIB_SETTINGS_H
#define TOCSIN_LIB_SETTINGS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/err.h"

struct cyaml_schema_field;
struct settings_row {
	const char *key;
	const char *fallback; /* YAML text of the default: "10000", "[]", "" */
	const char *help;
};

/* One program's settings: rows for people, fields for libcyaml, both in the same order; `size` of the struct that they fill. */
struct settings_table {
	const struct settings_row *rows;         /* ends with key NULL */
	const struct cyaml_schema_field *fields; /* ends with CYAML_FIELD_END */
	size_t size;
};

/* Reads `file` (NULL: none) and the `count` texts "key=value" of `set`, which win; keys absent from both take their default. The result is one
 * allocation tree for settings_free. -EINVAL or -ENOENT with a sentence in `err`. */
int settings_load(const struct settings_table *table, const char *file, const char *const *set, size_t count, void **ret, struct err *err);
void settings_free(const struct settings_table *table, void *settings);
/* The commented example file, from the table. */
void settings_print_example(const struct settings_table *table, FILE *out);

#endif
