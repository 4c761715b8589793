/* How a settings table is written: a few macros over libcyaml's, so that every key of every program is read by the same rules.
 *
 * Included by the files that define a table and by nobody else. Numbers are unsigned unless they say otherwise; a switch is exactly `true` or `false`, because
 * libcyaml's own booleans take every word that is not "false" for true, and a misspelt switch must be refused. */
#ifndef TOCSIN_LIB_SETTINGS_TABLE_H
#define TOCSIN_LIB_SETTINGS_TABLE_H

#include <cyaml/cyaml.h>

#include "lib/settings.h"

enum settings_switch { SETTINGS_FALSE, SETTINGS_TRUE };

extern const struct cyaml_strval settings_switch_words[2];
extern const struct cyaml_schema_value settings_text_value;

enum { SETTINGS_LIST_MAX = 256, SETTINGS_TEXT_MAX = 4096 };

#define SETTINGS_NUMBER(key, structure, member) CYAML_FIELD_UINT(key, CYAML_FLAG_OPTIONAL, structure, member)
#define SETTINGS_SIGNED(key, structure, member) CYAML_FIELD_INT(key, CYAML_FLAG_OPTIONAL, structure, member)
#define SETTINGS_SWITCH(key, structure, member)                                                                                            \
	CYAML_FIELD_ENUM(key, CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, structure, member, settings_switch_words, 2)
#define SETTINGS_TEXT(key, structure, member)                                                                                              \
	CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, structure, member, 0, SETTINGS_TEXT_MAX)
#define SETTINGS_TEXT_REQUIRED(key, structure, member)                                                                                     \
	CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER, structure, member, 1, SETTINGS_TEXT_MAX)
#define SETTINGS_LIST(key, structure, member, value)                                                                                       \
	CYAML_FIELD_SEQUENCE(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, structure, member, value, 0, SETTINGS_LIST_MAX)
#define SETTINGS_TEXTS(key, structure, member) SETTINGS_LIST(key, structure, member, &settings_text_value)

#endif
